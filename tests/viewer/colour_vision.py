"""How a deuteranope sees colours: Viénot, Brettel and Mollon, Color Res. Appl. 24 (1999) 243–252."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

GAMMA = 2.2
MATRIX = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])
"""Linear RGB to linear RGB of somebody without M cones."""


def deuteranope(rgb: ArrayLike) -> NDArray[np.float64]:
    """Return linear RGB, 0…1, as a deuteranope sees colours ``(…, 3)`` of a screen, 0…255."""
    linear = (np.asarray(rgb, dtype=np.float64) / 255) ** GAMMA
    return linear @ MATRIX.T


def on_screen(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return linear RGB as a screen shows it."""
    return np.rint(255 * np.clip(linear, 0, 1) ** (1 / GAMMA)).astype(np.uint8)
