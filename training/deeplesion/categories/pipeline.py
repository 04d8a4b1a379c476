"""From a recipe to categories: lesions, first features, rounds, a table and pictures."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesionscope import config
from lesionscope.ct.patches import preprocess
from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import TABLE
from lesionscope.lesions.deeplesion_volume import cut_patch
from lesionscope.models.label_package import find_label_package
from lesionscope.models.lesanet.lesion_embedding import LesionEmbedding
from lesionscope.models.lesanet.network import LesaNet, load_lesanet
from lesionscope.progress import CancelToken, Progress, silent

from ..dataset import examined
from ..table import Table
from .agreement import Labels, contingency
from .clusters import Features
from .contact_sheet import write_sheets
from .crops import read_crops
from .recipe import CategoriesRecipe, Data
from .rounds import Found, Rounds
from .table import CATEGORIES, write_categories
from .truth import KINDS, read_truth

METRICS = "metrics.json"
SHEETS = "sheets"
BESIDE_MM = 2.0
"""Slices above and below phantoms' key slices that LesaNet's patches need."""
AT_ONCE = 32


@dataclass(frozen=True)
class CategoriesResult:
    """Where a run left its files, and its metrics as ``metrics.json`` has them."""

    out: Path
    metrics: dict[str, Any]

    @property
    def categories(self) -> Path:
        """The table of categories (see :mod:`.table`)."""
        return self.out / CATEGORIES


def train(
    recipe: CategoriesRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> CategoriesResult:
    """Find the categories of a recipe's lesions in ``out``, or go on there.

    Leaves ``categories.csv``, ``log.jsonl`` (a round a line), ``metrics.json``, ``sheets/`` with a picture of
    each category, and ``checkpoint.pt``.

    Raises
    ------
    InputError
        The dataset can't be used, or holds too few lesions.
    """
    started = time.monotonic()
    data = recipe.data
    root = folder_of(data, progress)
    table = examined(root, workers=data.workers, progress=progress, cancel=cancel)
    if not table.rows:
        raise InputError(f"Nothing in {root / TABLE} can be used: `lesionscope doctor --dataset` says why.")
    crops = read_crops(
        root, table, data.side, data.window_hu, workers=data.workers, progress=progress, cancel=cancel
    )
    truth = _truth(root, crops.numbers)
    first, trunk = None, None
    if recipe.start.features == "lesanet":
        network = load_lesanet(find_label_package(recipe.start.package or None))
        first, trunk = lesanet_features(network, root, table, progress, cancel), network.backbone
    found = Rounds(recipe, crops, first, truth, out, trunk=trunk).run(progress, cancel)
    write_categories(out / CATEGORIES, crops, found.categories)
    write_sheets(out / SHEETS, crops, found.categories, recipe.seed)
    metrics = {
        "recipe": recipe.as_dict(),
        "lesions": len(crops),
        "left_out": list(table.left_out),
        "seconds": round(time.monotonic() - started, 1),
        **_figures(found, truth),
    }
    write_atomically(out / METRICS, json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    return CategoriesResult(out, metrics)


def folder_of(data: Data, progress: Progress = silent) -> Path:
    """Return the dataset's folder; phantoms are scanned where they aren't in the cache."""
    if data.source == "deeplesion":
        return Path(data.folder).expanduser()
    from lesionscope.phantom.clinic.deeplesion import write_deeplesion
    from lesionscope.phantom.clinic.patients import VERSION

    cache = Path(data.cache or config.cache_folder()).expanduser()
    folder = cache / "deeplesion" / f"clinic-{VERSION}-{data.patients}"
    if not (folder / TABLE).is_file():
        write_deeplesion(folder, data.patients, around_mm=BESIDE_MM, workers=data.workers, progress=progress)
    return folder


def lesanet_features(
    network: LesaNet | LesionEmbedding,
    root: Path,
    table: Table,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Features:
    """Return LesaNet's embedding of each lesion of a table, float32 ``(n, d)``.

    Raises
    ------
    InputError
        A slice can't be read.
    """
    rows = list(table.rows.values())
    parts = []
    for start in range(0, len(rows), AT_ONCE):
        if cancel is not None:
            cancel.check()
        cuts = [cut_patch(root, row) for row in rows[start : start + AT_ONCE]]
        patches = torch.from_numpy(preprocess(np.stack([hu for hu, _ in cuts])))
        with torch.inference_mode():
            answer = network(patches, torch.from_numpy(np.stack([box for _, box in cuts])))
        parts.append(answer.embedding.float().numpy())
        progress(start + len(cuts), len(rows), "Embedding lesions")
    return np.concatenate(parts)


def _truth(root: Path, numbers: NDArray[np.int64]) -> Labels | None:
    """Return what phantom lesions truly are; ``None`` where anybody's isn't known."""
    known = read_truth(root)
    if not all(int(number) in known for number in numbers):
        return None
    return np.array([known[int(number)] for number in numbers], dtype=np.int64)


def _figures(found: Found, truth: Labels | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"converged": found.converged, "rounds": list(found.history)}
    if truth is not None:
        kinds = [KINDS[kind] for kind in np.unique(truth)]
        counts = contingency(found.categories, truth).tolist()
        figures["categories"] = [dict(zip(kinds, row, strict=True)) for row in counts]
    return figures
