"""Labelled cubes of HU for each split, from phantoms or from a manifest of real CT."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope import config
from lesionscope.errors import InputError
from lesionscope.models.card import Preprocessing
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from . import cohort
from .augment import Augmentation, augment
from .manifest import SPLITS, read_cubes, read_manifest, rows_of
from .recipe import Data, RadPathRecipe


@dataclass(frozen=True, eq=False)
class Cubes:
    """Cubes of HU, int16 ``(n, s, s, s)`` (z, y, x) over 64 mm (s = 64 at 1 mm), and their classes.

    ``leaf`` ``(n,)`` indexes ``tree.leaves``. ``columns`` holds what the source
    knows beside (a phantom's latent parameters), one ``(n,)`` array a name;
    ``seeds`` a phantom's patients, empty for real CT.
    """

    tree: PathologyTree
    hu: NDArray[np.int16]
    leaf: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    seeds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.leaf)

    @property
    def tags(self) -> NDArray[np.str_]:
        """True leaf tag of each case, ``(n,)``."""
        return np.array(self.tree.leaves)[self.leaf]

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the cubes and their classes."""
        whole = hashlib.sha256(np.ascontiguousarray(self.hu).data)
        whole.update(self.leaf.tobytes())
        return whole.digest()

    def counts(self) -> dict[str, int]:
        """Cases by leaf."""
        return {tag: int((self.leaf == i).sum()) for i, tag in enumerate(self.tree.leaves)}


def load_split(
    recipe: RadPathRecipe,
    tree: PathologyTree,
    split: str,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Cubes:
    """Make or read one split of a recipe's data.

    Raises
    ------
    InputError
        The manifest or a volume can't be used, or the split is empty.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if recipe.data.source == "phantom":
        return _phantom(recipe.data, tree, split, progress, cancel)
    if recipe.data.source == "cohort":
        return _cohort(recipe, tree, split, progress, cancel)
    return _manifest(recipe, tree, split, progress, cancel)


def cache_folder(data: Data) -> Path:
    """Return where cubes are kept: the recipe's folder, else the user's cache."""
    if data.cache:
        return Path(data.cache).expanduser()
    return config.cache_folder() / "cubes"


def _phantom(
    data: Data, tree: PathologyTree, split: str, progress: Progress, cancel: CancelToken | None
) -> Cubes:
    from lesionscope.phantom.radpath import cubes

    made = cubes(
        split,
        getattr(data, split),
        frequencies=data.frequencies,
        workers=data.workers,
        cache=cache_folder(data),
        progress=_watched(progress, cancel),
    )
    index = {tag: i for i, tag in enumerate(tree.leaves)}
    leaf = np.array([index[tag] for tag in made.leaf], dtype=np.int64)
    return Cubes(tree, made.hu, leaf, {**made.scanner, **made.latents}, made.seeds)


def _watched(progress: Progress, cancel: CancelToken | None) -> Progress:
    """Return a progress that can be cancelled."""

    def watched(done: int, total: int, label: str) -> None:
        if cancel is not None:
            cancel.check()
        progress(done, total, label)

    return watched


def _cohort(
    recipe: RadPathRecipe, tree: PathologyTree, split: str, progress: Progress, cancel: CancelToken | None
) -> Cubes:
    everybody = cohort.members(tree)
    hu = cohort.cubes(
        everybody,
        recipe.preprocessing.spacing_mm,
        cache_folder(recipe.data),
        recipe.data.workers,
        _watched(progress, cancel),
    )
    wanted = getattr(recipe.data, f"{split}_subsets")
    mine = [index for index, member in enumerate(everybody) if member.subset in wanted]
    leaf = np.array([tree.leaves.index(everybody[index].leaf) for index in mine], dtype=np.int64)
    return Cubes(tree, hu[mine], leaf, {}, np.array([everybody[index].seed for index in mine]))


def _manifest(
    recipe: RadPathRecipe, tree: PathologyTree, split: str, progress: Progress, cancel: CancelToken | None
) -> Cubes:
    data = recipe.data
    rows = read_manifest(data.manifest, tree)
    wanted = getattr(data, f"{split}_subsets")
    mine = rows_of(rows, split, wanted, recipe.seed)
    if not mine:
        raise InputError(
            f"{data.manifest} has no lesion for the {split} split, which takes the subsets {list(wanted)} "
            "where the table doesn't name splits itself; add rows or change the recipe's subsets."
        )
    hu = read_cubes(
        mine,
        cache_folder(data),
        spacing_mm=recipe.preprocessing.spacing_mm,
        progress=progress,
        cancel=cancel,
    )
    leaf = np.array([tree.leaves.index(row.leaf) for row in mine], dtype=np.int64)
    return Cubes(tree, hu, leaf, {}, np.zeros(0, dtype=np.int64))


def batch(
    cubes: Cubes,
    indices: NDArray[np.int64],
    settings: Augmentation,
    preprocessing: Preprocessing,
    key: tuple[int, ...],
) -> NDArray[np.float32]:
    """Augment, crop and normalise cases: float32 ``(len(indices), 1, 48, 48, 48)``.

    ``key`` (seed, epoch, …) and the case fix each draw, whatever batch it is in.
    """
    side = preprocessing.shape[0]
    hu = np.empty((len(indices), 1, *preprocessing.shape), dtype=np.int16)
    for slot, index in enumerate(indices):
        rng = np.random.default_rng([*key, int(index)])
        hu[slot, 0] = augment(cubes.hu[index], rng, settings, side)
    return preprocessing.normalise(hu)
