"""The phones of German, as coarse as a demonstration allows, and texts made of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Formants = tuple[float, float, float]


class Segment(NamedTuple):
    """A stretch of speech with one articulatory target."""

    seconds: float
    """Duration in neutral speech, unstressed."""
    formants: Formants
    """The three lowest resonances of a tract of 17.5 cm in Hz."""
    voicing: float = 0.0
    """Amplitude of the voice, relative to a vowel."""
    frication: float = 0.0
    """Amplitude of the noise at a constriction."""
    frequency: float = 3000.0
    """Centre of the band of that noise in Hz."""
    bandwidth: float = 1000.0
    """Standard deviation of that band in Hz."""


def vowel(seconds: float, *formants: *Formants) -> tuple[Segment, ...]:
    """Return the segment of a vowel."""
    return (Segment(seconds, formants, voicing=1.0),)


def stop(formants: Formants, voicing: float, burst: float, frequency: float) -> tuple[Segment, ...]:
    """Return the segments of a stop: closure and burst."""
    return (
        Segment(0.036, formants, voicing),
        Segment(0.016, formants, voicing, burst, frequency),
    )


REST: Formants = (500, 1450, 2450)
"""Formants of a tract at rest in Hz; those of slurred vowels are nearer to them."""
SILENCE = Segment(0.15, REST)

PHONES: dict[str, tuple[Segment, ...]] = {
    ",": (SILENCE,),
    "i": vowel(0.072, 280, 2100, 2950),
    "I": vowel(0.056, 350, 1850, 2500),
    "Y": vowel(0.056, 370, 1500, 2200),
    "e": vowel(0.080, 370, 2050, 2600),
    "E": vowel(0.064, 500, 1750, 2450),
    "9": vowel(0.064, 500, 1450, 2250),
    "a": vowel(0.072, 720, 1250, 2450),
    "O": vowel(0.064, 540, 1050, 2350),
    "o": vowel(0.080, 390, 800, 2350),
    "U": vowel(0.056, 380, 1000, 2300),
    "@": vowel(0.048, 450, 1450, 2450),
    "6": vowel(0.056, 600, 1250, 2450),
    "m": (Segment(0.048, (270, 1100, 2150), 0.35),),
    "n": (Segment(0.044, (270, 1450, 2400), 0.35),),
    "N": (Segment(0.048, (270, 1900, 2500), 0.3),),
    "l": (Segment(0.044, (350, 1300, 2600), 0.5),),
    "r": (Segment(0.040, (480, 1150, 2250), 0.4, 0.3, 1300, 500),),
    "v": (Segment(0.044, (350, 1200, 2300), 0.3, 0.4, 5000, 2000),),
    "z": (Segment(0.056, (300, 1500, 2500), 0.25, 1.5, 5800),),
    "f": (Segment(0.064, (350, 1200, 2300), 0.0, 1.1, 5000, 2000),),
    "s": (Segment(0.072, (300, 1500, 2500), 0.0, 3.0, 5800),),
    "S": (Segment(0.072, (300, 1700, 2400), 0.0, 3.0, 3000, 800),),
    "C": (Segment(0.056, (300, 2000, 2700), 0.0, 1.8, 3600),),
    "x": (Segment(0.056, (450, 1100, 2300), 0.0, 1.5, 1500, 500),),
    "h": (Segment(0.040, REST, 0.0, 0.8, 1500),),
    "p": stop((300, 900, 2300), 0.0, 1.5, 1200),
    "t": stop((300, 1700, 2600), 0.0, 2.2, 4500),
    "k": stop((300, 1900, 2300), 0.0, 2.2, 2000),
    "b": stop((300, 900, 2300), 0.15, 0.6, 1200),
    "d": stop((300, 1700, 2600), 0.15, 0.9, 4500),
    "g": stop((300, 1900, 2300), 0.15, 0.9, 2000),
}
"""Segments of each phone, by its letter in SAMPA, the phonetic alphabet for keyboards.

Diphthongs are two vowels, and a comma is a pause.
"""

TEXTS = {
    "a01": "de6 'la p@n 'likt aUf dem 'aIs SraNk",
    "a02": "das vIl zi am 'mIt vOx 'ap ge b@n",
    "a04": "'hOI t@ 'a b@nt 'k9n t@ IC Es im 'za g@n",
    "a07": "In 'zi b@n 'StUn d@n vI6t Es 'zo vaIt zaIn",
    "b10": "di vI6t aUf dem 'plats zaIn , vo vi6 zi 'I m6 'hIn le g@n",
}
"""Syllables of some texts of EmoDB, with ``'`` before stressed ones."""


class Syllable(NamedTuple):
    """The segments of a syllable, and whether it is stressed."""

    segments: tuple[Segment, ...]
    stressed: bool = False


PAUSE = Syllable((SILENCE,))


def syllables(text: str) -> Iterator[Syllable]:
    """Yield the syllables of the text with the code ``text``, with a pause before and after."""
    yield PAUSE
    for syllable in TEXTS[text].split():
        letters = syllable.removeprefix("'")
        segments = tuple(segment for letter in letters for segment in PHONES[letter])
        yield Syllable(segments, stressed=letters != syllable)
    yield PAUSE
