"""From a recipe to a package: data, training, calibration, familiarity bank, card."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.models.card import CalibrationCard, Card, FamiliarityCard, refuse_misread
from lesionscope.models.familiarity import Bank, prepare
from lesionscope.models.package import ModelPackage, open_package
from lesionscope.models.pathology_net import PathologyNet
from lesionscope.models.probabilities import VectorScaling, calibrated, tree_scores
from lesionscope.models.systems import LEAVES, answered_tree, learnt_tree
from lesionscope.ontology.tree import PathologyTree, load_tree
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.half import halve
from ..engine.parallel import joined
from ..run_folder import PACKAGE, TrainingResult, read_metrics, write_metrics
from .augment import Augmentation
from .calibrate import METHOD, calibrate, class_frequencies
from .dataset import Cubes, load_split
from .losses import class_weights, head_targets
from .metrics import head_calibration, summary
from .package_writer import onnx_section, write_package
from .recipe import RadPathRecipe
from .trainer import Answers, Trained, Trainer, infer

AT_THE_CLICK = Augmentation(shift=3, flip=False, rotate90=False, pad=0.5, pad_voxels=16)
"""Crops as a reader's click gives them: a few mm off, half of them at a scan's border."""
AT_A_BORDER = dataclasses.replace(AT_THE_CLICK, pad=1.0)
"""The same, all cut off at a border. These calibrate familiarity: they lie farther from the
bank than whole ones, so whole and cut ones alike are flagged at most as often as allowed."""


def train(
    recipe: RadPathRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult[ModelPackage]:
    """Train a recipe in ``out`` (or go on there) and write ``out/package``.

    Leaves ``checkpoint.pt``, ``log.jsonl``, ``metrics.json`` (validation figures)
    and ``package/``. The test split isn't touched: see ``evaluate.py``. Started by
    ``torchrun``, several processes train as one.
    """
    started = time.monotonic()
    tree = answered_tree(recipe.network.kind, load_tree(recipe.data.tree or None))
    refuse_misread(recipe.package.scope, tree, f"The recipe '{recipe.name}'")
    with joined(recipe.device) as processes:
        with processes.first_alone():
            training = load_split(recipe, tree, "train", progress=progress, cancel=cancel)
            validation = load_split(recipe, tree, "validation", progress=progress, cancel=cancel)
        trainer = Trainer(recipe, tree, training, validation, out, processes)
        trained = trainer.fit(progress if processes.rank == 0 else silent, cancel)
        with processes.first_alone():
            if processes.rank == 0:
                _package(recipe, tree, training, validation, trained, out, started, progress, cancel)
    return TrainingResult(out, open_package(out / PACKAGE), read_metrics(out))


def _package(
    recipe: RadPathRecipe,
    tree: PathologyTree,
    training: Cubes,
    validation: Cubes,
    trained: Trained,
    out: Path,
    started: float,
    progress: Progress,
    cancel: CancelToken | None,
) -> None:
    """Calibrate the trained network and write its package and figures."""
    network = halve(trained.network.cpu())
    answers = infer(network, tree, validation, recipe.preprocessing, progress=progress, cancel=cancel)
    scaling = _calibrate(recipe, tree, training, validation, answers)
    bank, familiarity = _familiarity(recipe, tree, network, training, validation, progress, cancel)
    figures = _figures(tree, validation, answers, scaling, trained)

    def card(sha256: dict[str, str]) -> Card:
        return _card(recipe, tree, network, training, validation, scaling, familiarity, figures, sha256)

    write_package(out / PACKAGE, network, tree, bank, recipe.preprocessing.shape, card)
    metrics = {
        "recipe": recipe.as_dict(),
        "seconds": round(time.monotonic() - started, 1),
        "epochs": list(trained.history),
        "validation": figures,
    }
    write_metrics(out, metrics)


def _calibrate(
    recipe: RadPathRecipe, tree: PathologyTree, training: Cubes, validation: Cubes, answers: Answers
) -> dict[str, VectorScaling]:
    """Fit calibration on the validation split, whose class frequencies are the population's."""
    learnt = learnt_tree(recipe.network.kind, tree)
    seen, held_out = head_targets(tree, training.leaf), head_targets(tree, validation.leaf)
    weights = class_weights(learnt, head_targets(learnt, training.leaf)) if recipe.class_weights else None
    of_case = None
    if weights is not None and learnt.heads != tree.heads:  # one weight a leaf, whatever the head
        of_case, weights = weights[LEAVES].numpy()[training.leaf], None
    return calibrate(
        tree,
        answers.logits,
        held_out,
        weights=None if weights is None else {name: w.numpy() for name, w in weights.items()},
        training={head.name: class_frequencies(seen[head.name], head.width, of_case) for head in tree.heads},
        population={head.name: class_frequencies(held_out[head.name], head.width) for head in tree.heads},
        penalty=recipe.calibration_penalty,
    )


