"""A body of plain blocks, one a body part, that stands in for the whole one where only lesions are tested."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from lesionscope.phantom.canvas import coverage
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.points import PointCanvas

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
APART = 130.0
RADIUS = 42.0


class BlockBody:
    """Balls of tissue on a lattice in a sea of fat, one a body part."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sex, self.phase = "F", "portal venous"
        possible = load_frequencies().possible
        self.names = sorted(possible.family)
        self.family = possible.family
        self.graph = possible.graph

    @cached_property
    def centres(self):
        n = np.arange(len(self.names))
        return np.stack([n % 5, n // 5 % 5, n // 25], axis=1) * APART

    @property
    def bounds(self):
        return (-60.0, -60.0, -60.0), (580.0, 580.0, 580.0)

    def paint(self, canvas):
        canvas.hu[...] = -100.0
        x, y, z = canvas.coordinates()
        for name, centre in zip(self.names, self.centres, strict=True):
            hu = HU.get(self.family[name])
            near = np.all((centre + RADIUS + 3 > canvas.low) & (centre - RADIUS - 3 < canvas.high))
            if hu is not None and near:
                square = sum(np.square(c - np.float32(m)) for c, m in zip((x, y, z), centre, strict=True))
                canvas.blend(None, coverage(np.sqrt(square + np.float32(1e-6)) - np.float32(RADIUS), 1.0), hu)

    def hu(self, points):
        canvas = PointCanvas(points)
        self.paint(canvas)
        return canvas.values()

    def body_parts_at(self, point, *, expanded=True):
        gaps = np.linalg.norm(self.centres - np.asarray(point), axis=1)
        name = self.names[int(gaps.argmin())]
        parts = self.graph.expand([name]) if gaps.min() < RADIUS else frozenset()
        return frozenset(part for part in parts if part in self.family)

    def place(self, label, rng):
        centre = self.centres[self.names.index(label)]
        return centre + rng.uniform(-18, 18, 3)
