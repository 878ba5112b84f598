"""Predictions of a model for one sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser._labels import Label


class Probabilities(Mapping[str, float]):
    """Read-only probabilities by emotion, in the order of the model's labels.

    Parameters
    ----------
    emotions
        Names of the classes.
    array
        Probabilities, float32 of shape (classes,); they sum to 1.
    """

    __slots__ = ("_emotions", "array")

    def __init__(self, emotions: tuple[str, ...], array: NDArray[np.float32]) -> None:
        self._emotions = emotions
        self.array = array.view()
        """Probabilities, float32 of shape (classes,), read-only."""
        self.array.flags.writeable = False

    def __getitem__(self, emotion: str) -> float:
        try:
            return float(self.array[self._emotions.index(emotion)])
        except ValueError:
            raise KeyError(emotion) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._emotions)

    def __len__(self) -> int:
        return len(self._emotions)

    def __hash__(self) -> int:
        return hash((self._emotions, self.array.tobytes()))

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{emotion!r}: {p:.3f}" for emotion, p in self.items()) + "}"


class Prediction(msgspec.Struct, frozen=True):
    """The prediction of a model for a sound.

    Examples
    --------
    >>> prediction = ser.load_model("latest", registry="model").predict("speech.wav")
    >>> prediction.emotion
    'anger'
    >>> prediction.label
    Label(code='W', name='Ärger (Wut)', emotion='anger')
    >>> list(prediction.probabilities)
    ['neutral', 'sadness', 'anger']
    >>> prediction.confidence == prediction.probabilities["anger"]
    True
    >>> prediction.probabilities.array.dtype
    dtype('float32')
    >>> prediction
    Prediction('anger', confidence=0..., probabilities={'neutral': ...}, speech=True)
    """

    label: Label | None
    """The most probable label; ``None`` if the sound contains no speech."""
    probabilities: Probabilities
    """Probability of each emotion by its English word, in the order of the model's labels;
    ``probabilities.array`` is float32 of shape (classes,). Without speech, all are equal."""
    speech: bool
    """Whether the sound contains speech."""
    too_short: bool = False
    """Whether the sound contains speech of less than 0.5 s, so that its probabilities are
    uncertain. Models of versions before 0.2 do not measure this."""
    familiarity: float | None = None
    """Resemblance to the sounds that the model was trained on, from 0 to 1; ``None`` if the model
    does not measure it."""
    reason: str | None = None
    """The reason why there is no label; ``None`` if there is one."""

    @property
    def emotion(self) -> str | None:
        """English word for the most probable emotion; ``None`` if the sound contains no speech."""
        return self.label.emotion if self.label else None

    @property
    def confidence(self) -> float:
        """The highest probability, from 0 to 1."""
        return float(self.probabilities.array.max())

    def __repr__(self) -> str:
        return (
            f"Prediction({self.emotion!r}, confidence={self.confidence:.3f}, "
            f"probabilities={self.probabilities}, speech={self.speech})"
        )


def emotion_keys(labels: Sequence[Label]) -> tuple[str, ...]:
    """Return a key for each label: its English word, with the code if labels share the word."""
    labels_of = Counter(label.emotion for label in labels)
    return tuple(
        label.emotion if labels_of[label.emotion] == 1 else f"{label.emotion} ({label.code})"
        for label in labels
    )
