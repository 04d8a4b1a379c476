"""How each finding changes a projection: by the shapes of the chest, or by what stands in its lungs and ribs.

:data:`SHAPES` act on a :class:`~.chords.Build` before the rays are cast, :data:`OPACITIES` on the
:class:`Picture` afterwards. Sizes in mm follow what the terms mean: nodules to 30 mm, masses above
(Hansell et al., "Fleischner Society: glossary of terms for thoracic imaging", Radiology 246, 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.bones import ribs
from lesionscope.phantom.canvas import Cones

from .chords import BONE, Build, Map, X, Z, cavity, ellipse, rib_map, spread

Rng = np.random.Generator
SOFT = 1.04
"""Attenuation of soft tissue over that of water."""
CALCIUM = 1.2
"""How much more than water a calcified granuloma holds back."""


@dataclass(eq=False)
class Picture:
    """A projection in the making.

    Parameters
    ----------
    build
        The chest.
    air
        Path through air-holding lung, mm; what replaces lung takes from it.
    added
        Water, mm, that was added.
    """

    build: Build
    air: Map
    added: Map

    def fill(self, length: Map) -> None:
        """Put soft tissue in the place of lung, as far as there is any."""
        taken = np.minimum(np.maximum(length, 0), self.air)
        self.air = self.air - taken
        self.added = self.added + taken * (SOFT - self.build.lung_density)

    def place(self, rng: Rng, where: NDArray[np.bool_] | bool = True) -> tuple[float, float]:
        """Draw a place (x, z) in the lungs, more likely where they are deep."""
        weight = np.where(where & (self.air > 40), self.air, 0.0).ravel()
        if weight.sum() == 0:
            weight = self.air.ravel() + 1e-9
        row, column = divmod(int(rng.choice(len(weight), p=weight / weight.sum())), X.shape[1])
        return float(X[0, column] + rng.uniform(-1.8, 1.8)), float(Z[row, 0] + rng.uniform(-1.8, 1.8))


def chord(x: float, z: float, axes: tuple[float, float, float], angle: float = 0.0) -> Map:
    """Path through an ellipsoid with semi-axes along x, y and z, turned in the picture's plane."""
    u, w = X - x, Z - z
    c, s = np.cos(angle), np.sin(angle)
    return 2 * ellipse((c * u + s * w) / axes[0], (c * w - s * u) / axes[2], axes[1])


def step(distance: Map, soft_mm: float) -> Map:
    """Return 1 where ``distance`` is well above 0, 0 well below."""
    return np.asarray(1 / (1 + np.exp(np.clip(-distance / soft_mm, -40, 40))))


def _side(rng: Rng) -> float:
    """-1, the patient's right, or 1."""
    return float(rng.choice([-1.0, 1.0]))


def _strands(lines: list[tuple[float, float, float, float]], width: float, depth: float) -> Map:
    """Thin bands from (x, z) to (x, z), ``width`` across and ``depth`` along the ray."""
    ends = np.array(lines)
    radius = np.full(len(ends), np.sqrt(width * depth / np.pi))
    start = np.stack([ends[:, 0], np.zeros(len(ends)), ends[:, 1]], axis=1)
    stop = np.stack([ends[:, 2], np.zeros(len(ends)), ends[:, 3]], axis=1)
    return spread(Cones(start, stop, radius, radius), 1.0, samples=16)


# -- by the shapes of the chest ---------------------------------------------------------------------------


def _cardiac(rng: Rng, build: Build) -> Build:
    return replace(build, patient=replace(build.patient, heart=float(rng.uniform(1.18, 1.45))))


def _copd(rng: Rng, build: Build) -> Build:
    p, drop = build.patient, rng.uniform(10, 28)
    patient = replace(
        p,
        base_right=p.base_right - drop,
        base_left=p.base_left - drop,
        heart=p.heart * float(rng.uniform(0.85, 0.95)),
        half_depth=p.half_depth * float(rng.uniform(1.03, 1.12)),
    )
    lucency = build.lucency * float(rng.uniform(0.6, 0.85))
    return replace(build, patient=patient, bow=build.bow * float(rng.uniform(0.35, 0.7)), lucency=lucency)


