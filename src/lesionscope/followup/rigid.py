"""A rigid map between two studies: a rotation, then a shift, LPS mm to LPS mm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lesionscope.ct.geometry import Floats
from lesionscope.lesions.lesion import Point

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Rigid:
    """``p ↦ rotation · p + shift``.

    Parameters
    ----------
    rotation
        Nine numbers, row-major; orthonormal.
    shift_mm
        LPS mm.
    """

    rotation: tuple[float, ...] = IDENTITY
    shift_mm: Point = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> Floats:
        """The rotation as a 3×3 matrix."""
        return np.array(self.rotation, dtype=np.float64).reshape(3, 3)

    def points(self, lps: ArrayLike) -> Floats:
        """Map points ``(..., 3)``, LPS mm."""
        return np.asarray(np.asarray(lps, dtype=np.float64) @ self.matrix.T + np.array(self.shift_mm))

    def point(self, lps: Point) -> Point:
        """Map one point, LPS mm."""
        x, y, z = (float(value) for value in self.points(lps))
        return (x, y, z)

    def inverse(self) -> Rigid:
        """Return the map back."""
        back = self.matrix.T
        x, y, z = (float(value) for value in -back @ np.array(self.shift_mm))
        return Rigid(tuple(float(value) for value in back.ravel()), (x, y, z))

    @property
    def degrees(self) -> float:
        """Angle that it turns by, about whatever axis."""
        cosine = (float(np.trace(self.matrix)) - 1) / 2
        return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))
