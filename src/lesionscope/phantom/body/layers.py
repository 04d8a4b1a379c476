"""Layers: named shapes in the order in which they are laid over each other.

One list of layers both paints a canvas and says which tissue owns a point: the last
layer that a point lies in. So picture and names can't disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.body import fields
from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.canvas import Canvas, Cones, Field, Region, cone_distance, coverage


class Frame:
    """A canvas with the patient's large fields on it, each computed when first asked for."""

    def __init__(self, build: Build, canvas: Canvas, lattices: Sequence[Field]) -> None:
        self.build = build
        self.canvas = canvas
        self.lattices = lattices
        self.everywhere: Region = (slice(None), slice(None), slice(None))

    def _full(self, value: Field) -> Field:
        return np.broadcast_to(value, self.canvas.shape)

    @cached_property
    def body(self) -> Field:
        """Distance to the skin."""
        return self._full(fields.body(self.build, *self.canvas.coordinates()))

    @cached_property
    def cavity(self) -> Field:
        """Distance to the inside of the trunk's wall."""
        return self._full(fields.cavity(self.build, *self.canvas.coordinates()))

    @cached_property
    def mediastinum(self) -> Field:
        """Distance to the mediastinal pleura."""
        return self._full(self.build.patient.mediastinum_distance(*self.canvas.coordinates()))

    @cached_property
    def diaphragm(self) -> Field:
        """Height below the diaphragm."""
        return self._full(self.build.patient.diaphragm(*self.canvas.coordinates()))

    @cached_property
    def lung(self) -> Field:
        """Distance to the pleura, negative in the lungs."""
        result = np.maximum(self.cavity, -self.mediastinum)
        return np.maximum(result, self.diaphragm, out=result)

    def noise(self, which: int, node_mm: float, region: Region | None = None) -> Field:
        """Read one of the patient's noise lattices; its nodes lie ``node_mm`` apart."""
        lattice = self.lattices[which]
        return self.canvas.noise(lattice, node_mm * lattice.shape[0], region)


MOST_NOISE = 8.0
"""No node of a noise lattice lies farther from 0 (in sd)."""

Distance = Callable[[Frame, Region], Field]
Value = Callable[[Frame, Region], Field]


@dataclass(frozen=True)
class Layer:
    """One tissue's shape.

    Parameters
    ----------
    tissue
        Its name in :mod:`~lesionscope.phantom.body.names`.
    hu
        Its value, or a function of place.
    low, high
        A box around it, LPS mm.
    distance
        Signed distance, mm, negative inside; ``None`` where it is made of cones.
    cones
        Its cones, in place of ``distance``.
    clip
        A further distance that it must lie inside of.
    mottle
        sd of its texture, HU.
    wobble
        How far its surface strays from the plain shape, mm.
    soft
        Width of its edge, mm, where that is more than the canvas's own.
    named
        Whether it owns points; otherwise it is paint alone.
    """

    tissue: str
    hu: float | Value
    low: Vec
    high: Vec
    distance: Distance | None = None
    cones: Cones | None = None
    clip: Distance | None = None
    mottle: float = 0.0
    wobble: float = 0.0
    soft: float = 0.0
    named: bool = True
    salt: int = field(default=0)

    def pieces(self, frame: Frame) -> Iterator[tuple[Region, Field]]:
        """Yield each region it may cover, with its signed distance there."""
        canvas = frame.canvas
        if self.cones is None:
            assert self.distance is not None
            region = canvas.region(np.asarray(self.low) - 1.0, np.asarray(self.high) + 1.0)
            if region is not None:
                yield region, self._shaped(frame, region, self.distance(frame, region))
            return
        shapes = self.cones
        for number, region in canvas.regions(*shapes.boxes(canvas.edge_mm), MOST_NOISE * self.wobble):
            yield region, self._shaped(frame, region, cone_distance(canvas, region, shapes, number))

    def _shaped(self, frame: Frame, region: Region, distance: Field) -> Field:
        if self.wobble:
            distance = distance + np.float32(self.wobble) * frame.noise(self.salt % 3, 17.0, region)
        if self.clip is not None:
            distance = np.maximum(distance, self.clip(frame, region))
        return distance

    def paint(self, frame: Frame) -> None:
        """Lay it onto the frame's canvas."""
        canvas = frame.canvas
        width = max(canvas.edge_mm, self.soft)
        for region, distance in self.pieces(frame):
            share = coverage(distance, width)
            if not share.any():
                continue
            value = self.hu(frame, region) if callable(self.hu) else self.hu
            if self.mottle:
                value = np.float32(self.mottle) * frame.noise((self.salt + 1) % 3, 3.1, region) + value
            canvas.blend(region, share, value)