def _collapse(rng: Rng, build: Build) -> Build:
    """Volume loss of one lung; its opacity is :func:`_collapsed`, which draws the same side first."""
    side, lift = _side(rng), rng.uniform(14, 34)
    p = build.patient
    raised = {"base_right": p.base_right + lift} if side < 0 else {"base_left": p.base_left + lift}
    shift = build.shift_mm + side * float(rng.uniform(6, 16))
    return replace(build, patient=replace(p, **raised), shift_mm=shift)


SHAPES: Mapping[str, Callable[[Rng, Build], Build]] = {
    "major-atelectasis": _collapse,
    "copd": _copd,
    "cardiac": _cardiac,
}

# -- by what stands in the lungs and ribs -----------------------------------------------------------------


def _nodule(rng: Rng, picture: Picture) -> None:
    for _ in range(int(rng.integers(1, 3))):
        a, b, c = rng.uniform(8, 30) / 2 * rng.uniform(0.85, 1.15, 3)
        picture.fill(chord(*picture.place(rng), (a, b, c), rng.uniform(0, np.pi)))


def _mass(rng: Rng, picture: Picture) -> None:
    x, z = picture.place(rng)
    half = rng.uniform(32, 75) / 2
    for lobe in range(3):
        dx, dz = (0.0, 0.0) if lobe == 0 else rng.normal(0, 0.35 * half, 2)
        a, b, c = half * rng.uniform(0.7, 1.0, 3)
        picture.fill(chord(x + dx, z + dz, (a, b, c), rng.uniform(0, np.pi)) * (1.0 if lobe == 0 else 0.6))


def _infiltrate(rng: Rng, picture: Picture) -> None:
    x, z = picture.place(rng)
    total = np.zeros_like(picture.air)
    for _ in range(4):
        dx, dz = rng.normal(0, 14, 2)
        a, c = rng.uniform(16, 38, 2)
        total += rng.uniform(0.4, 1.0) * np.exp(-(((X - x - dx) / a) ** 2) - ((Z - z - dz) / c) ** 2)
    picture.fill(picture.air * np.minimum(total * rng.uniform(0.14, 0.4), 0.8))


def _collapsed(rng: Rng, picture: Picture) -> None:
    side = _side(rng)
    lower = rng.random() < 0.6
    p = picture.build.patient
    base = p.base_left if side > 0 else p.base_right
    start = (22.0, 0.0 if lower else 10.0)
    stop = (rng.uniform(45, 85), base - 5 if lower else p.apex - rng.uniform(35, 70))
    run = np.array([stop[0] - start[0], stop[1] - start[1]]) / np.hypot(
        stop[0] - start[0], stop[1] - start[1]
    )
    # Above the line's lateral side lies the lung that still holds air.
    medial = (X * side - start[0]) * run[1] - (Z - start[1]) * run[0]
    half = step(X * side, 2.0)
    picture.fill(picture.air * half * step(medial if lower else -medial, 3.0) * rng.uniform(0.35, 0.75))


def _distortion(rng: Rng, picture: Picture) -> None:
    x, z = picture.place(rng)
    turns = rng.uniform(0, 2 * np.pi) + np.arange(8) * 2 * np.pi / 8 + rng.normal(0, 0.2, 8)
    reach = rng.uniform(14, 36, 8)
    ends = [(x, z, x + r * np.cos(t), z + r * np.sin(t)) for r, t in zip(reach, turns, strict=True)]
    picture.fill(_strands(ends, rng.uniform(1.5, 2.6), rng.uniform(6, 14)))
    picture.fill(chord(x, z, (7.0, 6.0, 7.0)) * rng.uniform(0.3, 0.9))


def _granuloma(rng: Rng, picture: Picture) -> None:
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(5, 10) / 2
        x, z = picture.place(rng)
        ball = Cones(
            np.array([[x - radius / 2, 0, z]]),
            np.array([[x + radius / 2, 0, z]]),
            np.array([radius]),
            np.array([radius]),
        )
        picture.added = picture.added + spread(ball, 4 / 3 * CALCIUM, samples=3, across=3)


def _scarring(rng: Rng, picture: Picture) -> None:
    high = rng.random() < 0.6
    middle = float(np.median(Z[(picture.air > 40).any(axis=1)]))
    where = np.broadcast_to((middle < Z) if high else (middle > Z), picture.air.shape)
    for _ in range(int(rng.integers(1, 4))):
        x, z = picture.place(rng, where)
        length, turn = rng.uniform(22, 60), rng.uniform(0, np.pi)
        dx, dz = 0.5 * length * np.cos(turn), 0.5 * length * np.sin(turn)
        picture.fill(_strands([(x - dx, z - dz, x + dx, z + dz)], rng.uniform(1.8, 4), rng.uniform(10, 24)))


