"""English words for emotions, from the words that corpora and people use for them."""

from __future__ import annotations

from unicodedata import normalize

from ser.corpora.grammars import CORPORA

SYNONYMS = {
    "anger": ("wut", "ärger"),
    "boredom": ("bored",),
    "calm": (),
    "disgust": ("disgusted",),
    "fear": ("afraid", "scared"),
    "happiness": ("joy",),
    "neutral": (),
    "sadness": (),
    "surprise": ("ps",),
}
"""The English emotions, with further words for them that are not label names in :data:`CORPORA`."""

EMOTION_OF_WORD = (
    {label.name.casefold(): label.emotion for corpus in CORPORA for label in corpus.labels}
    | {word: emotion for emotion, words in SYNONYMS.items() for word in words}
    | {emotion: emotion for emotion in SYNONYMS}
)


def known_emotion(word: str) -> str | None:
    """Return the English emotion that ``word`` means, in any case; ``None`` for other words."""
    # macOS names files with accents that are characters of their own.
    return EMOTION_OF_WORD.get(normalize("NFC", word).casefold().replace("_", " "))


def english(word: str) -> str:
    """Return the English emotion that ``word`` means, or ``word`` itself if it is unknown."""
    return known_emotion(word) or word
