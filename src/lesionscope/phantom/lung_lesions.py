"""Painting a lung lesion from its looks (see :mod:`lesionscope.phantom.latents` for sources).

Each look is volumetrically large, so that slice thickness and noise hide none:
cavities from 5 mm, calcium from 2.5 mm, satellites from 4 mm, spicules 2 mm thick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.canvas import (
    Canvas,
    Cones,
    Field,
    Region,
    cones,
    coverage,
    noise_lattice,
    paint_balls,
    paint_cones,
)
from lesionscope.phantom.latents import LungLesion

Points = NDArray[np.float64]
AIR_HU = -940.0
FAT_HU = -105.0
REACH_MM = 23.0
"""All parts lie within this distance of the centre (but a tag's pleural end)."""


@dataclass(frozen=True)
class Placed:
    """A lesion in a chest (LPS mm): its centre, the unit vector to the pleura, and how far that is."""

    lesion: LungLesion
    centre: tuple[float, float, float]
    outward: tuple[float, float, float]
    pleura_mm: float


def _directions(rng: np.random.Generator, count: int) -> Points:
    """Spread unit vectors ``(count, 3)`` evenly (golden spiral, turned at random, jittered)."""
    n = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * n / count), np.pi * (1 + 5**0.5) * n
    ball = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    spread = ball @ rotation.T + rng.normal(0.0, 0.25 / np.sqrt(count), (count, 3))
    return np.asarray(spread / np.linalg.norm(spread, axis=1, keepdims=True))


class _Body:
    """The lesion's body: a ball stretched, lobed or drawn into arms, as a distance field."""

    def __init__(self, canvas: Canvas, placed: Placed, region: Region) -> None:
        lesion = placed.lesion
        self.region = region
        rng = np.random.default_rng([lesion.shape_seed, 1])
        centre = np.array(placed.centre, dtype=np.float32)
        x, y, z = canvas.coordinates(region)
        x, y, z = x - centre[0], y - centre[1], z - centre[2]
        radius = 0.5 * lesion.diameter_mm
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        along = x * np.float32(axis[0]) + y * np.float32(axis[1]) + z * np.float32(axis[2])
        square = x * x + y * y + z * z
        # A prolate spheroid of the ball's volume: radius along the axis grows, across it shrinks.
        long, short = lesion.elongation ** (2 / 3), lesion.elongation ** (-1 / 3)
        self.rho = np.sqrt((square - along * along) / short**2 + along * along / long**2 + np.float32(1e-4))
        inverse = 1 / np.sqrt(square + np.float32(1e-4))
        swell = np.zeros(self.rho.shape, dtype=np.float32)
        depth, lobes, sharpness = {
            "smooth": (0.05, 5, 4.0),
            "lobulated": (0.34 + 0.14 * lesion.amount, 7, 9.0),
            "spiculated": (0.10, 7, 5.0),
            "stellate": (0.10, 5, 5.0),
        }[lesion.margin]
        for direction in _directions(rng, lobes):
            cosine = (x * np.float32(direction[0]) + y * np.float32(direction[1])) + z * np.float32(
                direction[2]
            )
            cosine *= inverse
            np.maximum(swell, np.exp(np.float32(sharpness) * (cosine - 1)), out=swell)
        base = {"smooth": 0.98, "lobulated": 0.80, "spiculated": 0.92, "stellate": 0.70}[lesion.margin]
        self.radius = radius * (np.float32(base) + np.float32(depth) * swell)
        self.distance = self.rho - self.radius


def _spicules(lesion: LungLesion, rng: np.random.Generator) -> Cones:
    """Thin rays from the surface outwards (spiculated), or a few broad straight arms (stellate)."""
    radius = 0.5 * lesion.diameter_mm
    if lesion.margin == "spiculated":
        rays = _directions(rng, round(14 + 8 * lesion.amount + 0.5 * radius))
        length = np.minimum(radius + rng.uniform(5.0, 10.0, len(rays)), REACH_MM + 1)
        return Cones(
            rays * 0.7 * radius, rays * length[:, None], np.full(len(rays), 2.6), np.full(len(rays), 0.8)
        )
    rays = _directions(rng, 5 + round(2 * lesion.amount))
    length = np.minimum(radius * rng.uniform(1.2, 1.75, len(rays)) + 4.0, REACH_MM + 1)
    thick = np.clip(0.44 * radius, 2.6, 5.6)
    return Cones(0 * rays, rays * length[:, None], np.full(len(rays), thick), np.full(len(rays), 1.1))


def _shifted(shapes: Cones, centre: Points) -> Cones:
    return Cones(shapes.start + centre, shapes.end + centre, shapes.start_radius, shapes.end_radius)


