"""Recognition of containers by their first bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ser.sounds._frames import adts_length, mpeg_length, skip_id3


class Container(NamedTuple):
    """A kind of file that contains a sound."""

    name: str
    """Name for messages."""
    demuxer: str
    """Name of FFmpeg's demuxer; empty if none reads it."""
    libsndfile: bool = True
    """Whether libsndfile knows it."""


WAV = Container("WAV", "wav")
W64 = Container("W64", "w64")
AIFF = Container("AIFF", "aiff")
SVX = Container("8SVX", "")
CAF = Container("CAF", "caf")
AU = Container("AU", "au")
FLAC = Container("FLAC", "flac")
OGG = Container("OGG", "ogg")
MP3 = Container("MP3", "mp3")
AVI = Container("AVI", "avi", libsndfile=False)
WEBM = Container("WebM", "matroska", libsndfile=False)
MATROSKA = Container("Matroska (MKV)", "matroska", libsndfile=False)
MP4 = Container("MP4", "mov", libsndfile=False)
M4A = MP4._replace(name="MP4 (M4A)")
THREE_GP = MP4._replace(name="3GP")
QUICKTIME = MP4._replace(name="QuickTime (MOV)")
ADTS = Container("AAC (ADTS)", "aac", libsndfile=False)
AMR = Container("AMR", "amr", libsndfile=False)
AMR_WB = Container("AMR-WB", "amr", libsndfile=False)
MAT4 = Container("MAT4", "")
OTHERS = {
    b"2BIT": Container("AVR", ""),
    b"ALawSoundFile**": Container("WVE", ""),
    b"\x01\x04": Container("MPC2K", ""),
    b"\0\0\0\0\1\0\0\0\1\0\0\0": MAT4,
    b"\0\0\x03\xe8\0\0\0\1\0\0\0\1": MAT4,
    b"MATLAB 5.0 ": Container("MAT5", ""),
    b"\xf0\x7e": Container("SDS", ""),
    b"Creative Voice File\x1a": Container("VOC", ""),
    b"NIST_1A": Container("NIST", ""),
}
"""Other containers of libsndfile that declare their length, by their first bytes."""

MAGIC = {
    b"fLaC": FLAC,
    b"OggS": OGG,
    b"caff": CAF,
    b".snd": AU,
    b"dns.": AU,
    b"#!AMR-WB\n": AMR_WB,
    b"#!AMR\n": AMR,
    b"riff\x2e\x91\xcf\x11": W64,
    **OTHERS,
}
FORMS = {
    (b"RIFF", b"WAVE"): WAV,
    (b"RIFX", b"WAVE"): WAV,
    (b"RF64", b"WAVE"): WAV,
    (b"BW64", b"WAVE"): WAV,
    (b"RIFF", b"AVI "): AVI,
    (b"FORM", b"AIFF"): AIFF,
    (b"FORM", b"AIFC"): AIFF,
    (b"FORM", b"8SVX"): SVX,
    (b"FORM", b"16SV"): SVX,
}
"""Containers by the first and the third four bytes."""
BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""Boxes with which a QuickTime file without a brand begins."""


def container_of(data: bytes) -> Container | None:
    """Return the container of the file ``data``; ``None`` if it is none of this module."""
    if form := FORMS.get((data[:4], data[8:12])):
        return form
    if data[:4] == b"\x1aE\xdf\xa3":
        # The type of the document follows within the first header, of some 40 bytes.
        return WEBM if b"webm" in data[4:64] else MATROSKA
    if data[4:8] == b"ftyp":
        return branded(data[8:12])
    if data[4:8] in BOXES:
        return QUICKTIME
    start = skip_id3(data)
    if data[start : start + 4] == b"fLaC":
        return FLAC
    for magic, container in MAGIC.items():
        if data.startswith(magic):
            return container
    return next(streams(data, start), None)


def branded(brand: bytes) -> Container:
    """Return the container of an ISO base media file by its ``brand``."""
    if brand.startswith((b"M4A", b"M4B")):
        return M4A
    if brand.startswith((b"3gp", b"3g2", b"3ge", b"3gr", b"3gs")):
        return THREE_GP
    return QUICKTIME if brand == b"qt  " else MP4


def streams(data: bytes, start: int) -> Iterator[Container]:
    """Yield the stream of frames without a header that begins at ``start``, if there is one.

    One frame may be chance: a second must follow, or the end.
    """
    for container, length_at in ((ADTS, adts_length), (MP3, mpeg_length)):
        if length := length_at(data, start):
            following = start + length
            if following >= len(data) or length_at(data, following) or start:
                yield container


SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3"),
        *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc"),
        *(".webm", ".weba", ".mka", ".mkv", ".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".aac"),
        *(".3gp", ".3g2", ".3gpp", ".amr", ".awb", ".avi"),
    }
)
"""Suffixes of the files in a corpus that count as sounds."""
