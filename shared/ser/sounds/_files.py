"""Conversion of sound files in memory to signals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

from numpy.typing import NDArray

from ser.errors import InvalidInput, SerError
from ser.limits import Limit
from ser.sounds._completeness import declared_samples, require_samples, require_whole
from ser.sounds._containers import Container, container_of
from ser.sounds._refusing import refusing
from ser.sounds._signals import Signal, Source, assemble

ALLOWED = (
    "allowed: WAV, FLAC, OGG, MP3 and the other formats of libsndfile; with the extra "
    "ser[containers] also WebM, Matroska, MP4, M4A, 3GP, QuickTime, AVI, AAC and AMR"
)


def read_file(data: bytes, sampling_rate: int | None, limit: Limit) -> Signal:
    """Return the signal of the sound file with the bytes ``data``.

    Parameters
    ----------
    sampling_rate
        Sampling rate in Hz that the file must have; ``None``: any.
    limit
        Maximum duration in seconds.

    Raises
    ------
    InvalidInput
        ``data`` is empty, is not a sound, is cut off (:mod:`ser.sounds._completeness`), or cannot
        be decoded; the file has another sampling rate; or
        :func:`~ser.sounds._signals.assemble` refuses the sound.
    TooLarge
        The sound is longer than ``limit``.
    """
    if not data:
        raise InvalidInput("the sound is empty: 0 bytes")
    with refusing("the sound is damaged: its header cannot be read"):
        container = container_of(data)
        require_whole(data, container)
        declared = declared_samples(data, container)
    source = opened(data, container)
    if sampling_rate not in (None, source.sampling_rate):
        raise InvalidInput(
            f"a sampling rate of {sampling_rate} Hz for a file of {source.sampling_rate} Hz; "
            "allowed: the rate of the file, or none"
        )
    return assemble(source._replace(blocks=partial(decoded, source, declared)), limit)


def file_sampling_rate(data: bytes) -> int:
    """Return the sampling rate in Hz of the sound file with the bytes ``data``, as it was recorded.

    Raises
    ------
    InvalidInput
        ``data`` is not a sound.
    """
    return opened(data, container_of(data)).sampling_rate


def opened(data: bytes, container: Container | None) -> Source:
    """Return the sound in ``data``, from the first decoder that can open it.

    Raises
    ------
    InvalidInput
        None can, or the one that could is not installed.
    """
    refusal = (
        f"the {container.name} file cannot be opened: damaged, cut off or in an unknown codec"
        if container
        else f"{len(data)} bytes that begin with {data[:8]!r} are not a readable sound"
    )
    refusal = f"{refusal}; {ALLOWED}"
    if container is None or container.libsndfile:
        from ser.sounds import _libsndfile as libsndfile

        try:
            with refusing(refusal):
                return libsndfile.source(data, container)
        except InvalidInput:
            # It may be in a codec that libsndfile lacks, such as Speex in OGG.
            if container is None or not container.demuxer or not find_spec("av"):
                raise
    elif not find_spec("av"):
        raise InvalidInput(
            f"the sound is a {container.name} file, which this installation cannot decode; "
            "allowed: the formats of libsndfile, such as WAV, FLAC, OGG and MP3; "
            f"the extra ser[containers] adds {container.name}"
        )
    from ser.sounds import _libav as libav

    with refusing(refusal):
        return libav.source(data, container)


def decoded(source: Source, declared: int) -> Iterator[NDArray[Any]]:
    """Yield the blocks of ``source``.

    Raises
    ------
    InvalidInput
        There are fewer than the ``declared`` samples, or they cannot be decoded to the end.
    """
    samples = 0
    try:
        for block in source.blocks():
            samples += len(block)
            yield block
    except SerError:
        raise
    except Exception as error:
        require_samples(samples, declared)
        raise InvalidInput(
            f"the sound is cut off or damaged: only {samples} samples or a few more can be decoded"
        ) from error
    require_samples(samples, declared)
