"""The modulation spectrum of mel bands: the rates at which their levels rise and fall.

Source: Wu, Falk, Chan, Automatic speech emotion recognition using modulation spectral features,
Speech Communication 53(5), 2011.
"""

from __future__ import annotations

import numpy as np

from ser.frontends import _spectrum as spectrum
from ser.frontends.functionals._array import FRAMES, Array, Named
from ser.frontends.functionals._descriptors import FRAME_SECONDS

BANDS = 8
RATES = (2, 3, 4, 6, 8, 11, 16)
"""Modulation frequencies in Hz."""
WINDOW = spectrum.hann(64)
STRIDE = 4
"""Distance between successive windows in frames."""


def modulation(levels: Array) -> Named:
    """Return the logarithm of the mean power of the ``levels``, in dB, around each rate."""
    time = (np.arange(len(WINDOW)) - len(WINDOW) / 2) * FRAME_SECONDS
    centred = levels - levels.mean(FRAMES)
    powers = []
    for wave in (np.cos, np.sin):
        kernels = WINDOW * wave(2 * np.pi * np.outer(RATES, time))
        # Remove the mean of each kernel, since a constant level is not modulated.
        kernels -= kernels.sum(axis=1, keepdims=True) * WINDOW / WINDOW.sum()
        responses = centred.correlate(kernels, stride=STRIDE)
        powers.append(responses * responses)
    power = (powers[0] + powers[1]).mean(FRAMES)
    return Named(
        tuple(f"modulation.band{band}.{rate}hz" for band in range(BANDS) for rate in RATES),
        (power + 1.0).log(),
    )
