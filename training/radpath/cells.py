"""Table 2's cells (system × seed), on phantoms with Table 1's counts: a JSON file each, made once.

A cell's figures come with their values in resamples of the test lesions (bootstrap,
stratified by leaf). The resamples are the same in every cell, so differences between
cells are paired.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.models.pathology_net import PathologyNet
from lesionscope.models.probabilities import TreeScores, tree_scores
from lesionscope.models.systems import SYSTEMS
from lesionscope.ontology.tree import PathologyTree, load_tree
from lesionscope.phantom.radpath import VERSION
from lesionscope.progress import Progress, silent

from .. import recipes
from ..engine.cells import CellTable
from .confusion import confusions
from .dataset import Cubes, load_split
from .metrics import MeanAuc, head_auc, leaf_auc, stratified_resamples, summary
from .published import LEAVES
from .recipe import RadPathRecipe
from .trainer import Trainer, infer

RECIPE = "radpath-table2"
RESAMPLES = 400
MEANS = ("weighted", "unweighted")


@dataclass(frozen=True)
class Settings:
    """What all cells share: a recipe, and changes to it such as ``batch=8``."""

    name: str = RECIPE
    cache: str = ""
    changes: tuple[str, ...] = ()

    def recipe(self, row: str, seed: int) -> RadPathRecipe:
        """Return a cell's recipe."""
        own = (f"network.kind={row}", f"seed={seed}", f"data.cache={json.dumps(self.cache)}")
        loaded = recipes.load(self.name, [*self.changes, *own])
        assert isinstance(loaded, RadPathRecipe)
        return loaded

    def said(self) -> dict[str, Any]:
        """Return what a cell says of how it was made; all cells of a table say the same."""
        recipe = self.recipe(SYSTEMS[0], 0)
        return {
            "recipe": self.name,
            "changes": [change for change in self.changes if not change.startswith("threads=")],
            "stem": recipe.network.stem,
            "side": recipe.preprocessing.shape[0],
            "spacing_mm": recipe.preprocessing.spacing_mm,
            "epochs": recipe.epochs,
            "batch": recipe.batch,
            "optimisation": dataclasses.asdict(recipe.optimisation),
            "precision": recipe.precision,
            "phantom": VERSION,
        }


class Table(CellTable[Settings]):
    """Cells made from lesions that are read once."""

    def __init__(self, folder: Path, runs: Path, settings: Settings, progress: Progress = silent) -> None:
        super().__init__(folder, runs, settings, progress)
        self.tree = load_tree()
        self._cubes: dict[str, Cubes] = {}

    def cubes(self, split: str) -> Cubes:
        """Return a split's lesions, the same for all rows."""
        if split not in self._cubes:
            recipe = self.settings.recipe(SYSTEMS[0], 0)
            self._cubes[split] = load_split(recipe, self.tree, split, progress=self.progress)
        return self._cubes[split]

    def make(self, row: str, seed: int, run: Path) -> dict[str, Any]:
        """Train and score a cell."""
        recipe, busy = self.settings.recipe(row, seed), time.process_time()
        trainer = Trainer(recipe, self.tree, self.cubes("train"), self.cubes("validation"), run)
        trained = trainer.fit(self.progress)
        validation, test = (self._scores(trainer, trainer.network, split) for split in ("validation", "test"))
        tree, tags, leaf = trainer.tree, self.cubes("test").tags, self.cubes("test").leaf
        content = {
            "row": row,
            "seed": seed,
            "device": trainer.device.type,
            "threads": recipe.threads,
            "processor_seconds": round(time.process_time() - busy, 1),
            "epochs": list(trained.history),
            "validation": summary(tree, validation, self.cubes("validation").tags),
            "test": summary(tree, test, tags),
            "confusion": confusions(tree, test, leaf),
            "draws": draws(tree, test, leaf, RESAMPLES),
        }
        if trainer.averaged is not None:
            averaged = draws(tree, self._scores(trainer, trainer.averaged, "test"), leaf, RESAMPLES)
            content["averaged"] = {LEAVES: averaged["weighted"][LEAVES]}
        return content

    def _scores(self, trainer: Trainer, network: PathologyNet, split: str) -> TreeScores:
        """Score a split with a run's own weights or its averaged ones."""
        tree, how = trainer.tree, trainer.recipe.preprocessing
        return tree_scores(tree, infer(network, tree, self.cubes(split), how, device=trainer.device).logits)


def draws(
    tree: PathologyTree, scores: TreeScores, leaf: NDArray[np.int64], count: int
) -> dict[str, dict[str, list[float]]]:
    """Return Table 2's figures by kind of mean and column: the value itself, then one a resample."""
    found: dict[str, dict[str, list[float]]] = {mean: {} for mean in MEANS}
    tags = np.array(tree.leaves)
    for take in [np.arange(len(leaf)), *stratified_resamples(leaf, count)]:
        part = dataclasses.replace(
            scores, conditional=scores.conditional[take], probability=scores.probability[take], leak={}
        )
        for column, figure in columns(tree, part, tags[leaf[take]]).items():
            for mean in MEANS:
                found[mean].setdefault(column, []).append(round(getattr(figure, mean), 5))
    return found


def columns(tree: PathologyTree, scores: TreeScores, truth: NDArray[np.str_]) -> dict[str, MeanAuc]:
    """Return Table 2's columns: each head within itself, and the leaves over all cases."""
    within = {head.name: head_auc(tree, scores, truth, head, "within-head") for head in tree.heads}
    return within | {LEAVES: leaf_auc(tree, scores, truth)}