def paint_lesion(canvas: Canvas, placed: Placed, lung: Field) -> Field:
    """Paint a lesion into a painted chest.

    Parameters
    ----------
    canvas
        Where :meth:`~lesionscope.phantom.chest.Chest.paint` has been.
    placed
        The lesion and where it lies.
    lung
        Share of each voxel that is lung: a lesion stops at the pleura, but a
        central one grows into the mediastinum.

    Returns
    -------
    ndarray
        Share of each voxel that belongs to the lesion itself (companions and
        tags left out): its segmentation.
    """
    lesion = placed.lesion
    mask = np.zeros(canvas.shape, dtype=np.float32)
    centre = np.array(placed.centre)
    region = canvas.region(centre - REACH_MM - 2, centre + REACH_MM + 2)
    if region is None:
        return mask
    rng = np.random.default_rng([lesion.shape_seed, 2])
    body = _Body(canvas, placed, region)
    edge = canvas.edge_mm
    room = np.clip(lung[region] + (0.0 if lesion.site != "central" else _soft(canvas.hu[region])), 0, 1)
    shape = coverage(body.distance, edge + 0.4) * room

    texture = _texture(canvas, lesion, region)
    hu = canvas.hu[region]
    glass = np.float32(lesion.ground_glass_hu) + 30 * texture
    if lesion.attenuation == "halo":
        rim = coverage(body.distance - np.float32(lesion.halo_mm), 3.0) * room
        hu += rim * np.maximum(glass - hu, 0)
    if lesion.attenuation in ("ground-glass", "part-solid"):
        hu += shape * np.maximum(glass - hu, 0)
        _paint_rays(canvas, lesion, centre, lung, float(lesion.ground_glass_hu) + 200)
    else:
        canvas.blend(region, shape, lesion.solid_hu + 10 * texture)
        _paint_rays(canvas, lesion, centre, lung, lesion.solid_hu - 20)
    if lesion.attenuation == "part-solid":
        _paint_core(canvas, lesion, centre, rng)
    mask[region] = shape

    _paint_companions(canvas, placed, lung, np.random.default_rng([lesion.shape_seed, 3]))
    if lesion.site == "tagged":
        _paint_tags(canvas, placed, np.random.default_rng([lesion.shape_seed, 4]))
    inner = np.random.default_rng([lesion.shape_seed, 5])
    _paint_fat(canvas, lesion, centre, body, shape, inner)
    _paint_air(canvas, lesion, centre, mask, inner)
    _paint_cavity(canvas, lesion, body, shape, inner)
    _paint_calcium(canvas, lesion, centre, inner)
    return mask


def _soft(hu: Field) -> Field:
    """Return the share of soft tissue (fat counts) in painted voxels: room for a central tumour."""
    return np.asarray(np.clip((hu + 400) / 250, 0, 1) * (hu < 250), dtype=np.float32)


def _texture(canvas: Canvas, lesion: LungLesion, region: Region) -> Field:
    """Mottle of unit size."""
    lattice = noise_lattice(np.random.default_rng([lesion.shape_seed, 6]))
    return canvas.noise(lattice, 2.5 * 24, region)


def _paint_rays(canvas: Canvas, lesion: LungLesion, centre: Points, lung: Field, hu: float) -> None:
    if lesion.margin in ("spiculated", "stellate"):
        rays = _spicules(lesion, np.random.default_rng([lesion.shape_seed, 7]))
        if lesion.margin == "stellate":
            hu = min(hu, lesion.ground_glass_hu + 60) if lesion.attenuation == "ground-glass" else hu
        paint_cones(canvas, _shifted(rays, centre), hu, within=lung)


def _paint_core(canvas: Canvas, lesion: LungLesion, centre: Points, rng: np.random.Generator) -> None:
    """Paint the solid core of a part-solid lesion: off the centre, uneven."""
    radius = 0.5 * lesion.diameter_mm
    core = lesion.core_fraction * radius
    direction = rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    main = centre + direction * rng.uniform(0.05, 0.3) * radius
    lobes = main + rng.normal(size=(3, 3)) * 0.35 * core
    for ball, size in zip((main, *lobes), (0.85, 0.6, 0.6, 0.6), strict=True):
        paint_balls(canvas, ball[None], np.array([size * core]), lesion.solid_hu, edge_mm=1.6)


def _paint_fat(
    canvas: Canvas, lesion: LungLesion, centre: Points, body: _Body, shape: Field, rng: np.random.Generator
) -> None:
    if lesion.fat == "none":
        return
    radius = 0.5 * lesion.diameter_mm
    offset = rng.normal(size=3) * 0.06 * radius
    x, y, z = canvas.coordinates(body.region)
    d = np.sqrt(sum(np.square(c - np.float32(m)) for c, m in zip((x, y, z), centre + offset, strict=True)))
    inner = np.minimum(0.66 * body.radius / 0.9, 0.7 * radius)
    canvas.blend(body.region, coverage(d - inner, 1.2) * shape, FAT_HU)


