"""From a detector's recipe to its package: key slices, training, threshold, card; and its test figures."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.models.detector.network import load_detector
from lesionscope.models.detector.onnx import OPSET
from lesionscope.models.detector_package import (
    TASK,
    DetectionRules,
    DetectorCard,
    DetectorPackage,
    open_detector_package,
)
from lesionscope.models.package import CARD
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.devices import cpu_threads, pick_device
from ..engine.half import halve
from .dataset import PADDING_PX
from .detector_recipe import DetectorRecipe
from .detector_scoring import report, threshold_at
from .found import find_all
from .package_writer import write_package
from .slices import load_slices
from .trainer import Trained, Trainer

METRICS = "metrics.json"
PACKAGE = "package"
SHOWN_FP = 1.0
"""False positives a validation slice at the score that a candidate needs by default."""


@dataclass(frozen=True)
class TrainingResult:
    """Where a run left its files, and its metrics as ``metrics.json`` has them."""

    out: Path
    package: DetectorPackage
    metrics: dict[str, Any]


def train(
    recipe: DetectorRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult:
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
        "seconds": round(time.monotonic() - started, 1),
        "epochs": list(trained.history),
        "validation": figures,
    }
    write_atomically(out / METRICS, json.dumps(metrics, indent=1, allow_nan=False) + "\n")
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
        There is no package, or it tells other categories than the recipe's data.
    """
    package = resolve(checkpoint)
    test = load_slices(recipe.data, "test", progress=progress, cancel=cancel)
    if len(test.categories) != len(package.card.categories):
        raise InputError(
            f"{package.folder} tells {len(package.card.categories)} categories, but the recipe's slices have "
            f"{len(test.categories)}: choose the recipe that it was trained by."
        )
    detector = load_detector(package, pick_device(recipe.device))
    with cpu_threads(recipe.threads):
        found = find_all(detector, test.slices, package.card.input, progress=progress, cancel=cancel)
    figures = {"recipe": recipe.name, **report(test, found)}
    card = dataclasses.replace(package.card, metrics={**package.card.metrics, "test": figures})
    write_atomically(package.folder / CARD, card.as_json())
    write_atomically(out / METRICS, json.dumps({"test": figures}, indent=1, allow_nan=False) + "\n")
    return figures


def resolve(checkpoint: Path) -> DetectorPackage:
    """Open a package folder, or the package of a run's folder (or of a file in it).

    Raises
    ------
    InputError
        There is no package.
    """
    folder = checkpoint.parent if checkpoint.is_file() else checkpoint
    for candidate in (folder, folder / PACKAGE):
        if (candidate / CARD).is_file():
            package = open_detector_package(candidate)
            package.verify()
            return package
    raise InputError(
        f"{checkpoint} is neither a model package nor the folder of a finished run: "
        "give a folder with card.json, or the --out folder of 'lesionscope train'."
    )


def _card(
    recipe: DetectorRecipe,
    trainer: Trainer,
    trained: Trained,
    least: float,
    figures: dict[str, Any],
    sha256: dict[str, str],
) -> DetectorCard:
    """Write down what the package is."""
    words = recipe.package
    phantom = recipe.data.source == "phantom"
    return DetectorCard(
        name=words.name,
        version=words.version,
        task=TASK,
        title=words.title,
        demonstration=words.demonstration,
        scope=words.scope,
        intended_use=words.intended_use,
        limits=words.limits,
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
        licence=words.licence,
        sha256=sha256,
    )
