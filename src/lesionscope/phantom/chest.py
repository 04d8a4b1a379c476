"""An implicit chest: a function from LPS points to HU, rendered on any grid.

A :class:`Chest` holds shapes, not voxels. :meth:`Chest.paint` lays them onto a
canvas from the outside in; each shape touches only the voxels inside its own
bounding box, and what a canvas can't see (the body wall for a grid in the middle
of a lung) is left out.

HU follow W. A. Kalender, *Computed Tomography* (3rd ed. 2011), figure 1.3: lung
-950…-550, fat -100…-80, water 0, muscle 35…70, liver 40…70, blood 40…60,
trabecular bone 100…300, cortical bone above 250.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.phantom.bones import ribs, sternum, vertebrae
from lesionscope.phantom.canvas import (
    Canvas,
    Cones,
    Field,
    cones,
    coverage,
    noise_lattice,
    paint_cones,
)
from lesionscope.phantom.patient import Patient
from lesionscope.phantom.trees import grow

AIR_HU = -1000.0
FAT_HU = -102.0
AIRWAY_LEVELS = 7
THIN_MM = 0.9
"""Vessels under this radius are spread as volume instead of being painted."""


class Chest:
    """One patient's chest, deterministic by seed; ``(x, y, z)`` LPS mm, carina at the origin's level."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 1])
        self.patient = Patient.draw(rng)
        self._lattices = [noise_lattice(rng) for _ in range(3)]
        self._trees: dict[int, tuple[Cones, Cones, Cones]] = {}

    @property
    def bounds(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """A box around the body from the upper abdomen to the neck, LPS mm."""
        p = self.patient
        a = 1.06 * p.half_width + p.wall + p.fat + 12
        b = 1.06 * p.half_depth + p.wall + 0.7 * p.fat + 12
        return (-a, 8 - b, min(p.base_right, p.base_left) - 62), (a, 8 + b, p.apex + 14)

    # -- geometry of the lungs ------------------------------------------------

    def lung_distance(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Depth of points ``(n, 3)`` below each part of the pleura, mm, positive inside the lung."""
        x, y, z = (points[:, axis].astype(np.float32) for axis in range(3))
        p = self.patient
        parts = {
            "costal": -p.cavity(x, y, z),
            "mediastinal": p.mediastinum_distance(x, y, z),
            "diaphragmatic": -p.diaphragm(x, y, z),
        }
        return {name: depth.astype(np.float64) for name, depth in parts.items()}

    def lung_points(
        self, rng: np.random.Generator, count: int, *, depth_mm: float = 3.0, side: int = 0
    ) -> NDArray[np.float64]:
        """Draw points ``(count, 3)`` at least ``depth_mm`` inside a lung (-1 right, 1 left, 0 either)."""
        p = self.patient
        high = np.array([p.half_width, p.half_depth + 6, p.apex])
        low = np.array([-p.half_width, 6 - p.half_depth, min(p.base_right, p.base_left) - 60])
        if side:
            (low if side > 0 else high)[0] = 0.0
        kept: list[NDArray[np.float64]] = []
        found = 0
        while found < count:
            points = rng.uniform(low, high, (3 * count, 3))
            depth = np.min(list(self.lung_distance(points).values()), axis=0)
            inside = points[depth > depth_mm]
            kept.append(inside)
            found += len(inside)
        return np.concatenate(kept)[:count]

    def trees(self, side: int) -> tuple[Cones, Cones, Cones]:
        """Arteries, veins and airways (lumen radii) of one lung, grown on first use."""
        if side not in self._trees:
            rng = np.random.default_rng([self.seed, 2, side + 1])
            hilum = np.array([side * 38.0, 4.0, -4.0])
            arteries, level = grow(hilum, self.lung_points(rng, 2048, side=side), 6.0, rng)
            veins, _ = grow(
                hilum + np.array([-6.0 * side, 4.0, -16.0]), self.lung_points(rng, 1024, side=side), 5.4, rng
            )
            accompanied = arteries.take(level < AIRWAY_LEVELS)
            shift = rng.normal(size=3) * [0.3, 1.0, 1.0]
            shift /= np.linalg.norm(shift)
            airways = Cones(
                accompanied.start + shift * (1.7 * accompanied.start_radius[:, None] + 0.8),
                accompanied.end + shift * (1.7 * accompanied.end_radius[:, None] + 0.8),
                0.72 * accompanied.start_radius,
                0.72 * accompanied.end_radius,
            )
            self._trees[side] = arteries, veins, airways
        return self._trees[side]

    # -- painting -------------------------------------------------------------

    def paint(self, canvas: Canvas) -> Field:
        """Paint the chest; returns the share of each voxel that is lung."""
        x, y, z = canvas.coordinates()
        p = self.patient
        edge = canvas.edge_mm
        cavity = p.cavity(x, y, z)
        if cavity.max() > -12:
            self._paint_wall(canvas, cavity)
        else:
            canvas.hu[...] = FAT_HU
        mediastinum = p.mediastinum_distance(x, y, z)
        diaphragm = p.diaphragm(x, y, z)
        if diaphragm.max() > -edge:
            self._paint_abdomen(canvas, coverage(cavity, edge), diaphragm)
        lung = coverage(np.maximum(np.maximum(cavity, -mediastinum), diaphragm), edge)
        self._paint_mediastinum(canvas)
        canvas.blend(None, lung, self._parenchyma(canvas))
        self._paint_vessels(canvas, lung)
        return lung

    def hu(self, points: NDArray[np.float64]) -> Field:
        """HU at points ``(n, 3)`` LPS mm: float32 ``(n,)``, no scanner in between."""
        from lesionscope.phantom.points import PointCanvas

        canvas = PointCanvas(points)
        self.paint(canvas)
        return canvas.values()

    def _parenchyma(self, canvas: Canvas) -> Field:
        """HU of lung: fine and coarse mottle, denser behind (gravity), holes of emphysema."""
        p = self.patient
        _, y, _ = canvas.coordinates()
        fine = canvas.noise(self._lattices[0], 2.2 * 24)
        coarse = canvas.noise(self._lattices[1], 11.0 * 24)
        result = 14 * fine + 13 * coarse + np.float32(p.lung_hu) + np.float32(0.28) * y
        holes = canvas.noise(self._lattices[2], 5.0 * 24)
        result -= np.float32(90 * p.emphysema) * np.clip(holes + np.float32(0.5 * p.emphysema - 0.6), 0, 1)
        return np.asarray(np.clip(result, -985, -650), dtype=np.float32)

    def _paint_wall(self, canvas: Canvas, cavity: Field) -> None:
        p = self.patient
        edge = canvas.edge_mm
        x, y, z = canvas.coordinates()
        body = p.body(x, y, z)
        canvas.blend(None, coverage(body, edge), 25.0)
        streaks = canvas.noise(self._lattices[1], 7.0 * 24)
        canvas.blend(None, coverage(body + 2.0, edge), FAT_HU + 5 * streaks)
        muscle = coverage(np.abs(cavity - 0.5 * p.wall) - 0.5 * p.wall, 2.0)
        muscle *= np.clip(1.3 - 0.5 * np.maximum(streaks, 0), 0, 1) * coverage(body + 4, edge)
        canvas.blend(None, muscle, p.muscle_hu)
        # Extrapleural fat, then everything inside is mediastinal fat until painted over.
        canvas.blend(None, coverage(cavity, edge), FAT_HU + 6)
        self._paint_bones(canvas, ribs(p), 4.0)
        back = cones(
            *(((s * 34, p.spine_y + 36, -260), (s * 30, p.spine_y + 34, 200), 19, 15) for s in (-1, 1))
        )
        paint_cones(canvas, back, p.muscle_hu)
        self._paint_bones(canvas, sternum(p), 3.0)

    def _paint_bones(self, canvas: Canvas, bone: Cones, cortex_share: float) -> None:
        """Cortex outside, marrow inside."""
        near = bone.touching(canvas.low, canvas.high)
        if len(near):
            paint_cones(canvas, near, 480.0)
            paint_cones(canvas, near.grown(1 - 1 / cortex_share, -0.3), 190.0)

    def _paint_abdomen(self, canvas: Canvas, inside: Field, diaphragm: Field) -> None:
        p = self.patient
        x, y, _ = canvas.coordinates()
        below = inside * coverage(-diaphragm, canvas.edge_mm)
        canvas.blend(None, below, p.muscle_hu)
        under = inside * coverage(4.0 - diaphragm, canvas.edge_mm)
        liver = under * coverage(x - np.float32(28) + np.float32(0.25) * y, 2.0)
        canvas.blend(None, under, FAT_HU)
        mottle = 5 * canvas.noise(self._lattices[1], 9.0 * 24)
        canvas.blend(None, liver, p.liver_hu + mottle)
        spleen = np.sqrt(np.square(x - 82) / 1.3 + np.square(y - 38) + np.float32(1e-3)) - np.float32(42)
        canvas.blend(None, under * coverage(spleen, 1.5), p.liver_hu + 6)

    def _paint_mediastinum(self, canvas: Canvas) -> None:
        p = self.patient
        if canvas.low[0] > 100 or canvas.high[0] < -75:
            return
        spine = p.spine_y
        organs: list[tuple[Cones, float]] = []
        h = p.heart
        # Heart: muscle with blood-filled chambers.
        for centre, size, hu in (
            ((20.0, -20.0, -62.0), 44.0 * h, 45.0),
            ((-8.0, -8.0, -52.0), 34.0 * h, 45.0),
            ((34.0, -22.0, -72.0), 28.0 * h, p.heart_hu),
            ((2.0, -36.0, -66.0), 20.0 * h, p.heart_hu),
            ((-20.0, -10.0, -48.0), 23.0 * h, p.heart_hu),
            ((4.0, 12.0, -44.0), 21.0 * h, p.heart_hu),
        ):
            organs.append((cones((centre, centre, size, size)), hu))
        arch = ((-3, -22, 8), (-5, -20, 34), (0, -8, 50), (10, 8, 50), (20, spine - 24, 40))
        aorta: list[tuple[ArrayLike, ArrayLike, float, float]]
        aorta = [(a, b, 14.5, 14.0) for a, b in pairwise(arch)]
        aorta += [((20, spine - 24, 40), (22, spine - 22, -20), 12.5, 11.5)]
        aorta += [((22, spine - 22, -20), (14, spine - 24, -240), 11.5, 10.5)]
        aorta += [((-3, -22, 8), (2, -16, -30), 14.5, 15.0)]
        organs.append((cones(*aorta), p.blood_hu))
        organs.append((cones(((-25, -12, 70), (-22, -8, -40), 8.0, 9.5)), p.blood_hu))
        lungs_arteries = [((8, -22, -8), (4, -6, 6), 13.0, 11.5), ((4, -6, 6), (36, 4, 0), 11.0, 8.0)]
        lungs_arteries += [((4, -6, 4), (-36, 4, -4), 10.0, 8.0)]
        organs.append((cones(*lungs_arteries), p.blood_hu))
        organs.append((cones(((4, spine - 26, 130), (6, spine - 24, -200), 7.0, 7.5)), 40.0))
        for shape, hu in organs:
            paint_cones(canvas, shape.touching(canvas.low, canvas.high), hu)
        bodies, arches = vertebrae(p)
        disc = cones(((0, spine + 2, -230), (0, spine + 2, p.apex + 70), 15.0, 15.0))
        paint_cones(canvas, disc, 80.0)
        self._paint_bones(canvas, bodies, 9.0)
        self._paint_bones(canvas, arches, 3.0)
        paint_cones(canvas, cones(((0, spine + 24, -230), (0, spine + 24, p.apex + 70), 8.0, 8.0)), 30.0)
        windpipe = cones(((0, 8, 150), (0, 12, 12), 8.5, 8.5))
        bronchi = cones(((0, 12, 10), (38, 6, -6), 6.3, 5.0), ((0, 12, 10), (-38, 6, -6), 7.0, 5.5))
        for tube in (windpipe, bronchi):
            paint_cones(canvas, tube.grown(1.0, 1.4), 30.0)
        for tube in (windpipe, bronchi):
            paint_cones(canvas, tube, AIR_HU)

    def _paint_vessels(self, canvas: Canvas, lung: Field) -> None:
        for side in (-1, 1):
            if (canvas.high[0] < 5) if side > 0 else (canvas.low[0] > -5):
                continue
            arteries, veins, airways = (t.touching(canvas.low, canvas.high) for t in self.trees(side))
            blood = self.patient.blood_hu
            x, y, z = canvas.coordinates()
            hilum = np.square(x - 35 * side) + np.square(y - 6) + np.square(z + 10)
            room = np.maximum(lung, (hilum < 24.0**2).astype(np.float32))
            thin = np.zeros(canvas.shape, dtype=np.float32)
            for tree in (arteries, veins):
                thick = tree.start_radius >= THIN_MM
                thin += canvas.cover_thin(tree.take(~thick))
                paint_cones(canvas, tree.take(thick), blood, within=room)
            canvas.blend(None, np.clip(thin, 0, 1) * lung, blood)
            seen = airways.take(airways.start_radius > 0.6)
            # Beyond the hilum nothing leaves the lung.
            paint_cones(canvas, seen.grown(1.12, 0.5), -20.0, within=room)
            paint_cones(canvas, seen, -985.0, within=room)

    @cached_property
    def title(self) -> str:
        """A name for lists: it says what this is."""
        return f"Phantom chest {self.seed}"
