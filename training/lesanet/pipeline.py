"""From a recipe to a package: lesions, training, calibration, thresholds, familiarity, card."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.ct.patches import PREPROCESSING
from lesionscope.models.card import FamiliarityCard
from lesionscope.models.familiarity import prepare
from lesionscope.models.label_package import (
    TASK,
    LabelCalibration,
    LabelCard,
    LabelPackage,
    ontology_digest,
    open_label_package,
)
from lesionscope.models.lesanet.onnx import TEXTURE
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.half import halve
from ..engine.parallel import joined
from ..run_folder import PACKAGE, TrainingResult, read_metrics, write_metrics
from .calibrate import METHOD, PlattScaling, calibration_error, fit_platt
from .dataset import load_split
from .labels import ancestor_matrix
from .metrics import Floats, decide, per_class, tuned_thresholds
from .package_writer import onnx_section, write_package
from .recipe import LesaNetRecipe
from .scoring import groups_of
from .trainer import Trained, Trainer, infer, textures

DESCRIBED = 4000
"""Training lesions whose textures describe what is familiar."""
LOWEST_THRESHOLD = 1e-6
MOST = 5.0
"""A label fires by its own score on at most so many times the share of lesions that it is said of: with one
or two validation lesions the best F1 may lie at a threshold that nearly everything passes."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """How raw scores become probabilities and labels."""

    calibration: PlattScaling
    thresholds: Floats


def train(
    recipe: LesaNetRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult[LabelPackage]:
    """Train a recipe in ``out`` (or go on there) and write ``out/package``.

    Leaves ``checkpoint.pt``, ``log.jsonl``, ``metrics.json`` (validation figures) and ``package/``. The test
    split isn't touched: see ``evaluate.py``. Started by ``torchrun``, several processes train as one.
    """
    started = time.monotonic()
    graph = load_labels()
    with joined(recipe.device) as processes:
        with processes.first_alone():
            training = load_split(recipe.data, graph, "train", progress=progress, cancel=cancel)
            validation = load_split(recipe.data, graph, "validation", progress=progress, cancel=cancel)
        trainer = Trainer(recipe, graph, training, validation, out, processes)
        trained = trainer.fit(progress if processes.rank == 0 else silent, cancel)
        with processes.first_alone():
            if processes.rank == 0:
                _package(recipe, graph, trainer, trained, out, started, progress, cancel)
    return TrainingResult(out, open_label_package(out / PACKAGE), read_metrics(out))


def _package(
    recipe: LesaNetRecipe,
    graph: LabelGraph,
    trainer: Trainer,
    trained: Trained,
    out: Path,
    started: float,
    progress: Progress,
    cancel: CancelToken | None,
) -> None:
    """Calibrate, set thresholds and write ``package`` and ``metrics.json``."""
    network = halve(trained.network.cpu())
    network.backbone.bfloat16 = False  # as it will be used
    rows, targets = trainer.validation_rows, trainer.validation_targets
    answers = infer(network, trainer.validation, rows, progress=progress, cancel=cancel)
    ancestors = ancestor_matrix(graph) & recipe.labels.expansion
    frequency = trainer.targets.positive.mean(axis=0)
    calibration = fit_platt(answers.refined, targets, frequency, recipe.calibration_penalty)
    probabilities = calibration.probabilities(answers.refined)
    tuned = tuned_thresholds(targets.positive, probabilities, ancestors, targets.known)
    thresholds = np.clip(np.maximum(tuned, rarest(probabilities, MOST * frequency)), LOWEST_THRESHOLD, 1.0)
    decisions = Decisions(calibration, thresholds)
    picked = trainer.rows[:: max(1, len(trainer.rows) // DESCRIBED)]
    bank = prepare(textures(trainer.train, picked), recipe.familiarity.rule, keep=recipe.familiarity.bank)
    familiarity = FamiliarityCard(
        rule=recipe.familiarity.rule,
        layer=TEXTURE,
        threshold=recipe.familiarity.threshold,
        calibration_distances=tuple(
            float(f"{distance:.6g}")
            for distance in np.sort(bank.distance(textures(trainer.validation, rows)))
        ),
    )
    fired = decide(probabilities, thresholds, ancestors)
    found = per_class(targets.positive, probabilities, fired, targets.known)
    figures = {
        "lesions": len(rows),
        "best epoch": trained.epoch,
        "note": "calibrated, and thresholds tuned, on these lesions",
        "calibration error": round(calibration_error(probabilities, targets), 4),
        **{
            group: {name: _rounded(value) for name, value in found.means(mask).items()}
            for group, mask in groups_of(graph, targets).items()
        },
    }
    counts = {"train": len(trainer.rows), "validation": len(rows)}

    def card(sha256: dict[str, str]) -> LabelCard:
        return _card(recipe, graph, counts, decisions, familiarity, {"validation": figures}, sha256)

    write_package(out / PACKAGE, network, bank, card, trainer.validation)
    metrics = {
        "recipe": recipe.as_dict(),
        "left_out": list(dict.fromkeys((*trainer.train.left_out, *trainer.validation.left_out))),
        "seconds": round(time.monotonic() - started, 1),
        "epochs": list(trained.history),
        "validation": figures,
    }
    write_metrics(out, metrics)


def rarest(probabilities: Floats, shares: Floats) -> Floats:
    """Return the thresholds that at most these shares of lesions reach, label by label, ``(C,)``."""
    return np.array(
        [
            np.quantile(column, max(0.0, 1 - share), method="higher")
            for column, share in zip(probabilities.T, shares, strict=True)
        ]
    )


def _card(
    recipe: LesaNetRecipe,
    graph: LabelGraph,
    counts: dict[str, int],
    decisions: Decisions,
    familiarity: FamiliarityCard,
    metrics: dict[str, Any],
    sha256: dict[str, str],
) -> LabelCard:
    """Write down what the package is."""
    phantom = recipe.data.source == "phantom"
    population = (
        "labels said in reports of the phantom clinic" if phantom else "labels said in DeepLesion's reports"
    )
    return LabelCard(
        **dataclasses.asdict(recipe.package),
        task=TASK,
        labels=graph.core,
        thresholds=_numbers(decisions.thresholds),
        calibration=LabelCalibration(
            METHOD,
            population,
            _numbers(decisions.calibration.scale),
            _numbers(decisions.calibration.shift),
        ),
        preprocessing=PREPROCESSING,
        network=recipe.network.as_dict(),
        onnx=onnx_section(),
        familiarity=familiarity,
        training_data={
            "source": "lesions of the phantom clinic, labels mined from their reports"
            if phantom
            else f"lesions in DeepLesion's layout, {recipe.labels.source} labels",
            **counts,
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "recipe": recipe.name,
        },
        metrics=metrics,
        ontology=ontology_digest(graph.core, graph),
        sha256=sha256,
    )


def _numbers(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
