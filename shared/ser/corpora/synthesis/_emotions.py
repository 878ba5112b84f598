"""The acoustic correlates of emotions, as one table.

Findings of the sources, each relative to neutral speech:

- Burkhardt & Sendlmeier (2000), "Verification of acoustical correlates of emotional speech using
  formant-synthesis", ISCA workshop on speech and emotion. Synthetic German speech was heard as joy
  when its pitch was 50 % higher and ranged twice as wide, rose on stressed syllables, and came 30 %
  faster, in modal or tense voice, with formants raised by 10 % as by spread lips; as fear when its
  pitch was 150 % higher and ranged 20 % wider, and it came 30 % faster, in falsetto (as tabulated
  by Schröder (2001), "Emotional speech synthesis: a review", Eurospeech).
- Burkhardt (2009), "Rule-based voice quality variation with formant synthesis", Interspeech: tense
  voice sounds angry, breathy and creaky voice sad or bored, falsetto frightened, modal neutral.
- Mozziconacci (1998), "Speech variability and emotion", Eindhoven: durations of 79 % in anger,
  83 % in joy, 89 % in fear, 129 % in sadness, 150 % in boredom; movements of pitch of 10 semitones
  in anger and joy, 8 in fear, 5 in neutral speech, 4 in boredom.
- Murray & Arnott (1993), "Toward the simulation of emotion in synthetic speech", J. Acoust. Soc.
  Am. 93: anger is louder, much wider in pitch, abrupt on stressed syllables, tensely articulated;
  sadness lower, narrower, softer, slurred; fear irregular in voicing; disgust lower in pitch,
  slightly wider in range, much slower, softer, grumbled, falling widely at the end.
- Banse & Scherer (1996), "Acoustic profiles in vocal emotion expression", J. Pers. Soc. Psychol.
  70: pitch, loudness and energy at high frequencies rise with arousal, so that hot anger, panic
  and elation resemble one another; disgust is the one recognised worst by voice alone.

Sources agree on directions more than on sizes; the sizes here are of their order, and moderate.
"""

from __future__ import annotations

from typing import NamedTuple


class Manner(NamedTuple):
    """A manner of speaking. All zeros are a speaker's neutral manner; manners are added."""

    pitch: float = 0.0
    """Mean fundamental frequency in semitones."""
    liveliness: float = 0.0
    """Range of pitch in octaves: 1 doubles it."""
    ending: float = 0.0
    """Movement of pitch at the end in semitones: a fall when negative."""
    tempo: float = 0.0
    """Speaking rate in octaves: 1 doubles it."""
    loudness: float = 0.0
    """Level in dB."""
    stress: float = 0.0
    """Level of stressed syllables above the others in dB."""
    tension: float = 0.0
    """Tension of the glottis: 1 is tense, -1 lax."""
    breath: float = 0.0
    """Breathiness: 1 is a breathy voice."""
    creak: float = 0.0
    """Creakiness: 1 nearly removes every other pulse."""
    roughness: float = 0.0
    """Irregularity from period to period: 1 is ten times that of neutral speech."""
    tremor: float = 0.0
    """Depth of the trembling of pitch in semitones."""
    smile: float = 0.0
    """Rise of the resonances by spread lips, relative."""
    precision: float = 0.0
    """Overshoot of the vowels, relative; slurred when negative."""


CORRELATES = {
    "neutral": Manner(),
    #                  pitch  live   end tempo  loud stress tense breath creak rgh. trem smile prec.
    "anger":     Manner( 5.0,  0.6, -1.5,  0.2,  7.0,  2.0,  0.9,  0.0,  0.1, 0.2, 0.0, 0.00, 0.15),
    "happiness": Manner( 5.5,  0.8,  0.5,  0.2,  5.5,  1.5,  0.6,  0.1,  0.0, 0.1, 0.0, 0.05, 0.10),
    "fear":      Manner( 7.0,  0.2,  1.5,  0.3,  1.0,  0.0, -0.1,  0.3,  0.0, 0.3, 0.4, 0.01,-0.05),
    "sadness":   Manner(-1.0, -0.4,  0.5, -0.4, -6.0, -1.0, -0.5,  0.6,  0.1, 0.2, 0.2, 0.00,-0.25),
    "boredom":   Manner(-2.5, -0.8, -0.5, -0.4, -3.5, -0.5, -0.4,  0.2,  0.2, 0.1, 0.0, 0.00,-0.20),
    "disgust":   Manner(-1.5,  0.2, -2.0, -0.3, -1.0,  1.0,  0.3,  0.1,  0.3, 0.3, 0.0,-0.04, 0.05),
}  # fmt: skip
"""The correlates of each emotion, fully expressed."""

VARIATION = Manner(1.5, 0.25, 1.0, 0.12, 3.0, 1.0, 0.25, 0.15, 0.08, 0.1, 0.1, 0.02, 0.08)
"""Standard deviation of the manners in which one emotion is spoken."""
