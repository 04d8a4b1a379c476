"""From a detector's recipe to its package: key slices, training, threshold, card; and its test figures."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.models.detector.network import load_detector
from lesionscope.models.detector_package import (
    TASK,
    DetectionRules,
    DetectorCard,
    DetectorPackage,
    open_detector_package,
)
from lesionscope.models.onnx_graph import OPSET
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.devices import cpu_threads, pick_device
from ..engine.half import halve
from ..run_folder import PACKAGE, TrainingResult, note_test, open_checkpoint, write_metrics
from .dataset import PADDING_PX
from .detector_recipe import DetectorRecipe
from .detector_scoring import report, threshold_at
from .found import find_all
from .package_writer import write_package
from .slices import load_slices
from .trainer import Trained, Trainer

SHOWN_FP = 1.0
"""False positives a validation slice at the score that a candidate needs by default."""


def train(
    recipe: DetectorRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult[DetectorPackage]:
    """Train a recipe in ``out`` (or go on there) and write ``out/package``.

    Leaves ``checkpoint.pt``, ``log.jsonl``, ``metrics.json`` (validation figures) and ``package/``. The test
    split isn't touched: see :func:`evaluate`.
    """
    started = time.monotonic()
    training = load_slices(recipe.data, "train", progress=progress, cancel=cancel)
    validation = load_slices(recipe.data, "validation", progress=progress, cancel=cancel)
    trainer = Trainer(recipe, training, validation, out)
    trained = trainer.fit(progress, cancel)
    detector = halve(trained.detector.cpu())
    detector.bfloat16 = False  # as it will be used
    with cpu_threads(recipe.threads):
        found = find_all(detector, validation.slices, trainer.given, progress=progress, cancel=cancel)
    figures = {
        "note": "the epoch and the threshold were chosen on these slices",
        "best epoch": trained.epoch,
        **report(validation, found),
    }
    least = threshold_at(validation, found, SHOWN_FP)

    def card(sha256: dict[str, str]) -> DetectorCard:
        return _card(recipe, trainer, trained, least, figures, sha256)

    package = write_package(out / PACKAGE, detector, card, validation.slices)
    metrics = {
        "recipe": recipe.as_dict(),
        "left_out": list(training.left_out),
        "seconds": round(time.monotonic() - started, 1),
        "epochs": list(trained.history),
        "validation": figures,
    }
    write_metrics(out, metrics)
    return TrainingResult(out, package, metrics)


def evaluate(
    recipe: DetectorRecipe,
    checkpoint: Path,
    out: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Score a package on the recipe's test split; write ``out/metrics.json`` and the card's ``test``.

    Raises
    ------
    InputError
        There is no package, or the recipe's data can't be used.
    """
    package = open_checkpoint(checkpoint, open_detector_package)
    # No figure asks for a candidate's category, so each is given for every category that is known.
    phantom = recipe.data.source == "phantom"
    data = dataclasses.replace(recipe.data, categories="truth") if phantom else recipe.data
    test = load_slices(data, "test", progress=progress, cancel=cancel)
    detector = load_detector(package, pick_device(recipe.device))
    with cpu_threads(recipe.threads):
        found = find_all(detector, test.slices, package.card.input, progress=progress, cancel=cancel)
    figures = {"recipe": recipe.name, **report(test, found)}
    note_test(package, figures)
    write_metrics(out, {"test": figures, "left_out": list(test.left_out)})
    return figures


def _card(
    recipe: DetectorRecipe,
    trainer: Trainer,
    trained: Trained,
    least: float,
    figures: dict[str, Any],
    sha256: dict[str, str],
) -> DetectorCard:
    """Write down what the package is."""
    phantom = recipe.data.source == "phantom"
    return DetectorCard(
        **dataclasses.asdict(recipe.package),
        task=TASK,
        categories=trainer.train.categories,
        padding_px=PADDING_PX,
        input=trainer.given,
        network=trained.detector.spec,
        rules=DetectionRules(least=least),
        opset=OPSET,
        training_data={
            "source": "key slices of the phantom clinic, bookmarked lesions"
            if phantom
            else "key slices in DeepLesion's layout",
            "train": len(trainer.train),
            "validation": len(trainer.validation),
            "patients": len(np.unique(trainer.train.patients)),
            "epochs": recipe.epochs,
            "seed": recipe.seed,
            "recipe": recipe.name,
        },
        metrics={"validation": figures},
        sha256=sha256,
    )
