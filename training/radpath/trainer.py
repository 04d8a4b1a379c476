"""Training the network: epochs, schedule, averaged weights, checkpoints that survive a kill.

An epoch's order and augmentation follow from the seed and its number alone, so a
run that was killed goes on from its last whole epoch and ends with the same
weights as one that was not (same machine, same number of threads and processes).
Started by ``torchrun``, several processes share each batch and train as one.
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
from torch import Tensor, nn

from lesionscope.errors import InputError
from lesionscope.models.card import Preprocessing
from lesionscope.models.pathology_net import PathologyNet
from lesionscope.models.probabilities import Floats, tree_scores
from lesionscope.models.systems import answered_tree, learnt_tree
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..engine import checkpoints
from ..engine.devices import cpu_threads, pick_device
from ..engine.parallel import Processes
from ..engine.precision import check_precision, half_where_asked
from ..engine.schedule import learning_rate, order_of_epoch
from .augment import NONE, Augmentation
from .dataset import Cubes, batch
from .losses import class_weights, head_targets, hierarchy_loss
from .metrics import expected_calibration_error, leaf_auc
from .recipe import RadPathRecipe

ALONE = Processes()


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


class Trainer:
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, tree
        What to train.
    train, validation
        Cubes; the validation split is scored after each epoch, never learnt from.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    processes
        Those that train together; the first writes the files.
    """

    def __init__(
        self,
        recipe: RadPathRecipe,
        tree: PathologyTree,
        train: Cubes,
        validation: Cubes,
        out: Path,
        processes: Processes = ALONE,
    ) -> None:
        self.recipe, self.out, self.processes = recipe, out, processes
        self.tree = answered_tree(recipe.network.kind, tree)
        self.learnt = learnt_tree(recipe.network.kind, tree)
        self.train, self.validation = train, validation
        if len(train) < recipe.batch:
            raise InputError(
                f"The training split has {len(train)} cases, fewer than one batch of {recipe.batch}; "
                "add cases or make the batch smaller."
            )
        if recipe.batch % processes.count:
            raise InputError(f"A batch of {recipe.batch} can't be shared by {processes.count} processes.")
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        self.network = _placed(initialise(tree, recipe), self.device)
        self.averaged = copy.deepcopy(self.network) if recipe.optimisation.ema else None
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=recipe.optimisation.lr,
            weight_decay=recipe.optimisation.weight_decay,
        )
        self.targets = head_targets(self.learnt, train.leaf)
        weights = class_weights(self.learnt, self.targets) if recipe.class_weights else None
        self.weights = None if weights is None else {k: v.to(self.device) for k, v in weights.items()}
        self.steps = len(train) // recipe.batch  # the last, smaller batch is dropped
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        with cpu_threads(self.recipe.threads):
            self.resume()
            self.model = self.processes.wrapped(_Learner(self.network, self.recipe.precision), self.device)
            for _ in range(self.epoch, self.recipe.epochs):
                self._run_epoch(progress, cancel)
                if self.processes.rank == 0:
                    self.save()
        return Trained(self._answering(), tuple(self.history))

    def _run_epoch(self, progress: Progress, cancel: CancelToken | None) -> None:
        recipe, started = self.recipe, time.perf_counter()
        order = order_of_epoch(len(self.train), recipe.seed, self.epoch)
        self.model.train()
        totals: dict[str, float] = dict.fromkeys([head.name for head in self.learnt.heads], 0.0)
        for step in range(self.steps):
            if cancel is not None:
                cancel.check()
            indices = order[step * recipe.batch : (step + 1) * recipe.batch]
            for name, value in self._step(indices, self.epoch * self.steps + step).items():
                totals[name] += value / self.steps
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
            "loss": round(sum(totals.values()), 5),
            "loss_by_head": {name: round(value, 5) for name, value in totals.items()},
            "cubes_per_s": round(self.steps * recipe.batch / seconds, 2),
            "validation": self._validate(),
        }
        self.history.append(entry)

    def _step(self, indices: NDArray[np.int64], step: int) -> dict[str, float]:
        """Learn from one batch; return its loss by head."""
        recipe = self.recipe
        rate = learning_rate(recipe.optimisation, step, self.steps, recipe.epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        key = (recipe.seed, 2, self.epoch)
        own = self.processes.share(indices)
        cubes = batch(self.train, own, recipe.augmentation, recipe.preprocessing, key)
        answered = self.model(_to_device(cubes, self.device))
        logits = dict(zip(answered, self.processes.gathered(answered.values()), strict=True))
        targets = {k: torch.from_numpy(v[indices]).to(self.device) for k, v in self.targets.items()}
        loss, by_head = hierarchy_loss(logits, targets, self.weights)
        if not torch.isfinite(loss):
            raise InputError(
                f"The loss is no longer a number in epoch {self.epoch + 1}; lower the learning rate "
                f"(--set optimisation.lr={recipe.optimisation.lr / 3:.2g}) and start in a new folder."
            )
        self.optimiser.zero_grad(set_to_none=True)
        (loss * self.processes.count).backward()  # gradients are averaged over processes
        self.optimiser.step()
        if self.averaged is not None:
            _average(self.averaged, self.network, min(recipe.optimisation.ema, (1 + step) / (10 + step)))
        return {name: float(value.detach()) for name, value in by_head.items()}

    def _answering(self) -> PathologyNet:
        """Return the network to use: the averaged one where there is one."""
        network = self.network if self.averaged is None else self.averaged
        network.eval()
        return network

    def _validate(self) -> dict[str, float]:
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
                    scores.conditional[:, [scores.column(t) for t in self.tree.heads[0].nodes]],
                    targets[top],
                ),
                5,
            ),
        }

    def save(self) -> None:
        """Write the checkpoint and the log."""
        state = {
            "network": self.network.state_dict(),
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "torch_rng": torch.get_rng_state(),
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
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["torch_rng"])
        return True

    def _digest(self) -> str:
        return checkpoints.digest_of(
            self.recipe.fixing(), self.train.leaf.tobytes(), self.train.seeds.tobytes()
        )


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