def _familiarity(
    recipe: RadPathRecipe,
    tree: PathologyTree,
    network: PathologyNet,
    training: Cubes,
    validation: Cubes,
    progress: Progress,
    cancel: CancelToken | None,
) -> tuple[Bank, FamiliarityCard]:
    """Embed the training cubes as the bank, and rank validation cubes against it."""

    def embed(cubes: Cubes, stream: int, settings: Augmentation) -> np.ndarray[Any, np.dtype[np.float32]]:
        return infer(
            network,
            tree,
            cubes,
            recipe.preprocessing,
            settings=settings,
            key=(recipe.seed, stream),
            progress=progress,
            cancel=cancel,
        ).embedding

    rule = dataclasses.replace(recipe.familiarity.rule, groups=network.embedding_groups)
    bank = prepare(embed(training, 3, AT_THE_CLICK), rule, keep=recipe.familiarity.bank)
    distances = np.sort(bank.distance(embed(validation, 4, AT_A_BORDER)))
    return bank, FamiliarityCard(
        rule=rule,
        layer=", ".join(network.spec.embedding),
        threshold=recipe.familiarity.threshold,
        calibration_distances=tuple(float(f"{distance:.6g}") for distance in distances),
    )


def _figures(
    tree: PathologyTree,
    validation: Cubes,
    answers: Answers,
    scaling: dict[str, VectorScaling],
    trained: Trained,
) -> dict[str, Any]:
    """Return what the calibrated network reaches on the cases it was calibrated on."""
    scores = tree_scores(tree, answers.logits, scaling)
    return {
        "cases": len(validation),
        "epochs": len(trained.history),
        "note": "calibrated on these cases, so their calibration error is flattering",
        "calibration": head_calibration(tree, calibrated(tree, answers.logits, scaling), validation.tags),
        **summary(tree, scores, validation.tags),
    }


def _card(
    recipe: RadPathRecipe,
    tree: PathologyTree,
    network: PathologyNet,
    training: Cubes,
    validation: Cubes,
    scaling: dict[str, VectorScaling],
    familiarity: FamiliarityCard,
    figures: dict[str, Any],
    sha256: dict[str, str],
) -> Card:
    """Write down what the package is."""
    population = _population(recipe)
    return Card(
        **dataclasses.asdict(recipe.package),
        task="pathology",
        tree=tree,
        preprocessing=recipe.preprocessing,
        network=network.spec.as_dict(),
        onnx=onnx_section(tree),
        calibration=CalibrationCard(METHOD, population, scaling),
        familiarity=familiarity,
        training_data={
            "source": "a manifest of CT volumes" if recipe.data.source == "manifest" else "phantoms",
            "population": population,
            "train": training.counts(),
            "validation": validation.counts(),
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "recipe": recipe.name,
        },
        metrics={"validation": figures},
        sha256=sha256,
    )


def _population(recipe: RadPathRecipe) -> str:
    """Say which cases probabilities hold for."""
    if recipe.data.source == "manifest":
        return "lesions with the manifest's class frequencies"
    balanced = recipe.data.source == "phantom" and recipe.data.frequencies == "balanced"
    return f"simulated lung lesions, {'equally many of each leaf' if balanced else 'as in Table 1'}"
