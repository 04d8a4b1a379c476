"""One phantom patient with one lesion a seed: drawn, scanned, and cut to a labelled cube.

Cubes go the way that inference goes: the chest is scanned on a CT grid of its
own, and :func:`lesionscope.ct.crops.crop` cuts it at 1 mm around the centroid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import crop
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.ontology.tree import load_tree
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.chest import Chest
from lesionscope.phantom.latents import LEAVES, LungLesion, draw_lesion
from lesionscope.phantom.lung_lesions import Placed, paint_lesion
from lesionscope.phantom.placement import place
from lesionscope.phantom.scanner import Scanner, render

VERSION = 3
"""Part of every cache's key: raise it whenever the same seed gives another picture."""

SPLITS = {"train": 0, "validation": 100_000_000, "test": 200_000_000}
"""First seed of each split; a patient is a seed, so splits never share one."""
SPLIT_SIZE = 100_000_000
PADDED_SHARE = 0.10
CUBE = (64, 64, 64)


@dataclass(frozen=True)
class Case:
    """One phantom patient with one lesion.

    Parameters
    ----------
    seed, leaf
        The patient, and the class of the lesion.
    placed
        Looks of the lesion and where it lies (LPS mm).
    scanner
        How it is scanned.
    padded
        ``None``, or where the scanned volume ends close to the lesion: axis
        (0 x, 1 y, 2 z), side (-1 or 1) and mm from the centroid to its edge.
    """

    seed: int
    leaf: str
    placed: Placed
    scanner: Scanner
    padded: tuple[int, int, float] | None = None

    @property
    def lesion(self) -> LungLesion:
        """Looks of the lesion."""
        return self.placed.lesion

    @property
    def centroid_lps(self) -> tuple[float, float, float]:
        """Centre of the lesion, LPS mm."""
        return self.placed.centre

    @cached_property
    def chest(self) -> Chest:
        """The patient's chest."""
        return Chest(self.seed)


@dataclass(frozen=True)
class Scan:
    """A scanned case: the volume, and what a perfect segmentation would measure of the lesion."""

    volume: CTVolume
    equivalent_diameter_mm: float
    mean_hu: float


def seeds(split: str, n: int, first_seed: int = 0) -> range:
    """Return ``n`` seeds of a split ('train', 'validation' or 'test').

    Raises
    ------
    UsageError
        No such split, or more seeds than it has.
    """
    if split not in SPLITS:
        raise UsageError(f"There is no split named {split!r}: choose one of {', '.join(SPLITS)}.")
    if n < 0 or first_seed < 0 or first_seed + n > SPLIT_SIZE:
        raise UsageError(f"A split has {SPLIT_SIZE} seeds: {n} from {first_seed} don't fit into it.")
    return range(SPLITS[split] + first_seed, SPLITS[split] + first_seed + n)


def leaf_frequencies(frequencies: str) -> NDArray[np.float64]:
    """P(leaf) in the order of :data:`~lesionscope.phantom.latents.LEAVES`: 'balanced' or 'table1'."""
    if frequencies == "balanced":
        return np.full(len(LEAVES), 1 / len(LEAVES))
    if frequencies == "table1":
        nodes = load_tree().by_tag
        counts = np.array([nodes[leaf].train_dev + nodes[leaf].test for leaf in LEAVES], dtype=np.float64)
        return np.asarray(counts / counts.sum())
    raise UsageError(f"Class frequencies are 'balanced' or 'table1' (paper 000), not {frequencies!r}.")


def leaf_of(seed: int, frequencies: str = "balanced") -> str:
    """Return the class of a seed: in turn where balanced (equal counts), else drawn by Table 1."""
    chances = leaf_frequencies(frequencies)
    if frequencies == "balanced":
        return LEAVES[seed % len(LEAVES)]
    return LEAVES[int(np.random.default_rng([seed, 6]).choice(len(LEAVES), p=chances))]


def lesion_of(seed: int, leaf: str) -> LungLesion:
    """Return the looks of a seed's lesion, were it of class ``leaf``."""
    return draw_lesion(np.random.default_rng([seed, 7]), leaf)


