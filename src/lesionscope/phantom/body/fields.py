"""Large fields of the trunk: signed distances (mm, negative inside) from points in LPS mm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.body.build import HEART_Y, Build, Vec
from lesionscope.phantom.canvas import Field

# Inside of the wall, design patient: z, half-width, half-depth, middle (y). Above -90 the chest's own.
_CAVITY = np.array(
    [
        (-523, 4, 5, 40),
        (-515, 24, 28, 34),
        (-495, 42, 48, 28),
        (-465, 54, 60, 24),
        (-435, 68, 68, 18),
        (-405, 92, 76, 6),
        (-375, 112, 82, -6),
        (-340, 117, 79, -12),
        (-300, 117, 77, -13),
        (-250, 120, 81, -7),
        (-200, 124, 85, 0),
        (-150, 126, 87.5, 4),
    ],
    dtype=np.float64,
)
# Skin, design patient without its fat: z, half-width, front (y), back (y).
_SKIN = np.array(
    [
        (-545, 60, -40, 60),
        (-520, 110, -58, 92),
        (-490, 142, -70, 108),
        (-450, 152, -80, 114),
        (-410, 148, -88, 112),
        (-370, 140, -93, 104),
        (-320, 128, -97, 97),
        (-280, 126, -97, 97),
        (-230, 130, -95, 103),
        (-150, 138, -94, 112),
        (-60, 142, -92, 116),
        (0, 150, -88, 114),
        (35, 166, -82, 108),
        (70, 176, -66, 100),
        (95, 170, -48, 92),
        (112, 138, -36, 86),
        (126, 92, -28, 80),
        (140, 66, -25, 76),
        (165, 58, -26, 76),
        (200, 56, -28, 78),
    ],
    dtype=np.float64,
)
# How much of the patient's fat lies under the skin at the sides, in front and behind.
_FAT = np.array(
    [
        (-540, 0.6, 0.5, 0.8),
        (-450, 0.9, 0.8, 1.1),
        (-370, 1.0, 1.25, 0.8),
        (-300, 1.0, 1.35, 0.55),
        (-200, 0.85, 1.0, 0.4),
        (-80, 0.75, 0.45, 0.4),
        (60, 0.6, 0.4, 0.4),
        (130, 0.2, 0.15, 0.2),
        (200, 0.2, 0.15, 0.2),
    ],
    dtype=np.float64,
)
# Middles of the vertebral bodies: z, y relative to the chest's spine.
_SPINE = np.array(
    [
        (-515, 2),
        (-495, 14),
        (-470, 24),
        (-430, 27),
        (-400, 18),
        (-372, 2),
        (-345, -12),
        (-310, -20),
        (-276, -22),
        (-242, -18),
        (-209, -10),
        (-180, -3),
        (-140, 1),
        (40, 2),
        (70, -5),
        (100, -17),
        (130, -29),
        (160, -36),
        (200, -38),
    ],
    dtype=np.float64,
)


def along(table: NDArray[np.float64], column: int, z: Field, build: Build) -> Field:
    """Read a column of a table by height."""
    return np.interp(z, table[:, 0] * build.scale[2], table[:, column]).astype(np.float32)


def spine_y(build: Build, z: Field) -> Field:
    """How far behind the origin the vertebral bodies' middles lie at each height."""
    return along(_SPINE, 1, z, build) + np.float32(build.patient.spine_y)


def _ellipse(u: Field, v: Field, a: Field, b: Field, square: float) -> Field:
    """Distance to an ellipse, more square with ``square`` > 0, by way of the radius through a point."""
    p, q = np.square(u / a), np.square(v / b)
    round_ = p + q
    ring = np.square(round_)
    if square:
        ring = ring - np.float32(square) * p * q
    q4 = np.sqrt(np.sqrt(ring + np.float32(1e-8)))
    radius = np.sqrt(np.square(u) + np.square(v) + np.float32(1e-4))
    return np.asarray(radius * (1 - 1 / q4), dtype=np.float32)


def _deep(y: Field, depth: float) -> Field:
    """Scale y about the chest's middle."""
    return np.asarray((y - HEART_Y) * depth + HEART_Y, dtype=np.float32)


