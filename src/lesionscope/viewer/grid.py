"""Counting slices on the grid that a volume is shown on."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.ct.geometry import Geometry
from lesionscope.lesions.lesion import Point


@dataclass(frozen=True)
class Grid:
    """A grid along +x, +y, +z of LPS.

    Parameters
    ----------
    origin
        Centre of its first voxel, LPS mm.
    spacing
        Step along x, y, z in mm.
    size
        Voxels along x, y, z.
    """

    origin: Point
    spacing: Point
    size: tuple[int, int, int]

    @classmethod
    def of(cls, geometry: Geometry) -> Grid:
        """Take it from the geometry of a display volume."""
        x, y, _ = geometry.spacing_mm
        return cls(geometry.origin_lps_mm, (x, y, geometry.slice_step_mm), geometry.size)

    def position(self, axis: int, index: float) -> float:
        """Coordinate, in mm, of a voxel index along an LPS axis (0, 1, 2 = x, y, z)."""
        return self.origin[axis] + index * self.spacing[axis]

    def nearest(self, axis: int, position_mm: float) -> int:
        """Index of the slice nearest to a coordinate along an LPS axis, kept inside."""
        index = round((position_mm - self.origin[axis]) / self.spacing[axis])
        return min(max(index, 0), self.size[axis] - 1)

    def middle(self) -> Point:
        """Centre of the middle voxel."""
        x, y, z = (self.position(axis, self.size[axis] // 2) for axis in range(3))
        return (x, y, z)

    def inside(self, lps: Point) -> Point:
        """Return the nearest point between the centres of the outermost voxels."""
        x, y, z = (
            min(max(lps[axis], self.origin[axis]), self.position(axis, self.size[axis] - 1))
            for axis in range(3)
        )
        return (x, y, z)
