"""Sounds in and out: any format libsndfile reads, as the mono signal that models take."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput, TooLarge
from ser.limits import UNLIMITED, Limit

SAMPLING_RATE = 16_000
"""Sampling rate of every model's input in Hz."""
MIN_SECONDS = 0.1
"""Shorter sounds hold not even a syllable."""
SPEECH_LEVEL = -70.0
"""In dB of full scale: a sound none of whose frames has an RMS above it holds no speech."""
SPEECH_FRAME = SAMPLING_RATE // 40
"""Samples of such a frame: 25 ms, one behind the other."""
MAX_PEAK = 10.0
"""Of full scale: 20 dB above it something else than -1..1 is meant."""
BLOCK_FRAMES = 65_536
"""How much is decoded at once."""
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
"""Endings of the files in a corpus that are taken for sounds."""

if TYPE_CHECKING:
    from soundfile import SoundFile

Signal = NDArray[np.float32]


def decode(data: bytes, *, limit: Limit = UNLIMITED) -> Signal:
    """Return the sound in ``data`` as a signal of shape (samples,), float32, mono, 16 kHz.

    Channels are averaged; other sampling rates are resampled by soxr at its high quality. Memory
    is that of the result, whatever the sampling rate and the number of channels.

    Raises
    ------
    InvalidInput
        Not a sound, empty, cut, shorter than :data:`MIN_SECONDS`, with samples that are not
        finite, or with a peak above :data:`MAX_PEAK`. Silence is a sound.
    TooLarge
        Longer than ``limit`` seconds.
    """
    import soundfile

    if not data:
        raise InvalidInput("the sound is empty: 0 bytes")
    if (announced := announced_size(data)) and len(data) < announced:
        raise InvalidInput(f"the sound is cut: {len(data)} of the {announced} bytes it announces")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            signal = read(sound, limit)
    except soundfile.SoundFileError as error:
        raise InvalidInput(
            f"{len(data)} bytes that begin with {data[:8]!r} are no sound that can be read; "
            "allowed: WAV, FLAC, OGG, MP3 and what else libsndfile reads"
        ) from error
    peak = float(np.maximum(signal.max(), -signal.min()))
    # A resampler that overflows leaves NaN, which no comparison holds for.
    if not peak <= MAX_PEAK:
        raise InvalidInput(
            f"the sound has a peak of {peak:.3g} times full scale; allowed: at most {MAX_PEAK:g}"
        )
    return signal


def holds_speech(signal: Signal) -> bool:
    """Whether anything in ``signal``, of shape (samples,), is loud enough to be judged.

    The frames follow each other, the last one padded with silence. A model asks the same inside
    its graph (:func:`ser._graph.holds_speech`).
    """
    padded = np.pad(signal, (0, -len(signal) % SPEECH_FRAME)).reshape(-1, SPEECH_FRAME)
    # Summed in double precision without a copy of the signal in it.
    energy = np.einsum("fs,fs->f", padded, padded, dtype=np.float64)
    return bool(energy.max() > SPEECH_FRAME * 10 ** (SPEECH_LEVEL / 10))


def require_speech(signal: Signal) -> Signal:
    """Return ``signal``; raise :class:`InvalidInput` if it does not hold speech."""
    if not holds_speech(signal):
        raise InvalidInput(
            f"the sound is silent: none of its frames of {1000 * SPEECH_FRAME // SAMPLING_RATE} ms "
            f"is louder than {SPEECH_LEVEL:g} dBFS"
        )
    return signal


def announced_size(data: bytes) -> int | None:
    """Return how many bytes a WAV file says it has; ``None`` where that is not known.

    libsndfile takes what is there for all there is. Writers to a pipe announce nothing, or more
    than 2 GB; some leave out the last byte, which is padding.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    size = int.from_bytes(data[4:8], "little")
    return size + 7 if 0 < size < 2**31 - 1024 else None


def read(sound: SoundFile, limit: Limit) -> Signal:
    """Return ``sound`` as a signal, read block by block."""
    # Grows in place, where blocks put together in the end would take the memory of two signals.
    samples = bytearray()
    frames = damaged = 0
    resample = resampler(sound.samplerate)
    for block in sound.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
        frames += len(block)
        if frames > limit.value * sound.samplerate:
            raise TooLarge(f"The sound is longer than {limit.value:g} s{limit.origin}.")
        damaged += int(np.count_nonzero(~np.isfinite(block)))
        # Sums of finite samples may still overflow; the peak is looked at afterwards.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        samples += resample(mono, False).data.cast("B")
    if damaged:
        raise InvalidInput(f"{damaged} samples are NaN or infinite; allowed: finite samples")
    if frames < MIN_SECONDS * sound.samplerate:
        raise InvalidInput(
            f"the sound lasts {1000 * frames / sound.samplerate:g} ms; "
            f"allowed: at least {1000 * MIN_SECONDS:g} ms"
        )
    samples += resample(np.zeros(0, np.float32), True).tobytes()
    return np.frombuffer(samples, np.float32)


def resampler(sampling_rate: int) -> Callable[[Signal, bool], Signal]:
    """Return what turns the blocks of a signal, and its end, into blocks at 16 kHz."""
    if sampling_rate == SAMPLING_RATE:
        return lambda block, _last: block
    import soxr

    stream: Any = soxr.ResampleStream(sampling_rate, SAMPLING_RATE, 1, dtype="float32")
    return lambda block, last: stream.resample_chunk(block, last=last)
