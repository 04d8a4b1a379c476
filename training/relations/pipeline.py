"""From a recipe to a package: sentences, training, card."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.inference.relation_inputs import FEATURES, SIZES
from lesionscope.mining.relations import RELATIONS
from lesionscope.models.relation_cnn import RelationCNN
from lesionscope.models.relation_package import TASK, RelationCard, RelationPackage
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.checkpoints import LOG
from ..run_folder import PACKAGE, TrainingResult, write_metrics
from .dataset import Annotated, Prepared, Preparer, held_out, phantom_sentences, read_lines
from .package_writer import halve, onnx_section, write_package
from .recipe import RelationRecipe
from .trainer import encoded, fit


def training_sentences(recipe: RelationRecipe, graph: LabelGraph) -> list[Annotated]:
    """Return the recipe's sentences to train and tune on."""
    if recipe.data.source == "lines":
        return list(read_lines(recipe.data.lines, graph))
    return list(phantom_sentences("validation", recipe.data.train, recipe.seed, graph))


def train(
    recipe: RelationRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult[RelationPackage]:
    """Train a recipe and write ``out/package``, ``log.jsonl`` and ``metrics.json``.

    Takes minutes, so a run that was stopped begins anew. Each sentence is learnt twice: with its own
    mentions, and with those that the miner finds in it, as the model will meet them.
    """
    started = time.monotonic()
    graph = load_labels()
    preparer = Preparer(graph)
    fitting, tuning = held_out(training_sentences(recipe, graph), recipe.data.held_out, recipe.seed)
    prepared: list[Prepared] = [preparer.annotated(s) for s in fitting]
    prepared += [mined for s in fitting if (mined := preparer.mined(s)) is not None]
    training, tuned = encoded(prepared), encoded([preparer.annotated(s) for s in tuning])
    network, history = fit(recipe, training, tuned, progress, cancel)
    halve(network)
    counts = {"sentences": len(fitting), "pairs": training.pairs, "held out": len(tuning)}

    def card(sha256: dict[str, str]) -> RelationCard:
        return _card(recipe, network, counts, history, sha256)

    package = write_package(out / PACKAGE, network, card)
    metrics = {
        "recipe": recipe.as_dict(),
        "seconds": round(time.monotonic() - started, 1),
        "training": counts,
        "epochs": history,
    }
    write_atomically(out / LOG, "".join(json.dumps(entry) + "\n" for entry in history))
    write_metrics(out, metrics)
    return TrainingResult(out, package, metrics)


def _card(
    recipe: RelationRecipe,
    network: RelationCNN,
    counts: dict[str, int],
    history: list[dict[str, Any]],
    sha256: dict[str, str],
) -> RelationCard:
    """Write down what the package is."""
    phantom = recipe.data.source == "phantom"
    return RelationCard(
        **dataclasses.asdict(recipe.package),
        task=TASK,
        relations=RELATIONS,
        features=FEATURES,
        sizes=SIZES,
        network=network.spec.as_dict(),
        onnx=onnx_section(),
        training_data={
            "source": "sentences of the phantom clinic's validation patients"
            if phantom
            else "one's own sentences",
            **counts,
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "recipe": recipe.name,
        },
        metrics={"held out": history[-1]},
        sha256=sha256,
    )
