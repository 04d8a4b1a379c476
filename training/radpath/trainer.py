"""Training Pulmonary-RadPath's network (paper 000, §2.3), and asking it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lesionscope.models.card import Preprocessing
from lesionscope.models.pathology_net import PathologyNet
from lesionscope.models.probabilities import Floats, tree_scores
from lesionscope.models.systems import answered_tree, learnt_tree
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.parallel import Processes
from ..engine.precision import half_where_asked
from ..engine.schedule import learning_rate
from ..engine.trainer import ALONE, EpochTrainer
from .augment import NONE, Augmentation
from .dataset import Cubes, batch
from .losses import class_weights, head_targets, hierarchy_loss
from .metrics import expected_calibration_error, leaf_auc
from .recipe import RadPathRecipe


def initialise(tree: PathologyTree, recipe: RadPathRecipe) -> PathologyNet:
    """Build the recipe's network with the weights that its seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return PathologyNet(tree, recipe.network)


@dataclass(frozen=True)
class Trained:
    """What training leaves: the network to use (averaged where the recipe says so) and its log."""

    network: PathologyNet
    history: tuple[dict[str, Any], ...]


class _Learner(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """What training asks of a network: logits of what it learns, in float32, without an embedding."""

    def __init__(self, network: PathologyNet, precision: str) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, cubes: Tensor) -> dict[str, Tensor]:
        with half_where_asked(self.precision, cubes.device):
            logits = self.network.learnt(cubes)
        return {name: z.float() for name, z in logits.items()}


