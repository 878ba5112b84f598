"""Features of a pretrained speech encoder, as part of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

from ser._schemas import Name
from ser.encoders import EncoderSources
from ser.errors import Fault
from ser.frontends import _spectrum as spectrum
from ser.frontends._base import FrontEnd
from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    import onnx
    from spox import Var

Statistic = Literal["mean", "deviation"]
Input = Literal["log-mel", "waveform"]

MEL_BANDS = 80
FFT_LENGTH = 400
"""Length of the Fourier transform and of the window in samples (25 ms)."""
STRIDE = SAMPLING_RATE // 100
"""Samples between the frames of the spectrum (10 ms)."""
POWER_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0
"""Maximum distance from the highest level of a chunk, in factors of ten of the power."""
VARIANCE_FLOOR = 1e-7


class Encoder(FrontEnd, frozen=True, kw_only=True):
    """Statistics over time of the states inside a pretrained speech encoder.

    A chunk is cut into the fewest equal parts of at most ``part_seconds``, because an encoder that
    was trained on other tasks loses the emotion in longer ones. The statistics are over the frames
    of all parts.

    The spectrum for ``log-mel`` is that of Whisper (Radford et al., Robust speech recognition via
    large-scale weak supervision, ICML 2023): 80 bands of Slaney's mel scale, a frame of 25 ms
    every 10 ms, 80 dB of dynamic range. It is padded with zeros at its ends.
    """

    fixed_size: ClassVar[bool] = True

    source: Name = "whisper-base"
    """The encoder: a name (see :data:`ser.encoders.KNOWN`), a path, ``s3://`` or ``https://``."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file, required for URLs of http and https."""
    output: Name | Annotated[list[Name], Meta(min_length=1, max_length=16)] = "layer3"
    """Name of the tensor inside the encoder, or a list of them: float32 of shape
    (parts, frames, features). The layers behind it are left out."""
    input: Input = "log-mel"
    """What the encoder expects: log-mel spectra (parts, 80, frames), or samples
    (parts, samples)."""
    normalize: bool = False
    """Whether samples are brought to mean 0 and variance 1 in each part; not with ``log-mel``."""
    statistics: Annotated[list[Statistic], Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: ["mean"]
    )
    """The statistics of each feature over the frames."""
    part_seconds: Annotated[float, Meta(ge=0.5, le=30)] = 5.0
    """Maximum length of a part in seconds."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        if values.get("normalize") and values.get("input", "log-mel") == "log-mel":
            yield Fault(("normalize",), "log-mel spectra are not normalised; allowed: false")

    def check(self, encoders: EncoderSources) -> None:
        encoders.check(self.source, self.sha256)

    def opened(self, encoders: EncoderSources) -> OpenedEncoder:
        return OpenedEncoder(config=self, model=encoders.open(self.source, self.sha256))

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        raise NotImplementedError("the encoder must be opened first")

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        raise NotImplementedError("the encoder must be opened first")


class OpenedEncoder(FrontEnd, frozen=True, kw_only=True):
    """An :class:`Encoder` with its graph."""

    fixed_size: ClassVar[bool] = True

    config: Encoder
    model: Any
    """An ``onnx.ModelProto`` with one input."""

    @property
    def outputs(self) -> list[str]:
        """Names of the tensors whose statistics are features."""
        output = self.config.output
        return [output] if isinstance(output, str) else output

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op
        from spox import inline

        del metadata
        parts, real = self._parts(chunks)
        whole = op.mul(size(parts, 0), size(parts, -1))
        (name,) = (value.name for value in self.model.graph.input)
        states = inline(self._cut())(**{name: parts})
        frames = [
            first_rows(op.reshape(states[output], integers(-1, self._width(output))), real, whole)
            for output in self.outputs
        ]
        return op.concat(
            [STATISTICS[each](rows) for rows in frames for each in self.config.statistics], axis=1
        )

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the names of the features in their order, such as ``layer3.mean.0``."""
        del chunk_samples, columns
        return tuple(
            f"{output}.{statistic}.{number}"
            for output in self.outputs
            for statistic in self.config.statistics
            for number in range(self._width(output))
        )

    def _width(self, output: str) -> int:
        (value,) = (value for value in self.model.graph.output if value.name == output)
        return int(value.type.tensor_type.shape.dim[-1].dim_value)

    def _cut(self) -> onnx.ModelProto:
        """Return the graph without the layers behind the outputs."""
        from onnx.utils import Extractor

        (name,) = (value.name for value in self.model.graph.input)
        return Extractor(self.model).extract_model([name], self.outputs)

    def _parts(self, chunks: Var) -> tuple[Var, Var]:
        """Return the parts of ``chunks`` as the encoder expects them, and the length of all parts
        together without padding, shape (1,)."""
        longest = int(self.config.part_seconds * SAMPLING_RATE)
        if self.config.input == "log-mel":
            return cut(log_mel(chunks), longest // STRIDE)
        import spox.opset.ai.onnx.v17 as op

        parts, real = cut(op.unsqueeze(chunks, integers(1)), longest)
        samples = op.squeeze(parts, integers(1))
        return standardised(samples) if self.config.normalize else samples, real


def log_mel(chunks: Var) -> Var:
    """Return Whisper's spectrum of ``chunks`` (1, samples), shape (1, bands, frames)."""
    import spox.opset.ai.onnx.v17 as op

    power = spectrum.power_spectrum(
        chunks, spectrum.hann(FFT_LENGTH), stride=STRIDE, fft_length=FFT_LENGTH
    )
    filters = op.const(spectrum.mel_filters(MEL_BANDS, FFT_LENGTH))
    bands = op.max([op.matmul(filters, power), number(POWER_FLOOR)])
    levels = op.mul(op.log(bands), number(1 / np.log(10)))
    # The last frame is centred on the end of the signal, or less than a stride before it.
    levels = op.slice(levels, integers(0), op.max([op.sub(size(levels, 2), integers(1)), integers(1)]), integers(2))
    floor = op.sub(op.reduce_max(levels, axes=[1, 2]), number(DYNAMIC_RANGE))
    return op.div(op.add(op.max([levels, floor]), number(4)), number(4))


def cut(values: Var, longest: int) -> tuple[Var, Var]:
    """Return ``values`` (1, rows, time) in the fewest equal parts, (parts, rows, time), and the
    length of all parts together without padding, shape (1,).

    A part has an even length of at most ``longest``.
    """
    import spox.opset.ai.onnx.v17 as op

    real = size(values, -1)
    half = integers(longest // 2)
    pairs = op.div(op.add(real, integers(1)), integers(2))
    parts = op.div(op.sub(op.add(pairs, half), integers(1)), half)
    length = op.mul(op.div(op.sub(op.add(pairs, parts), integers(1)), parts), integers(2))
    padding = op.sub(op.mul(parts, length), real)
    rows = op.squeeze(values, integers(0))
    padded = op.pad(rows, op.concat([integers(0, 0, 0), padding], axis=0), mode="edge")
    cut_rows = op.reshape(padded, op.concat([integers(0), parts, length], axis=0))
    return op.transpose(cut_rows, perm=[1, 0, 2]), real


def first_rows(rows: Var, real: Var, whole: Var) -> Var:
    """Return the first rows of ``rows``: the share ``real`` / ``whole`` of them, rounded up.

    The padding of all parts is at the end of the last one.
    """
    import spox.opset.ai.onnx.v17 as op

    scaled = op.add(op.mul(size(rows, 0), real), op.sub(whole, integers(1)))
    return op.slice(rows, integers(0), op.div(scaled, whole), integers(0))


def mean(rows: Var) -> Var:
    """Return the mean of each column of ``rows``, shape (1, columns)."""
    import spox.opset.ai.onnx.v17 as op

    return op.reduce_mean(rows, axes=[0])


def deviation(rows: Var) -> Var:
    """Return the standard deviation of each column of ``rows``, shape (1, columns)."""
    import spox.opset.ai.onnx.v17 as op

    centred = op.sub(rows, mean(rows))
    return op.sqrt(mean(op.mul(centred, centred)))


STATISTICS: Mapping[Statistic, Callable[[Var], Var]] = {"mean": mean, "deviation": deviation}


def standardised(parts: Var) -> Var:
    """Return ``parts`` with mean 0 and variance 1 over time."""
    import spox.opset.ai.onnx.v17 as op

    centred = op.sub(parts, op.reduce_mean(parts, axes=[-1]))
    variance = op.reduce_mean(op.mul(centred, centred), axes=[-1])
    return op.div(centred, op.sqrt(op.add(variance, number(VARIANCE_FLOOR))))


def size(values: Var, axis: int) -> Var:
    """Return the size of an axis of ``values``, shape (1,)."""
    import spox.opset.ai.onnx.v17 as op

    return op.gather(op.shape(values), integers(axis))


def number(value: float) -> Var:
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.float32(value))


def integers(*values: int) -> Var:
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.array(values, np.int64))
