"""One whole-body patient: an implicit scene, and a name for every place in it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.phantom.body import abdomen, fields, pelvis, skeleton, thorax, wall
from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.body.layers import Frame, Layer
from lesionscope.phantom.body.names import NUMBER
from lesionscope.phantom.canvas import Canvas, Cones, Field, Region, coverage, noise_lattice, paint_cones
from lesionscope.phantom.points import PointCanvas
from lesionscope.phantom.trees import grow

THIN_MM = 0.9
"""Lung vessels under this radius are spread as volume."""


class Body:
    """A patient from neck to upper thighs, deterministic by seed; LPS mm, carina at z = 0, +z = head.

    Attributes
    ----------
    sex
        "F" or "M".
    phase
        Contrast phase, one of :data:`~lesionscope.phantom.body.tissues.PHASES`.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.build = Build.draw(seed)
        self.sex = self.build.sex
        self.phase = self.build.phase
        rng = np.random.default_rng([seed, 34])
        self.lattices = [noise_lattice(rng) for _ in range(3)]
        self._trees: dict[int, tuple[Cones, Cones, Cones]] = {}

    def __reduce__(self) -> tuple[type[Body], tuple[int]]:
        """Pickle as the seed alone."""
        return Body, (self.seed,)

    @property
    def bounds(self) -> tuple[Vec, Vec]:
        """A box around the body, LPS mm."""
        b = self.build
        fat = b.patient.fat
        wide = max(178 * b.scale[0], 172 * b.hip) + 1.1 * fat + 6
        front = fields.breast(b)
        low = min(-100 * b.scale[1] - 1.4 * fat, front[0][1] - front[1][1]) - 6
        return (-wide, low, b.z(-560)), (wide, 122 * b.scale[1] + 1.2 * fat + 6, b.z(165))

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All named shapes in the order in which they are laid over each other."""
        b = self.build
        (x0, y0, z0), (x1, y1, z1) = self.bounds
        low, high = (x0 - 50, y0 - 50, z0 - 80), (x1 + 50, y1 + 50, z1 + 60)

        def inner(frame: Frame, region: Region) -> Field:
            return frame.cavity[region]

        return (
            *wall.layers(b, low, high),
            Layer("inner fat", b.hu["fat"], low, high, inner, mottle=3.0),
            *thorax.layers(b, low, high),
            *wall.back(b),
            *skeleton.layers(b),
            *thorax.lungs(b, low, high),
            *thorax.mediastinum(b),
            *abdomen.solid(b),
            *abdomen.vessels(b),
            *abdomen.digestive(b),
            *pelvis.layers(b),
        )

    @cached_property
    def _boxes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array([layer.low for layer in self.layers]), np.array([layer.high for layer in self.layers])

    def _near(self, canvas: Canvas) -> list[bool]:
        """Whether each layer's box touches a canvas: most lie elsewhere."""
        low, high = self._boxes
        near: list[bool] = np.all((high >= canvas.low) & (low <= canvas.high), axis=1).tolist()
        return near

    # -- picture --------------------------------------------------------------

    def paint(self, canvas: Canvas) -> None:
        """Paint the body onto a canvas of any grid."""
        frame = Frame(self.build, canvas, self.lattices)
        painted = False
        for layer, near in zip(self.layers, self._near(canvas), strict=True):
            if layer.tissue == "pulmonary artery" and not painted:
                self._paint_lung_trees(frame)
                painted = True
            if near:
                layer.paint(frame)

    def hu(self, points: ArrayLike) -> Field:
        """HU at points ``(n, 3)``: float32 ``(n,)``, no scanner in between."""
        canvas = PointCanvas(points)
        self.paint(canvas)
        return canvas.values()

    def _paint_lung_trees(self, frame: Frame) -> None:
        canvas, p = frame.canvas, self.build.patient
        if canvas.low[2] > p.apex or canvas.high[2] < self.build.z(-190) or frame.lung.min() > 0:
            return
        share = coverage(frame.lung, canvas.edge_mm)
        for side in (-1, 1):
            if (canvas.high[0] < 5) if side > 0 else (canvas.low[0] > -5):
                continue
            arteries, veins, airways = (t.touching(canvas.low, canvas.high) for t in self.trees(side))
            thin = np.zeros(canvas.shape, dtype=np.float32)
            for tree, hu in ((arteries, self.build.hu["pulmonary artery"]), (veins, self.build.hu["artery"])):
                thick = tree.start_radius >= THIN_MM
                thin += canvas.cover_thin(tree.take(~thick))
                paint_cones(canvas, tree.take(thick), hu, within=share)
            canvas.blend(None, np.clip(thin, 0, 1) * share, self.build.hu["pulmonary artery"])
            seen = airways.take(airways.start_radius > 0.6)
            paint_cones(canvas, seen.grown(1.12, 0.5), -20.0, within=share)
            paint_cones(canvas, seen, -985.0, within=share)

    def trees(self, side: int) -> tuple[Cones, Cones, Cones]:
        """Arteries, veins and airways of one lung (-1 right, 1 left), grown on first use."""
        if side not in self._trees:
            rng = np.random.default_rng([self.seed, 35, side + 1])
            hilum = np.array([side * 38.0, 4.0, -4.0])
            arteries, level = grow(hilum, self._lung_points(rng, 2048, side), 5.6, rng)
            root = hilum + np.array([-6.0 * side, 4.0, -16.0])
            veins, _ = grow(root, self._lung_points(rng, 1024, side), 5.0, rng)
            beside = arteries.take(level < 7)
            shift = rng.normal(size=3) * [0.3, 1.0, 1.0]
            shift /= np.linalg.norm(shift)
            airways = Cones(
                beside.start + shift * (1.7 * beside.start_radius[:, None] + 0.8),
                beside.end + shift * (1.7 * beside.end_radius[:, None] + 0.8),
                0.72 * beside.start_radius,
                0.72 * beside.end_radius,
            )
            self._trees[side] = arteries, veins, airways
        return self._trees[side]

    def _lung_points(self, rng: np.random.Generator, count: int, side: int) -> NDArray[np.float64]:
        p = self.build.patient
        low = np.array(
            [min(side * 130 * self.build.scale[0], 0.0), 6 - p.half_depth * 1.07, self.build.z(-190)]
        )
        high = np.array([max(side * 130 * self.build.scale[0], 0.0), 6 + p.half_depth * 1.07, p.apex])
        kept: list[NDArray[np.float64]] = []
        found = 0
        while found < count:
            points = rng.uniform(low, high, (3 * count, 3))
            inside = points[Frame(self.build, PointCanvasUnsorted(points), self.lattices).lung.ravel() < -3.0]
            kept.append(inside)
            found += len(inside)
        return np.concatenate(kept)[:count]

    # -- names ----------------------------------------------------------------

    def owners(self, frame: Frame) -> NDArray[np.intp]:
        """Return the number (see ``names.NUMBER``) of the tissue that owns each point of a frame."""
        owner = np.zeros(frame.canvas.shape, dtype=np.intp)
        for layer, near in zip(self.layers, self._near(frame.canvas), strict=True):
            if near and layer.named:
                for region, distance in layer.pieces(frame):
                    owner[region][distance < 0] = NUMBER[layer.tissue]
        return owner

    def parts_at(self, points: ArrayLike, *, expanded: bool = True) -> list[frozenset[str]]:
        """Body-part labels that hold at points ``(n, 3)``; empty outside the body."""
        from lesionscope.phantom.body.regions import parts_at

        return parts_at(self, np.asarray(points, dtype=np.float64).reshape(-1, 3), expanded=expanded)

    def body_parts_at(self, point: ArrayLike, *, expanded: bool = True) -> frozenset[str]:
        """Body-part labels that hold at a point (LPS mm); ``expanded`` adds what they imply."""
        return self.parts_at(np.asarray(point, dtype=np.float64).reshape(1, 3), expanded=expanded)[0]

    @property
    def labels_here(self) -> tuple[str, ...]:
        """Body parts that this patient has: all, but cervix, ovary and adnexa in women alone."""
        from lesionscope.phantom.body.regions import BODY_PARTS, WOMEN_ONLY

        return tuple(n for n in BODY_PARTS if self.sex == "F" or n not in WOMEN_ONLY)

    def place(self, label: str, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw a point ``(3,)`` where a body part is.

        Raises
        ------
        InputError
            It is no body part of the vocabulary, or this patient has none.
        """
        from lesionscope.phantom.body.places import place

        return place(self, label, rng)


class PointCanvasUnsorted(PointCanvas):
    """A point canvas whose fields come in the order of its points; it can't be painted on."""

    def __init__(self, points: ArrayLike) -> None:
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        self.shape = (len(points), 1, 1)
        self.x, self.y, self.z = (
            np.ascontiguousarray(points[:, a].astype(np.float32).reshape(self.shape)) for a in range(3)
        )
        self.separable = False
