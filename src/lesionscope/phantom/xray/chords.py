"""How far a ray along y runs through a patient's lungs, soft tissue and bone.

Every shape of :class:`~lesionscope.phantom.patient.Patient` meets a ray in one stretch whose ends are known
in closed form, so path lengths through their union are exact: no volume is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.bones import ribs
from lesionscope.phantom.canvas import Cones
from lesionscope.phantom.patient import Patient

Map = NDArray[np.float64]
SIDE = 96
PIXEL_MM = 3.7
TOP_MM = 150.0
"""z of the first row's upper edge: the frame reaches from the neck to the upper abdomen."""
X: Map = np.asarray((np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL_MM, dtype=np.float64)[None, :]
Z: Map = np.asarray(TOP_MM - (np.arange(SIDE) + 0.5) * PIXEL_MM, dtype=np.float64)[:, None]
"""LPS mm of the columns (patient's left to the right) and rows (head on top)."""
BOW = 0.0085
"""Curvature of a diaphragm's dome, 1/mm."""
BONE = 0.35
"""How much more than water a rib's mean holds back, as a share of water."""


@dataclass(frozen=True)
class Build:
    """A patient, and what disease may have done to the shapes.

    Parameters
    ----------
    patient
        Sizes.
    shift_mm
        How far the mediastinum is drawn to the left.
    bow
        Share that is left of the diaphragm's curvature.
    lucency
        Share of the lung's density and vessels that is left.
    """

    patient: Patient
    shift_mm: float = 0.0
    bow: float = 1.0
    lucency: float = 1.0

    @property
    def lung_density(self) -> float:
        """Attenuation of lung over that of water."""
        return (1 + self.patient.lung_hu / 1000) * self.lucency


def ellipse(u: Map, w: Map, half: float) -> Map:
    """Half the chord of an ellipsoid whose third semi-axis is ``half``, at scaled coordinates."""
    return half * np.sqrt(np.maximum(1 - u * u - w * w, 0))


def cavity(patient: Patient, shell_mm: float = 0.0) -> Map:
    """Half the path inside the rib cage, its middle at y = 6, ``(rows, columns)``."""
    top = np.maximum(Z - (patient.apex - 105), 0) / (105 - shell_mm)
    widen = 1 + 0.0007 * np.clip(-Z, -100, 90)
    a = patient.half_width * widen - shell_mm
    b = patient.half_depth * widen - shell_mm
    return np.asarray(b * np.sqrt(np.maximum(1 - (X / a) ** 2 - top**2, 0)))


def body(patient: Patient) -> Map:
    """Path through the body, ``(1, columns)``: its outline is the same at all heights."""
    a = patient.half_width * 1.06 + patient.wall + patient.fat
    b = patient.half_depth * 1.06 + patient.wall + 0.7 * patient.fat
    return 2 * ellipse(X / a, np.zeros_like(X), b)


def lung(build: Build) -> Map:
    """Path through both lungs: the cavity without mediastinum and diaphragm."""
    whole = cavity(build.patient)
    inside = whole > 0
    half = whole[inside]
    stretches = np.array([*_mediastinum(build), _abdomen(build)])[:, :, inside]
    ends = np.clip(stretches, 6 - half, 6 + half)
    order = np.argsort(ends[:, 0], axis=0)
    low, high = (np.take_along_axis(ends[:, end], order, axis=0) for end in (0, 1))
    reached = np.concatenate([(6 - half)[None], np.maximum.accumulate(high, axis=0)[:-1]])
    covered = np.maximum(high - np.maximum(low, reached), 0).sum(axis=0)
    result = np.zeros_like(whole)
    result[inside] = np.maximum(2 * half - covered, 0)
    return result


def _mediastinum(build: Build) -> list[tuple[Map, Map]]:
    """Where rays enter and leave the parts of the mediastinum; empty stretches end before they begin."""
    p, x = build.patient, X - build.shift_mm
    share = (1 - np.abs(x) / p.mediastinum) / 0.55
    column = np.where(share < 0, np.inf, np.where(share >= 1, -np.inf, -25 - 40 * share))
    parts = [(column + 0 * Z, np.full((SIDE, SIDE), np.inf))]
    for at, y, radius, below in ((0.0, p.spine_y, 25.0, np.inf), (22.0, p.spine_y - 22, 15.0, 30.0)):
        away = X if at == 0 else x - at
        inside = (np.abs(away) < radius) & (below > Z)
        half = np.where(inside, np.sqrt(np.maximum(radius**2 - away**2, 0)), -np.inf)
        parts.append((y - half, y + half))
    for (cx, cy, cz), (a, b, c) in p.mediastinal_balls:
        u, w = (x - cx) / a, (Z - cz) / c
        half = np.where(u * u + w * w < 1, ellipse(u, w, b), -np.inf)
        parts.append((cy - half, cy + half))
    return parts


def _abdomen(build: Build) -> tuple[Map, Map]:
    """Where rays run below a diaphragm's dome."""
    p, bow = build.patient, BOW * build.bow
    height = np.where(X < 0, p.base_right, p.base_left)
    under = (height - Z) / bow - (np.abs(X) - 58) ** 2
    half = np.where(under > 0, np.sqrt(np.maximum(under, 0)), -np.inf)
    return -8 - half, -8 + half


def spine(patient: Patient) -> Map:
    """Water that the vertebral bodies hold back beyond their size, mm; discs less."""
    half = np.sqrt(np.maximum(16.0**2 - X**2, 0))
    bodies = 0.6 + 0.4 * np.cos(2 * np.pi * (Z - patient.apex) / 24.0)
    return np.asarray(2 * half * BONE * 0.6 * bodies)


def rib_map(patient: Patient, kept: NDArray[np.bool_] | None = None) -> Map:
    """Water that the ribs hold back beyond their size, mm; ``kept`` tells which of their pieces are there."""
    pieces = ribs(patient)
    return spread(pieces if kept is None else pieces.take(kept), BONE, samples=6, across=3)


def spread(pieces: Cones, density: float, *, samples: int = 4, across: int = 1) -> Map:
    """Volume of cones by pixel, as a thickness in mm times ``density``.

    Each is taken at ``samples`` places along it and ``across`` it.
    """
    if not len(pieces):
        return np.zeros((SIDE, SIDE))
    along = (np.arange(samples) + 0.5) / samples
    run = pieces.end - pieces.start
    length = np.linalg.norm(run, axis=1)
    radius = pieces.start_radius[:, None] * (1 - along) + pieces.end_radius[:, None] * along
    volume = np.pi * radius**2 * length[:, None] / (samples * across)
    x = pieces.start[:, 0, None] + run[:, 0, None] * along
    z = pieces.start[:, 2, None] + run[:, 2, None] * along
    flat = np.maximum(np.hypot(run[:, 0], run[:, 2]), 1e-6)
    total = np.zeros((SIDE, SIDE))
    for number in range(across):
        off = radius * (2 * (number + 0.5) / across - 1)
        total += splat(
            x - off * (run[:, 2] / flat)[:, None], z + off * (run[:, 0] / flat)[:, None], volume * density
        )
    return total


def splat(x: Map, z: Map, volume: Map) -> Map:
    """Share volumes (mm³) at places among the four pixels around each; thickness in mm."""
    column = (x.ravel() / PIXEL_MM) + (SIDE - 1) / 2
    row = (TOP_MM - z.ravel()) / PIXEL_MM - 0.5
    left, top = np.floor(column), np.floor(row)
    total = np.zeros(SIDE * SIDE)
    for right in (0, 1):
        for under in (0, 1):
            i, j = (left + right).astype(int), (top + under).astype(int)
            weight = (1 - np.abs(column - i)) * (1 - np.abs(row - j)) * volume.ravel()
            inside = (i >= 0) & (i < SIDE) & (j >= 0) & (j < SIDE)
            total += np.bincount(j[inside] * SIDE + i[inside], weights=weight[inside], minlength=SIDE * SIDE)
    return total.reshape(SIDE, SIDE) / PIXEL_MM**2
