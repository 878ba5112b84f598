"""Weights of the detector of speech, written by ``python -m detector fit``."""

from __future__ import annotations

import numpy as np

CONTOURS = (
    # the value, its square, and its change over 1, 2, 4, 8 frames of the
    (-0.7036, -0.01045, -0.4369, 0.123, 0.2538, -0.04952),  # level
    (-0.4971, 0.001534, -0.6434, -0.09461, 0.4136, 0.6519),  # level above
    (1.007, -6.312, -4.614, 3.27, 1.313, 3.798),  # periodicity
    (0.07399, -0.002498, -0.6159, -0.4178, -0.1972, -0.2055),  # flatness
    (0.0523, -0.0006753, -0.1255, 0.09469, 0.0935, -0.00837),  # band 1
    (0.1303, -0.002843, -0.1893, -0.06014, 0.05834, 0.08633),  # band 2
    (0.01615, -0.001096, 0.1422, -0.05852, 0.002132, 0.07738),  # band 3
    (0.02677, -0.001139, 0.5026, 0.06446, -0.04537, -0.142),  # band 4
    (-0.1502, 0.002014, 0.2, 0.1444, -0.03704, 0.1138),  # band 5
    (-0.05087, 0.0007867, 0.4883, 0.07031, 0.05314, -0.0257),  # band 6
    (0.007567, 0.0009064, -0.1497, 0.08315, 0.02883, 0.1433),  # band 7
    (0.1151, -0.000818, 0.4139, 0.122, -0.02414, 0.1324),  # band 8
)
PERIODICITIES = (6.282, 6.816, 4.097, -2.755)
# Two voiced frames in a row: the number of them, change, steadiness and jumps of pitch.
PITCH = (4.851, 14.32, -11.71, -10.23)
CONSTANT = -6.859
WEIGHTS = np.array([*np.transpose(CONTOURS).ravel(), *PERIODICITIES, *PITCH], np.float32)
"""Weights in the order of :func:`ser.sounds.speech.quantities`, shape (weights,)."""
