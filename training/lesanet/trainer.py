"""Training LesaNet (paper 002, §5.2), and asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionscope.errors import InputError
from lesionscope.models.lesanet.lesion_embedding import LesionEmbedding
from lesionscope.models.lesanet.network import LesaNet, build
from lesionscope.models.lesanet.output import LesaNetOutput
from lesionscope.models.lesanet.texture import patch_texture
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.parallel import Processes
from ..engine.precision import BFLOAT16
from ..engine.schedule import learning_rate
from ..engine.trainer import ALONE, BestEpochTrainer, sgd
from .dataset import Lesions
from .labels import Targets, ancestor_matrix, scored_targets, training_targets
from .lesion_graph import coarse_parts, descriptions
from .memory import keep_freed_memory
from .metrics import decide, per_class, tuned_thresholds
from .objective import Draws, Objective
from .recipe import LesaNetRecipe

Network = LesaNet | LesionEmbedding


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


class Trainer(BestEpochTrainer[LesaNetRecipe]):
    """One run of a recipe in a folder; :meth:`fit` starts or goes on.

    Parameters
    ----------
    recipe, graph
        What to train.
    train, validation
        Lesions; those without a label are left out. Validation picks the epoch and is never learnt from.
    out, processes
        See :class:`~..engine.trainer.EpochTrainer`.
    """

    CASES = "lesions with a label"
    network: Network

    def __init__(
        self,
        recipe: LesaNetRecipe,
        graph: LabelGraph,
        train: Lesions,
        validation: Lesions,
        out: Path,
        processes: Processes = ALONE,
    ) -> None:
        if recipe.network.classes != len(graph.core):
            raise InputError(f"The recipe '{recipe.name}' needs network.classes={len(graph.core)}.")
        self.rows, self.targets = labelled(train, training_targets(train.said, graph, recipe.labels))
        self.validation_rows, self.validation_targets = labelled(
            validation, scored_targets(validation.said, graph)
        )
        super().__init__(recipe, out, len(self.rows), processes)
        self.graph, self.epochs = graph, recipe.epochs
        self.train, self.validation = train, validation
        self.described = torch.from_numpy(
            descriptions(coarse_parts(self.targets.positive, graph), _chosen(train.columns, self.rows))
        )
        keep_freed_memory()
        self.network = initialise(recipe).to(self.device).to(memory_format=torch.channels_last)
        self.network.backbone.bfloat16 = recipe.precision == BFLOAT16
        self.model = processes.wrapped(self.network, self.device)
        self.keep()
        settings = recipe.optimisation
        self.optimiser = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)
        self.objective = Objective(recipe, self.targets, graph, self.device)

    def fit(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Trained:
        """Train to the recipe's last epoch, from the folder's checkpoint where there is one."""
        self.run(progress, cancel)
        return Trained(self.network, self.best_epoch(), tuple(self.history))

    def draws(self) -> Draws:
        """Return where an epoch's triplets and hard examples come from."""
        return Draws.seeded(self.recipe.seed * 1000 + self.epoch, self.device)

    def step(self, rows: NDArray[np.int64], number: int, draws: Draws) -> dict[str, float]:
        """Learn from one batch, rows of the labelled lesions; return its loss by term."""
        settings = self.recipe.optimisation
        lesions = self.processes.share(self.rows[rows])
        output = LesaNetOutput(*self.processes.gathered(self.model(*self.train.inputs(lesions, self.device))))
        terms = self.objective(output, *self._learnt(rows), draws)
        # Outputs that a row does not train take part with 0.
        unused = sum(part.sum() for part in output) * 0
        rate = learning_rate(settings, self.epoch * self.steps + number, self.steps, self.epochs)
        self.descend(torch.stack(list(terms.values())).sum() + unused, rate, settings.clip)
        return {name: float(value.detach()) for name, value in terms.items()}

    def _learnt(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Return labels, pairs that count, and descriptions of rows of the labelled lesions."""
        chosen = self.targets[rows]
        positive = torch.from_numpy(chosen.positive.astype(np.float32)).to(self.device)
        known = torch.from_numpy(chosen.known.astype(np.float32)).to(self.device)
        return positive, known, self.described[torch.from_numpy(rows)]

    def entry(self, terms: Mapping[str, float], pace: float) -> dict[str, Any]:
        """Return the loss, also by term, and the pace."""
        return {
            "loss": round(sum(terms.values()), 7),
            "terms": {name: round(value, 7) for name, value in terms.items()},
            "lesions_per_s": round(pace, 1),
        }

    def validate(self) -> dict[str, float]:
        """Score the validation lesions with thresholds that are tuned on them."""
        rows = self.processes.share(self.validation_rows)
        own = infer(self.network, self.validation, rows)
        scores = self.processes.collected(own.refined).astype(np.float64)
        truth = self.validation_targets
        ancestors = ancestor_matrix(self.graph) & self.recipe.labels.expansion
        thresholds = tuned_thresholds(truth.positive, scores, ancestors, truth.known)
        fired = decide(scores, thresholds, ancestors)
        means = per_class(truth.positive, scores, fired, truth.known).means()
        return {name: round(value, 5) for name, value in means.items()}

    def best_epoch(self) -> int:
        """Return the epoch (from 1) of the best F1 averaged over labels; the first of several."""
        scores = [entry["validation"]["f1"] for entry in self.history]
        return int(np.argmax(np.nan_to_num(scores))) + 1

    def learnt_from(self) -> tuple[bytes, ...]:
        """Return labels, pairs that count, and boxes."""
        learnt = (self.targets.positive, self.targets.known, self.train.boxes[self.rows])
        return tuple(part.tobytes() for part in learnt)


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
