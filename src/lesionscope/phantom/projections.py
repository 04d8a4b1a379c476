"""Chest projections of phantoms: what a parallel beam from front to back leaves, and what there is to see.

A projection is a function of its seed: a patient's shapes (those of :class:`~lesionscope.phantom.chest.Chest`
with that seed), findings that go together, vessels, and a detector's noise. Values are water
equivalents, the negative logarithm of the beam over water's attenuation. Labels are exact.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.phantom.cases import seeds
from lesionscope.phantom.patient import Patient
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.stored import smallest_stored, write_array
from lesionscope.phantom.trees import grow
from lesionscope.phantom.xray import chords, profiles
from lesionscope.phantom.xray.chords import PIXEL_MM, SIDE, Build, Map, X, Z
from lesionscope.phantom.xray.findings import OPACITIES, SHAPES, SOFT, Picture
from lesionscope.progress import Progress, silent

VERSION = 1
"""Goes up when the same seed gives another picture."""
LEAVES = profiles.LEAVES
UNITS_PER_MM = 10
WALL = 0.98
"""Attenuation of fat and muscle of the wall together, over water's."""
WATER = 0.02
"""Attenuation of water in the beam, 1/mm."""
PHOTONS = 20_000.0
"""Photons a pixel without a patient."""
VESSELS = 64
"""Ends that a lung's vessels reach."""


@dataclass(frozen=True, eq=False)
class Projection:
    """An image and what it shows.

    Parameters
    ----------
    image
        int16 ``(96, 96)``, tenths of a mm of water; rows from the head, columns to the patient's left.
    findings
        Leaves of the chest X-ray tree.
    seed
        Of the patient.
    """

    image: NDArray[np.int16]
    findings: tuple[str, ...]
    seed: int


@dataclass(frozen=True, eq=False)
class ProjectionSet:
    """Images int16 ``(n, 96, 96)``, labels ``(n, 14)`` in the order of :data:`LEAVES`, and seeds ``(n,)``."""

    images: NDArray[np.int16]
    labels: NDArray[np.bool_]
    seeds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.seeds)


def projection(seed: int, findings: Collection[str] | None = None) -> Projection:
    """Make the projection of a seed.

    Parameters
    ----------
    seed
        Of the patient.
    findings
        Leaves to show in place of those drawn; everything else stays as the seed has it.
    """
    drawn = profiles.draw(np.random.default_rng([seed, 3]))
    shown = drawn if findings is None else tuple(leaf for leaf in LEAVES if leaf in findings)
    build = Build(Patient.draw(np.random.default_rng([seed, 1])))
    for leaf in SHAPES:
        if leaf in shown:
            build = SHAPES[leaf](_own(seed, leaf), build)
    air = chords.lung(build)
    picture = Picture(build, air, np.zeros_like(air))
    for leaf in OPACITIES:
        if leaf in shown:
            OPACITIES[leaf](_own(seed, leaf), picture)
    rng = np.random.default_rng([seed, 5])
    water = _water(picture, air, rng)
    expected = PHOTONS * np.exp(-WATER * np.maximum(water, 0))
    noisy = water + rng.normal(size=water.shape) / (WATER * np.sqrt(expected))
    return Projection(np.rint(noisy * UNITS_PER_MM).astype(np.int16), shown, seed)


def _own(seed: int, leaf: str) -> np.random.Generator:
    """Return a finding's own random numbers, the same whatever else is shown."""
    return np.random.default_rng([seed, 4, LEAVES.index(leaf)])


