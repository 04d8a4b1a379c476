"""Cells (row × seed) of the detector's table, on phantoms: one after another, a JSON file each, made once.

All rows see the same slices at the recipes' learning rate, the same for all.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.phantom.clinic.patients import VERSION

from .. import recipes
from ..engine.cells import CellTable, PhantomSettings, rounded
from ..engine.devices import cpu_threads
from .detector_recipe import DetectorData, DetectorRecipe
from .detector_scoring import draws_of
from .found import find_all
from .slices import Slices, load_slices
from .trainer import Trainer

ROWS = ("deeplesion-single", "deeplesion-multi", "deeplesion-single-pool4")
RESAMPLES = 200


@dataclass(frozen=True, kw_only=True)
class Settings(PhantomSettings):
    """What all cells share."""

    PHANTOM = VERSION

    width: float = 0.125
    train: int = 1400
    validation: int = 240
    test: int = 300
    epochs: int = 8

    def recipe(self, row: str, seed: int) -> DetectorRecipe:
        """Return a row's recipe."""
        changes = self.changes(seed) | {
            "data.workers": self.threads,
            "network.width": self.width,
            "epochs": self.epochs,
        }
        loaded = recipes.load(row, changes)
        assert isinstance(loaded, DetectorRecipe)
        return loaded


class Table(CellTable[Settings]):
    """The detector's cells."""

    def slices(self, data: DetectorData, split: str) -> Slices:
        """Return a split's key slices."""
        return load_slices(data, split, progress=self.progress)

    def make(self, row: str, seed: int, run: Path) -> dict[str, Any]:
        """Train and score a cell."""
        recipe, busy = self.settings.recipe(row, seed), time.process_time()
        train, validation = (self.slices(recipe.data, split) for split in ("train", "validation"))
        trainer = Trainer(recipe, train, validation, run)
        trained = trainer.fit(self.progress)
        # Every row is scored by category, whether it tells them or not.
        test = self.slices(dataclasses.replace(recipe.data, categories="truth"), "test")
        with cpu_threads(recipe.threads):
            found = find_all(trained.detector, test.slices, trainer.given, progress=self.progress)
        return {
            "row": row,
            "seed": seed,
            "device": trainer.device.type,
            "processor_seconds": round(time.process_time() - busy, 1),
            "best_epoch": trained.epoch,
            "epochs": list(trained.history),
            "draws": {
                truth: {
                    group: {name: rounded(values) for name, values in figures.items()}
                    for group, figures in groups.items()
                }
                for truth, groups in draws_of(test, found, RESAMPLES).items()
            },
        }
