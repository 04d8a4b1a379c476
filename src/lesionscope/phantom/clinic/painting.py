"""Painting a lesion of the phantom clinic onto any canvas from its latent looks.

Everything is a function of the patient's coordinates alone, so a lesion painted on a patch, on a
slice and on a whole volume is the same one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.canvas import (
    Canvas,
    Cones,
    Field,
    Region,
    coverage,
    noise_lattice,
    paint_balls,
    paint_cones,
)
from lesionscope.phantom.clinic.lesions import ClinicLesion

Points = NDArray[np.float64]
CALCIUM_HU = 620.0
FAT_HU = -98.0
AIR_HU = -930.0
LOBULATED = 0.2
"""An outline whose bumps are higher than this share of the radius is lobulated."""

_SHAPE, _TEXTURE, _CALCIUM, _FAT, _SPICULES, _SATELLITES, _CLUSTER, _SEPTA, _PATTERN, _RIM = range(20, 30)


def _rng(lesion: ClinicLesion, part: int) -> np.random.Generator:
    return np.random.default_rng([*lesion.seed, 1000 + part])


def directions(rng: np.random.Generator, count: int) -> Points:
    """Spread unit vectors ``(count, 3)`` evenly: a golden spiral, turned and jittered at random."""
    n = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * n / count), np.pi * (1 + 5**0.5) * n
    ball = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    axis = rng.normal(size=(3, 3))
    first = axis[0] / np.linalg.norm(axis[0])
    second = np.cross(first, axis[1])
    second /= np.linalg.norm(second)
    rotation = np.stack([first, second, np.cross(first, second)])
    spread = ball @ rotation + rng.normal(0.0, 0.25 / np.sqrt(count), (count, 3))
    return np.asarray(spread / np.linalg.norm(spread, axis=1, keepdims=True))


def axes_of(lesion: ClinicLesion) -> Points:
    """Return the lesion's own axes as rows ``(3, 3)``, LPS."""
    return np.array(lesion.rotation, dtype=np.float64).reshape(3, 3)


def reach_mm(lesion: ClinicLesion) -> float:
    """Return the distance from the centre within which all parts of a lesion lie, mm."""
    looks = lesion.looks
    radius = max(lesion.semi_axes_mm)
    grown = 1.0 + looks.lobe_depth + 0.9 * (looks.bulge > 0) + 0.35 * (looks.cluster > 0)
    grown = max(grown, 1.85 * (looks.satellites > 0))
    return radius * grown + looks.edge_mm + looks.halo_mm + 9.0 * (looks.spicules > 0) + 2.0


