"""A synthetic corpus shaped like EmoDB, made from nothing but this code.

It lets the software show itself where no recordings are at hand. A table says how each emotion
is spoken (:mod:`~ser.corpora.synthesis._emotions`), speakers say texts accordingly
(:mod:`~ser.corpora.synthesis._speakers`, :mod:`~ser.corpora.synthesis._sounds`), prosody turns this
into movements (:mod:`~ser.corpora.synthesis._prosody`), and a voice makes sound of them
(:mod:`~ser.corpora.synthesis._voice`). Whatever is measured on it tells of the software, not of
people: its numbers are to be called synthetic.
"""

from ser.corpora.synthesis._archive import synthesise

__all__ = ["synthesise"]
