"""Many labelled cubes at once: by several processes, cached on disk, the same bytes whoever made them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.phantom.cases import CUBE, VERSION, case, cut, half_extent, leaf_frequencies, scan, seeds
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.stored import smallest_stored, write_array
from lesionscope.progress import Progress, silent

Job = tuple[int, str, tuple[int, int, int]]
"""Seed, class frequencies, shape of the cube."""


@dataclass(frozen=True, eq=False)
class CubeSet:
    """Labelled cubes.

    Parameters
    ----------
    hu
        int16 ``(n, 64, 64, 64)`` as (z, y, x) at 1 mm; read-only and mapped from
        disk where it was cached.
    leaf
        Class of each.
    seeds
        Patient of each.
    latents
        A column a look (see :class:`~lesionscope.phantom.latents.LungLesion`), and
        ``equivalent_diameter_mm``, ``mean_hu`` (of the lesion's own voxels, as
        scanned) and ``padded``.
    scanner
        A column a parameter of :class:`~lesionscope.phantom.scanner.Scanner`.
    """

    hu: NDArray[np.int16]
    leaf: tuple[str, ...]
    seeds: NDArray[np.int64]
    latents: Mapping[str, NDArray[Any]]
    scanner: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.leaf)


def _work(job: Job) -> tuple[NDArray[np.int16], dict[str, Any]]:
    """Make one cube and its row; runs in a worker process."""
    seed, frequencies, shape = job
    of = case(seed, frequencies=frequencies)
    scanned = scan(of, half_extent(shape))
    row = {
        "seed": seed,
        "leaf": of.leaf,
        "latents": asdict(of.lesion)
        | {
            "equivalent_diameter_mm": scanned.equivalent_diameter_mm,
            "mean_hu": scanned.mean_hu,
            "padded": of.padded is not None,
        },
        "scanner": asdict(of.scanner),
    }
    return cut(scanned, of, shape), row


def cubes(
    split: str,
    n: int,
    *,
    frequencies: str = "balanced",
    first_seed: int = 0,
    workers: int = 2,
    cache: str | Path | None = None,
    shape: tuple[int, int, int] = CUBE,
    progress: Progress = silent,
) -> CubeSet:
    """Make ``n`` labelled cubes of a split, or read them from a cache.

    Parameters
    ----------
    split
        'train', 'validation' or 'test': they share no patient.
    n
        How many; class-balanced counts are equal where 11 divides it, else they
        differ by one.
    frequencies
        'balanced' or 'table1' (paper 000, Table 1).
    first_seed
        Skip so many patients of the split.
    workers
        Processes; the bytes don't depend on it.
    cache
        A folder that keeps the cubes for the next call that asks for the same ones
        or the first so many of them.
    shape
        Voxels (z, y, x) at 1 mm.
    progress
        Called after each cube.

    Raises
    ------
    LesionscopeError
        The cache can't be written.
    """
    leaf_frequencies(frequencies)
    jobs: list[Job] = [(seed, frequencies, shape) for seed in seeds(split, n, first_seed)]
    label = f"Scanning phantoms ({split})"
    if cache is None:
        hu = np.empty((n, *shape), dtype=np.int16)
        return _assemble(hu, _fill(hu, jobs, workers, progress, label))
    key = hashlib.sha256(repr((VERSION, split, frequencies, first_seed, shape)).encode()).hexdigest()[:12]
    stem = f"radpath-{split}-{key}"
    stored = smallest_stored(Path(cache), stem, n)
    if stored is None:
        stored = Path(cache) / f"{stem}-{n}.npy"
        rows = write_array(
            stored, (n, *shape), np.int16, lambda hu: _fill(hu, jobs, workers, progress, label)
        )
        write_atomically(stored.with_suffix(".json"), json.dumps(rows))
    try:
        hu = np.load(stored, mmap_mode="r")
        rows = json.loads(stored.with_suffix(".json").read_text(encoding="utf-8"))
        if hu.shape[1:] != shape or len(hu) != len(rows) or len(rows) < n:
            raise ValueError("sizes differ")
    except (OSError, ValueError) as error:
        raise InputError(f"The cached cubes {stored} can't be used ({error}): delete them.") from error
    return _assemble(hu[:n], rows[:n])


def _fill(
    hu: NDArray[np.int16],
    jobs: list[Job],
    workers: int,
    progress: Progress,
    label: str,
) -> list[dict[str, Any]]:
    rows = []
    for index, (cube, row) in enumerate(ordered(_work, jobs, workers)):
        hu[index] = cube
        rows.append(row)
        progress(index + 1, len(jobs), label)
    return rows


def _assemble(hu: NDArray[np.int16], rows: list[dict[str, Any]]) -> CubeSet:
    def columns(part: str) -> dict[str, NDArray[Any]]:
        return {name: np.array([row[part][name] for row in rows]) for name in (rows[0][part] if rows else ())}

    return CubeSet(
        hu,
        tuple(row["leaf"] for row in rows),
        np.array([row["seed"] for row in rows], dtype=np.int64),
        columns("latents"),
        columns("scanner"),
    )
