"""Phantom lesions with Table 1's very counts, in the paper's five subsets (paper 000, §2.1).

"The dataset is randomly split into 5 subsets of same size, numbered as 0 to 4. Each
subset retains roughly the same proportion for each disease." Here subset 4 holds
Table 1's test count of each leaf, and the rest are dealt to 0–3 in turn. A patient
has one lesion.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import Progress, silent

from .manifest import SIDE, SUBSETS

FIRST_SEED = 100_000
"""Patients of the training split from here on: none of them is in another recipe's data."""
Job = tuple[int, str, int, float]
"""Seed, leaf, side in voxels, spacing in mm."""


@dataclass(frozen=True)
class Member:
    """One lesion of the cohort."""

    seed: int
    leaf: str
    subset: int


def members(tree: PathologyTree, seed: int = 0) -> tuple[Member, ...]:
    """List the cohort in the order of the tree's leaves; ``seed`` shuffles who is in which subset."""
    from lesionscope.phantom.radpath import seeds

    rng = np.random.default_rng([seed, 5])
    placed: list[tuple[str, int]] = []
    dealt = 0
    for tag in tree.leaves:
        node = tree.by_tag[tag]
        held_out = np.full(node.test, SUBSETS - 1)
        others = (np.arange(node.train_dev) + dealt) % (SUBSETS - 1)
        dealt += node.train_dev
        placed += [(tag, int(subset)) for subset in rng.permutation(np.concatenate([others, held_out]))]
    patients = seeds("train", len(placed), FIRST_SEED)
    return tuple(Member(patient, *what) for patient, what in zip(patients, placed, strict=True))


def side_at(spacing_mm: float) -> int:
    """Return the even number of voxels that spans at most 64 mm: room to move a crop of 48 mm in."""
    return int(SIDE / spacing_mm) // 2 * 2


def cubes(
    cohort: tuple[Member, ...],
    spacing_mm: float,
    cache: Path,
    workers: int = 2,
    progress: Progress = silent,
) -> NDArray[np.int16]:
    """Scan the cohort, or read it from the cache: HU, int16 ``(n, s, s, s)``, s from :func:`side_at`.

    Raises
    ------
    LesionscopeError
        The cache can't be written.
    """
    from lesionscope.phantom.pool import ordered
    from lesionscope.phantom.radpath import VERSION
    from lesionscope.phantom.stored import write_array

    side = side_at(spacing_mm)
    jobs: list[Job] = [(one.seed, one.leaf, side, spacing_mm) for one in cohort]
    key = hashlib.sha256(repr((VERSION, jobs)).encode()).hexdigest()[:12]
    path = cache / f"radpath-cohort-{key}.npy"

    def fill(hu: NDArray[np.int16]) -> None:
        for index, cube in enumerate(ordered(_scanned, jobs, workers)):
            hu[index] = cube
            progress(index + 1, len(jobs), "Scanning phantoms (cohort)")

    if not path.is_file():
        write_array(path, (len(jobs), side, side, side), np.int16, fill)
    stored: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return stored


def _scanned(job: Job) -> NDArray[np.int16]:
    """Scan one lesion; runs in a worker process."""
    from lesionscope.ct.crops import crop
    from lesionscope.phantom.cases import half_extent
    from lesionscope.phantom.radpath import case, scan

    seed, leaf, side, spacing = job
    of = case(seed, leaf)
    reach = int(np.ceil(side * spacing))
    volume = scan(of, half_extent((reach, reach, reach))).volume
    cut = crop(volume, of.centroid_lps, shape=(side, side, side), spacing_mm=spacing)
    return np.asarray(np.rint(cut), dtype=np.int16)
