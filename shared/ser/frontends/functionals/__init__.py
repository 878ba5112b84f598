"""Statistics of how a voice sounds over a whole chunk, whatever its duration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from ser.errors import Fault
from ser.frontends._base import FrontEnd

if TYPE_CHECKING:
    from spox import Var

    from ser.frontends.functionals._array import Named

__all__ = ["Functionals"]

TOGETHER = (
    *("mfcc1", "mfcc2", "energy", "centroid", "flatness", "flux", "alpha_ratio"),
    *("hammarberg_index", "slope0", "zero_crossings", "pitch", "hnr", "h1_h2"),
)
"""Descriptors whose correlations are features."""


class Functionals(FrontEnd, frozen=True, kw_only=True):
    """Some fifty contours of the voice, each summed up by its statistics.

    Every 10 ms a frame of 32 ms (of 40 ms for the pitch) gives its low-level descriptors: MFCCs;
    energy; centroid, bandwidth, roll-offs, flatness and flux of the spectrum; alpha ratio,
    Hammarberg index and slopes; zero crossings; and where it is voiced pitch, voicing,
    harmonics-to-noise ratio and the levels of the first harmonics. The features are

    - over the active frames, and again over the voiced ones, the statistics of each descriptor
      and of its delta (see :mod:`ser.frontends.functionals._statistics`), and the correlations of
      some descriptors with each other;
    - the modulation spectrum of eight mel bands;
    - the rhythm in which active, and voiced, frames come in runs.

    Their number is the same for any duration, and none of them depends on the level of the
    recording. Silence has finite features. :meth:`feature_names` names them in order.
    """

    fixed_size: ClassVar[bool] = True

    num_cepstral: Annotated[int, Meta(ge=1, le=64)] = 8
    """Number of MFCCs, the level among them; at most ``num_filters``."""
    num_filters: Annotated[int, Meta(ge=1, le=64)] = 40
    """Number of mel bands of the MFCCs."""
    active_range: Annotated[float, Meta(gt=0, lt=60)] = 35.0
    """A frame is active if it is at most so many decibels below the loudest one."""
    voicing_threshold: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """An active frame is voiced if its autocorrelation at the pitch exceeds this."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        defaults = cls()
        coefficients = values.get("num_cepstral", defaults.num_cepstral)
        bands = values.get("num_filters", defaults.num_filters)
        if coefficients > bands:
            yield Fault(
                ("num_cepstral",),
                f"{coefficients} coefficients of {bands} bands; allowed: at most num_filters",
            )

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op

        del metadata
        return op.flatten(self._named_features(chunks).values.var, axis=1)

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the names of the features in their order, such as ``voiced.delta_pitch.p90``."""
        del chunk_samples, columns
        from spox import Tensor, argument

        return self._named_features(argument(Tensor(np.float32, ("chunks", "samples")))).names

    def _named_features(self, chunks: Var) -> Named:
        from ser.frontends.functionals import _descriptors as descriptors
        from ser.frontends.functionals import _modulation as modulation
        from ser.frontends.functionals import _pitch as pitch
        from ser.frontends.functionals import _rhythm as rhythm
        from ser.frontends.functionals import _statistics as statistics
        from ser.frontends.functionals._array import join

        power = descriptors.relative_power(chunks)
        energy = descriptors.energy(power)
        active = energy.values > -self.active_range
        periodicity = pitch.periodicity(chunks, active, self.voicing_threshold)
        mel_levels = descriptors.mel_levels(power, self.num_filters)
        contours = join(
            descriptors.cepstra(mel_levels, self.num_cepstral, self.num_filters),
            energy,
            descriptors.shape(power),
            descriptors.balance(power),
            descriptors.zero_crossings(chunks),
        )
        sets = {
            "active.": (contours, active),
            "voiced.": (join(contours, periodicity.contours), periodicity.voiced),
        }
        families = [
            family.prefixed(prefix)
            for prefix, (described, mask) in sets.items()
            for family in (
                statistics.summary(described, mask),
                statistics.correlations(described.choose(TOGETHER), mask),
                rhythm.rhythm(mask),
            )
        ]
        coarse_levels = descriptors.mel_levels(power, modulation.BANDS)
        return join(*families, modulation.modulation(coarse_levels))