def cavity(build: Build, x: Field, y: Field, z: Field) -> Field:
    """Distance to the inside of the trunk's wall: the chest's cavity, which goes on to the pelvic floor."""
    p = build.patient
    table = np.concatenate(
        [
            _CAVITY * [1, build.scale[0], build.scale[1], build.scale[1]]
            + [0, 0, 0, HEART_Y * (1 - build.scale[1])],
            np.array(
                [
                    (-90 / build.scale[2], 1.063 * p.half_width, 1.063 * p.half_depth, HEART_Y),
                    (100 / build.scale[2], 0.93 * p.half_width, 0.93 * p.half_depth, HEART_Y),
                ]
            ),
        ]
    )
    a, b, middle = (along(table, column, z, build) for column in (1, 2, 3))
    top = np.maximum(z - np.float32(p.apex - 105), 0) / np.float32(105)
    u, v = x, y - middle
    q = np.sqrt(np.square(u / a) + np.square(v / b) + np.square(top) + np.float32(1e-6))
    slope = (
        np.sqrt(np.square(u / (a * a)) + np.square(v / (b * b)) + np.square(top / 105) + np.float32(1e-12))
        / q
    )
    result = (q - 1) / slope
    floor = np.float32(build.z(-522)) - z
    return np.asarray(np.maximum(result, floor), dtype=np.float32)


def body(build: Build, x: Field, y: Field, z: Field) -> Field:
    """Distance to the skin: trunk, neck, thighs and breasts."""
    width, depth, _ = build.scale
    fat = np.float32(build.patient.fat)
    hips = np.interp(z, [build.z(-470), build.z(-330)], [build.hip / width, 1.0]).astype(np.float32)
    a = along(_SKIN, 1, z, build) * np.float32(width) * hips + fat * along(_FAT, 1, z, build)
    front = _deep(along(_SKIN, 2, z, build), depth) - fat * along(_FAT, 2, z, build)
    back = _deep(along(_SKIN, 3, z, build), depth) + fat * along(_FAT, 3, z, build)
    middle, half = (front + back) / 2, (back - front) / 2
    result = _ellipse(x, np.asarray(y - middle, dtype=np.float32), a, np.asarray(half, np.float32), 0.9)
    np.maximum(result, np.float32(build.z(-540)) - z, out=result)
    low = build.z(-430)
    if np.any(z < low):
        for side in (-1.0, 1.0):
            np.minimum(result, thigh(build, side, x, y, z), out=result)
    centre, semi = breast(build)
    reach = semi[2] + 8
    if np.any(np.abs(z - centre[2]) < reach):
        for side in (-1.0, 1.0):
            mound = leaning_ellipsoid((side * centre[0], centre[1], centre[2]), semi)(x, y, z)
            # Melt the breast into the chest over a centimetre.
            overlap = np.maximum(np.float32(10) - np.abs(result - mound), 0)
            result = np.minimum(result, mound) - np.square(overlap) * np.float32(0.25 / 10)
    return result


def thigh(build: Build, side: float, x: Field, y: Field, z: Field) -> Field:
    """Distance to the skin of one thigh."""
    fat = build.patient.fat
    down = np.clip((np.float32(build.z(-430)) - z) / np.float32(100), 0, 1.6)
    radius = np.float32(66 * build.hip + 0.55 * fat) + 8 * np.minimum(down, 1) - 4 * down
    middle = np.float32(side * (78 * build.hip + 0.45 * fat))
    deep = np.hypot(x - middle, y - np.float32(14)) - radius
    return np.asarray(np.maximum(deep, z - np.float32(build.z(-430))), dtype=np.float32)


def breast(build: Build) -> tuple[Vec, Vec]:
    """Centre (of the left one) and half-extents of a breast."""
    size = build.breast
    chest_front = (-90 - HEART_Y) * build.scale[1] + HEART_Y - 0.42 * build.patient.fat
    y = chest_front + (10 if build.sex == "F" else 9)
    return (0.60 * build.patient.half_width, y, build.z(-32)), (size, 0.62 * size, 0.95 * size)


def leaning_ellipsoid(
    centre: Vec, semi: Vec, lean: tuple[float, float] = (0.0, 0.0)
) -> Callable[[Field, Field, Field], Field]:
    """Return the distance to an ellipsoid, first order, whose long axis may lean."""
    cx, cy, cz = (np.float32(c) for c in centre)
    a, b, c = (np.float32(s) for s in semi)
    lx, ly = np.float32(lean[0]), np.float32(lean[1])

    def distance(x: Field, y: Field, z: Field) -> Field:
        w = z - cz
        u, v = x - cx, y - cy
        if lx:
            u = u - lx * w
        if ly:
            v = v - ly * w
        u2, v2, w2 = np.square(u / a), np.square(v / b), np.square(w / c)
        q = np.sqrt((u2 + v2) + w2 + np.float32(1e-6))
        slope = np.sqrt((u2 / (a * a) + v2 / (b * b)) + w2 / (c * c) + np.float32(1e-12))
        return np.asarray((q - 1) * q / slope, dtype=np.float32)

    return distance


def melt(a: Field, b: Field, width_mm: float) -> Field:
    """Union of two shapes whose seam is rounded over ``width_mm``."""
    overlap = np.maximum(np.float32(width_mm) - np.abs(a - b), 0)
    return np.asarray(np.minimum(a, b) - np.square(overlap) * np.float32(0.25 / width_mm), dtype=np.float32)
