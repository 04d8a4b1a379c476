"""A table's cells (row × seed), on phantoms: one after another, a JSON file each, made once.

Each row has the same search: of a few learning rates the one with the best F1 on validation lesions after a
short run on half the lesions, with another seed.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.patients import VERSION
from lesionscope.progress import Progress, silent

from .. import recipes
from ..engine.bootstrap import patient_weights
from ..engine.cells import cell_name, made_once, rounded
from ..engine.precision import FLOAT32
from .dataset import Lesions, load_split
from .labels import ancestor_matrix, training_targets
from .metrics import gains, tuned_thresholds
from .plans import ABOVE, recipe_of, searched_as
from .recipe import Data, LabelRules, LesaNetRecipe
from .scoring import KINDS, NAMES, draws_of, groups_of, sets_of
from .trainer import Trainer, infer

RATES = (0.02, 0.05, 0.1)
SEARCH_SEED, SEARCH_EPOCHS, SEARCH_SHARE = 1000, 3, 0.5
"""The search's seed, its epochs, and its share of the training and validation lesions."""
RESAMPLES = 200
RARE = 0.05
"""Labels of fewer of the training lesions than this are rare: the paper's 1,000 of 19,213."""
KEPT = {"all": NAMES, "rare": ("recall", "f1")} | dict.fromkeys(KINDS, ("auc",))
"""Which figures a cell keeps in every resample."""


@dataclass(frozen=True)
class Settings:
    """What all cells share; ``resplit``: a cell's patients are dealt anew, by its seed (Table 3)."""

    width: float = 0.125
    train: int = 6000
    validation: int = 2000
    test: int = 2400
    epochs: int = 15
    resplit: bool = False
    cache: str = ""
    threads: int = 1
    precision: str = FLOAT32

    def said(self) -> dict[str, Any]:
        """Return what a cell says of how it was made; all cells of a table say the same."""
        own = dataclasses.asdict(self)
        return {name: own[name] for name in own if name not in ("cache", "threads")} | {"phantom": VERSION}

    def recipe(self, row: str, seed: int, rate: float, epochs: int) -> LesaNetRecipe:
        """Return a row's recipe."""
        name, changes = recipe_of(row)
        changes |= {
            "data.source": "phantom",
            "data.train": self.train,
            "data.validation": self.validation,
            "data.test": self.test,
            "data.resplit": seed if self.resplit else 0,
            "data.cache": self.cache,
            "network.width": self.width,
            "optimisation.schedule": "one-cycle",
            "optimisation.lr": rate,
            "epochs": epochs,
            "seed": seed,
            "threads": self.threads,
            "precision": self.precision,
        }
        loaded = recipes.load(name, changes)
        assert isinstance(loaded, LesaNetRecipe)
        return loaded


