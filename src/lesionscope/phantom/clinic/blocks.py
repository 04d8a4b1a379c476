"""A body of plain blocks, one a body part: for pairs and tests, in which only lesions are to differ.

Each body part is a ball of its tissue in a sea of fat, far from the others, so that what a label does
to a lesion can be seen and measured without anatomy in the way, and thousands of patients take seconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.phantom.canvas import Canvas, Field, coverage
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.points import PointCanvas

Points = NDArray[np.float64]
Point = tuple[float, float, float]

HU = {
    "lung": -830.0,
    "liver": 105.0,
    "kidney": 140.0,
    "spleen": 110.0,
    "pancreas": 90.0,
    "bone": 240.0,
    "muscle": 55.0,
    "thyroid": 130.0,
    "vessel": 150.0,
    "airway": -900.0,
}
"""Tissue of a family of places in the portal venous phase (see :mod:`.looks` for sources); fat elsewhere."""
FAT_HU = -100.0
APART_MM = 130.0
RADIUS_MM = 42.0
ROOM_MM = 18.0
"""Lesions are centred within so many mm (along each axis) of a block's own centre."""
ACROSS = 5


class BlockBody:
    """Blocks of tissue on a lattice, ``(x, y, z)`` LPS mm; the same for every seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sex, self.phase = "F", "portal venous"
        possible = load_frequencies().possible
        self._graph, self._family = possible.graph, possible.family
        self._names = sorted(possible.family)
        n = np.arange(len(self._names))
        self._centres = np.stack([n % ACROSS, n // ACROSS % ACROSS, n // ACROSS**2], axis=1) * APART_MM
        self._hu = np.array([HU.get(self._family[name], np.nan) for name in self._names])

    @property
    def bounds(self) -> tuple[Point, Point]:
        """Corners of the box that holds all blocks."""
        far = APART_MM * (ACROSS - 1) + APART_MM / 2
        return (-APART_MM / 2,) * 3, (far, far, far)

    @property
    def labels_here(self) -> tuple[str, ...]:
        """Every body part."""
        return tuple(self._names)

    def paint(self, canvas: Canvas) -> None:
        """Paint the blocks that a canvas sees, and fat."""
        canvas.hu[...] = FAT_HU
        x, y, z = canvas.coordinates()
        reach = RADIUS_MM + 3
        seen = np.all((self._centres + reach > canvas.low) & (self._centres - reach < canvas.high), axis=1)
        for index in np.nonzero(seen & np.isfinite(self._hu))[0]:
            offset = (c - np.float32(m) for c, m in zip((x, y, z), self._centres[index], strict=True))
            square = sum((np.square(part) for part in offset), np.float32(1e-6))
            canvas.blend(None, coverage(np.sqrt(square) - np.float32(RADIUS_MM), 1.0), float(self._hu[index]))

    def hu(self, points: Points) -> Field:
        """HU at points ``(n, 3)``."""
        canvas = PointCanvas(points)
        self.paint(canvas)
        return canvas.values()

    def body_parts_at(self, point: ArrayLike, *, expanded: bool = True) -> frozenset[str]:
        """Body parts that hold a point: the block's own, and what that lies in."""
        gaps = np.linalg.norm(self._centres - np.asarray(point), axis=1)
        if gaps.min() >= RADIUS_MM:
            return frozenset()
        name = self._names[int(gaps.argmin())]
        parts = self._graph.expand([name]) if expanded else frozenset([name])
        return frozenset(part for part in parts if part in self._family)

    def place(self, label: str, rng: np.random.Generator) -> Points:
        """Draw a point in a body part's block."""
        centre = self._centres[self._names.index(label)]
        return np.asarray(centre + rng.uniform(-ROOM_MM, ROOM_MM, 3))
