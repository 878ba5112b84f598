"""Statistics of the low-level descriptors of a voice over a whole chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np
from msgspec import Meta

from ser.errors import Fault
from ser.frontends._base import Descriptors, FrontEnd

if TYPE_CHECKING:
    from spox import Var

    from ser.frontends.functionals._array import Array, Named
    from ser.limits import Limits

__all__ = ["Functionals"]

CORRELATED = (
    *("mfcc1", "mfcc2", "energy", "centroid", "flatness", "flux", "alpha_ratio"),
    *("hammarberg_index", "slope0", "zero_crossings", "pitch", "hnr", "h1_h2"),
)
"""Names of the descriptors whose correlations are features."""


VALUES_PER_FRAME = 2_000
"""About the number of values that the analysis of a frame needs at once: 640 samples, 513 bins of
their transform, twice, and the lags of their autocorrelation."""


class Contours(NamedTuple):
    """The power spectra of the frames of chunks, and their descriptors over time."""

    power: Array
    """Power of each frame, relative to the loudest frame of the chunk."""
    in_all_frames: Named
    """Descriptors that are defined in every frame."""
    in_voiced_frames: Named
    """Descriptors that are defined in voiced frames."""
    active: Array
    """Mask of the active frames."""
    voiced: Array
    """Mask of the voiced frames."""


class Functionals(FrontEnd, frozen=True, kw_only=True):
    """Statistics of about fifty low-level descriptors of a voice.

    The descriptors of a frame of 32 ms (40 ms for the pitch) are computed every 10 ms: MFCCs;
    energy; centroid, bandwidth, roll-offs, flatness and flux of the spectrum; alpha ratio,
    Hammarberg index and slopes; zero crossings; and, in voiced frames, pitch, voicing,
    harmonics-to-noise ratio and the relative levels of the first harmonics. The features are

    - statistics of each descriptor and of its delta, over the active frames and again over the
      voiced ones (see :mod:`ser.frontends.functionals._statistics`), and the correlations of
      some descriptors with each other;
    - the modulation spectrum of eight mel bands;
    - the rhythm of active and of voiced frames: the rate and the duration of their runs.

    The number of features is independent of the duration, and all features are independent of the
    level of the recording. The features of silence are finite. :meth:`feature_names` lists the
    names.
    """

    fixed_size: ClassVar[bool] = True

    num_cepstral: Annotated[int, Meta(ge=1, le=64)] = 8
    """Number of MFCCs, including the first, which is the level; at most ``num_filters``."""
    num_filters: Annotated[int, Meta(ge=1, le=64)] = 40
    """Number of mel bands of the MFCCs."""
    active_range: Annotated[float, Meta(ge=0.1, lt=60)] = 35.0
    """Maximum distance in dB between an active frame and the loudest frame."""
    voicing_threshold: Annotated[float, Meta(ge=0.001, le=0.999)] = 0.5
    """Minimum autocorrelation at the pitch of a voiced frame."""

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

    def require_small(self, chunk_samples: int | None, limits: Limits) -> None:
        from ser.frontends import _spectrum as spectrum
        from ser.frontends.functionals._descriptors import STRIDE

        spectrum.require_few_values(chunk_samples, STRIDE, VALUES_PER_FRAME, limits)

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op

        del metadata
        return op.flatten(self._named_features(chunks).values.var, axis=1)

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the names of the features in their order, such as ``voiced.delta_pitch.p90``."""
        del chunk_samples, columns
        return names_of(self)

    def descriptors(self, chunks: Var) -> Descriptors:
        from ser.frontends.functionals._array import Named, join
        from ser.frontends.functionals._descriptors import STRIDE

        contours = self._contours(chunks)
        found = join(
            contours.in_all_frames,
            contours.in_voiced_frames,
            Named(("active",), contours.active),
            Named(("voiced",), contours.voiced),
        )
        return Descriptors(found.names, found.values.var, STRIDE)

    def _contours(self, chunks: Var) -> Contours:
        from ser.frontends.functionals import _descriptors as descriptors
        from ser.frontends.functionals import _pitch as pitch
        from ser.frontends.functionals._array import ROWS, join

        frames = pitch.folded_frames(chunks)
        power = descriptors.relative_power(frames)
        total = power.sum(ROWS)
        energy = descriptors.energy(total)
        active = energy.values > -self.active_range
        periodicity = pitch.periodicity(frames, active, self.voicing_threshold)
        levels = descriptors.decibels(power, descriptors.LARGEST_RANGE)
        mel_levels = descriptors.mel_levels(power, self.num_filters)
        in_all_frames = join(
            descriptors.cepstra(mel_levels, self.num_cepstral, self.num_filters),
            energy,
            descriptors.spectral_shape(power, total, levels),
            descriptors.spectral_balance(power, levels),
            descriptors.zero_crossings(chunks),
        )
        return Contours(power, in_all_frames, periodicity.contours, active, periodicity.voiced)

    def _named_features(self, chunks: Var) -> Named:
        from ser.frontends.functionals import _descriptors as descriptors
        from ser.frontends.functionals import _modulation as modulation
        from ser.frontends.functionals import _rhythm as rhythm
        from ser.frontends.functionals import _statistics as statistics
        from ser.frontends.functionals._array import join

        power, in_all_frames, in_voiced_frames, active, voiced = self._contours(chunks)
        sets = {
            "active.": (in_all_frames, active),
            "voiced.": (join(in_all_frames, in_voiced_frames), voiced),
        }
        families = [
            family.with_prefix(prefix)
            for prefix, (described, mask) in sets.items()
            for family in (
                statistics.summary(described, mask),
                statistics.correlations(described.choose(CORRELATED), mask),
                rhythm.rhythm(mask),
            )
        ]
        coarse_levels = descriptors.mel_levels(power, modulation.BANDS)
        return join(*families, modulation.modulation(coarse_levels))


@cache
def names_of(front_end: Functionals) -> tuple[str, ...]:
    """Return the names of the features, which the construction of the graph determines."""
    from spox import Tensor, argument

    chunks = argument(Tensor(np.float32, ("chunks", "samples")))
    return front_end._named_features(chunks).names
