"""Training LesaNet (paper 002, §5.2): epochs, schedule, the best epoch, checkpoints that survive a kill.

An epoch's order, triplets and hard examples follow from the seed and its number alone, so a run
that was killed goes on from its last whole epoch and ends with the same weights as one that was not
(same machine, same number of threads).
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
from lesionscope.models.lesanet.lesion_embedding import LesionEmbedding
from lesionscope.models.lesanet.network import LesaNet, build
from lesionscope.models.lesanet.output import LesaNetOutput
from lesionscope.models.lesanet.texture import patch_texture
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.progress import CancelToken, Progress, silent

from ..engine import checkpoints
from ..engine.devices import cpu_threads, pick_device
from ..engine.parallel import Processes
from ..engine.precision import BFLOAT16, check_precision
from ..engine.schedule import learning_rate, order_of_epoch
from .dataset import Lesions
from .labels import Targets, ancestor_matrix, scored_targets, training_targets
from .lesion_graph import coarse_parts, descriptions
from .memory import keep_freed_memory
from .metrics import decide, per_class, tuned_thresholds
from .objective import Draws, Objective
from .recipe import LesaNetRecipe

Network = LesaNet | LesionEmbedding
ALONE = Processes()


@dataclass(frozen=True, eq=False)
class Answers:
    """Raw scores before and after score propagation ``(n, C)``, embeddings ``(n, d)``; float32."""

    scores: NDArray[np.float32]
    refined: NDArray[np.float32]
    embedding: NDArray[np.float32]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """σ(s̃), float64 ``(n, C)``."""
        return 1 / (1 + np.exp(-self.refined.astype(np.float64)))


@dataclass(frozen=True)
class Trained:
    """What training leaves: the network of the best epoch, that epoch, and the log."""

    network: Network
    epoch: int
    history: tuple[dict[str, Any], ...]


def initialise(recipe: LesaNetRecipe) -> Network:
    """Build the recipe's network with the weights that its seed gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return build(recipe.network)