class Shape:
    """A lesion's body as a distance field on a region of a canvas."""

    def __init__(self, lesion: ClinicLesion, canvas: Canvas, region: Region) -> None:
        self.lesion = lesion
        looks = lesion.looks
        x, y, z = canvas.coordinates(region)
        centre = lesion.centroid
        offset = (x - np.float32(centre[0]), y - np.float32(centre[1]), z - np.float32(centre[2]))
        axes = axes_of(lesion)
        semi = np.array(lesion.semi_axes_mm)
        self._axes, self._semi = axes, semi
        # In the lesion's own frame, scaled so that its body is a unit ball.
        self.local = tuple(
            sum(np.float32(axes[row, c] / semi[row]) * offset[c] for c in range(3)) for row in range(3)
        )
        self.rho = np.sqrt(sum(np.square(part) for part in self.local) + np.float32(1e-6))
        square = sum(np.square(part) for part in offset)
        self.scale = np.sqrt(square + np.float32(1e-4)) / self.rho
        self.surface = self._surface()
        self.distance = (self.rho - self.surface) * self.scale
        if looks.cluster:
            self.distance = self._clustered()
        if looks.bulge > 0:
            self.distance = np.minimum(self.distance, self._bulge())

    def _cosine(self, direction: Points) -> Field:
        dot = sum(np.float32(direction[c]) * self.local[c] for c in range(3))
        return np.asarray(dot / self.rho, dtype=np.float32)

    def _surface(self) -> Field:
        """Radius of the outline in each direction, as a share of the plain ellipsoid's."""
        looks = self.lesion.looks
        if looks.lobe_depth < 0.005:
            return np.ones(self.rho.shape, dtype=np.float32)
        spread = directions(_rng(self.lesion, _SHAPE), looks.lobes)
        if looks.lobe_depth < LOBULATED:
            # Gentle waves: bumps are paid for by the valleys between them, so the extent stays.
            swell = np.zeros(self.rho.shape, dtype=np.float32)
            sharp = np.float32(2.0 + 0.9 * looks.lobes)
            for direction in spread:
                np.maximum(swell, np.exp(sharp * (self._cosine(direction) - 1)), out=swell)
            return np.asarray(1 - looks.lobe_depth * (1 - swell), dtype=np.float32)
        # Lobules: balls that bulge from a smaller body, with notches between them.
        result = np.full(self.rho.shape, 1 - looks.lobe_depth, dtype=np.float32)
        size = np.float32(0.42)
        away = np.float32(1 - size)
        for direction in spread:
            cosine = self._cosine(direction)
            inner = size * size - away * away * (1 - np.square(cosine))
            reach = away * cosine + np.sqrt(np.maximum(inner, 0))
            np.maximum(result, np.where((inner > 0) & (cosine > 0), reach, 0), out=result)
        return result

    def ball(self, where: Points, radius: float) -> Field:
        """Distance to a ball at ``where`` (the lesion's frame) of ``radius`` (share of its body)."""
        square = sum(np.square(self.local[c] - np.float32(where[c])) for c in range(3))
        near = np.sqrt(square + np.float32(1e-6))
        return np.asarray((near - np.float32(radius)) * self.scale, dtype=np.float32)

    def _clustered(self) -> Field:
        rng = _rng(self.lesion, _CLUSTER)
        result = np.full(self.rho.shape, np.inf, dtype=np.float32)
        for direction in directions(rng, self.lesion.looks.cluster):
            size = float(rng.uniform(0.42, 0.56))
            np.minimum(result, self.ball(direction * (1.0 - size), size), out=result)
        return result

    def _bulge(self) -> Field:
        share = self.lesion.looks.bulge
        outward = self._axes @ np.array(self.lesion.outward) * min(self._semi) / self._semi
        return self.ball(outward * 0.8 * share, 0.72)


def paint(canvas: Canvas, lesion: ClinicLesion) -> Field | None:
    """Paint a lesion into a painted body.

    Parameters
    ----------
    canvas
        Where the body has been painted already.
    lesion
        The lesion.

    Returns
    -------
    ndarray or None
        Share of each voxel that belongs to the lesion's own body (companions, rays and halo left
        out); ``None`` where it doesn't touch the canvas.
    """
    looks = lesion.looks
    centre = np.array(lesion.centroid)
    reach = reach_mm(lesion)
    region = canvas.region(centre - reach, centre + reach)
    if region is None:
        return None
    shape = Shape(lesion, canvas, region)
    room = room_in(looks.room, canvas.hu[region])
    edge = looks.edge_mm + 0.4 * canvas.edge_mm
    body = coverage(shape.distance, edge) * room
    texture = _noise(canvas, lesion, region, looks.texture_mm, _TEXTURE)
    alpha = _patterned(canvas, lesion, region, shape, body, edge)
    fill = np.float32(looks.fill_hu) + np.float32(looks.texture_hu) * texture
    if looks.rim_hu:
        fill = fill + _rim(lesion, shape)
    if looks.halo_mm > 0:
        around = coverage(shape.distance - np.float32(looks.halo_mm), 4.0) * room
        canvas.hu[region] += around * np.maximum(np.float32(looks.halo_hu) - canvas.hu[region], 0)
    canvas.blend(region, alpha, fill)
    if looks.shell_hu:
        shell = coverage(np.abs(shape.distance + 0.8) - 0.9, 0.9) * room
        canvas.blend(region, shell, looks.shell_hu)
    if looks.core_share > 0:
        _paint_core(canvas, lesion, region, shape, body)
    _paint_parts(canvas, lesion, region, shape, body)
    mask = np.zeros(canvas.shape, dtype=np.float32)
    mask[region] = body
    return mask


def room_in(kind: str, hu: Field) -> Field | np.float32:
    """Return the share of each voxel in which a lesion may lie, from what has been painted there."""
    if kind == "any":
        return np.float32(1.0)
    low, width, sign = {
        "lung": (-350.0, 250.0, -1.0),
        "organ": (-35.0, 50.0, 1.0),
        "bone": (110.0, 80.0, 1.0),
        "tissue": (-450.0, 200.0, 1.0),
    }[kind]
    return np.asarray(np.clip(0.5 + sign * (hu - low) / width, 0, 1), dtype=np.float32)


