"""Painting shapes given in LPS millimetres onto any grid, each touching only its own voxels.

Edges are antialiased by distance: a voxel whose centre lies ``d`` mm inside a
surface is covered ``clip(½ + d / width)``, which is what a scanner's partial
volume makes of it. Thin vessels are spread as volume instead (:meth:`Canvas.splat`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.geometry import Geometry

Field = NDArray[np.float32]
Region = tuple[slice, slice, slice]

LATTICE = 24
"""Nodes a side of a periodic noise lattice."""
_ZERO, _ONE = np.float32(0), np.float32(1)


def coverage(distance: Field, width_mm: float) -> Field:
    """Share of a voxel inside a surface, from its centre's signed distance (mm, inside < 0)."""
    result = distance * np.float32(-1.0 / width_mm)
    result += np.float32(0.5)
    return unit(result)


def unit(values: Field) -> Field:
    """Clip to 0…1 in place; ``np.clip`` takes twice as long to start, and most regions are small."""
    np.maximum(values, _ZERO, out=values)
    return np.minimum(values, _ONE, out=values)


class Canvas:
    """HU on a grid, and where its voxels lie.

    Parameters
    ----------
    geometry
        Any grid: oblique, tilted or uneven too. Where its axes run along the
        patient's, coordinates are kept as one line an axis and everything that
        depends on one coordinate alone is computed once a line.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self.shape = geometry.size[::-1]
        self.hu: Field = np.full(self.shape, -1000.0, dtype=np.float32)
        nk, nj, ni = self.shape
        # i runs along ±x, j along ±y, k along ±z: other grids carry a full coordinate a voxel.
        self.separable = bool(np.all(np.abs(np.abs(np.diag(geometry.axes)) - 1) < 1e-9))
        if self.separable:
            lines = [np.zeros((n, 3)) for n in (nk, nj, ni)]
            for axis, line in enumerate(lines):
                line[:, axis] = np.arange(len(line))
            z, y, x = (geometry.to_lps(line)[:, 2 - axis] for axis, line in enumerate(lines))
            self.x: Field = x.astype(np.float32)[None, None, :]
            self.y: Field = y.astype(np.float32)[None, :, None]
            self.z: Field = z.astype(np.float32)[:, None, None]
        else:
            index = np.stack(np.meshgrid(*(np.arange(n) for n in self.shape), indexing="ij"), axis=-1)
            lps = geometry.to_lps(index).astype(np.float32)
            self.x, self.y, self.z = (np.ascontiguousarray(lps[..., axis]) for axis in range(3))
        steps = (geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.slice_step_mm)
        self.voxel_mm3 = float(abs(np.linalg.det(geometry.axes)) * steps[0] * steps[1] * steps[2])
        self.edge_mm = max(0.6, float(self.voxel_mm3 ** (1 / 3)))
        corners = geometry.corners_lps()
        rim = max(steps)
        self.low = corners.min(axis=0) - rim
        self.high = corners.max(axis=0) + rim

    def coordinates(self, region: Region | None = None) -> tuple[Field, Field, Field]:
        """x, y, z (LPS mm) of a region, in shapes that broadcast to it."""
        if region is None:
            return self.x, self.y, self.z
        k, j, i = region
        if self.separable:
            return self.x[:, :, i], self.y[:, j, :], self.z[k, :, :]
        return self.x[region], self.y[region], self.z[region]

    def regions(self, low: ArrayLike, high: ArrayLike, slack_mm: float = 0.0) -> Iterator[tuple[int, Region]]:
        """Yield number and voxels of each box ``(n, 3)``…``(n, 3)`` LPS that touches the grid.

        Where nothing of the grid lies within ``slack_mm`` of a box, it may be left out.
        """
        low, high = np.atleast_2d(low), np.atleast_2d(high)
        near = np.nonzero(np.all((high >= self.low) & (low <= self.high), axis=1))[0]
        if not len(near):
            return
        ends = (low[near], high[near])
        if self.separable:
            corners = np.stack(ends)
        else:
            corners = np.stack(
                [
                    np.stack([ends[a][:, 0], ends[b][:, 1], ends[c][:, 2]], axis=1)
                    for a in (0, 1)
                    for b in (0, 1)
                    for c in (0, 1)
                ]
            )
        index = self.geometry.to_voxel(corners)
        start = np.maximum(np.floor(index.min(axis=0)).astype(int), 0)
        stop = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1, self.shape)
        for number, (k0, j0, i0), (k1, j1, i1) in zip(
            near.tolist(), start.tolist(), stop.tolist(), strict=True
        ):
            if k1 > k0 and j1 > j0 and i1 > i0:
                yield number, (slice(k0, k1), slice(j0, j1), slice(i0, i1))

    def region(self, low: ArrayLike, high: ArrayLike) -> Region | None:
        """Voxels of one box, ``None`` where it misses the grid."""
        return next((region for _, region in self.regions(low, high)), None)

    def blend(self, region: Region | None, alpha: Field, value: Field | float) -> None:
        """Move HU towards ``value`` by the share ``alpha``."""
        target = self.hu if region is None else self.hu[region]
        target += alpha * (np.asarray(value, dtype=np.float32) - target)

    def noise(self, lattice: Field, period_mm: float, region: Region | None = None) -> Field:
        """Read a periodic noise lattice ``(m, m, m)`` whose nodes lie ``period_mm`` / m apart."""
        scale = np.float32(lattice.shape[0] / period_mm)
        x, y, z = self.coordinates(region)
        if self.separable:
            result: Field = lattice
            # Plain gathers, no BLAS: the same bytes on any number of threads.
            for axis, line in ((0, z), (1, y), (2, x)):
                position = line.ravel() * scale
                base = np.floor(position).astype(np.int64)
                shape = [1, 1, 1]
                shape[axis] = -1
                fraction = (position - base).reshape(shape).astype(np.float32)
                start = result.take(base % lattice.shape[0], axis=axis)
                step = result.take((base + 1) % lattice.shape[0], axis=axis)
                step -= start
                step *= fraction
                start += step
                result = start
            return result
        from scipy.ndimage import map_coordinates

        where = np.stack([z * scale, y * scale, x * scale])
        return np.asarray(map_coordinates(lattice, where, order=1, mode="grid-wrap", output=np.float32))

    def cover_thin(self, shapes: Cones) -> Field:
        """Share of each voxel that cones thinner than it cover: their volume, spread."""
        return splat_cones(self, shapes)

    def splat(self, points: NDArray[np.float64], volumes: NDArray[np.float64]) -> Field:
        """Spread volumes (mm³) at points ``(n, 3)`` over the eight voxels around each.

        Returns
        -------
        ndarray
            Covered share of each voxel, not clipped.
        """
        index = self.geometry.to_voxel(points)
        base = np.floor(index).astype(np.int64)
        fraction = index - base
        total = np.zeros(int(np.prod(self.shape)))
        share = volumes / self.voxel_mm3
        for corner in np.ndindex(2, 2, 2):
            voxel = base + corner
            weight = share * np.prod(np.where(corner, fraction, 1 - fraction), axis=1)
            inside = np.all((voxel >= 0) & (voxel < self.shape), axis=1)
            flat = np.ravel_multi_index(tuple(voxel[inside].T), self.shape)
            total += np.bincount(flat, weights=weight[inside], minlength=len(total))
        return total.reshape(self.shape).astype(np.float32)


def noise_lattice(rng: np.random.Generator) -> Field:
    """Draw a noise lattice of unit variance."""
    return rng.standard_normal((LATTICE, LATTICE, LATTICE), dtype=np.float32)


@dataclass(frozen=True)
class Cones:
    """Round-ended cones: ``start``, ``end`` ``(n, 3)`` LPS mm, radii ``(n,)`` mm at each end."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    start_radius: NDArray[np.float64]
    end_radius: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def spans(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corners ``(n, 3)`` of the axes' boxes, and the larger radii ``(n, 1)``, mm."""
        return (
            np.minimum(self.start, self.end),
            np.maximum(self.start, self.end),
            np.maximum(self.start_radius, self.end_radius)[:, None],
        )

    @cached_property
    def singles(self) -> list[tuple[list[float], list[float], float, float, float]]:
        """In single precision: each one's start, its axis, 1 / length², radius and radius's change."""
        start, axis = self.start.astype(np.float32), (self.end - self.start).astype(np.float32)
        length2 = np.matmul(axis[:, None, :], axis[:, :, None])[:, 0, 0]
        radius, last = self.start_radius.astype(np.float32), self.end_radius.astype(np.float32)
        columns = (start, axis, 1 / np.maximum(length2, np.float32(1e-6)), radius, last - radius)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def boxes(self, margin_mm: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Corners ``(n, 3)`` of the boxes around them, so many mm wider."""
        low, high, radius = self.spans
        reach = radius + margin_mm
        return low - reach, high + reach

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Cones:
        """Return some of them."""
        return Cones(self.start[chosen], self.end[chosen], self.start_radius[chosen], self.end_radius[chosen])

    def grown(self, factor: float, millimetres: float = 0.0) -> Cones:
        """Return them with radii scaled, then widened."""
        return Cones(
            self.start,
            self.end,
            self.start_radius * factor + millimetres,
            self.end_radius * factor + millimetres,
        )

    def touching(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> Cones:
        """Return those whose bounding boxes touch a box."""
        bottom, top = self.boxes()
        return self.take(np.all((top >= low) & (bottom <= high), axis=1))


def cones(*rows: tuple[ArrayLike, ArrayLike, float, float]) -> Cones:
    """Collect cones given as (start, end, radius at start, radius at end)."""
    return Cones(
        np.array([r[0] for r in rows], dtype=np.float64).reshape(-1, 3),
        np.array([r[1] for r in rows], dtype=np.float64).reshape(-1, 3),
        np.array([r[2] for r in rows], dtype=np.float64),
        np.array([r[3] for r in rows], dtype=np.float64),
    )


def paint_cones(
    canvas: Canvas, shapes: Cones, hu: float, *, within: Field | None = None, edge_mm: float | None = None
) -> None:
    """Paint cones of one HU; ``within`` (a share a voxel) confines them."""
    width = canvas.edge_mm if edge_mm is None else edge_mm
    for number, region in canvas.regions(*shapes.boxes(width / 2)):
        alpha = coverage(cone_distance(canvas, region, shapes, number), width)
        if within is not None:
            alpha *= within[region]
        canvas.blend(region, alpha, hu)


def cone_distance(canvas: Canvas, region: Region, shapes: Cones, number: int) -> Field:
    """Signed distance (mm, negative inside) of a region to one cone."""
    x, y, z = canvas.coordinates(region)
    (a, b, c), (u, v, w), per_length2, radius, slope = shapes.singles[number]
    px, py, pz = x - a, y - b, z - c
    t = (px * u + py * v) + pz * w
    t *= per_length2
    unit(t)
    d2 = np.square(px - t * u)
    d2 += np.square(py - t * v)
    d2 += np.square(pz - t * w)
    np.sqrt(d2, out=d2)
    t *= slope
    t += radius
    d2 -= t
    return np.asarray(d2, dtype=np.float32)


def splat_cones(canvas: Canvas, shapes: Cones, step_mm: float = 0.6) -> Field:
    """Spread thin cones as volume: the covered share of each voxel, clipped to 1."""
    shapes = shapes.touching(canvas.low, canvas.high)
    if not len(shapes):
        return np.zeros(canvas.shape, dtype=np.float32)
    length = np.linalg.norm(shapes.end - shapes.start, axis=1)
    counts = np.maximum(np.ceil(length / step_mm).astype(int), 1)
    which = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    t = (np.arange(len(which)) - first[which] + 0.5) / counts[which]
    points = shapes.start[which] + t[:, None] * (shapes.end - shapes.start)[which]
    radius = shapes.start_radius[which] + t * (shapes.end_radius - shapes.start_radius)[which]
    covered = canvas.splat(points, np.pi * radius**2 * (length / counts)[which])
    return np.asarray(np.clip(covered, 0.0, 1.0))


def paint_balls(
    canvas: Canvas,
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    hu: float,
    *,
    within: Field | None = None,
    edge_mm: float | None = None,
) -> None:
    """Paint balls ``(n, 3)`` LPS mm of radii ``(n,)`` mm."""
    paint_cones(canvas, Cones(centres, centres, radii, radii), hu, within=within, edge_mm=edge_mm)
