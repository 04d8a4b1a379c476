"""Cells (row × seed) of the detector's table, on phantoms: one after another, a JSON file each, made once.

All rows see the same slices at the recipes' learning rate, the same for all.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.phantom.clinic.patients import VERSION
from lesionscope.progress import Progress, silent

from .. import recipes
from ..engine.cells import cell_name, made_once, rounded
from ..engine.devices import cpu_threads
from ..engine.precision import FLOAT32
from .detector_recipe import DetectorData, DetectorRecipe
from .detector_scoring import draws_of
from .found import find_all
from .slices import Slices, load_slices
from .trainer import Trainer

ROWS = ("deeplesion-single", "deeplesion-multi", "deeplesion-single-pool4")
RESAMPLES = 200


@dataclass(frozen=True)
class Settings:
    """What all cells share."""

    width: float = 0.125
    train: int = 1400
    validation: int = 240
    test: int = 300
    epochs: int = 8
    precision: str = FLOAT32
    cache: str = ""
    threads: int = 1

    def said(self) -> dict[str, Any]:
        """Return what a cell says of how it was made; all cells of a table say the same."""
        own = dataclasses.asdict(self)
        return {name: own[name] for name in own if name not in ("cache", "threads")} | {"phantom": VERSION}

    def recipe(self, row: str, seed: int) -> DetectorRecipe:
        """Return a row's recipe."""
        changes = {
            "data.train": self.train,
            "data.validation": self.validation,
            "data.test": self.test,
            "data.cache": self.cache,
            "data.workers": self.threads,
            "network.width": self.width,
            "epochs": self.epochs,
            "threads": self.threads,
            "precision": self.precision,
            "seed": seed,
        }
        loaded = recipes.load(row, changes)
        assert isinstance(loaded, DetectorRecipe)
        return loaded


class Table:
    """Cells in a folder.

    Parameters
    ----------
    folder
        Where the cells' JSON files lie.
    runs
        Where checkpoints of unfinished cells lie.
    settings
        What all cells share.
    """

    def __init__(self, folder: Path, runs: Path, settings: Settings, progress: Progress = silent) -> None:
        self.folder, self.runs, self.settings, self.progress = folder, runs, settings, progress

    def slices(self, data: DetectorData, split: str) -> Slices:
        """Return a split's key slices."""
        return load_slices(data, split, progress=self.progress)

    def cell(self, row: str, seed: int) -> dict[str, Any]:
        """Make a cell, or read it where it is made."""
        path = self.folder / f"{cell_name(row, seed)}.json"
        return made_once(path, self.settings.said(), lambda: self._make(row, seed))

    def _make(self, row: str, seed: int) -> dict[str, Any]:
        recipe, run = self.settings.recipe(row, seed), self.runs / cell_name(row, seed)
        busy = time.process_time()
        train, validation = (self.slices(recipe.data, split) for split in ("train", "validation"))
        trainer = Trainer(recipe, train, validation, run)
        trained = trainer.fit(self.progress)
        # Every row is scored by category, whether it tells them or not.
        test = self.slices(dataclasses.replace(recipe.data, categories="truth"), "test")
        with cpu_threads(recipe.threads):
            found = find_all(trained.detector, test.slices, trainer.given, progress=self.progress)
        shutil.rmtree(run, ignore_errors=True)
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