def _noise(canvas: Canvas, lesion: ClinicLesion, region: Region, grain_mm: float, part: int) -> Field:
    lattice = noise_lattice(_rng(lesion, part))
    return canvas.noise(lattice, grain_mm * lattice.shape[0], region)


def _patterned(
    canvas: Canvas, lesion: ClinicLesion, region: Region, shape: Shape, body: Field, edge: float
) -> Field:
    """Return the share of each voxel that the lesion replaces."""
    pattern = lesion.looks.pattern
    size = 2 * max(lesion.semi_axes_mm)
    if pattern == "patches":
        grain = float(np.clip(0.22 * size, 4.0, 9.0))
        field = _noise(canvas, lesion, region, grain, _PATTERN)
        return np.asarray(body * np.clip(0.5 + 2.2 * (field - 0.15), 0, 1), dtype=np.float32)
    if pattern == "net":
        grain = float(np.clip(0.16 * size, 3.5, 6.0))
        one = np.abs(_noise(canvas, lesion, region, grain, _PATTERN))
        two = np.abs(_noise(canvas, lesion, region, grain, _PATTERN + 50))
        lines = np.clip(1.6 - 5.5 * np.minimum(one, two), 0, 1)
        return np.asarray(body * lines, dtype=np.float32)
    if pattern == "cloud":
        soft = coverage(
            shape.distance + 0.25 * min(lesion.semi_axes_mm), 0.9 * min(lesion.semi_axes_mm) + edge
        )
        field = _noise(canvas, lesion, region, 7.0, _PATTERN)
        return np.asarray(soft * (body > 0) * np.clip(0.62 + 0.14 * field, 0, 0.95), dtype=np.float32)
    if pattern == "strands":
        along = np.abs(np.sin(np.float32(2.6) * shape.local[1] + np.float32(1.4) * shape.local[0]))
        return np.asarray(body * np.clip(1.25 - 1.1 * along, 0.25, 1), dtype=np.float32)
    return body


def _rim(lesion: ClinicLesion, shape: Shape) -> Field:
    looks = lesion.looks
    band = coverage(np.abs(shape.distance + 0.5 * looks.rim_mm) - 0.5 * looks.rim_mm, 1.0)
    if looks.rim_blobs:
        blobs = np.zeros(band.shape, dtype=np.float32)
        for direction in directions(_rng(lesion, _RIM), looks.rim_blobs):
            np.maximum(blobs, np.clip(9 * (shape._cosine(direction) - 0.84), 0, 1), out=blobs)
        deep = coverage(np.abs(shape.distance + looks.rim_mm) - looks.rim_mm, 1.0)
        return np.asarray(np.float32(looks.rim_hu) * blobs * deep, dtype=np.float32)
    return np.asarray(np.float32(looks.rim_hu) * band, dtype=np.float32)


def _paint_core(canvas: Canvas, lesion: ClinicLesion, region: Region, shape: Shape, body: Field) -> None:
    """Paint a core: ragged where it is necrosis, smoother where it holds air."""
    looks = lesion.looks
    ragged = 0.10 if looks.core_hu < -500 else 0.16
    wobble = ragged * _noise(canvas, lesion, region, max(3.0, 0.25 * min(lesion.semi_axes_mm)), _RIM + 50)
    share = np.float32(looks.core_share) * shape.surface * (1 + np.clip(wobble, -0.3, 0.15))
    inside = (shape.rho - share) * shape.scale
    canvas.blend(region, coverage(inside, 1.2) * body, looks.core_hu)


def _inner_balls(
    lesion: ClinicLesion, part: int, count: int, out: tuple[float, float], size: tuple[float, float]
) -> tuple[Points, Points]:
    """Draw balls ``(count, 3)`` LPS mm and radii inside a lesion, sizes as shares of its short axis."""
    rng = _rng(lesion, part)
    where = directions(rng, count) * rng.uniform(*out, (count, 1))
    centres = np.array(lesion.centroid) + (where * np.array(lesion.semi_axes_mm)) @ axes_of(lesion)
    return centres, rng.uniform(*size, count) * min(lesion.semi_axes_mm)


