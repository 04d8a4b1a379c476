"""Training the lesion detector (paper 004, §2.3): a step's losses, what an epoch draws, the best epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.network import Detector
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.precision import BFLOAT16
from ..engine.trainer import BestEpochTrainer, sgd
from ..lesanet.memory import keep_freed_memory
from .augment import shown
from .detector_metrics import BOOKMARKS, froc_draws, scored_against
from .detector_recipe import DetectorRecipe
from .found import find_all
from .losses import detector_losses
from .slices import Slices

FIGURE = "mean sensitivity"
"""Picks the epoch, on validation slices' bookmarks."""


@dataclass(frozen=True)
class Trained:
    """What training leaves: the detector of the best epoch, that epoch, and the log."""

    detector: Detector
    epoch: int
    history: tuple[dict[str, Any], ...]


def initialise(recipe: DetectorRecipe, categories: int) -> Detector:
    """Build the recipe's detector with the weights that its seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return Detector(replace(recipe.network, categories=categories))


class Trainer(BestEpochTrainer[DetectorRecipe]):
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe
        What to train.
    train, validation
        Key slices; those without a bookmark are not learnt. Validation picks the epoch and is never learnt
        from.
    out
        See :class:`~..engine.trainer.EpochTrainer`.
    """

    CASES = "key slices"
    network: Detector

    def __init__(self, recipe: DetectorRecipe, train: Slices, validation: Slices, out: Path) -> None:
        learnt = tuple(one for one in train.slices if len(one.bookmarks.kinds))
        super().__init__(recipe, out, len(learnt))
        self.train, self.validation = Slices(learnt, train.categories), validation
        self.epochs, self.given = recipe.epochs, DetectorInput()
        keep_freed_memory()
        made = initialise(recipe, len(train.categories)).to(self.device)
        self.network = made.to(memory_format=torch.channels_last)
        self.network.bfloat16 = recipe.precision == BFLOAT16
        self.model = self.network
        self.keep()
        settings = recipe.optimisation
        self.optimiser = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        self.run(progress, cancel)
        return Trained(self.network, self.best_epoch(), tuple(self.history))

    def draws(self) -> torch.Generator:
        """Return what draws an epoch's anchors and proposals."""
        return torch.Generator().manual_seed(self.recipe.seed * 1000 + self.epoch)

    def step(self, rows: NDArray[np.int64], number: int, draws: torch.Generator) -> dict[str, float]:
        """Learn from one batch; return its losses by name."""
        settings = self.recipe.optimisation
        losses = detector_losses(self.network, *self._batch(rows), draws)
        rate = settings.rate(self.epoch, number, self.steps, self.epochs)
        self.descend(losses.total, rate, settings.clip)
        return {name: float(value.detach()) for name, value in vars(losses).items()}

    def _batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return pictures ``(b, 3, h, w)``, each one's boxes and their categories, on the device."""
        seed, rules = self.recipe.seed, self.recipe.augmentation
        parts = []
        for row in rows.tolist():
            rng = np.random.default_rng([seed, 2, self.epoch, row])
            own = shown(self.train.slices[row], self.given, rules, rng)
            parts.append([torch.from_numpy(part).to(self.device) for part in own])
        pictures, boxes, kinds = map(list, zip(*parts, strict=True))
        return torch.stack(pictures).to(memory_format=torch.channels_last), boxes, kinds

    def entry(self, terms: Mapping[str, float], pace: float) -> dict[str, Any]:
        """Return the loss, its terms and the pace."""
        return {
            "loss": round(sum(terms.values()), 7),
            "terms": {name: round(value, 7) for name, value in terms.items()},
            "slices_per_s": round(pace, 2),
        }

    def validate(self) -> dict[str, float]:
        """Return sensitivities on the validation slices' bookmarks."""
        found = find_all(self.network, self.validation.slices, self.given)
        scored = scored_against(BOOKMARKS, self.validation, found)
        once = np.ones((1, len(self.validation)))
        return {name: round(float(value[0]), 5) for name, value in froc_draws(scored, once).items()}

    def best_epoch(self) -> int:
        """Return the epoch (from 1) of the best mean sensitivity; the first of several."""
        scores = [entry["validation"][FIGURE] for entry in self.history]
        return int(np.argmax(np.nan_to_num(scores))) + 1

    def learnt_from(self) -> tuple[bytes, ...]:
        """Return how slices become pictures, and their bookmarks."""
        return json.dumps(self.given.as_dict()).encode(), *self.train.digest_parts()
