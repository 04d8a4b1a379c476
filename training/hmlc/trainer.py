"""Training in stages (paper 003, §2.1): HLCP, then HLUP from its best epoch, or any other losses.

An epoch's order and shifts follow from the seed and its number alone, so a run that was killed goes on from
its last whole epoch and ends with the same weights as one that was not (same machine, same threads).
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.models.hmlc.forest import Forest
from lesionscope.models.hmlc.network import XrayNet, XraySpec, load_imagenet, log_scores
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..engine import checkpoints
from ..engine.devices import cpu_threads, pick_device
from ..engine.precision import check_precision, half_where_asked
from ..engine.schedule import learning_rate, order_of_epoch
from .dataset import Images, inputs
from .metrics import learnt_by, summary
from .objective import OBJECTIVES
from .recipe import HmlcRecipe, Stage

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """What training leaves: the last stage's network of its best epoch, that epoch (from 1), the log."""

    network: XrayNet
    epoch: int
    history: tuple[dict[str, Any], ...]


def initialise(recipe: HmlcRecipe, tree: PathologyTree) -> XrayNet:
    """Build the recipe's network with the weights that its seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = XrayNet(XraySpec(recipe.trunk, recipe.output), len(tree.nodes))
    if recipe.imagenet:
        load_imagenet(network, recipe.imagenet)
    return network


class Trainer:
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, tree
        What to train.
    train, validation
        Images; validation picks each stage's epoch and is never learnt from.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    """

    def __init__(
        self, recipe: HmlcRecipe, tree: PathologyTree, train: Images, validation: Images, out: Path
    ) -> None:
        self.recipe, self.tree, self.out = recipe, tree, out
        self.train, self.validation = train, validation
        self.forest = Forest.of_tree(tree)
        if len(train) < recipe.batch:
            raise InputError(
                f"The training split has {len(train)} images, fewer than one batch of {recipe.batch}; "
                "add images or make the batch smaller."
            )
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        self.network = initialise(recipe, tree).to(self.device).to(memory_format=torch.channels_last)
        self.best = copy.deepcopy(self.network.state_dict())
        self.optimiser = self._fresh()
        self.steps = len(train) // recipe.batch  # the last, smaller batch is dropped
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    def _fresh(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.network.parameters())

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        with cpu_threads(self.recipe.threads):
            self.resume()
            while self.epoch < self.recipe.epochs:
                number, first = self._stage()
                if number and self.epoch == first:
                    self.network.load_state_dict(self.best)
                    self.optimiser = self._fresh()
                self._run_epoch(self.recipe.stages[number], number, first, progress, cancel)
                self.save()
        self.network.load_state_dict(self.best)
        self.network.eval()
        return Trained(self.network, self._best_epoch(), tuple(self.history))

    def _stage(self) -> tuple[int, int]:
        """Return the number of the stage that the next epoch belongs to, and the epochs before it."""
        before = 0
        for number, stage in enumerate(self.recipe.stages):
            if self.epoch < before + stage.epochs:
                return number, before
            before += stage.epochs
        raise IndexError(self.epoch)

    def _run_epoch(
        self, stage: Stage, number: int, first: int, progress: Progress, cancel: CancelToken | None
    ) -> None:
        recipe, started, total = self.recipe, time.perf_counter(), 0.0
        order = order_of_epoch(len(self.train), recipe.seed, self.epoch)
        rng = np.random.default_rng([recipe.seed, 2, self.epoch])
        self.network.train()
        for step in range(self.steps):
            if cancel is not None:
                cancel.check()
            rate = learning_rate(stage, (self.epoch - first) * self.steps + step, self.steps, stage.epochs)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            total += self._step(stage, rows, rng)
            progress(
                self.epoch * self.steps + step + 1,
                recipe.epochs * self.steps,
                f"Epoch {self.epoch + 1} of {recipe.epochs} ({stage.loss}), loss {total / (step + 1):.3f}",
            )
        seconds = time.perf_counter() - started
        self.epoch += 1
        self.history.append(
            {
                "epoch": self.epoch,
                "stage": number,
                "loss": round(total / self.steps, 5),
                "images_per_s": round(self.steps * recipe.batch / seconds, 1),
                "validation": self._validate(stage),
            }
        )
        if self._best_epoch() == self.epoch:
            self.best = copy.deepcopy(self.network.state_dict())

    def _step(self, stage: Stage, rows: NDArray[np.int64], rng: np.random.Generator) -> float:
        """Learn from one batch; return its loss an image."""
        images = inputs(self.train, rows, self.device, self.recipe.shift_px, rng)
        labels = torch.from_numpy(self.train.labels[rows].astype(np.float32)).to(self.device)
        with half_where_asked(self.recipe.precision, self.device):
            logits = self.network(images)
            loss = OBJECTIVES[stage.loss].loss(logits, labels, self.forest).sum(dim=1).mean()
        if not torch.isfinite(loss):
            raise InputError(
                f"The loss is no longer a number in epoch {self.epoch + 1}; lower the learning rate of the "
                "stage and start in a new folder."
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _validate(self, stage: Stage) -> dict[str, float]:
        spec = XraySpec(self.recipe.trunk, OBJECTIVES[stage.loss].output)
        scores = infer(self.network, self.forest, self.validation, spec=spec, device=self.device)
        found = summary(self.validation.labels, scores, self.forest, learnt_by(stage.loss, self.forest))
        return {
            f"{group} {name}": value for group, figures in found.items() for name, value in figures.items()
        }

    def _best_epoch(self) -> int:
        """Return the epoch (from 1) of the latest stage's best mean AUC of leaves (§3)."""
        latest = self.history[-1]["stage"]
        own = [entry for entry in self.history if entry["stage"] == latest]
        scores = np.nan_to_num([entry["validation"]["leaf auc"] for entry in own])
        return int(own[int(np.argmax(scores))]["epoch"])

    def save(self) -> None:
        """Write the checkpoint and the log."""
        state = {
            "network": self.network.state_dict(),
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
        self.network.load_state_dict(state["network"])
        self.best = state["best"]
        self.optimiser.load_state_dict(state["optimiser"])
        return True

    def go_on_from(self, earlier: Trainer) -> None:
        """Take over what another trainer of the same seed, data and first stages has learnt."""
        self.epoch, self.history = earlier.epoch, list(earlier.history)
        self.best = copy.deepcopy(earlier.best)

    def _digest(self) -> str:
        return checkpoints.digest_of(
            self.recipe.fixing(), self.train.labels.tobytes(), self.train.patients.tobytes()
        )


def infer(
    network: XrayNet,
    forest: Forest,
    images: Images,
    *,
    spec: XraySpec | None = None,
    device: torch.device | None = None,
    batch_size: int = 128,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Scores:
    """Return logarithms of every node's probability, ``(n, M)``; ``spec`` says what outputs mean."""
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            if cancel is not None:
                cancel.check()
            rows = np.arange(start, min(start + batch_size, len(images)))
            logits = network(inputs(images, rows, device or torch.device("cpu")))
            found.append(log_scores(logits, spec or network.spec, forest).double().cpu().numpy())
            progress(int(rows[-1]) + 1, len(images), "Scoring")
    return np.concatenate(found)
