"""A table's cells (row × seed), on phantoms: one after another, a JSON file each, made once.

All rows see the same images at the recipes' learning rates, the same for all. Rows of one stage train as
long as HLCP does; the others go on from HLCP as it is then, as in the paper, and so learn a quarter longer
in all. To tell the second loss from the second helping, one row goes on with HLCP itself.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.models.hmlc.forest import Forest
from lesionscope.phantom.projections import VERSION
from lesionscope.phantom.stored import write_array
from lesionscope.progress import Progress, silent

from .. import recipes
from ..engine.cells import CellTable, PhantomSettings, cell_name, made_once, rounded
from .dataset import Images, load_split, tree_of
from .delong import compare
from .metrics import by_node, learnt_by, resampled
from .recipe import HmlcRecipe
from .trainer import Trainer, infer

RESAMPLES = 200
COMPARED = ("hmlc-br-all", "hmlc-hlup-finetune")
"""Figure 3's two rows."""
SET = "phantom"
"""Name of the one test set."""


@dataclass(frozen=True, kw_only=True)
class Settings(PhantomSettings):
    """What all cells share; ``share`` is how much of the recipes' epochs they train: 8 of 16, and 2 of 4."""

    PHANTOM = VERSION

    train: int = 3000
    validation: int = 500
    test: int = 2000
    share: float = 0.5

    def recipe(self, row: str, seed: int) -> HmlcRecipe:
        """Return a row's recipe."""
        changes = self.changes(seed) | {"data.workers": self.threads, "device": "cpu"}
        loaded = recipes.load(row, changes)
        assert isinstance(loaded, HmlcRecipe)
        stages = [dataclasses.replace(s, epochs=max(1, round(s.epochs * self.share))) for s in loaded.stages]
        return dataclasses.replace(loaded, stages=tuple(stages))


class Table(CellTable[Settings]):
    """Cells made from images that are read once; scores for Figure 3 lie among the runs too."""

    def __init__(self, folder: Path, runs: Path, settings: Settings, progress: Progress = silent) -> None:
        super().__init__(folder, runs, settings, progress)
        self.tree = tree_of(settings.recipe(COMPARED[0], 0).data)
        self.forest = Forest.of_tree(self.tree)
        self._images: dict[str, Images] = {}

    def images(self, split: str) -> Images:
        """Return a split's images, the same for all rows."""
        if split not in self._images:
            data = self.settings.recipe(COMPARED[0], 0).data
            self._images[split] = load_split(data, self.tree, split, self.progress)
        return self._images[split]

    def make(self, row: str, seed: int, run: Path) -> dict[str, Any]:
        """Train and score a cell, in folders that are named after what is learnt there."""
        recipe = self.settings.recipe(row, seed)
        started = time.process_time()
        trainer = self._trainer(recipe)
        if len(recipe.stages) > 1:
            # Rows with the same first stage learn it once.
            earlier = self._trainer(dataclasses.replace(recipe, stages=recipe.stages[:1]))
            earlier.fit(self.progress)
            trainer.go_on_from(earlier)
        trained = trainer.fit(self.progress)
        test, learnt = self.images("test"), learnt_by(recipe.stages[-1].loss, self.forest)
        scores = infer(trained.network, self.forest, test)
        write_array(self._scores(row, seed), scores.shape, scores.dtype, lambda kept: np.copyto(kept, scores))
        draws = resampled(test.labels, scores, test.patients, self.forest, RESAMPLES, learnt)
        areas = by_node(test.labels, scores, np.ones((1, len(test))))["auc"][0]
        return {
            "row": row,
            "seed": seed,
            "stages": [dataclasses.asdict(stage) for stage in recipe.stages],
            "processor_seconds": round(time.process_time() - started, 1),
            "best_epoch": trained.epoch,
            "epochs": list(trained.history),
            "node_auc": {
                node.tag: round(float(area), 4)
                for node, area, known in zip(self.tree.nodes, areas, learnt, strict=True)
                if known
            },
            "draws": {
                SET: {
                    group: {name: rounded(values) for name, values in figures.items()}
                    for group, figures in draws.items()
                }
            },
        }

    def figure_3(self, seed: int) -> dict[str, Any]:
        """Compare Figure 3's rows node by node by DeLong's test, once both cells are made."""
        path = self.folder / f"figure3-{seed}.json"
        return made_once(path, self.settings.said(), lambda: self._compared(seed), indent=1)

    def _compared(self, seed: int) -> dict[str, Any]:
        first, second = (np.load(self._scores(row, seed)) for row in COMPARED)
        labels = self.images("test").labels
        nodes = {}
        for number, node in enumerate(self.tree.nodes):
            found = compare(labels[:, number], first[:, number], second[:, number])
            nodes[node.tag] = [round(found.first, 4), round(found.second, 4), float(f"{found.p:.3g}")]
        return {"seed": seed, "rows": list(COMPARED), "nodes": nodes}

    def _scores(self, row: str, seed: int) -> Path:
        return self.runs / f"{cell_name(row, seed)}.npy"

    def _trainer(self, recipe: HmlcRecipe) -> Trainer:
        """Return a recipe's trainer in a folder that is named after what it learns."""
        learnt = "-".join(f"{stage.loss}-{stage.epochs}" for stage in recipe.stages)
        out = self.runs / f"{learnt}-seed{recipe.seed}"
        return Trainer(recipe, self.tree, self.images("train"), self.images("validation"), out)
