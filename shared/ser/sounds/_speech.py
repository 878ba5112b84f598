"""Detection of silence: a sound without speech has no emotion."""

from __future__ import annotations

import numpy as np

from ser.errors import InvalidInput
from ser.sounds._signals import SAMPLING_RATE, Signal

SPEECH_LEVEL = -70.0
"""Level in dBFS: a sound contains speech if the RMS of any frame is above it."""
SPEECH_FRAME = SAMPLING_RATE // 40
"""Length of a frame in samples (25 ms); frames do not overlap."""


def contains_speech(signal: Signal) -> bool:
    """Return whether any frame of ``signal``, shape (samples,), is loud enough to be speech.

    The last frame is padded with silence. The graph of every model does the same computation
    (:func:`ser._graph.contains_speech`).
    """
    padded = np.pad(signal, (0, -len(signal) % SPEECH_FRAME)).reshape(-1, SPEECH_FRAME)
    # Summed in double precision without a copy of the signal in double precision.
    energy = np.einsum("fs,fs->f", padded, padded, dtype=np.float64)
    return bool(energy.max() > SPEECH_FRAME * 10 ** (SPEECH_LEVEL / 10))


def require_speech(signal: Signal) -> Signal:
    """Return ``signal``; raise :class:`InvalidInput` if it contains no speech."""
    if not contains_speech(signal):
        raise InvalidInput(
            f"the sound is silent: none of its frames of {1000 * SPEECH_FRAME // SAMPLING_RATE} ms "
            f"is louder than {SPEECH_LEVEL:g} dBFS"
        )
    return signal
