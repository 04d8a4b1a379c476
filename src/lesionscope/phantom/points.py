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

    def regions(self, low: ArrayLike, high: ArrayLike, slack_mm: float = 0.0) -> Iterator[tuple[int, Region]]:
        """Yield number and the points in z range of each box that has one within ``slack_mm``."""
        low, high = np.atleast_2d(low), np.atleast_2d(high)
        near = np.nonzero(np.all((high >= self.low) & (low <= self.high), axis=1))[0]
        if not len(near):
            return
        low, high = low[near], high[near]
        held = [
            (one >= low[:, axis, None] - slack_mm) & (one <= high[:, axis, None] + slack_mm)
            for axis, one in enumerate((self.x.ravel(), self.y.ravel(), self.z.ravel()))
        ]
        holds = np.any(held[0] & held[1] & held[2], axis=1)
        start = np.searchsorted(self._z, low[:, 2], side="left")
        stop = np.searchsorted(self._z, high[:, 2], side="right")
        for number, one, a, b in zip(
            near.tolist(), holds.tolist(), start.tolist(), stop.tolist(), strict=True
        ):
            if one and b > a:
                yield number, (slice(a, b), slice(0, 1), slice(0, 1))

    def region(self, low: ArrayLike, high: ArrayLike) -> Region | None:
        """Points in the z range of a box that the canvas touches."""
        low, high = np.asarray(low), np.asarray(high)
        if np.any(high < self.low) or np.any(low > self.high):
            return None
        start, stop = self._z.searchsorted(low[2], side="left"), self._z.searchsorted(high[2], side="right")
        return (slice(int(start), int(stop)), slice(0, 1), slice(0, 1)) if stop > start else None

    def cover_thin(self, shapes: Cones) -> Field:
        """Whether a point lies in a thin cone, by distance."""
        result = np.zeros(self.shape, dtype=np.float32)
        for number, region in self.regions(*shapes.boxes(EDGE_MM / 2)):
            inside = coverage(cone_distance(self, region, shapes, number), self.edge_mm)
            np.maximum(result[region], inside, out=result[region])
        return result

    def splat(self, points: NDArray[np.float64], volumes: NDArray[np.float64]) -> Field:
        """Refuse: points have no volume to spread over."""
        raise TypeError("points have no volume; use cover_thin")
