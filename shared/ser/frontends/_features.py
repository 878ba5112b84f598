"""Features of sounds without a corpus or a model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ser._features import Features
from ser._metadata import MetadataEncoding
from ser._schemas import as_json_types, shown
from ser._sessions import open_session
from ser.encoders import EncoderSources
from ser.errors import Fault, InvalidInput, within
from ser.frontends._front_ends import METHODS, FrontEnds
from ser.parallel import THIS_MACHINE
from ser.sounds import SAMPLING_RATE, SoundLike, is_one_sound, read_sound

if TYPE_CHECKING:
    import onnxruntime
    from spox import Var

Level = Literal["functionals", "descriptors"]

FUNCTIONALS: Mapping[str, Mapping[str, Any]] = {"Functionals": {}}
NO_METADATA = MetadataEncoding({})


def features(
    sounds: SoundLike | Iterable[SoundLike],
    methods: Mapping[str, Mapping[str, Any]] = FUNCTIONALS,
    level: Level = "functionals",
    *,
    sampling_rate: float | None = None,
    encoders: str | os.PathLike[str] | None = None,
) -> Features:
    """Return the named features of ``sounds``.

    A name consists of the METHOD_NAME, a dot and the name of the feature, as in a model. One ONNX
    graph analyses the sounds on all cores. The values equal those of a model that is trained on
    whole utterances without normalisation, except that such a model leaves out pauses longer than
    0.4 s and cuts what is longer than 30 s.

    Parameters
    ----------
    sounds
        One or more sounds: paths, bytes of files, or arrays of shape (samples,) or
        (samples, channels).
    methods
        METHOD_NAME -> CONFIG, as ``dataset_feature_extract_methods`` of a training request.
    level
        ``"functionals"``: one row for each sound. ``"descriptors"``: one row for each frame, every
        10 ms by default. The descriptors of ``Functionals`` are ``mfcc0`` to ``mfcc7``, ``energy``
        (dB below the loudest frame), ``centroid``, ``bandwidth``, ``roll_off25`` and
        ``roll_off75`` (Hz), ``flatness`` (dB), ``flux``, ``alpha_ratio`` and
        ``hammarberg_index`` (dB), ``slope0``, ``slope500`` and ``slope1500`` (dB per kHz),
        ``zero_crossings`` (share of the samples), ``pitch`` (semitones above 27.5 Hz),
        ``voicing`` (0 to 1), ``hnr``, ``h1_h2`` and ``h1_h3`` (dB); ``active`` and ``voiced`` are
        1 in frames with speech and in frames with a pitch, and 0 in others. The values from
        ``pitch`` to ``h1_h3`` are meaningful in voiced frames only.
    sampling_rate
        Sampling rate of the arrays in Hz; files have their own.
    encoders
        A folder that is searched first for the weights of the method ``Encoder``.

    Returns
    -------
    Features
        ``array`` is float32 of shape (rows, features); ``sounds`` has the index of each row's
        sound, and with ``"descriptors"`` ``times`` has the centre of each row's frame in seconds.

    Raises
    ------
    InvalidInput
        A sound cannot be read (the fault names its index if ``sounds`` are several), the level or
        a method is unknown, or a method has an invalid CONFIG or no features of the level.
    NotFound
        A path does not exist, or no place has the weights of an encoder.
    RemoteFailed
        The hub does not answer, and no other place has the weights of an encoder.

    Examples
    --------
    >>> whole = ser.features("speech.wav")
    >>> whole.array.shape == (1, len(whole.names))
    True
    >>> whole.names[0]
    'Functionals.active.mfcc0.mean'
    >>> frames = ser.features(["speech.wav"], level="descriptors")
    >>> pitch = frames.array[:, frames.names.index("Functionals.pitch")]
    >>> voiced = frames.array[:, frames.names.index("Functionals.voiced")] == 1
    >>> hertz = 27.5 * 2 ** (pitch[voiced] / 12)
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise InvalidInput(f"the level is {shown(level)}; allowed: {', '.join(LEVELS)}")
    sources = EncoderSources.of(encoders)
    with within("methods"):
        front_ends = FrontEnds.parse(as_json_types(methods)).opened(sources)
        analysis = build_analysis(front_ends, level)
    indexed: list[tuple[int | None, Any]] = (
        [(None, sounds)]
        if is_one_sound(sounds) or not isinstance(sounds, Iterable)
        else [*enumerate(cast("Iterable[SoundLike]", sounds))]
    )
    analyse = partial(analyse_sound, open_session(analysis.graph), sampling_rate)
    rows = THIS_MACHINE.map(analyse, indexed, by="threads") if indexed else []
    counts = [len(each) for each in rows]
    return Features(
        array=np.concatenate([np.empty((0, len(analysis.names)), np.float32), *rows]),
        names=analysis.names,
        sounds=np.repeat(np.arange(len(rows)), counts),
        times=times_of(counts, analysis.stride) if analysis.stride else None,
    )


