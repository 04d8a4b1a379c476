"""Where voxels lie in the patient: the one place that converts between the two.

Voxel indices are ``(k, j, i)`` = (slice, row, column), as arrays are indexed;
patient coordinates are ``(x, y, z)`` in LPS millimetres (DICOM PS3.3 C.7.6.2.1.1:
x to the patient's left, y to the back, z to the head).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
AXIS_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume in patient space; need be neither square nor orthogonal.

    Parameters
    ----------
    size
        Columns, rows, slices: ``(i, j, k)``.
    spacing_mm
        Step along each of those axes in mm; the third is ``None`` where the
        steps are uneven or there is only one slice.
    origin_lps_mm
        Centre of voxel (0, 0, 0), LPS mm.
    direction
        Nine numbers, row-major, whose *columns* are the unit vectors of the
        axes i, j, k. The third column is the step between slices, so a tilted
        gantry shows as a third column that is not perpendicular to the others.
    offsets_mm
        Position of each slice along the third axis, relative to the first, in
        mm and increasing; given exactly when ``spacing_mm[2]`` is ``None``.
    slice_thickness_mm
        What the scanner says a slice averages over; ``None`` where unknown.
    """

    size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float | None]
    origin_lps_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    offsets_mm: tuple[float, ...] | None = None
    slice_thickness_mm: float | None = None

    def __post_init__(self) -> None:
        if len(self.size) != 3 or min(self.size) < 1:
            raise ValueError(f"size must be three positive counts, not {self.size}")
        if len(self.direction) != 9:
            raise ValueError(f"direction must be nine numbers, not {len(self.direction)}")
        numbers = [*self.direction, *self.origin_lps_mm, *(s for s in self.spacing_mm if s is not None)]
        if not all(math.isfinite(value) for value in numbers):
            raise ValueError("spacing, origin and direction must be finite numbers")
        if any(step is not None and step <= 0 for step in self.spacing_mm):
            raise ValueError(f"spacing must be positive, not {self.spacing_mm}")
        if (self.spacing_mm[2] is None) != (self.offsets_mm is not None):
            raise ValueError("offsets_mm is given exactly when the third spacing is None")
        if self.offsets_mm is not None:
            if len(self.offsets_mm) != self.size[2]:
                raise ValueError("offsets_mm needs one number a slice")
            if any(b <= a for a, b in zip(self.offsets_mm, self.offsets_mm[1:], strict=False)):
                raise ValueError("offsets_mm must increase")
        if abs(np.linalg.det(self.axes)) < 1e-3:
            raise ValueError("direction's columns lie in one plane")

    @cached_property
    def axes(self) -> Floats:
        """Unit vectors of i, j, k as the columns of a 3×3 matrix."""
        return np.array(self.direction, dtype=np.float64).reshape(3, 3)

    @cached_property
    def _inverse_axes(self) -> Floats:
        return np.asarray(np.linalg.inv(self.axes))

    @property
    def slice_step_mm(self) -> float:
        """A typical step between slices: exact, else the median, else the thickness, else 1."""
        if self.spacing_mm[2] is not None:
            return self.spacing_mm[2]
        assert self.offsets_mm is not None
        if len(self.offsets_mm) > 1:
            return float(np.median(np.diff(self.offsets_mm)))
        return self.slice_thickness_mm or 1.0

    def slice_offset(self, k: Floats) -> Floats:
        """Millimetres along the third axis for (fractional) slice indices."""
        if self.offsets_mm is None:
            return k * self.slice_step_mm
        known = np.array(self.offsets_mm)
        step = self.slice_step_mm
        inside = np.interp(k, np.arange(len(known)), known)
        below, above = np.minimum(k, 0.0), np.maximum(k - (len(known) - 1), 0.0)
        return np.asarray(inside + (below + above) * step)

    def slice_index(self, offset: Floats) -> Floats:
        """(Fractional) slice indices for millimetres along the third axis; inverts :meth:`slice_offset`."""
        if self.offsets_mm is None:
            return offset / self.slice_step_mm
        known = np.array(self.offsets_mm)
        step = self.slice_step_mm
        inside = np.interp(offset, known, np.arange(len(known)))
        beyond = np.minimum(offset - known[0], 0.0) + np.maximum(offset - known[-1], 0.0)
        return np.asarray(inside + beyond / step)

    def to_lps(self, kji: ArrayLike) -> Floats:
        """Convert (fractional) voxel indices ``(..., 3)`` as (k, j, i) to LPS mm ``(..., 3)``."""
        index = np.asarray(kji, dtype=np.float64)
        along = np.stack(
            [
                index[..., 2] * self.spacing_mm[0],
                index[..., 1] * self.spacing_mm[1],
                self.slice_offset(index[..., 0]),
            ],
            axis=-1,
        )
        return np.asarray(along @ self.axes.T + np.array(self.origin_lps_mm))

    def to_voxel(self, lps: ArrayLike) -> Floats:
        """Convert LPS mm ``(..., 3)`` to fractional voxel indices ``(..., 3)`` as (k, j, i)."""
        relative = np.asarray(lps, dtype=np.float64) - np.array(self.origin_lps_mm)
        along = relative @ self._inverse_axes.T
        return np.stack(
            [
                self.slice_index(along[..., 2]),
                along[..., 1] / self.spacing_mm[1],
                along[..., 0] / self.spacing_mm[0],
            ],
            axis=-1,
        )

    def contains(self, lps: ArrayLike) -> bool:
        """Whether a point lies inside the volume (half a voxel of rim included)."""
        kji = self.to_voxel(lps)
        return bool(np.all(kji >= -0.5) and np.all(kji <= np.array(self.size[::-1]) - 0.5))

    @property
    def normal(self) -> Floats:
        """Unit normal of the slices (row direction × column direction)."""
        normal = np.cross(self.axes[:, 0], self.axes[:, 1])
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def tilt_deg(self) -> float:
        """Angle in degrees between the step from slice to slice and the slices' normal."""
        cosine = abs(float(self.normal @ self.axes[:, 2]))
        return math.degrees(math.acos(min(cosine, 1.0)))

    @property
    def is_uniform(self) -> bool:
        """Whether all slices lie one even step apart."""
        return self.spacing_mm[2] is not None

    @property
    def is_axis_aligned(self) -> bool:
        """Whether each axis runs along one patient axis (flips and swaps allowed)."""
        magnitudes = np.abs(self.axes)
        return bool(np.all((magnitudes < AXIS_TOLERANCE) | (magnitudes > 1 - AXIS_TOLERANCE)))

    def corners_lps(self) -> Floats:
        """Return centres of the eight corner voxels, ``(8, 3)`` LPS mm."""
        ends = [(0.0, count - 1.0) for count in self.size[::-1]]
        return self.to_lps([(k, j, i) for k in ends[0] for j in ends[1] for i in ends[2]])

    def as_dict(self) -> dict[str, Any]:
        """Return the geometry as the keys of the ``info`` command's JSON."""
        return {
            "size": list(self.size),
            "spacing_mm": list(self.spacing_mm),
            "origin_lps_mm": list(self.origin_lps_mm),
            "direction": list(self.direction),
        }
