"""The rule for sounds that are cut off, the same for every container.

A sound is cut off if what contains its samples declares where it ends, and the file ends before.
That is

- the chunk of the samples in WAV, RF64, W64, AIFF, 8SVX, CAF and AVI, and the header of AU, AVR,
  MAT, MPC, NIST, SDS, VOC and WVE;
- the last frame of MP3, AAC (ADTS) and AMR, the last page of OGG, the last box of MP4, 3GP and
  QuickTime, the last element of Matroska and WebM;
- the number of frames that MP3 (in the headers Xing, Info and VBRI) and FLAC declare.

Everything else in a file is of no account: neither the size that the whole file declares, nor tags
and further chunks around the samples. A size that its writer left open (0, or near 2 or 4 GB)
declares nothing: then the samples last to the end of the file.
"""

from __future__ import annotations

from collections.abc import Callable

from ser.errors import InvalidInput
from ser.sounds import _chunks as chunks
from ser.sounds import _frames as frames
from ser.sounds import _headers as headers
from ser.sounds import _pages as pages
from ser.sounds._containers import Container

ENDS: dict[str, Callable[[bytes], int]] = {
    **dict.fromkeys(("wav", "w64", "aiff", "caf", "avi", "8SVX"), chunks.chunk_end),
    "au": headers.au_end,
    "AVR": headers.avr_end,
    "MAT4": headers.mat4_end,
    "MAT5": headers.mat5_end,
    "MPC2K": headers.mpc_end,
    "NIST": headers.nist_end,
    "SDS": headers.sds_end,
    "VOC": headers.voc_end,
    "WVE": headers.wve_end,
    "aac": lambda data: frames.walk(data, frames.skip_id3(data), frames.adts_length).end,
    "AMR": lambda data: frames.walk(data, len(b"#!AMR\n"), frames.amr_length).end,
    "AMR-WB": lambda data: frames.walk(data, len(b"#!AMR-WB\n"), frames.amr_wb_length).end,
    "ogg": pages.ogg_end,
    "mov": chunks.box_end,
    "matroska": chunks.element_end,
}
"""Functions from a file to the position where its samples end by its own declaration, 0 if it
declares none; by the demuxer of the container, or by its name."""


def require_whole(data: bytes, container: Container | None) -> None:
    """Raise :class:`InvalidInput` if the bytes of ``data`` show that the sound is cut off."""
    if container is None:
        return
    if container.demuxer == "mp3":
        require_mpeg_frames(data)
    elif end := ENDS.get(container.name, ENDS.get(container.demuxer)):
        require(len(data), end(data), "bytes")


def require_mpeg_frames(data: bytes) -> None:
    """Raise :class:`InvalidInput` if frames of the MP3 file ``data`` are missing."""
    start = frames.skip_id3(data)
    found = frames.walk(data, start, frames.like_first(data, start))
    require(len(data), found.end, "bytes")
    if declared := frames.declared_mpeg_frames(data, start):
        require(found.total - 1, declared, "frames")


def declared_samples(data: bytes, container: Container | None) -> int:
    """Return the number of samples of a channel that the header declares; 0 if it does not.

    Only decoding shows how many there are.
    """
    if container is None or container.demuxer != "flac":
        return 0
    streaminfo = frames.skip_id3(data) + len(b"fLaC") + 4
    return int.from_bytes(data[streaminfo + 13 : streaminfo + 18], "big") & 2**36 - 1


def require_samples(found: int, declared: int) -> None:
    """Raise :class:`InvalidInput` if ``found`` samples of a channel are less than ``declared``."""
    if found < declared:
        raise InvalidInput(
            f"the sound is cut off: it has fewer than the {declared} samples that it declares"
        )


def require(found: int, declared: int, unit: str) -> None:
    """Raise :class:`InvalidInput` if ``found`` is less than ``declared``."""
    if found < declared:
        raise InvalidInput(f"the sound is cut off: {found} of at least {declared} {unit}")