def _paint_parts(canvas: Canvas, lesion: ClinicLesion, region: Region, shape: Shape, body: Field) -> None:
    looks = lesion.looks
    within = np.zeros(canvas.shape, dtype=np.float32)
    within[region] = body
    if looks.septa:
        for direction in directions(_rng(lesion, _SEPTA), looks.septa):
            plane = sum(np.float32(direction[c]) * shape.local[c] for c in range(3)) - np.float32(0.12)
            wall = coverage(np.abs(plane) * np.float32(min(lesion.semi_axes_mm)) - np.float32(0.7), 0.8)
            canvas.blend(region, wall * body * 0.8, looks.fill_hu + max(45.0, looks.rim_hu))
    if looks.pattern == "airways":
        paint_cones(canvas, _bronchi(lesion), AIR_HU, within=within, edge_mm=1.0)
    if looks.fat:
        where, radii = _inner_balls(lesion, _FAT, looks.fat, (0.1, 0.5), (0.26, 0.36))
        paint_balls(canvas, where, np.maximum(radii, 1.3), FAT_HU, within=within, edge_mm=1.0)
    if looks.calcium:
        where, radii = _inner_balls(lesion, _CALCIUM, looks.calcium, (0.1, 0.75), (0.09, 0.17))
        paint_balls(canvas, where, np.clip(radii, 0.9, 3.0), CALCIUM_HU, within=within, edge_mm=0.8)
    if looks.spicules:
        paint_cones(
            canvas, _rays(lesion), looks.fill_hu, within=None if looks.room != "lung" else _air(canvas)
        )
    if looks.satellites:
        rng = _rng(lesion, _SATELLITES)
        radius = min(lesion.semi_axes_mm)
        size = np.clip(rng.uniform(0.2, 0.34, looks.satellites) * radius, 1.6, 7.0)
        spread = directions(rng, looks.satellites)
        spread[:, 2] *= 0.35  # Most companions show on the key slice.
        spread /= np.linalg.norm(spread, axis=1, keepdims=True)
        away = (1.0 + looks.lobe_depth) * max(lesion.semi_axes_mm) * rng.uniform(1.05, 1.3, looks.satellites)
        where = np.array(lesion.centroid) + spread * np.minimum(away + size, 1.5 * away)[:, None]
        room = None if looks.room == "any" else np.asarray(room_in(looks.room, canvas.hu))
        paint_balls(canvas, where, size, looks.fill_hu, within=room, edge_mm=1.2)


def _air(canvas: Canvas) -> Field:
    return np.asarray(room_in("lung", canvas.hu), dtype=np.float32)


def _rays(lesion: ClinicLesion) -> Cones:
    rng = _rng(lesion, _SPICULES)
    spread = directions(rng, lesion.looks.spicules)
    centre = np.array(lesion.centroid)
    on_surface = (spread * np.array(lesion.semi_axes_mm)) @ axes_of(lesion)
    along = on_surface / np.linalg.norm(on_surface, axis=1, keepdims=True)
    length = rng.uniform(3.5, 8.5, len(spread))[:, None]
    count = len(spread)
    return Cones(
        centre + 0.7 * on_surface,
        centre + on_surface + along * length,
        np.full(count, 1.7),
        np.full(count, 0.5),
    )


def _bronchi(lesion: ClinicLesion) -> Cones:
    rng = _rng(lesion, _PATTERN)
    centre, semi, axes = np.array(lesion.centroid), np.array(lesion.semi_axes_mm), axes_of(lesion)
    start = np.array([-0.9, 0.1, 0.0])
    fork = np.array([-0.1, 0.0, 0.0])
    ends = np.array([[0.7, 0.5, 0.1], [0.75, -0.4, -0.1], [0.5, 0.1, 0.5]]) + rng.normal(0, 0.12, (3, 3))
    first = np.stack([start, fork, fork, fork])
    last = np.stack([fork, *ends])
    radius = np.clip(0.09 * min(semi), 1.1, 2.2)
    return Cones(
        centre + (first * semi) @ axes,
        centre + (last * semi) @ axes,
        np.full(4, radius),
        np.array([radius, 0.7 * radius, 0.7 * radius, 0.7 * radius]),
    )