def _paint_air(
    canvas: Canvas, lesion: LungLesion, centre: Points, mask: Field, rng: np.random.Generator
) -> None:
    radius = 0.5 * lesion.diameter_mm
    if lesion.airways == "bronchogram":
        start = rng.normal(size=3)
        start /= np.linalg.norm(start)
        rows = []
        fork = centre + 0.1 * radius * rng.normal(size=3)
        rows.append((centre + 1.1 * radius * start, fork, 1.9, 1.7))
        for _ in range(2):
            turn = -start + 0.75 * rng.normal(size=3)
            turn /= np.linalg.norm(turn)
            rows.append((fork, fork + 0.95 * radius * turn, 1.7, 1.3))
        paint_cones(canvas, cones(*rows), AIR_HU, within=mask)
    elif lesion.airways == "bubbles":
        count = 4 + round(4 * lesion.amount)
        where = _directions(rng, count) * (radius * rng.uniform(0.25, 0.68, (count, 1)))
        size = np.clip(rng.uniform(0.16, 0.24, count) * radius, 1.5, 2.7)
        paint_balls(canvas, centre + where, size, AIR_HU, within=mask)


def _paint_cavity(
    canvas: Canvas, lesion: LungLesion, body: _Body, shape: Field, rng: np.random.Generator
) -> None:
    if lesion.cavity == "none":
        return
    if lesion.cavity == "thin-walled":
        inside = body.distance + np.float32(2.2)
    else:
        ripple = np.cos(1.1 * body.rho + rng.uniform(0, 6)) * np.float32(0.35)
        inside = body.distance + np.maximum(0.42 * body.radius, 3.6) + ripple
    canvas.blend(body.region, coverage(inside, 0.9) * (shape > 0), AIR_HU)


def _paint_calcium(canvas: Canvas, lesion: LungLesion, centre: Points, rng: np.random.Generator) -> None:
    radius = 0.5 * lesion.diameter_mm
    if lesion.calcification == "popcorn":
        count = 6 + round(3 * lesion.amount)
        out = (0.2, 0.6) if lesion.cavity == "none" else (0.75, 0.9)
        where = _directions(rng, count) * (radius * rng.uniform(*out, (count, 1)))
        size = np.clip(rng.uniform(0.17, 0.26, count) * radius, 1.4, 3.0)
        paint_balls(canvas, centre + where, size, lesion.calcium_hu)
    elif lesion.calcification == "core":
        size = np.array([np.clip(0.42 * radius, 2.4, 5.5)])
        offset = rng.normal(size=3) * 0.1 * radius
        if lesion.cavity != "none":
            # Calcium lies in a cavity's wall.
            offset *= (radius - 0.8 * size) / np.linalg.norm(offset)
        paint_balls(canvas, (centre + offset)[None], size, lesion.calcium_hu + 150)


def _paint_companions(canvas: Canvas, placed: Placed, lung: Field, rng: np.random.Generator) -> None:
    """Paint satellites (small, strewn around) or a cluster (big, touching)."""
    lesion = placed.lesion
    if lesion.companions == "none":
        return
    centre, radius = np.array(placed.centre), 0.5 * lesion.diameter_mm
    if lesion.companions == "satellites":
        count = 12 + round(5 * lesion.amount)
        size = rng.uniform(2.4, 3.2, count)
        distance = np.minimum(radius + size + rng.uniform(2.0, 8.0, count), REACH_MM - 0.5 * size)
        where = _directions(rng, count) * distance[:, None]
    else:
        count = 3 + round(1.4 * lesion.amount)
        size = np.clip(rng.uniform(0.42, 0.62, count) * radius, 4.6, 7.5)
        distance = np.minimum(radius + 0.75 * size, REACH_MM - 0.8 * size)
        spread = _directions(rng, 2 * count)
        # Companions keep to the lung side; a cluster lies on one side of the lesion.
        inward = spread @ -np.array(placed.outward)
        where = spread[np.argsort(-inward)[:count]] * distance[:, None]
    hu = lesion.solid_hu if lesion.attenuation != "ground-glass" else lesion.ground_glass_hu + 60
    paint_balls(canvas, centre + where, size, hu, within=lung)


def _paint_tags(canvas: Canvas, placed: Placed, rng: np.random.Generator) -> None:
    """Bands from the lesion to the pleura, which they pull in: a little tent at each end."""
    centre, outward = np.array(placed.centre), np.array(placed.outward)
    foot = centre + outward * (placed.pleura_mm + 1.0)
    side = np.cross(outward, rng.normal(size=3))
    side /= np.linalg.norm(side)
    other = np.cross(outward, side)
    rows, tents = [], []
    start = centre + outward * 0.35 * placed.lesion.diameter_mm
    for angle in rng.uniform(0, 2 * np.pi) + np.array([0.0, 2.1, 4.2]):
        end = foot + (np.cos(angle) * side + np.sin(angle) * other) * rng.uniform(2.5, 6.0)
        rows.append((start, end, 1.6, 1.3))
        tents.append((end + 2 * outward, end - 4.5 * outward, 4.0, 0.8))
    paint_cones(canvas, cones(*tents), 10.0)
    paint_cones(canvas, cones(*rows), 20.0)