class Table:
    """Cells in a folder, made one after another from lesions that are read once.

    Parameters
    ----------
    folder
        Where the cells' JSON files lie.
    runs
        Where checkpoints of unfinished cells lie.
    settings
        What all cells share.
    searches
        Where the rows' searches lie: the folder itself, or that of another table with the same rows.
    """

    def __init__(
        self,
        folder: Path,
        runs: Path,
        settings: Settings,
        searches: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        self.folder, self.runs, self.settings, self.progress = folder, runs, settings, progress
        self.searches = folder if searches is None else searches
        self.graph = load_labels()
        self._lesions: dict[str, tuple[Data, Lesions]] = {}

    def lesions(self, data: Data, split: str) -> Lesions:
        """Return a split's lesions: read once, and again only where the patients were dealt anew."""
        if split not in self._lesions or self._lesions[split][0] != data:
            self._lesions[split] = (data, load_split(data, self.graph, split, progress=self.progress))
        return self._lesions[split][1]

    def rate(self, row: str, rates: Sequence[float] = RATES) -> float:
        """Return a row's learning rate, searched for once."""
        row, settings = searched_as(row), dataclasses.replace(self.settings, resplit=False)

        def search() -> dict[str, Any]:
            found = {}
            for rate in rates:
                recipe = settings.recipe(row, SEARCH_SEED, rate, SEARCH_EPOCHS)
                trained = self._trainer(recipe, f"{row}-search-{rate}", SEARCH_SHARE).fit(self.progress)
                found[rate] = max(entry["validation"]["f1"] for entry in trained.history)
            best = max(found, key=found.__getitem__)
            how = {"epochs": SEARCH_EPOCHS, "share": SEARCH_SHARE}
            return {"row": row, "validation_f1": found, "rate": best, **how}

        made = made_once(self.searches / f"{row}-search.json", settings.said(), search, indent=1)
        for rate in rates:
            shutil.rmtree(self.runs / f"{row}-search-{rate}", ignore_errors=True)
        return float(made["rate"])

    def cell(self, row: str, seed: int, rates: Sequence[float] = RATES) -> dict[str, Any]:
        """Make a cell, or read it where it is made."""
        name = cell_name(row, seed)

        def make() -> dict[str, Any]:
            rate = self.rate(row, rates)
            return self._make(row, self.settings.recipe(row, seed, rate, self.settings.epochs))

        made = made_once(self.folder / f"{name}.json", self.settings.said(), make)
        shutil.rmtree(self.runs / name, ignore_errors=True)
        return made

    def _make(self, row: str, recipe: LesaNetRecipe) -> dict[str, Any]:
        started = time.monotonic()
        trainer = self._trainer(recipe, cell_name(row, recipe.seed))
        trained = trainer.fit(self.progress)
        return {
            "row": row,
            "seed": recipe.seed,
            "rate": recipe.optimisation.lr,
            "device": trainer.device.type,
            "threads": self.settings.threads,
            "seconds": round(time.monotonic() - started, 1),
            "best_epoch": trained.epoch,
            "epochs": list(trained.history),
            "draws": self._draws(trainer),
        }

    def _trainer(self, recipe: LesaNetRecipe, name: str, share: float = 1.0) -> Trainer:
        train, validation = (
            lesions[np.arange(round(share * len(lesions)))] if share < 1 else lesions
            for lesions in (self.lesions(recipe.data, split) for split in ("train", "validation"))
        )
        return Trainer(recipe, self.graph, train, validation, self.runs / name)

    def _draws(self, trainer: Trainer) -> dict[str, Any]:
        """Score the test lesions: each figure's own value, then one a resample."""
        network, recipe = trainer.network, trainer.recipe
        test = self.lesions(recipe.data, "test")
        ancestors = ancestor_matrix(self.graph) & recipe.labels.expansion
        tuned, truth = infer(network, trainer.validation, trainer.validation_rows), trainer.validation_targets
        thresholds = tuned_thresholds(truth.positive, tuned.refined.astype(float), ancestors, truth.known)
        answers = infer(network, test)
        bank = infer(network, trainer.train, trainer.rows).embedding
        said = training_targets(trainer.train[trainer.rows].said, self.graph, LabelRules())
        frequency = said.positive.sum(axis=0)
        subsets = {f"above {count}": frequency > count for count in ABOVE}
        kept = KEPT | dict.fromkeys(subsets, ("f1",))
        found: dict[str, Any] = {}
        for name, one in sets_of(test, self.graph).items():
            groups = {
                group: mask
                for group, mask in (
                    groups_of(self.graph, one.targets, frequency < RARE * len(said)) | subsets
                ).items()
                if group in kept
            }
            draws = draws_of(
                answers.refined.astype(float), thresholds, one, test.patients, groups, ancestors, RESAMPLES
            )
            found[name] = {
                group: {figure: rounded(draws[group][figure]) for figure in figures}
                for group, figures in kept.items()
            }
            shared = gains(answers.embedding[one.rows], one.targets.positive, bank, trainer.targets.positive)
            weights = patient_weights(test.patients[one.rows], RESAMPLES)
            found[name]["all"]["ACG@5"] = rounded((weights @ shared) / weights.sum(axis=1))
        return found
