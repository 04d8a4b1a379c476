"""Training in stages (paper 003, §2.1): HLCP, then HLUP from its best epoch, or any other losses."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesionscope.models.hmlc.forest import Forest
from lesionscope.models.hmlc.network import XrayNet, XraySpec, load_imagenet, log_scores
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.precision import half_where_asked
from ..engine.schedule import learning_rate
from ..engine.trainer import BestEpochTrainer
from .dataset import Images, inputs
from .metrics import learnt_by, summary
from .objective import OBJECTIVES
from .recipe import HmlcRecipe

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


class Trainer(BestEpochTrainer[HmlcRecipe]):
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, tree
        What to train.
    train, validation
        Images; validation picks each stage's epoch and is never learnt from.
    out
        See :class:`~..engine.trainer.EpochTrainer`.
    """

    CASES = "images"
    network: XrayNet

    def __init__(
        self, recipe: HmlcRecipe, tree: PathologyTree, train: Images, validation: Images, out: Path
    ) -> None:
        super().__init__(recipe, out, len(train))
        self.forest, self.epochs = Forest.of_tree(tree), recipe.epochs
        self.train, self.validation = train, validation
        self.network = initialise(recipe, tree).to(self.device).to(memory_format=torch.channels_last)
        self.model = self.network
        self.keep()
        self.optimiser = torch.optim.Adam(self.network.parameters())

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        self.run(progress, cancel)
        return Trained(self.network, self.best_epoch(), tuple(self.history))

    def _stage(self) -> tuple[int, int]:
        """Return the number of the stage that the next epoch belongs to, and the epochs before it."""
        before = 0
        for number, stage in enumerate(self.recipe.stages):
            if self.epoch < before + stage.epochs:
                return number, before
            before += stage.epochs
        raise IndexError(self.epoch)

    def draws(self) -> np.random.Generator:
        """Return where an epoch's shifts come from; a later stage begins with the best of the one before."""
        number, first = self._stage()
        if number and self.epoch == first:
            self.network.load_state_dict(self.best)
            self.optimiser = torch.optim.Adam(self.network.parameters())
        return np.random.default_rng([self.recipe.seed, 2, self.epoch])

    def step(self, rows: NDArray[np.int64], number: int, draws: np.random.Generator) -> dict[str, float]:
        """Learn from one batch; return its loss an image."""
        which, first = self._stage()
        stage = self.recipe.stages[which]
        images = inputs(self.train, rows, self.device, self.recipe.shift_px, draws)
        labels = torch.from_numpy(self.train.labels[rows].astype(np.float32)).to(self.device)
        with half_where_asked(self.recipe.precision, self.device):
            logits = self.network(images)
            loss = OBJECTIVES[stage.loss].loss(logits, labels, self.forest).sum(dim=1).mean()
        now = (self.epoch - first) * self.steps + number
        self.descend(loss, learning_rate(stage, now, self.steps, stage.epochs))
        return {stage.loss: float(loss.detach())}

    def entry(self, terms: Mapping[str, float], pace: float) -> dict[str, Any]:
        """Return the stage, its loss and the pace."""
        return {
            "stage": self._stage()[0],
            "loss": round(sum(terms.values()), 5),
            "images_per_s": round(pace, 1),
        }

    def validate(self) -> dict[str, float]:
        """Score the validation images by what the stage learns."""
        loss = self.recipe.stages[self._stage()[0]].loss
        spec = XraySpec(self.recipe.trunk, OBJECTIVES[loss].output)
        scores = infer(self.network, self.forest, self.validation, spec=spec, device=self.device)
        found = summary(self.validation.labels, scores, self.forest, learnt_by(loss, self.forest))
        return {
            f"{group} {name}": value for group, figures in found.items() for name, value in figures.items()
        }

    def best_epoch(self) -> int:
        """Return the epoch (from 1) of the latest stage's best mean AUC of leaves (§3)."""
        latest = self.history[-1]["stage"]
        own = [entry for entry in self.history if entry["stage"] == latest]
        scores = np.nan_to_num([entry["validation"]["leaf auc"] for entry in own])
        return int(own[int(np.argmax(scores))]["epoch"])

    def go_on_from(self, earlier: Trainer) -> None:
        """Take over what another trainer of the same seed, data and first stages has learnt."""
        self.epoch, self.history = earlier.epoch, list(earlier.history)
        self.best = copy.deepcopy(earlier.best)

    def learnt_from(self) -> tuple[bytes, ...]:
        """Return the images' labels and patients, and what real ones were read from, validation's too."""
        train = self.train
        return train.labels.tobytes(), train.patients.tobytes(), train.digest, self.validation.digest


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
