"""English words for emotions, whatever a corpus calls them."""

from __future__ import annotations

from ser.corpora.grammars import CORPORA

OTHER_WORDS = {
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
"""The emotions of the interface, and words for them that name no label of :data:`CORPORA`."""

EMOTIONS = (
    {label.name.casefold(): label.emotion for corpus in CORPORA for label in corpus.labels}
    | {word: emotion for emotion, words in OTHER_WORDS.items() for word in words}
    | {emotion: emotion for emotion in OTHER_WORDS}
)


def english(word: str) -> str:
    """Return the emotion that ``word`` means, or ``word`` itself if it is none that is known."""
    return EMOTIONS.get(word.casefold().replace("_", " "), word)
