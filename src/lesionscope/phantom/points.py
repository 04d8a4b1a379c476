"""A canvas of scattered points, for asking a scene what lies where."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas, Cones, Field, Region, cone_distance, coverage

EDGE_MM = 0.6


class PointCanvas(Canvas):
    """Points ``(n, 3)`` LPS mm, kept in order of z so that a shape finds those near it."""

    def __init__(self, points: ArrayLike) -> None:
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        self._order = np.argsort(points[:, 2], kind="stable")
        ordered = points[self._order]
        self._z = ordered[:, 2]
        self.geometry = Geometry((1, 1, len(points)), (1.0, 1.0, 1.0))
        self.shape = (len(points), 1, 1)
        self.hu: Field = np.full(self.shape, -1000.0, dtype=np.float32)
        self.separable = False
        self.x, self.y, self.z = (
            np.ascontiguousarray(ordered[:, axis].astype(np.float32).reshape(self.shape)) for axis in range(3)
        )
        self.voxel_mm3 = EDGE_MM**3
        self.edge_mm = EDGE_MM
        self.low = points.min(axis=0) - 1.0
        self.high = points.max(axis=0) + 1.0

    def values(self) -> Field:
        """HU in the order in which the points were given."""
        result = np.empty(self.shape[0], dtype=np.float32)
        result[self._order] = self.hu.ravel()
        return result

    def regions(self, low: ArrayLike, high: ArrayLike) -> Iterator[tuple[int, Region]]:
        """Yield number and points of each box whose z range holds any."""
        low, high = np.atleast_2d(low), np.atleast_2d(high)
        near = np.nonzero(np.all((high >= self.low) & (low <= self.high), axis=1))[0]
        start = np.searchsorted(self._z, low[near, 2], side="left")
        stop = np.searchsorted(self._z, high[near, 2], side="right")
        for number, a, b in zip(near, start, stop, strict=True):
            if b > a:
                yield int(number), (slice(int(a), int(b)), slice(0, 1), slice(0, 1))

    def cover_thin(self, shapes: Cones) -> Field:
        """Whether a point lies in a thin cone, by distance."""
        result = np.zeros(self.shape, dtype=np.float32)
        reach = (np.maximum(shapes.start_radius, shapes.end_radius) + EDGE_MM / 2)[:, None]
        low = np.minimum(shapes.start, shapes.end) - reach
        high = np.maximum(shapes.start, shapes.end) + reach
        for number, region in self.regions(low, high):
            inside = coverage(cone_distance(self, region, shapes, number), self.edge_mm)
            np.maximum(result[region], inside, out=result[region])
        return result

    def splat(self, points: NDArray[np.float64], volumes: NDArray[np.float64]) -> Field:
        """Refuse: points have no volume to spread over."""
        raise TypeError("points have no volume; use cover_thin")
