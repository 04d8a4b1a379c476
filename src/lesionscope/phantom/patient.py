"""The shapes of one patient's chest as signed distances from points in LPS mm.

The origin lies at the carina's level in the midline; z runs to the head. Each
distance is first-order exact near its surface (value over gradient), negative
inside. Sizes are an adult's, varied by seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lesionscope.phantom.canvas import Field


@dataclass(frozen=True)
class Patient:
    """Sizes in mm and tissue values in HU of one patient."""

    half_width: float
    half_depth: float
    apex: float
    base_right: float
    base_left: float
    heart: float
    wall: float
    fat: float
    mediastinum: float
    lung_hu: float
    emphysema: float
    muscle_hu: float
    blood_hu: float
    heart_hu: float
    liver_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Patient:
        """Draw a patient: size, build, lung density, contrast medium or none."""
        contrast = float(rng.uniform(60, 190)) if rng.random() < 0.5 else 0.0
        size = float(rng.normal(1.0, 0.05))
        emphysema = float(rng.beta(1.2, 3.0))
        return cls(
            half_width=118 * size * float(rng.uniform(0.95, 1.05)),
            half_depth=82 * size * float(rng.uniform(0.93, 1.08)),
            apex=118 * size,
            base_right=-98 * size + float(rng.uniform(-10, 10)),
            base_left=-108 * size + float(rng.uniform(-10, 10)),
            heart=float(rng.uniform(0.88, 1.12)),
            wall=float(rng.uniform(13, 19)),
            fat=float(rng.uniform(8, 32)),
            mediastinum=float(rng.uniform(21, 28)),
            lung_hu=float(rng.uniform(-850, -785)) - 45 * emphysema,
            emphysema=emphysema,
            muscle_hu=float(rng.uniform(45, 60)),
            blood_hu=42.0 + contrast,
            heart_hu=40.0 + 0.8 * contrast,
            liver_hu=float(rng.uniform(50, 62)) + 0.35 * contrast,
        )

    def cavity(self, x: Field, y: Field, z: Field) -> Field:
        """Distance to the inside of the rib cage (pleural side)."""
        top = np.maximum(z - np.float32(self.apex - 105), 0) / np.float32(105)
        # The thorax widens towards the base.
        widen = np.float32(1) + np.float32(0.0007) * np.clip(-z, -100, 90)
        a, b = self.half_width * widen, self.half_depth * widen
        u, v = x / a, (y - np.float32(6)) / b
        q = np.sqrt(np.square(u) + np.square(v) + np.square(top) + np.float32(1e-6))
        slope = np.sqrt(np.square(u / a) + np.square(v / b) + np.square(top / 105) + np.float32(1e-12)) / q
        return np.asarray((q - 1) / slope, dtype=np.float32)

    def body(self, x: Field, y: Field, z: Field) -> Field:
        """Distance to the skin."""
        a = np.float32(self.half_width * 1.06 + self.wall + self.fat)
        b = np.float32(self.half_depth * 1.06 + self.wall + 0.7 * self.fat)
        u, v = x / a, (y - np.float32(8)) / b
        q = np.sqrt(np.square(u) + np.square(v) + np.float32(1e-6))
        slope = np.sqrt(np.square(u / a) + np.square(v / b) + np.float32(1e-12)) / q
        return np.asarray((q - 1) / slope + 0 * z, dtype=np.float32)

    @cached_property
    def mediastinal_balls(self) -> tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...]:
        """Centres and semi-axes of the ellipsoids that bulge the mediastinum into the lungs."""
        h = self.heart
        return (
            ((18.0, -22.0, -62.0), (62.0 * h, 46.0 * h, 52.0 * h)),
            ((38.0, 6.0, -8.0), (14.0, 13.0, 21.0)),
            ((-36.0, 6.0, -12.0), (14.0, 13.0, 21.0)),
            ((24.0, -2.0, 32.0), (18.0, 24.0, 17.0)),
            ((-23.0, -12.0, 28.0), (13.0, 13.0, 66.0)),
        )

    @property
    def spine_y(self) -> float:
        """How far behind the origin the vertebral bodies lie."""
        return self.half_depth - 14.0

    def mediastinum_distance(self, x: Field, y: Field, z: Field) -> Field:
        """Distance to the mediastinal pleura (spine and great vessels included)."""
        front = np.clip((-y - np.float32(25)) / np.float32(40), 0, 1)
        column = np.abs(x) - np.float32(self.mediastinum) * (1 - np.float32(0.55) * front)
        result = np.asarray(column + 0 * z, dtype=np.float32)
        spine = np.hypot(x, y - np.float32(self.spine_y)) - np.float32(25)
        np.minimum(result, spine, out=result)
        aorta = np.hypot(x - np.float32(22), y - np.float32(self.spine_y - 22)) - np.float32(15)
        np.minimum(result, np.where(z < 30, aorta, np.hypot(aorta, z - 30)), out=result)
        for centre, axes in self.mediastinal_balls:
            np.minimum(result, _ellipsoid(x, y, z, centre, axes), out=result)
        return result

    def diaphragm(self, x: Field, y: Field, z: Field) -> Field:
        """Height below the diaphragm's dome: negative above it, in the lung's direction."""
        right = x < 0
        height = np.where(right, np.float32(self.base_right), np.float32(self.base_left))
        side = np.abs(x) - np.float32(58)
        bow = (np.square(side) + np.square(y + np.float32(8))) * np.float32(0.0085)
        slope = 1 / np.sqrt(1 + np.square(0.017 * side) + np.square(0.017 * (y + np.float32(8))))
        return np.asarray((height - bow - z) * slope, dtype=np.float32)

    def lung(self, x: Field, y: Field, z: Field) -> Field:
        """Distance to the pleura, negative in the lungs."""
        result = np.maximum(self.cavity(x, y, z), -self.mediastinum_distance(x, y, z))
        return np.asarray(np.maximum(result, self.diaphragm(x, y, z)), dtype=np.float32)


def _ellipsoid(
    x: Field,
    y: Field,
    z: Field,
    centre: tuple[float, float, float],
    axes: tuple[float, float, float],
) -> Field:
    """Distance to an ellipsoid, first order."""
    u, v, w = ((c - np.float32(m)) / np.float32(a) for c, m, a in zip((x, y, z), centre, axes, strict=True))
    q = np.sqrt(np.square(u) + np.square(v) + np.square(w) + np.float32(1e-6))
    a, b, c = (np.float32(s) for s in axes)
    slope = np.sqrt(np.square(u / a) + np.square(v / b) + np.square(w / c) + np.float32(1e-12)) / q
    return np.asarray((q - 1) / slope, dtype=np.float32)
