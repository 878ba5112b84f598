"""A synthetic corpus shaped like EmoDB, computed by this code alone.

With it, the software can be tried without recordings. A table defines how each emotion is spoken
(:mod:`~ser.corpora.synthesis._emotions`), speakers say texts accordingly
(:mod:`~ser.corpora.synthesis._speakers`, :mod:`~ser.corpora.synthesis._phones`), prosody turns this
into articulation (:mod:`~ser.corpora.synthesis._prosody`), and a voice turns this into sound
(:mod:`~ser.corpora.synthesis._voice`). Figures on this corpus describe the software, not people:
they must be called synthetic. The images of the functions do not contain this package.
"""

from ser.corpora.synthesis._archive import synthesise

__all__ = ["synthesise"]