def times_of(counts: list[int], stride: int) -> NDArray[np.float64]:
    """Return the time in seconds of each row; each sound starts at 0."""
    frames = [np.arange(count) for count in (0, *counts)]
    return np.concatenate(frames) * stride / SAMPLING_RATE


class Analysis(NamedTuple):
    """A graph from ``waveform``, float32 of shape (samples,), to ``rows``."""

    graph: bytes
    """An ONNX file."""
    names: tuple[str, ...]
    """Names of the columns of ``rows``."""
    stride: int | None
    """Samples between the rows of a sound; ``None`` if each sound has a single row."""


def build_analysis(front_ends: FrontEnds, level: Level) -> Analysis:
    """Return the graph that computes the features of ``level``.

    Raises
    ------
    InvalidInput
        One of ``front_ends`` has no features of that level.
    """
    import spox.opset.ai.onnx.v17 as op
    from spox import Tensor, argument, build

    waveform = argument(Tensor(np.float32, ("samples",)))
    chunk = op.unsqueeze(waveform, op.const(np.array([0])))
    names, rows, stride = LEVELS[level](front_ends, chunk)
    graph = build({"waveform": waveform}, {"rows": rows})
    return Analysis(graph.SerializeToString(), names, stride)


def functionals(front_ends: FrontEnds, chunk: Var) -> tuple[tuple[str, ...], Var, int | None]:
    """Return the names of the features of a whole sound, the features, and ``None``."""
    import spox.opset.ai.onnx.v17 as op

    for name, front_end in front_ends.items():
        if front_end.metadata_fields:
            raise metadata_method(name)
        if not front_end.fixed_size:
            raise InvalidInput(
                Fault(
                    (name,),
                    "its number of features depends on the duration; allowed: level='descriptors'",
                )
            )
    parts = [front_end.features(chunk, None) for front_end in front_ends.values()]
    return front_ends.feature_names(None, NO_METADATA), op.concat(parts, axis=1), None


def descriptors(front_ends: FrontEnds, chunk: Var) -> tuple[tuple[str, ...], Var, int | None]:
    """Return the names of the descriptors, the descriptors of each frame, and their stride."""
    import spox.opset.ai.onnx.v17 as op

    if len(front_ends) > 1:
        raise InvalidInput(
            f"{', '.join(front_ends)} may have frames at different times; "
            "allowed: one method, with level='descriptors'"
        )
    ((name, front_end),) = front_ends.items()
    found = front_end.descriptors(chunk)
    if found is None:
        raise metadata_method(name)
    rows = op.transpose(op.squeeze(found.values, op.const(np.array([0]))), perm=[1, 0])
    return tuple(f"{name}.{each}" for each in found.names), rows, found.stride


LEVELS = {"functionals": functionals, "descriptors": descriptors}


def metadata_method(name: str) -> InvalidInput:
    """Return the error for the method ``name``, which describes metadata."""
    allowed = ", ".join(name for name, kind in METHODS.items() if not kind().metadata_fields)
    return InvalidInput(Fault((name,), f"it describes metadata, not sounds; allowed: {allowed}"))


def analyse_sound(
    session: onnxruntime.InferenceSession,
    sampling_rate: float | None,
    indexed: tuple[int | None, Any],
) -> NDArray[np.float32]:
    """Return the rows of a sound; its number is ``None`` if it is the only one."""
    number, sound = indexed
    with nullcontext() if number is None else within(number):
        signal = read_sound(sound, sampling_rate if hasattr(sound, "__array__") else None)
    (rows,) = session.run(["rows"], {"waveform": signal})
    return np.asarray(rows)