def optimiser_of(recipe: LesaNetRecipe, network: nn.Module) -> torch.optim.SGD:
    """SGD with biases at twice the rate and without decay, as in the authors' code."""
    settings = recipe.optimisation
    named = list(network.named_parameters())
    weights = [parameter for name, parameter in named if not name.endswith("bias")]
    biases = [parameter for name, parameter in named if name.endswith("bias")]
    groups = [
        {"params": weights, "rate": 1.0, "weight_decay": settings.weight_decay},
        {"params": biases, "rate": 2.0, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum)


class Trainer:
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, graph
        What to train.
    train, validation
        Lesions; those without a label are left out. Validation picks the epoch and is never learnt from.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    processes
        Those that train together.
    """

    def __init__(
        self,
        recipe: LesaNetRecipe,
        graph: LabelGraph,
        train: Lesions,
        validation: Lesions,
        out: Path,
        processes: Processes = ALONE,
    ) -> None:
        self.recipe, self.graph, self.out, self.processes = recipe, graph, out, processes
        if recipe.network.classes != len(graph.core):
            raise InputError(f"The recipe '{recipe.name}' needs network.classes={len(graph.core)}.")
        if recipe.batch % processes.count:
            raise InputError(f"A batch of {recipe.batch} can't be shared by {processes.count} processes.")
        self.rows, self.targets = labelled(train, training_targets(train.said, graph, recipe.labels))
        self.train = train
        self.validation_rows, self.validation_targets = labelled(
            validation, scored_targets(validation.said, graph)
        )
        self.validation = validation
        if len(self.rows) < recipe.batch:
            raise InputError(
                f"The training split has {len(self.rows)} lesions with a label, fewer than one batch of "
                f"{recipe.batch}; add lesions or make the batch smaller."
            )
        self.described = torch.from_numpy(
            descriptions(coarse_parts(self.targets.positive, graph), _chosen(train.columns, self.rows))
        )
        keep_freed_memory()
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        self.network: Network = initialise(recipe).to(self.device).to(memory_format=torch.channels_last)
        self.network.backbone.bfloat16 = recipe.precision == BFLOAT16
        self.model = processes.wrapped(self.network, self.device)
        self.best = copy.deepcopy(self.network.state_dict())
        self.optimiser = optimiser_of(recipe, self.network)
        self.objective = Objective(recipe, self.targets, graph, self.device)
        self.steps = len(self.rows) // recipe.batch  # the last, smaller batch is dropped
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        with cpu_threads(self.recipe.threads):
            self.resume()
            for _ in range(self.epoch, self.recipe.epochs):
                self._run_epoch(progress, cancel)
                if self.processes.rank == 0:
                    self.save()
        self.network.load_state_dict(self.best)
        self.network.eval()
        return Trained(self.network, self._best_epoch(), tuple(self.history))

    def _run_epoch(self, progress: Progress, cancel: CancelToken | None) -> None:
        recipe, started = self.recipe, time.perf_counter()
        order = self.rows[order_of_epoch(len(self.rows), recipe.seed, self.epoch)]
        draws = Draws.seeded(recipe.seed * 1000 + self.epoch, self.device)
        self.model.train()
        totals: dict[str, float] = {}
        for step in range(self.steps):
            if cancel is not None:
                cancel.check()
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            for name, value in self._step(rows, self.epoch * self.steps + step, draws).items():
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
            "lesions_per_s": round(self.steps * recipe.batch / seconds, 1),
            "validation": self._validate(),
        }
        self.history.append(entry)
        if self._best_epoch() == self.epoch:
            self.best = copy.deepcopy(self.network.state_dict())

    def _step(self, rows: NDArray[np.int64], step: int, draws: Draws) -> dict[str, float]:
        """Learn from one batch; return its loss by term."""
        rate = learning_rate(self.recipe.optimisation, step, self.steps, self.recipe.epochs)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["rate"]
        patches, boxes = self.train.inputs(self.processes.share(rows), self.device)
        output = LesaNetOutput(*self.processes.gathered(self.model(patches, boxes)))
        terms = self.objective(output, *self._learnt(rows), draws)
        loss = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(loss):
            raise InputError(
                f"The loss is no longer a number in epoch {self.epoch + 1}; lower the learning rate "
                f"(--set optimisation.lr={self.recipe.optimisation.lr / 3:.2g}) and start in a new folder."
            )
        self.optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over processes; outputs that a row does not train take part with 0.
        unused = sum(part.sum() for part in output) * 0
        ((loss + unused) * self.processes.count).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip)
        self.optimiser.step()
        return {name: float(value.detach()) for name, value in terms.items()}

    def _learnt(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, pairs that count, and descriptions of lesions (numbers in ``train``)."""
        places = np.searchsorted(self.rows, rows)
        chosen = self.targets[places]
        positive = torch.from_numpy(chosen.positive.astype(np.float32)).to(self.device)
        known = torch.from_numpy(chosen.known.astype(np.float32)).to(self.device)
        return positive, known, self.described[torch.from_numpy(places)]

    def _validate(self) -> dict[str, float]:
        rows = self.processes.share(self.validation_rows)
        own = infer(self.network, self.validation, rows)
        scores = self.processes.collected(own.refined).astype(np.float64)
        truth = self.validation_targets
        ancestors = ancestor_matrix(self.graph) & self.recipe.labels.expansion
        thresholds = tuned_thresholds(truth.positive, scores, ancestors, truth.known)
        fired = decide(scores, thresholds, ancestors)
        means = per_class(truth.positive, scores, fired, truth.known).means()
        return {name: round(value, 5) for name, value in means.items()}

    def _best_epoch(self) -> int:
        """Return the epoch (from 1) of the best F1 averaged over labels; the first of several."""
        scores = [entry["validation"]["f1"] for entry in self.history]
        return int(np.argmax(np.nan_to_num(scores))) + 1

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

    def _digest(self) -> str:
        learnt = (self.targets.positive, self.targets.known, self.train.boxes[self.rows])
        return checkpoints.digest_of(self.recipe.fixing(), *(part.tobytes() for part in learnt))


def labelled(lesions: Lesions, targets: Targets) -> tuple[NDArray[np.int64], Targets]:
    """Return which lesions have a label, and their labels."""
    rows = np.flatnonzero(targets.labelled)
    if not len(rows):
        raise InputError(f"None of the {len(lesions)} lesions of a split has a label.")
    return rows, targets[rows]


def infer(
    network: Network,
    lesions: Lesions,
    rows: NDArray[np.int64] | None = None,
    *,
    batch_size: int = 128,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Answers:
    """Answer for lesions on the network's device; ``rows`` are their numbers, all by default."""
    network.eval()
    device = next(network.parameters()).device
    chosen = np.arange(len(lesions)) if rows is None else rows
    parts: list[list[NDArray[np.float32]]] = [[], [], []]
    with torch.inference_mode():
        for start in range(0, len(chosen), batch_size):
            if cancel is not None:
                cancel.check()
            some = chosen[start : start + batch_size]
            output = network(*lesions.inputs(some, device))
            for part, tensor in zip(parts, output, strict=False):
                part.append(tensor.float().cpu().numpy())
            progress(start + len(some), len(chosen), "Scoring")
    return Answers(*(np.concatenate(part) for part in parts))


def textures(lesions: Lesions, rows: NDArray[np.int64], batch_size: int = 128) -> NDArray[np.float32]:
    """Return the texture of lesions' patches, which familiarity is measured on; ``(len(rows), 45)``."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(rows), batch_size):
            patches, _ = lesions.inputs(rows[start : start + batch_size], torch.device("cpu"))
            found.append(patch_texture(patches).numpy())
    return np.concatenate(found)


def _chosen(columns: Any, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    return {name: column[rows] for name, column in columns.items()}