def _edge(picture: Picture, side: float, z: float) -> float:
    """Return the x of the lung's outer border at a height."""
    row = int(np.abs(Z[:, 0] - z).argmin())
    deep = np.flatnonzero((picture.air[row] > 10) & (X[0] * side > 0))
    return float(X[0, deep[-1 if side > 0 else 0]]) if len(deep) else side * picture.build.patient.half_width


def _pleural_mass(rng: Rng, picture: Picture) -> None:
    side, p = _side(rng), picture.build.patient
    z = float(rng.uniform(-70, p.apex - 55))
    a, b, c = rng.uniform(10, 24), rng.uniform(14, 34), rng.uniform(14, 36)
    picture.fill(chord(_edge(picture, side, z), z, (a, b, c)))


def _fluid(rng: Rng, picture: Picture) -> None:
    p = picture.build.patient
    both = rng.random() < 0.3
    first = _side(rng)
    for side in (-1.0, 1.0):
        if side != first and not both:
            continue
        floor = (p.base_left if side > 0 else p.base_right) - 22
        outward = np.clip(X * side / p.half_width, 0, 1)
        level = floor + rng.uniform(14, 90) * (0.5 + 0.5 * outward**2)
        picture.fill(picture.air * step(X * side, 2.0) * step(level - Z, 5.0) * rng.uniform(0.7, 0.95))


def _fibrosis(rng: Rng, picture: Picture) -> None:
    p = picture.build.patient
    shell = 2 * (cavity(p) - cavity(p, rng.uniform(2.5, 8)))
    side, top = _side(rng), rng.uniform(-20, p.apex + 10)
    reach = step(top - Z, 5.0) * step(Z - (top - rng.uniform(50, 150)), 5.0)
    outer = step(X * side - 0.45 * p.half_width, 8.0)
    picture.fill(shell * reach * outer)


def _hilar(rng: Rng, picture: Picture) -> None:
    sides = (-1.0, 1.0) if rng.random() < 0.35 else (_side(rng),)
    for side in sides:
        for _ in range(2):
            x, z = side * rng.uniform(38, 50), rng.uniform(-18, 8)
            a, b, c = rng.uniform(11, 21, 3)
            picture.fill(chord(x + picture.build.shift_mm, z, (a, b, c), rng.uniform(0, np.pi)))


def _bone(rng: Rng, picture: Picture) -> None:
    p = picture.build.patient
    if rng.random() < 0.25:  # a lump in the chest wall
        z = float(rng.uniform(-80, p.apex - 40))
        x = _side(rng) * (p.half_width + rng.uniform(2, 14))
        a, b, c = rng.uniform(12, 26), rng.uniform(12, 30), rng.uniform(14, 32)
        picture.added = picture.added + 0.9 * chord(x, z, (a, b, c))
        return
    pieces = ribs(p)
    middle = 0.5 * (pieces.start + pieces.end)
    seen = np.flatnonzero((np.abs(middle[:, 0]) > 45) & (middle[:, 2] > -110))
    at = middle[rng.choice(seen)]
    near = np.linalg.norm(middle - at, axis=1) < rng.uniform(14, 26)
    if rng.random() < 0.5:  # a hole, and soft tissue in its place
        picture.added = picture.added - rib_map(p, near)
        picture.fill(chord(at[0], at[2], (13.0, rng.uniform(4, 9), 10.0)))
    else:  # callus or a dense focus
        thick = Cones(
            pieces.start[near],
            pieces.end[near],
            1.5 * pieces.start_radius[near],
            1.5 * pieces.end_radius[near],
        )
        picture.added = picture.added + spread(thick, rng.uniform(0.8, 1.6) * BONE, samples=6, across=3)


OPACITIES: Mapping[str, Callable[[Rng, Picture], None]] = {
    "major-atelectasis": _collapsed,
    "nodule": _nodule,
    "mass": _mass,
    "infiltrate": _infiltrate,
    "distortion": _distortion,
    "granuloma": _granuloma,
    "scarring": _scarring,
    "pleural-mass": _pleural_mass,
    "pleural-fluid": _fluid,
    "pleural-fibrosis": _fibrosis,
    "hilar": _hilar,
    "bone-soft-tissue": _bone,
}