def ellipsoid(
    tissue: str,
    hu: float | Value,
    centre: Vec,
    semi: Vec,
    *,
    lean: tuple[float, float] = (0.0, 0.0),
    clip: Distance | None = None,
    mottle: float = 0.0,
    wobble: float = 0.0,
    soft: float = 0.0,
    salt: int = 0,
) -> Layer:
    """Make a layer of an ellipsoid; ``lean`` is how far its axis moves along x and y a mm of z."""
    shape = fields.leaning_ellipsoid(centre, semi, lean)

    def distance(frame: Frame, region: Region) -> Field:
        return shape(*frame.canvas.coordinates(region))

    grow = np.array([abs(lean[0]) * semi[2], abs(lean[1]) * semi[2], 0.0]) + 2.5 * wobble + soft
    reach = np.asarray(semi) + grow
    return Layer(
        tissue, hu, _vec(np.asarray(centre) - reach), _vec(np.asarray(centre) + reach), distance,
        clip=clip, mottle=mottle, wobble=wobble, soft=soft, salt=salt,
    )  # fmt: skip


def tube(
    tissue: str,
    hu: float | Value,
    points: Sequence[Vec],
    radii: Sequence[float] | float,
    *,
    clip: Distance | None = None,
    mottle: float = 0.0,
    wobble: float = 0.0,
    salt: int = 0,
) -> Layer:
    """Make a layer of a chain of cones through points, with a radius at each."""
    line = np.asarray(points, dtype=np.float64)
    radius = np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(line),))
    return of_cones(
        tissue, hu, Cones(line[:-1], line[1:], radius[:-1], radius[1:]),
        clip=clip, mottle=mottle, wobble=wobble, salt=salt,
    )  # fmt: skip


def of_cones(
    tissue: str,
    hu: float | Value,
    shapes: Cones,
    *,
    clip: Distance | None = None,
    mottle: float = 0.0,
    wobble: float = 0.0,
    salt: int = 0,
) -> Layer:
    """Make a layer of cones."""
    radius = np.maximum(shapes.start_radius, shapes.end_radius)[:, None] + 2.5 * wobble + 1.0
    low = (np.minimum(shapes.start, shapes.end) - radius).min(axis=0)
    high = (np.maximum(shapes.start, shapes.end) + radius).max(axis=0)
    return Layer(
        tissue, hu, _vec(low), _vec(high), cones=shapes, clip=clip, mottle=mottle, wobble=wobble, salt=salt
    )


def bone(
    build: Build, tissue: str, shapes: Cones, cortex_mm: float, *, marrow: str = "trabecular bone"
) -> list[Layer]:
    """Make the layers of a bone: cortex outside, marrow inside."""
    return [
        of_cones(tissue, build.hu["cortical bone"], shapes),
        of_cones(tissue, build.hu[marrow], shapes.grown(1.0, -cortex_mm), mottle=12.0, salt=1),
    ]


def levelled(gas_hu: float, fluid_hu: float, level_y: float) -> Value:
    """HU of a hollow organ's content in a patient who lies on the back: gas in front, fluid behind."""

    def value(frame: Frame, region: Region) -> Field:
        _, y, _ = frame.canvas.coordinates(region)
        share = coverage(level_y - y, max(frame.canvas.edge_mm, 1.0))
        return np.asarray(gas_hu + share * (fluid_hu - gas_hu), dtype=np.float32)

    return value


def _vec(a: NDArray[np.float64]) -> Vec:
    return float(a[0]), float(a[1]), float(a[2])
