"""Weights of the detector of speech, written by ``python -m detector fit``."""

from __future__ import annotations

import numpy as np

CONTOURS = (
    # the value, its square, and its change over 1, 2, 4, 8 frames of the
    (-0.5189, -0.008565, -0.5889, 0.3647, 0.218, -0.1195),  # level
    (-0.5295, 0.005472, -0.3379, 0.4634, 0.297, 0.3295),  # level above
    (1.483, -11.34, -8.069, 5.619, 2.098, 3.513),  # periodicity
    (0.1673, -0.003173, -0.4606, -0.536, -0.1282, 0.01536),  # flatness
    (0.04868, 0.0001627, -0.2313, 0.2611, -0.0182, 0.04992),  # band 1
    (0.05908, -0.002756, -0.336, 0.1671, -0.08637, -0.0122),  # band 2
    (0.01216, -0.001488, -0.0102, 0.04389, 0.07685, -0.05759),  # band 3
    (0.05909, -0.000401, 0.7177, -0.02872, -0.07952, -0.1386),  # band 4
    (-0.06627, 0.002843, 0.261, -0.1516, 0.03614, 0.06083),  # band 5
    (0.05349, 0.001481, 0.2293, -0.05117, 0.1312, -0.05112),  # band 6
    (0.09554, 0.002646, -0.01496, -0.0808, 0.07462, 0.119),  # band 7
    (0.1737, 0.0002225, 0.4126, 0.1614, 0.01157, 0.2046),  # band 8
)
PERIODICITIES = (3.695, 9.723, 10.62, 1.137)
# Two voiced frames in a row: the number of them, change, steadiness and jumps of pitch.
PITCH = (2.919, 2.126, -15.67, -10.49)
CONSTANT = 3.568
WEIGHTS = np.array([*np.transpose(CONTOURS).ravel(), *PERIODICITIES, *PITCH], np.float32)
"""Weights in the order of :func:`ser.sounds.speech.quantities`, shape (weights,)."""
