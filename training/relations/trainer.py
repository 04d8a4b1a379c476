"""Training the relation CNN, and asking it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesionscope.errors import InputError
from lesionscope.inference.relation_inputs import FIRST_WORD, LEXICAL, SIZES, batch
from lesionscope.mining.relations import RELATIONS
from lesionscope.models.relation_cnn import RelationCNN, RelationSpec
from lesionscope.progress import CancelToken, Progress, silent

from .dataset import Prepared
from .metrics import macro_f1
from .recipe import RelationRecipe

SPREAD = 6.0
"""How far (tokens) sentences of a batch may differ in length beyond what their number forces."""


@dataclass(frozen=True)
class Encoded:
    """Sentences as arrays: for each, the features of its annotated pairs and their relations."""

    rows: tuple[NDArray[np.int64], ...]
    targets: tuple[NDArray[np.int64], ...]

    @property
    def pairs(self) -> int:
        """How many pairs there are."""
        return sum(map(len, self.targets))


def encoded(sentences: Sequence[Prepared]) -> Encoded:
    """Encode sentences; those without an annotated pair are left out."""
    kept = [(s.encoded(), s.targets()) for s in sentences if (s.answers >= 0).any()]
    return Encoded(tuple(rows for rows, _ in kept), tuple(targets for _, targets in kept))


def batches(
    data: Encoded, size: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield batches of about ``size`` pairs, sentences of like length together, in random order."""
    lengths = np.array([rows.shape[1] for rows in data.rows])
    order = np.argsort(lengths + rng.random(len(lengths)) * SPREAD, kind="stable")
    groups: list[list[int]] = [[]]
    count = 0
    for i in order:
        if count >= size:
            groups.append([])
            count = 0
        groups[-1].append(int(i))
        count += len(data.targets[i])
    for number in rng.permutation(len(groups)):
        group = groups[number]
        yield batch([data.rows[i] for i in group]), np.concatenate([data.targets[i] for i in group])


def network_of(recipe: RelationRecipe) -> RelationCNN:
    """Make the recipe's network, its weights drawn from the seed.

    Raises
    ------
    InputError
        The shape that the recipe asks for can't be made.
    """
    wanted = recipe.network
    torch.manual_seed(recipe.seed)
    try:
        spec = RelationSpec(
            SIZES,
            wanted.dims,
            wanted.widths,
            wanted.filters,
            len(RELATIONS),
            dropout=wanted.dropout,
            word_dropout=wanted.word_dropout,
            lexical=LEXICAL,
            first_word=FIRST_WORD,
        )
    except ValueError as error:
        raise InputError(f"The recipe '{recipe.name}': network: {error}.") from error
    return RelationCNN(spec)


def fit(
    recipe: RelationRecipe,
    training: Encoded,
    tuning: Encoded,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[RelationCNN, list[dict[str, Any]]]:
    """Train a network; also return what each epoch came to."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    if not training.pairs:
        raise InputError("There is no annotated pair of a mention and a bookmark to train on.")
    network = network_of(recipe)
    rng = np.random.default_rng([recipe.seed, 1])
    counts = np.bincount(np.concatenate(training.targets), minlength=len(RELATIONS))
    # The root tempers the weight of rare classes; one that is absent counts as seen once.
    weights = torch.tensor(
        np.sqrt(counts.sum() / np.maximum(counts, 1) / len(RELATIONS)), dtype=torch.float32
    )
    steps = recipe.epochs * (training.pairs // recipe.batch + 2)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.lr, total_steps=steps + 1)
    history = []
    done = 0
    for epoch in range(recipe.epochs):
        started, losses = time.monotonic(), []
        network.train()
        for rows, targets in batches(training, recipe.batch, rng):
            if cancel is not None:
                cancel.check()
            loss = nn.functional.cross_entropy(
                network(torch.from_numpy(rows)), torch.from_numpy(targets), weight=weights
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if done < steps:
                schedule.step()
            done += 1
            losses.append(float(loss.detach()))
            progress(min(done, steps), steps, "Training")
        entry: dict[str, Any] = {"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 5)}
        if tuning.pairs:
            guesses = probabilities(network, tuning).argmax(axis=1)
            entry["held_out_macro_f1"] = round(macro_f1(np.concatenate(tuning.targets), guesses), 4)
        entry["seconds"] = round(time.monotonic() - started, 1)
        history.append(entry)
    return network.eval(), history


def probabilities(network: RelationCNN, data: Encoded, at_once: int = 128) -> NDArray[np.float64]:
    """Return the relations' probabilities ``(pairs, relations)``."""
    network.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(data.rows), at_once):
            logits = network(torch.from_numpy(batch(data.rows[start : start + at_once])))
            found.append(torch.softmax(logits.double(), dim=1).numpy())
    return np.concatenate(found) if found else np.zeros((0, len(RELATIONS)))
