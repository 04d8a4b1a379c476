"""Training the lesion detector (paper 004, §2.3): epochs, schedule, the best epoch, checkpoints.

What an epoch shows and draws follows from the seed and its number alone, so a run that was killed goes on
from its last whole epoch and ends with the same weights as one that was not (same machine, same number
of threads).
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lesionscope.errors import InputError
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.network import Detector
from lesionscope.progress import CancelToken, Progress, silent

from ..engine import checkpoints
from ..engine.devices import cpu_threads, pick_device
from ..engine.precision import BFLOAT16, check_precision
from ..engine.schedule import learning_rate, order_of_epoch
from ..lesanet.memory import keep_freed_memory
from .augment import shown
from .detector_metrics import froc_draws, scored_against
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


class Trainer:
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe
        What to train.
    train, validation
        Key slices; those without a bookmark are left out. Validation picks the epoch and is never learnt
        from.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    """

    def __init__(self, recipe: DetectorRecipe, train: Slices, validation: Slices, out: Path) -> None:
        self.recipe, self.out, self.validation = recipe, out, validation
        learnt = tuple(one for one in train.slices if len(one.bookmarks.kinds))
        self.train = Slices(learnt, train.categories)
        if len(learnt) < recipe.batch:
            raise InputError(
                f"The training split has {len(learnt)} key slices, fewer than one batch of {recipe.batch}; "
                "add slices or make the batch smaller."
            )
        keep_freed_memory()
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        made = initialise(recipe, len(train.categories)).to(self.device)
        self.detector: Detector = made.to(memory_format=torch.channels_last)
        self.detector.bfloat16 = recipe.precision == BFLOAT16
        self.given = DetectorInput()
        self.best = copy.deepcopy(self.detector.state_dict())
        self.optimiser = _optimiser(recipe, self.detector)
        self.steps = len(learnt) // recipe.batch  # the last, smaller batch is dropped
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        with cpu_threads(self.recipe.threads):
            self.resume()
            for _ in range(self.epoch, self.recipe.epochs):
                self._run_epoch(progress, cancel)
                self.save()
        self.detector.load_state_dict(self.best)
        self.detector.eval()
        return Trained(self.detector, self._best_epoch(), tuple(self.history))

    def _run_epoch(self, progress: Progress, cancel: CancelToken | None) -> None:
        recipe, started = self.recipe, time.perf_counter()
        order = order_of_epoch(len(self.train), recipe.seed, self.epoch)
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + self.epoch)
        self.detector.train()
        totals: dict[str, float] = {}
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's own numbers
            torch.manual_seed(recipe.seed * 1000 + self.epoch)
            for step in range(self.steps):
                if cancel is not None:
                    cancel.check()
                rows = order[step * recipe.batch : (step + 1) * recipe.batch]
                for name, value in self._step(rows, step, generator).items():
                    totals[name] = totals.get(name, 0.0) + value / self.steps
                loss = sum(totals.values()) * self.steps / (step + 1)
                progress(
                    self.epoch * self.steps + step + 1,
                    recipe.epochs * self.steps,
                    f"Epoch {self.epoch + 1} of {recipe.epochs}, loss {loss:.3f}",
                )
        seconds = time.perf_counter() - started
        self.epoch += 1
        entry = {
            "epoch": self.epoch,
            "loss": round(sum(totals.values()), 7),
            "terms": {name: round(value, 7) for name, value in totals.items()},
            "slices_per_s": round(self.steps * recipe.batch / seconds, 2),
            "validation": self._validate(cancel),
        }
        self.history.append(entry)
        if self._best_epoch() == self.epoch:
            self.best = copy.deepcopy(self.detector.state_dict())

    def _step(self, rows: NDArray[np.int64], step: int, generator: torch.Generator) -> dict[str, float]:
        """Learn from one batch; return its losses by name."""
        recipe = self.recipe
        now = self.epoch * self.steps + step
        rate = learning_rate(recipe.optimisation, now, self.steps, recipe.epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        losses = detector_losses(self.detector, *self._batch(rows), generator)
        total = losses.total
        if not torch.isfinite(total):
            raise InputError(
                f"The loss is no longer a number in epoch {self.epoch + 1}; lower the learning rate "
                f"(--set optimisation.lr={recipe.optimisation.lr / 3:.2g}) and start in a new folder."
            )
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.detector.parameters(), recipe.optimisation.clip)
        self.optimiser.step()
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

    def _validate(self, cancel: CancelToken | None) -> dict[str, float]:
        found = find_all(self.detector, self.validation.slices, self.given, cancel=cancel)
        scored = scored_against("bookmarks", self.validation, found)
        once = np.ones((1, len(self.validation)))
        return {name: round(float(value[0]), 5) for name, value in froc_draws(scored, once).items()}

    def _best_epoch(self) -> int:
        """Return the epoch (from 1) of the best mean sensitivity; the first of several."""
        scores = [entry["validation"][FIGURE] for entry in self.history]
        return int(np.argmax(np.nan_to_num(scores))) + 1

    def save(self) -> None:
        """Write the checkpoint and the log."""
        state = {
            "network": self.detector.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
        }
        checkpoints.save(self.out, self._digest(), self.epoch, self.history, state)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; whether there was one.

        Raises
        ------
        InputError
            It was made by another recipe or other data, or it is damaged.
        """
        found = checkpoints.load(self.out, self._digest())
        if found is None:
            return False
        self.epoch, self.history, state = found
        self.detector.load_state_dict(state["network"])
        self.best = state["best"]
        self.optimiser.load_state_dict(state["optimiser"])
        return True

    def _digest(self) -> str:
        fixing = self.recipe.fixing() | {"input": self.given.as_dict()}
        return checkpoints.digest_of(fixing, *self.train.digest_parts())


def _optimiser(recipe: DetectorRecipe, detector: Detector) -> torch.optim.SGD:
    """SGD with biases at twice the rate and without decay, as Caffe's Faster R-CNN has it."""
    settings = recipe.optimisation
    named = list(detector.named_parameters())
    weights = [parameter for name, parameter in named if not name.endswith("bias")]
    biases = [parameter for name, parameter in named if name.endswith("bias")]
    groups = [
        {"params": weights, "rate": 1.0, "weight_decay": settings.weight_decay},
        {"params": biases, "rate": 2.0, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum)
