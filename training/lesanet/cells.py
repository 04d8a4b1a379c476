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
from ..engine.cells import CellTable, PhantomSettings, made_once, rounded
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


@dataclass(frozen=True, kw_only=True)
class Settings(PhantomSettings):
    """What all cells share; ``resplit``: a cell's patients are dealt anew, by its seed (Table 3)."""

    PHANTOM = VERSION

    width: float = 0.125
    train: int = 6000
    validation: int = 2000
    test: int = 2400
    epochs: int = 15
    resplit: bool = False

    def recipe(self, row: str, seed: int, rate: float, epochs: int) -> LesaNetRecipe:
        """Return a row's recipe."""
        name, changes = recipe_of(row)
        changes |= self.changes(seed) | {
            "data.source": "phantom",
            "data.resplit": seed if self.resplit else 0,
            "network.width": self.width,
            "optimisation.schedule": "one-cycle",
            "optimisation.lr": rate,
            "epochs": epochs,
        }
        loaded = recipes.load(name, changes)
        assert isinstance(loaded, LesaNetRecipe)
        return loaded


class Table(CellTable[Settings]):
    """Cells made from lesions that are read once.

    Parameters
    ----------
    folder, runs, settings
        See :class:`~..engine.cells.CellTable`.
    searches
        Where the rows' searches lie: the folder itself, or that of another table with the same rows.
    rates
        Learning rates to choose from.
    """

    def __init__(
        self,
        folder: Path,
        runs: Path,
        settings: Settings,
        searches: Path | None = None,
        rates: Sequence[float] = RATES,
        progress: Progress = silent,
    ) -> None:
        super().__init__(folder, runs, settings, progress)
        self.searches = folder if searches is None else searches
        self.rates, self.graph = rates, load_labels()
        self._lesions: dict[str, tuple[Data, Lesions]] = {}

    def lesions(self, data: Data, split: str) -> Lesions:
        """Return a split's lesions: read once, and again only where the patients were dealt anew."""
        if split not in self._lesions or self._lesions[split][0] != data:
            self._lesions[split] = (data, load_split(data, self.graph, split, progress=self.progress))
        return self._lesions[split][1]

    def rate(self, row: str) -> float:
        """Return a row's learning rate, searched for once."""
        row, settings = searched_as(row), dataclasses.replace(self.settings, resplit=False)

        def search() -> dict[str, Any]:
            found = {}
            for rate in self.rates:
                recipe = settings.recipe(row, SEARCH_SEED, rate, SEARCH_EPOCHS)
                trained = self._trainer(recipe, f"{row}-search-{rate}", SEARCH_SHARE).fit(self.progress)
                found[rate] = max(entry["validation"]["f1"] for entry in trained.history)
            best = max(found, key=found.__getitem__)
            how = {"epochs": SEARCH_EPOCHS, "share": SEARCH_SHARE}
            return {"row": row, "validation_f1": found, "rate": best, **how}

        made = made_once(self.searches / f"{row}-search.json", settings.said(), search, indent=1)
        for rate in self.rates:
            shutil.rmtree(self.runs / f"{row}-search-{rate}", ignore_errors=True)
        return float(made["rate"])

    def make(self, row: str, seed: int, run: Path) -> dict[str, Any]:
        """Search for the row's learning rate, train and score a cell."""
        recipe = self.settings.recipe(row, seed, self.rate(row), self.settings.epochs)
        started = time.monotonic()
        trainer = self._trainer(recipe, run.name)
        trained = trainer.fit(self.progress)
        return {
            "row": row,
            "seed": seed,
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
