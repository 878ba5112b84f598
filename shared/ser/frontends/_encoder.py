"""Features of a pretrained speech encoder, as part of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from ser._schemas import Name, shown
from ser.encoders import EncoderSources, Input, origin_of, prepare, quantised
from ser.errors import Fault, within
from ser.frontends import _encoder_input as spectra
from ser.frontends._base import FrontEnd
from ser.frontends._encoder_input import integers, size

if TYPE_CHECKING:
    from spox import Var

Statistic = Literal["mean", "deviation"]
Precision = Literal["float16", "int8"]

MAX_OUTPUTS = 16
"""Maximum number of tensors of an encoder whose statistics are features."""


class Encoder(FrontEnd, frozen=True, kw_only=True):
    """Statistics over time of the states inside a pretrained speech encoder.

    A chunk is cut into the fewest equal parts of at most ``part_seconds``, because an encoder that
    was trained on other tasks loses the emotion in longer ones. The statistics are over the frames
    of all parts.

    The spectrum for ``log-mel`` is that of Whisper (Radford et al., Robust speech recognition via
    large-scale weak supervision, ICML 2023): 80 bands of Slaney's mel scale, a frame of 25 ms
    every 10 ms, 80 dB of dynamic range. It is padded with zeros at its ends, and its level is the
    same for all recordings.
    """

    fixed_size: ClassVar[bool] = True

    source: Name = "whisper-base"
    """The encoder: a name (see :data:`ser.encoders.KNOWN`), a path, ``s3://`` or ``https://``."""
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file, required for URLs of http and https."""
    output: Name | Annotated[list[Name], Meta(min_length=1, max_length=MAX_OUTPUTS)] = "layer3"
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
    precision: Precision = "float16"
    """How the weights are stored. ``float16`` loses nothing where the encoder was trained in it;
    ``int8`` is smaller and faster, and changes the features a little."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        for field in ("output", "statistics"):
            listed = values.get(field)
            if isinstance(listed, list) and not 1 <= len({*listed}) == len(listed) <= MAX_OUTPUTS:
                allowed = f"1 to {MAX_OUTPUTS} values, each of them once"
                yield Fault((field,), f"{shown(listed)} does not fit; allowed: {allowed}")
        if values.get("normalize") and values.get("input", "log-mel") == "log-mel":
            yield Fault(("normalize",), "log-mel spectra are not normalised; allowed: false")

    @property
    def outputs(self) -> list[str]:
        """Names of the tensors whose statistics are features."""
        return [self.output] if isinstance(self.output, str) else self.output

    def check(self, encoders: EncoderSources) -> None:
        encoders.check(self.source, self.sha256)

    def opened(self, encoders: EncoderSources) -> OpenedEncoder:
        model = encoders.open(self.source, self.sha256)
        prepared = prepare(
            self.source, model, self.outputs, kind=self.input, part_seconds=self.part_seconds
        )
        if self.precision == "int8":
            with within("precision"):
                prepared = prepared._replace(model=quantised(prepared.model))
        return OpenedEncoder(config=self, encoder=prepared, origin=origin_of(model))

    @property
    def public(self) -> Encoder:
        # Imported here, because it imports urllib3, and predictions must start fast.
        from ser.fetching import redact_url

        return msgspec.structs.replace(self, source=redact_url(self.source))

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
    encoder: Any
    """A :class:`ser.encoders.PreparedEncoder`."""
    origin: Mapping[str, str] = msgspec.field(default_factory=dict)

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op

        del metadata
        parts, padding, real = self._parts(chunks)
        whole = op.mul(size(parts, 0), size(parts, -1))
        # One part at a time: memory does not grow with the duration, and many exported encoders
        # accept a single part only.
        scanned = op.scan([parts], body=lambda part: self._states(part, padding), num_scan_inputs=1)
        frames = [
            spectra.first_rows(op.reshape(states, integers(-1, width)), real, whole)
            for states, width in zip(scanned, self.encoder.widths, strict=True)
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
            for output, width in zip(self.config.outputs, self.encoder.widths, strict=True)
            for statistic in self.config.statistics
            for number in range(width)
        )

    def _parts(self, chunks: Var) -> tuple[Var, Var, Var]:
        """Return the parts of ``chunks``, the value that silence has in them, and the length of all
        parts together without padding, shape (1,)."""
        import spox.opset.ai.onnx.v17 as op

        if self.config.input == "log-mel":
            parts, real = spectra.cut(spectra.log_mel(chunks), self.encoder.longest)
            return parts, spectra.number(spectra.SILENCE), real
        parts, real = spectra.cut(op.unsqueeze(chunks, integers(1)), self.encoder.longest)
        if self.config.normalize:
            parts = spectra.standardised(parts)
        return parts, spectra.number(0.0), real

    def _states(self, part: Var, padding: Var) -> list[Var]:
        """Return the states at each output for ``part`` (rows, time), shape (frames, features).

        Frames of padding that the encoder demands are left out.
        """
        import spox.opset.ai.onnx.v17 as op
        from spox import inline

        padded = spectra.padded_to(part, self.encoder.shortest, padding)
        if self.config.input == "log-mel":
            padded = op.unsqueeze(padded, integers(0))
        (name,) = (value.name for value in self.encoder.model.graph.input)
        states = inline(self.encoder.model)(**{name: padded})
        return [
            spectra.first_rows(
                op.squeeze(states[output], integers(0)), size(part, -1), size(padded, -1)
            )
            for output in self.config.outputs
        ]


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
