"""The sound of a listener: decoded piece by piece, and kept in a file until its end."""

from __future__ import annotations

import tempfile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput
from ser.service.listening.request import Format
from ser.service.problems import UnreadableRequest
from ser.sounds import SAMPLING_RATE, Signal

FULL_SCALE = 32_768
MEMORY_BYTES = 2**18
"""Size up to which a sound is kept in memory (8 s)."""

Samples = NDArray[np.int16]


class Decoder(Protocol):
    """Decodes the frames of a connection, in their order."""

    def decode(self, frame: bytes) -> Samples:
        """Return the samples in ``frame``, mono at 16 kHz; raise :class:`.UnreadableRequest`."""

    def end(self) -> Samples:
        """Return the samples that the decoder still holds."""


class Plain:
    """Frames of samples: 16 kHz, mono, signed 16 bit, little endian."""

    def decode(self, frame: bytes) -> Samples:
        if len(frame) % 2:
            raise UnreadableRequest(
                f"A frame has {len(frame):,} bytes; allowed: whole samples of two bytes."
            )
        return np.frombuffer(frame, "<i2").astype(np.int16, copy=False)

    def end(self) -> Samples:
        return np.zeros(0, np.int16)


class Opus:
    """Frames of one Opus packet each (RFC 6716), as encoders make them, without a container."""

    def __init__(self) -> None:
        try:
            import av
        except ImportError as error:
            raise InvalidInput(
                "format: 'opus' needs the extra 'containers', which is not installed; allowed: "
                "'s16le'"
            ) from error
        self._codec: Any = av.CodecContext.create("opus", "r")
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLING_RATE)

    def decode(self, frame: bytes) -> Samples:
        import av

        try:
            decoded = self._codec.decode(av.Packet(frame)) if frame else []
            return self._resampled([part for each in decoded for part in self._resample(each)])
        except (av.FFmpegError, ValueError) as error:
            raise UnreadableRequest(f"A frame is no Opus packet: {error}.") from error

    def end(self) -> Samples:
        return self._resampled(self._resample(None))

    def _resample(self, frame: Any) -> list[Any]:
        return list(self._resampler.resample(frame))

    @staticmethod
    def _resampled(frames: list[Any]) -> Samples:
        parts = [np.asarray(each.to_ndarray(), np.int16).reshape(-1) for each in frames]
        return np.concatenate([*parts, np.zeros(0, np.int16)])


def decoder_of(form: Format) -> Decoder:
    """Return a decoder of the frames of a connection."""
    return Opus() if form == "opus" else Plain()


def signal_of(samples: Samples) -> Signal:
    """Return ``samples`` as numbers from -1 to 1, as :func:`ser.sounds.read_sound` reads them."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


class Recording:
    """The sound of a connection so far; many of them take files instead of memory."""

    def __init__(self, most_samples: float) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self._most, self._count = most_samples, 0

    def add(self, samples: Samples) -> None:
        """Append ``samples``, unless the sound is longer than can be judged as a whole."""
        self._count += len(samples)
        if self._count <= self._most:
            self._file.write(samples.tobytes())

    def whole(self) -> Signal | None:
        """Return the sound; ``None`` if it is too long."""
        if self._count > self._most:
            return None
        self._file.seek(0)
        return signal_of(np.frombuffer(self._file.read(), np.int16))

    def close(self) -> None:
        """Remove the sound."""
        self._file.close()
