"""English words for the emotions that corpora and folders name."""

from __future__ import annotations

from ser.corpora._text import folded
from ser.corpora.grammars import CORPORA

SYNONYMS = {
    "anger": ("wut", "ärger"),
    "boredom": ("bored",),
    "calm": (),
    "disgust": ("disgusted",),
    "excitement": (),
    "fear": ("afraid", "scared"),
    "frustration": (),
    "happiness": ("joy",),
    "neutral": (),
    "sadness": (),
    "surprise": ("ps",),
}
"""The English emotions, each with words for it that are not label names in :data:`CORPORA`."""

EMOTION_OF_WORD = (
    {folded(label.name): label.emotion for corpus in CORPORA for label in corpus.labels}
    | {word: emotion for emotion, words in SYNONYMS.items() for word in words}
    | {emotion: emotion for emotion in SYNONYMS}
)


def known_emotion(word: str) -> str | None:
    """Return the English emotion for ``word``, as people read it; ``None`` for an unknown word."""
    return EMOTION_OF_WORD.get(folded(word.replace("_", " ")))


def english(word: str) -> str:
    """Return the English emotion for ``word``, or ``word`` unchanged if it is unknown."""
    return known_emotion(word) or word