class Trainer(EpochTrainer[RadPathRecipe]):
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, tree
        What to train.
    train, validation
        Cubes; the validation split is scored after each epoch, never learnt from.
    out, processes
        See :class:`~..engine.trainer.EpochTrainer`.
    """

    network: PathologyNet

    def __init__(
        self,
        recipe: RadPathRecipe,
        tree: PathologyTree,
        train: Cubes,
        validation: Cubes,
        out: Path,
        processes: Processes = ALONE,
    ) -> None:
        super().__init__(recipe, out, len(train), processes)
        self.epochs = recipe.epochs
        self.tree = answered_tree(recipe.network.kind, tree)
        self.learnt = learnt_tree(recipe.network.kind, tree)
        self.train, self.validation = train, validation
        self.network = _placed(initialise(tree, recipe), self.device)
        self.averaged = copy.deepcopy(self.network) if recipe.optimisation.ema else None
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.optimisation.lr,
            weight_decay=recipe.optimisation.weight_decay,
        )
        self.model = processes.wrapped(_Learner(self.network, recipe.precision), self.device)
        self.targets = head_targets(self.learnt, train.leaf)
        weights = class_weights(self.learnt, self.targets) if recipe.class_weights else None
        self.weights = None if weights is None else {k: v.to(self.device) for k, v in weights.items()}

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        self.run(progress, cancel)
        return Trained(self._answering(), tuple(self.history))

    def step(self, rows: NDArray[np.int64], number: int, draws: None) -> dict[str, float]:
        """Learn from one batch; return its loss by head."""
        recipe, number = self.recipe, self.epoch * self.steps + number
        key = (recipe.seed, 2, self.epoch)
        cubes = batch(self.train, self.processes.share(rows), recipe.augmentation, recipe.preprocessing, key)
        answered = self.model(_to_device(cubes, self.device))
        logits = dict(zip(answered, self.processes.gathered(answered.values()), strict=True))
        targets = {k: torch.from_numpy(v[rows]).to(self.device) for k, v in self.targets.items()}
        loss, by_head = hierarchy_loss(logits, targets, self.weights)
        self.descend(loss, learning_rate(recipe.optimisation, number, self.steps, recipe.epochs))
        if self.averaged is not None:
            decay = min(recipe.optimisation.ema, (1 + number) / (10 + number))
            _average(self.averaged, self.network, decay)
        return {name: float(value.detach()) for name, value in by_head.items()}

    def entry(self, terms: Mapping[str, float], pace: float) -> dict[str, Any]:
        """Return the loss, also by head, and the pace."""
        return {
            "loss": round(sum(terms.values()), 5),
            "loss_by_head": {name: round(value, 5) for name, value in terms.items()},
            "cubes_per_s": round(pace, 2),
        }

    def _answering(self) -> PathologyNet:
        """Return the network to use: the averaged one where there is one."""
        network = self.network if self.averaged is None else self.averaged
        network.eval()
        return network

    def validate(self) -> dict[str, float]:
        """Score the validation split, by the averaged weights where there are any."""
        answers = infer(
            self._answering(), self.tree, self.validation, self.recipe.preprocessing, device=self.device
        )
        targets = head_targets(self.tree, self.validation.leaf)
        scores = tree_scores(self.tree, answers.logits)
        leaves = scores.leaves()
        true = leaves[np.arange(len(leaves)), self.validation.leaf]
        top = self.tree.heads[0].name
        return {
            "nll@L": round(float(-np.log(np.maximum(true, 1e-12)).mean()), 5),
            "mAUC@L": round(leaf_auc(self.tree, scores, self.validation.tags).unweighted, 5),
            f"ece_{top}": round(
                expected_calibration_error(
                    scores.conditional[:, [scores.column(t) for t in self.tree.heads[0].nodes]], targets[top]
                ),
                5,
            ),
        }

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds, the averaged weights included."""
        averaged = None if self.averaged is None else self.averaged.state_dict()
        return {**super().state(), "averaged": averaged, "torch_rng": torch.get_rng_state()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint holds."""
        super().load(state)
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        torch.set_rng_state(state["torch_rng"])

    def learnt_from(self) -> tuple[bytes, ...]:
        """Return the cases' leaves, with phantoms' seeds, or digests of what was cut from real CT."""
        cases = self.train.leaf.tobytes(), self.train.seeds.tobytes()
        # Seeds fix a phantom's cube; a file of a real CT may have been corrected since.
        return cases if len(self.train.seeds) else (*cases, self.train.digest, self.validation.digest)


@dataclass(frozen=True, eq=False)
class Answers:
    """Raw logits by head, float64 ``(n, head.width)``, and embeddings float32 ``(n, d)``."""

    logits: dict[str, Floats]
    embedding: NDArray[np.float32]


def infer(
    network: PathologyNet,
    tree: PathologyTree,
    cubes: Cubes,
    preprocessing: Preprocessing,
    *,
    device: torch.device | None = None,
    settings: Augmentation = NONE,
    key: tuple[int, ...] = (0,),
    batch_size: int = 16,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Answers:
    """Answer for every case; ``settings`` and ``key`` may move or pad the crops."""
    network.eval()
    logits: dict[str, list[Floats]] = {head.name: [] for head in tree.heads}
    embeddings = []
    with torch.inference_mode():
        for start in range(0, len(cubes), batch_size):
            if cancel is not None:
                cancel.check()
            indices = np.arange(start, min(start + batch_size, len(cubes)))
            x = _to_device(batch(cubes, indices, settings, preprocessing, key), device or torch.device("cpu"))
            by_head, embedding = network(x)
            for name, z in by_head.items():
                logits[name].append(z.double().cpu().numpy())
            embeddings.append(embedding.float().cpu().numpy())
            progress(int(indices[-1]) + 1, len(cubes), "Scoring")
    return Answers(
        {name: np.concatenate(parts) for name, parts in logits.items()}, np.concatenate(embeddings)
    )


def _placed(network: PathologyNet, device: torch.device) -> PathologyNet:
    """Move a network to its device, channels last: a fifth faster on CPU, more on a GPU."""
    placed: PathologyNet = network.to(device).to(memory_format=torch.channels_last_3d)
    return placed


def _to_device(cubes: NDArray[np.float32], device: torch.device) -> Tensor:
    tensor: Tensor = torch.from_numpy(cubes).to(device)
    return tensor.to(memory_format=torch.channels_last_3d)


def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move averaged weights and BN statistics a step: ā ← decay·ā + (1 − decay)·a."""
    with torch.no_grad():
        for old, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(new)