def _water(picture: Picture, lungs: Map, rng: np.random.Generator) -> Map:
    """Water equivalent of all that a ray meets, mm, as a detector of some sharpness sees it."""
    from scipy.ndimage import gaussian_filter

    build = picture.build
    p = build.patient
    inside = 2 * chords.cavity(p)
    mottle = gaussian_filter(rng.normal(size=lungs.shape), 1.2) * 4.0
    held = picture.air * build.lung_density * (1 + 0.05 * mottle)
    vessels = _vessels(build, lungs, rng) * np.minimum(picture.air / (lungs + 1e-6), 1)
    total = WALL * np.maximum(chords.body(p) - inside, 0) + SOFT * (inside - lungs) + held
    total += (lungs - picture.air) * build.lung_density  # its excess over lung stands in ``added``
    total += picture.added + vessels + chords.rib_map(p) + chords.spine(p)
    return np.asarray(gaussian_filter(total, 0.45))


def _vessels(build: Build, lungs: Map, rng: np.random.Generator) -> Map:
    """Vessels of both lungs, grown towards places in them; fewer and thinner in lucent lungs."""
    total = np.zeros_like(lungs)
    for side in (-1.0, 1.0):
        weight = np.where(X * side > 0, lungs, 0.0).ravel()
        if weight.sum() == 0:
            continue
        chosen = rng.choice(len(weight), VESSELS, p=weight / weight.sum())
        row, column = np.divmod(chosen, SIDE)
        depth = 6 + chords.cavity(build.patient).ravel()[chosen] * rng.uniform(-0.8, 0.8, VESSELS)
        ends = np.stack([X[0, column], depth, Z[row, 0]], axis=1)
        ends += rng.uniform(-PIXEL_MM / 2, PIXEL_MM / 2, ends.shape)
        root = np.array([side * 36.0 + build.shift_mm, 4.0, -6.0])
        pieces, _ = grow(root, ends, 5.0, rng)
        total += chords.spread(pieces, build.lucency * (SOFT - build.lung_density), samples=5)
    return total


def projections(
    split: str,
    n: int,
    *,
    first_seed: int = 0,
    workers: int = 2,
    cache: str | Path | None = None,
    progress: Progress = silent,
) -> ProjectionSet:
    """Make ``n`` projections of a split, or read them from a cache.

    Parameters
    ----------
    split
        'train', 'validation' or 'test': they share no patient.
    n
        How many.
    first_seed
        Skip so many patients of the split.
    workers
        Processes; the bytes don't depend on it.
    cache
        A folder that keeps them for the next call for the same ones or the first so many of them.
    progress
        Called after each.

    Raises
    ------
    LesionscopeError
        The cache can't be written.
    """
    numbers = np.array(seeds(split, n, first_seed), dtype=np.int64)

    def fill(images: NDArray[np.int16]) -> list[list[str]]:
        rows = []
        for index, made in enumerate(ordered(projection, numbers.tolist(), workers)):
            images[index] = made.image
            rows.append(list(made.findings))
            progress(index + 1, n, f"Projecting phantoms ({split})")
        return rows

    if cache is None:
        images = np.empty((n, SIDE, SIDE), dtype=np.int16)
        return ProjectionSet(images, _labels(fill(images)), numbers)
    key = hashlib.sha256(repr((VERSION, split, first_seed)).encode()).hexdigest()[:12]
    stem = f"projections-{split}-{key}"
    stored = smallest_stored(Path(cache), stem, n)
    if stored is None:
        stored = Path(cache) / f"{stem}-{n}.npy"
        rows = write_array(stored, (n, SIDE, SIDE), np.int16, fill)
        write_atomically(stored.with_suffix(".json"), json.dumps(rows))
    try:
        images = np.load(stored, mmap_mode="r")
        labels = _labels(json.loads(stored.with_suffix(".json").read_text(encoding="utf-8")))
        if images.shape[1:] != (SIDE, SIDE) or not n <= len(images) == len(labels):
            raise ValueError("sizes differ")
    except (OSError, ValueError) as error:
        raise InputError(f"The cached projections {stored} can't be used ({error}): delete them.") from error
    return ProjectionSet(images[:n], labels[:n], numbers)


def _labels(rows: list[list[str]]) -> NDArray[np.bool_]:
    return np.array([[leaf in row for leaf in LEAVES] for row in rows], dtype=bool).reshape(-1, len(LEAVES))
