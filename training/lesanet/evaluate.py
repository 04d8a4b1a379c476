"""Scoring a label package on held-out lesions, as it ships: its ONNX graph, calibration, thresholds and bank.

Intervals are percentile bootstraps over patients.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.errors import InputError
from lesionscope.models.label_package import LabelPackage, open_label_package
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.bootstrap import patient_weights, with_interval
from ..run_folder import note_test, open_checkpoint, write_metrics
from .calibrate import PlattScaling, calibration_error
from .dataset import Lesions, load_split
from .labels import ancestor_matrix, training_targets
from .metrics import gains
from .onnx_answers import OnnxAnswers
from .recipe import LesaNetRecipe
from .scoring import by_label, draws_of, groups_of, sets_of, subgroups, with_intervals

QUERY_BANK = 4000
"""Training lesions that retrieval is measured on."""


def evaluate(
    recipe: LesaNetRecipe,
    checkpoint: Path,
    out: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Score a package on the recipe's test split; write ``out/metrics.json`` and the card's ``test``.

    Returns
    -------
    dict
        The figures.
    """
    package = open_checkpoint(checkpoint, open_label_package)
    graph = load_labels()
    if package.card.labels != graph.core:
        raise InputError(f"{package.folder} answers other labels than the {len(graph.core)} of the ontology.")
    test = load_split(recipe.data, graph, "test", progress=progress, cancel=cancel)
    training = load_split(recipe.data, graph, "train", progress=progress, cancel=cancel)
    figures, labels = score(recipe, package, graph, test, training, progress=progress, cancel=cancel)
    note_test(package, figures)
    write_metrics(out, {"test": figures, "labels": labels, "left_out": list(test.left_out)})
    return figures


def score(
    recipe: LesaNetRecipe,
    package: LabelPackage,
    graph: LabelGraph,
    test: Lesions,
    training: Lesions,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures by test set, and each label's by test set."""
    network = OnnxAnswers(package)
    answers = network.of(test, progress=progress, cancel=cancel)
    calibration = package.card.calibration
    one = np.ones(len(graph.core))
    scaling = (
        PlattScaling(one, one * 0)
        if calibration is None
        else PlattScaling(np.array(calibration.scale), np.array(calibration.shift))
    )
    probabilities = scaling.probabilities(answers.refined)
    thresholds = np.array(package.card.thresholds)
    ancestors = ancestor_matrix(graph) & recipe.labels.expansion
    learnt = training_targets(training.said, graph, recipe.labels)
    rows = np.flatnonzero(learnt.labelled)
    rows = rows[:: max(1, len(rows) // QUERY_BANK)]
    bank = network.of(training, rows, progress=progress, cancel=cancel).embedding
    p = package.familiarity(network.familiar(test))
    figures: dict[str, Any] = {"recipe": recipe.name}
    labels: dict[str, Any] = {}
    for name, one_set in sets_of(test, graph).items():
        groups = groups_of(graph, one_set.targets)
        draws = draws_of(probabilities, thresholds, one_set, test.patients, groups, ancestors)
        own = test[one_set.rows]
        shared = gains(answers.embedding[one_set.rows], one_set.targets.positive, bank, learnt.positive[rows])
        weights = patient_weights(own.patients)
        resampled = (weights @ shared) / weights.sum(axis=1)
        figures[name] = {
            "lesions": len(own),
            "patients": len(np.unique(own.patients)),
            "labels": with_intervals(draws),
            "ACG@5": with_interval(resampled),
            "calibration error": round(calibration_error(probabilities[one_set.rows], one_set.targets), 4),
            "subgroups": subgroups(probabilities, thresholds, one_set, test, ancestors),
        }
        labels[name] = by_label(graph, probabilities, thresholds, one_set, ancestors)
    if p is not None and package.card.familiarity is not None:
        share = float((p < package.card.familiarity.threshold).mean())
        figures["unfamiliar"] = {"threshold": package.card.familiarity.threshold, "share": round(share, 4)}
    return figures, labels
