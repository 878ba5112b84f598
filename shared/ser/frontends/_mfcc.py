"""Mel-frequency cepstral coefficients like those of librosa, as part of an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from ser.errors import Fault, InvalidInput
from ser.frontends import _spectrum as spectrum
from ser.frontends._base import Descriptors, FrontEnd
from ser.frontends._spectrum import NYQUIST, samples
from ser.limits import Limits

if TYPE_CHECKING:
    from spox import Var

POWER_FLOOR = 1e-10
"""Minimum power of a band, as ``amin`` of ``librosa.power_to_db``."""
DYNAMIC_RANGE = 80.0
"""Maximum distance of a level from the peak of its chunk in dB, as ``top_db`` of
``librosa.power_to_db``."""


MAX_WEIGHTS = 2**24
"""Maximum product of the length of a window and the bins of its transform. The weights of the
transform are part of the model."""


class MFCC(FrontEnd, frozen=True, kw_only=True):
    """MFCCs of the frames of a chunk, ordered by coefficient and then by time.

    Without ``dc_elimination`` they equal ``librosa.feature.mfcc(y=chunk, sr=16000,
    n_mfcc=num_cepstral, n_fft=fft_length, win_length=..., hop_length=..., n_mels=num_filters,
    fmin=low_frequency, fmax=high_frequency)``: centred frames, Hann window, Slaney's mel scale
    and area normalisation, a dynamic range of 80 dB, orthonormal DCT-II. The results agree to 0.01
    (the coefficients reach several hundred): the graph computes in single precision, and the
    logarithm magnifies rounding errors in a band 80 dB below the peak.

    Source: Davis and Mermelstein, Comparison of parametric representations for monosyllabic word
    recognition, IEEE TASSP 28(4), 1980.
    """

    fixed_size: ClassVar[bool] = False

    num_cepstral: Annotated[int, Meta(ge=1, le=512)] = 13
    """Number of coefficients, at most ``num_filters``."""
    frame_length: Annotated[float, Meta(ge=0.001, le=1)] = 0.020
    """Length of the window in seconds, at most ``fft_length`` samples."""
    frame_stride: Annotated[float, Meta(ge=0.001, le=1)] = 0.01
    """Distance between frames in seconds."""
    num_filters: Annotated[int, Meta(ge=1, le=512)] = 40
    """Number of mel bands."""
    fft_length: Annotated[int, Meta(ge=16, le=16_384)] = 512
    """Length of the Fourier transform in samples."""
    low_frequency: Annotated[float, Meta(ge=0, lt=NYQUIST)] = 0.0
    """Lower edge of the lowest band in Hz."""
    high_frequency: Annotated[float, Meta(ge=1, le=NYQUIST)] | None = None
    """Upper edge of the highest band in Hz; ``null``: half the sampling rate."""
    dc_elimination: bool = True
    """Whether the logarithm of the frame's energy replaces the first coefficient."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        defaults = cls()
        value = {f: values.get(f, getattr(defaults, f)) for f in cls.__struct_fields__}
        if value["num_cepstral"] > value["num_filters"]:
            yield Fault(
                ("num_cepstral",),
                f"{value['num_cepstral']} coefficients of {value['num_filters']} bands; "
                f"allowed: at most num_filters",
            )
        if samples(value["frame_length"]) > value["fft_length"]:
            yield Fault(
                ("frame_length",),
                f"{value['frame_length']:g} s are {samples(value['frame_length'])} samples; "
                f"allowed: at most fft_length, {value['fft_length']}",
            )
        weights = samples(value["frame_length"]) * (value["fft_length"] // 2 + 1)
        if weights > MAX_WEIGHTS:
            yield Fault(
                ("fft_length",),
                f"a transform of {value['fft_length']} samples with a window of "
                f"{samples(value['frame_length'])} has {weights:,} weights; "
                f"allowed: at most {MAX_WEIGHTS:,}",
            )
        if value["low_frequency"] >= (value["high_frequency"] or NYQUIST):
            yield Fault(
                ("low_frequency",),
                f"{value['low_frequency']:g} Hz; "
                f"allowed: below high_frequency, {value['high_frequency'] or NYQUIST:g} Hz",
            )

    def require_small(self, chunk_samples: int | None, limits: Limits) -> None:
        assert chunk_samples is not None, "the number of features depends on the duration"
        bins = self.fft_length // 2 + 1
        per_frame = samples(self.frame_length) + 2 * bins + self.num_filters
        stride = samples(self.frame_stride)
        spectrum.require_few_values(chunk_samples, stride, per_frame, limits)
        if (count := self.num_cepstral * self._frames(chunk_samples)) > limits.features.value:
            raise InvalidInput(f"{count:,} features of a chunk; allowed: {limits.features}")

    def _frames(self, chunk_samples: int) -> int:
        # The signal is padded with half a transform of zeros at both ends.
        room = chunk_samples + 2 * (self.fft_length // 2) - self.fft_length
        return room // samples(self.frame_stride) + 1

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op

        del metadata
        return op.flatten(self.descriptors(chunks).values, axis=1)

    def descriptors(self, chunks: Var) -> Descriptors:
        import spox.opset.ai.onnx.v17 as op

        window = spectrum.hann(samples(self.frame_length))
        stride = samples(self.frame_stride)
        filters = spectrum.mel_filters(
            self.num_filters, self.fft_length, low=self.low_frequency, high=self.high_frequency
        )
        frames = spectrum.centred_frames(
            chunks, len(window), stride=stride, fft_length=self.fft_length
        )
        power = spectrum.power_spectrum(frames, window, fft_length=self.fft_length)
        coefficients = op.matmul(
            op.const(spectrum.cosine_transform(self.num_cepstral, self.num_filters)),
            decibels(op.matmul(op.const(filters), power)),
        )
        if self.dc_elimination:
            energy = spectrum.correlations(
                op.mul(chunks, chunks),
                np.square(window),
                stride=stride,
                fft_length=self.fft_length,
            )
            level = op.log(op.max([energy, op.const(np.float32(POWER_FLOOR))]))
            rest = op.slice(
                coefficients, *(op.const(np.array([i])) for i in (1, self.num_cepstral, 1))
            )
            coefficients = op.concat([level, rest], axis=1)
        names = tuple(f"mfcc{index}" for index in range(self.num_cepstral))
        return Descriptors(names, coefficients, stride)

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        del columns
        assert chunk_samples is not None, "the number of features depends on the duration"
        return tuple(
            f"mfcc{coefficient}.frame{frame}"
            for coefficient in range(self.num_cepstral)
            for frame in range(self._frames(chunk_samples))
        )


def decibels(power: Var) -> Var:
    """Return ``librosa.power_to_db`` of each chunk: at most 80 dB below its peak."""
    import spox.opset.ai.onnx.v17 as op

    floored = op.max([power, op.const(np.float32(POWER_FLOOR))])
    level = op.mul(op.log(floored), op.const(np.float32(10 / np.log(10))))
    peak = op.reduce_max(level, axes=[1, 2], keepdims=True)
    return op.max([level, op.sub(peak, op.const(np.float32(DYNAMIC_RANGE)))])
