"""Ribs, spine and sternum as chains of cones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lesionscope.phantom.canvas import Cones
from lesionscope.phantom.patient import Patient

RIB_STEPS = 22
VERTEBRA_MM = 24.0


def ribs(patient: Patient) -> Cones:
    """Ten pairs of ribs that hug the cavity and slope down to the front."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for number in range(10):
        z_back = patient.apex - 22 - number * 25.0
        reach = 0.97 if number < 7 else 0.97 - 0.1 * (number - 6)
        angle = np.linspace(0.10, 0.10 + (np.pi - 0.35) * reach, RIB_STEPS + 1)
        along = np.linspace(0, 1, RIB_STEPS + 1)
        z = z_back - 62 * along
        top = np.maximum(z - (patient.apex - 105), 0) / 105
        shrink = np.sqrt(np.maximum(1 - top**2, 0.12))
        widen = 1 + 0.0007 * np.clip(-z, -100, 90)
        for side in (-1.0, 1.0):
            x = side * (patient.half_width * widen * shrink + 6.5) * np.sin(angle)
            y = 6 + (patient.half_depth * widen * shrink + 6.5) * np.cos(angle)
            line = np.stack([x, y, z], axis=1)
            radius = np.full(RIB_STEPS, 5.0 - 0.08 * number)
            parts.append((line[:-1], line[1:], radius, radius))
    joined = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Cones(*joined)


def vertebrae(patient: Patient) -> tuple[Cones, Cones]:
    """Vertebral bodies, and the arches and processes behind them."""
    bodies: list[tuple[ArrayLike, ArrayLike, float, float]] = []
    arches: list[tuple[ArrayLike, ArrayLike, float, float]] = []
    y = patient.spine_y + 2
    for z in np.arange(-220.0, patient.apex + 60, VERTEBRA_MM):
        bodies.append(((0, y, z - 4.5), (0, y, z + 4.5), 16.0, 16.0))
        arches.append(((0, y + 33, z - 3), (0, y + 46, z - 13), 4.5, 3.0))
        for side in (-1, 1):
            arches.append(((side * 11, y + 14, z + 2), (side * 13, y + 27, z + 1), 4.5, 4.5))
            arches.append(((side * 13, y + 27, z + 1), (0, y + 34, z - 3), 4.0, 4.0))
            arches.append(((side * 13, y + 26, z + 2), (side * 34, y + 30, z + 4), 5.0, 4.5))
    return _stack(bodies), _stack(arches)


def sternum(patient: Patient) -> Cones:
    """Manubrium and body, a row of rods side by side."""
    y = 6 - patient.half_depth - 6
    top = patient.apex - 55
    return _stack(
        [((x, y + 0.03 * abs(x), top), (0.7 * x, y - 4, top - 140), 5.5, 5.0) for x in (-12, -6, 0, 6, 12)]
    )


def _stack(rows: Sequence[tuple[ArrayLike, ArrayLike, float, float]]) -> Cones:
    return Cones(
        np.array([r[0] for r in rows], dtype=np.float64),
        np.array([r[1] for r in rows], dtype=np.float64),
        np.array([r[2] for r in rows], dtype=np.float64),
        np.array([r[3] for r in rows], dtype=np.float64),
    )
