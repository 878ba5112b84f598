"""Sound tracks in the containers of browsers, phones and video, written by PyAV."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

LAYOUTS = {1: "mono", 2: "stereo"}


class Pipe(io.RawIOBase):
    """A file that cannot be rewound, as a recorder streams it: sizes stay unknown."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def track(
    samples: NDArray[np.float32],
    sampling_rate: int,
    container: str,
    codec: str,
    *,
    options: Mapping[str, str] | None = None,
    streamed: bool = False,
    picture: bool = False,
) -> bytes:
    """Return a file with ``samples``, shape (samples,) or (samples, channels).

    Parameters
    ----------
    container, codec
        Names of FFmpeg.
    options
        Options of the muxer.
    streamed
        Whether the writer cannot go back to fill in sizes.
    picture
        Whether a video track precedes that of the sound.
    """
    frames = samples[:, np.newaxis] if samples.ndim == 1 else samples
    layout = LAYOUTS[frames.shape[1]]
    file = Pipe() if streamed else io.BytesIO()
    with av.open(file, "w", format=container, options=dict(options or {})) as output:
        video = output.add_stream("mpeg4", rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        stream: Any = output.add_stream(codec, rate=sampling_rate)
        stream.layout = layout
        if video is not None:
            for number in range(5):
                image = av.VideoFrame(32, 32, "yuv420p")
                image.pts = number
                output.mux(video.encode(image))
            output.mux(video.encode(None))
        whole = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(frames.reshape(1, -1), np.float32), format="flt", layout=layout
        )
        whole.sample_rate, whole.pts = sampling_rate, 0
        convert = av.AudioResampler(stream.format, layout, sampling_rate, frame_size=0)
        for frame in convert.resample(whole):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return bytes(file.data) if isinstance(file, Pipe) else file.getvalue()


def referring(data: bytes, name: str) -> bytes:
    """Return the QuickTime file ``data`` without its samples, which the file ``name`` beside it
    has in the same place.

    The data reference becomes a Macintosh alias with the path of ``name`` (QuickTime File Format
    Specification, "Data reference atoms").
    """
    path = f":{name}".encode() + b"\0" * (len(name) % 2 == 0)
    record = (
        *(bytes(10), bytes(28), bytes(12), bytes(64), bytes(16)),
        *(struct.pack(">hh", 1, 1), bytes(16)),
        *(struct.pack(">hh", 2, len(path)), path, struct.pack(">hh", -1, 0)),
    )
    alias = b"alis" + bytes(4) + b"".join(record)
    alias = struct.pack(">I", len(alias) + 4) + alias
    start = data.index(b"dref") + 12
    (former,) = struct.unpack_from(">I", data, start)
    changed = bytearray(data[:start] + alias + data[start + former :])
    for atom in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        # "dinf" of the sound comes after its "minf"; the names also occur as text.
        place = data.rindex(atom, 0, start) - 4
        (size,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", changed, place, size + len(alias) - former)
    samples = data.index(b"mdat") + 4
    (size,) = struct.unpack_from(">I", data, samples - 8)
    changed[samples : samples + size - 8] = bytes(size - 8)
    return bytes(changed)