def case(seed: int, leaf: str | None = None, frequencies: str = "balanced") -> Case:
    """Draw the case of a seed.

    Parameters
    ----------
    seed
        Any non-negative number; :func:`seeds` keeps splits apart.
    leaf
        Its class; :func:`leaf_of` says where ``None``.
    frequencies
        'balanced' or 'table1'.
    """
    leaf = leaf_of(seed, frequencies) if leaf is None else leaf
    rng = np.random.default_rng([seed, 9])
    if leaf not in LEAVES:
        raise UsageError(f"{leaf!r} is no leaf class: choose one of {', '.join(LEAVES)}.")
    lesion = lesion_of(seed, leaf)
    scanner = Scanner.draw(rng)
    chest = Chest(seed)
    placed = place(chest, lesion, rng)
    padded = None
    if rng.random() < PADDED_SHARE:
        axis = int(rng.choice(3, p=(0.15, 0.15, 0.7)))
        edge = float(rng.uniform(min(0.45 * lesion.diameter_mm + 2.0, 15.0), 21.0))
        padded = (axis, int(rng.choice((-1, 1))), edge)
    result = Case(seed, leaf, placed, scanner, padded)
    result.__dict__["chest"] = chest
    return result


def scan_geometry(of: Case, half_mm: tuple[float, float, float], rng: np.random.Generator) -> Geometry:
    """Return the CT grid around a case's lesion, ``half_mm`` (x, y, z) to each side, cut where padded."""
    scanner = of.scanner
    steps = np.array([scanner.pixel_mm, scanner.pixel_mm, scanner.slice_step_mm])
    centre = np.array(of.centroid_lps)
    low, high = centre - half_mm, centre + half_mm
    low -= rng.random(3) * steps
    if of.padded is not None:
        axis, side, edge = of.padded
        if side > 0:
            high[axis] = min(high[axis], centre[axis] + edge)
        else:
            low[axis] = max(low[axis], centre[axis] - edge)
    size = np.maximum(np.ceil((high - low) / steps).astype(int) + 1, 1)
    return Geometry(
        (int(size[0]), int(size[1]), int(size[2])),
        (scanner.pixel_mm, scanner.pixel_mm, scanner.slice_step_mm),
        (float(low[0]), float(low[1]), float(low[2])),
        slice_thickness_mm=scanner.thickness_mm,
    )


def scan(of: Case, half_mm: tuple[float, float, float] = (33.0, 33.0, 33.5)) -> Scan:
    """Scan the surroundings of a case's lesion on its own CT grid."""
    rng = np.random.default_rng([of.seed, 8])
    geometry = scan_geometry(of, half_mm, rng)
    masks: list[NDArray[np.float32]] = []

    def paint(canvas: Canvas) -> None:
        masks.append(paint_lesion(canvas, of.placed, of.chest.paint(canvas)))

    hu = render(paint, geometry, of.scanner, rng)
    mask = masks[0].reshape(hu.shape[0], -1, *hu.shape[1:]).mean(axis=1)
    inside = float(mask.sum())
    voxel = of.scanner.pixel_mm**2 * of.scanner.slice_step_mm
    source = Source(uid=f"phantom-radpath-{of.seed}", description=of.chest.title, kernel=of.scanner.kernel)
    return Scan(
        CTVolume(hu, geometry, source),
        equivalent_diameter_mm=float((6 / np.pi * inside * voxel) ** (1 / 3)),
        mean_hu=float((mask * hu).sum() / max(inside, 1e-6)),
    )


def cube(of: Case, shape: tuple[int, int, int] = CUBE) -> NDArray[np.int16]:
    """Return the cube around a case's lesion: HU, int16 ``shape`` (z, y, x) at 1 mm.

    Where the scanned volume ends inside the cube, it holds -1024.
    """
    return cut(scan(of, half_extent(shape)), of, shape)


def half_extent(shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Return half the extent (x, y, z mm) that a scan needs for a cube of ``shape`` (z, y, x) at 1 mm."""
    return (shape[2] / 2 + 1.0, shape[1] / 2 + 1.0, shape[0] / 2 + 1.5)


def cut(scanned: Scan, of: Case, shape: tuple[int, int, int] = CUBE) -> NDArray[np.int16]:
    """Cut the cube out of a scan, on the very path that inference takes."""
    hu = crop(scanned.volume, of.centroid_lps, shape=shape)
    return np.asarray(np.rint(hu), dtype=np.int16)
