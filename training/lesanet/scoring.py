"""Every figure of one model on one test set: macro means with intervals, by kind of label, by subgroup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ontology.label_graph import LabelGraph

from ..engine.bootstrap import RESAMPLES, mean_over, patient_weights, with_interval
from .bootstrap import resampled
from .dataset import Lesions
from .labels import Targets, complete_targets, scored_targets
from .metrics import decide, per_class

Floats = NDArray[np.float64]
MINED, COMPLETE = "text-mined", "complete"
KINDS = ("body part", "type", "attribute")
ENOUGH = 20
"""Labels with so many positive test lesions are also averaged apart: rarer ones' AUC is mostly chance."""
NAMES = ("auc", "precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class TestSet:
    """Lesions, by number, and their labels."""

    rows: NDArray[np.int64]
    targets: Targets


def sets_of(lesions: Lesions, graph: LabelGraph) -> dict[str, TestSet]:
    """Return the test sets that lesions give: mined labels, and complete ones where they are known (§5.1)."""
    mined = scored_targets(lesions.said, graph)
    rows = np.flatnonzero(mined.labelled)
    sets = {MINED: TestSet(rows, mined[rows])}
    if lesions.truth is not None:
        complete = complete_targets(lesions.truth)
        rows = np.flatnonzero(complete.labelled)
        sets[COMPLETE] = TestSet(rows, complete[rows])
    return sets


def groups_of(graph: LabelGraph, targets: Targets, rare: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Return the groups of labels to average over, by name: masks ``(C,)``."""
    kinds = np.array([graph.by_name[name].kind for name in graph.core])
    enough = (targets.positive & targets.known).sum(axis=0) >= ENOUGH
    groups = {"all": np.ones(len(kinds), bool), f"{ENOUGH} positives or more": enough}
    for kind in KINDS:
        groups[kind] = kinds == kind
        groups[f"{kind}, {ENOUGH} positives or more"] = (kinds == kind) & enough
    if rare is not None:
        groups["rare"], groups["frequent"] = rare, ~rare
    return groups


def draws_of(
    scores: Floats,
    thresholds: Floats,
    test: TestSet,
    patients: NDArray[np.int64],
    groups: dict[str, NDArray[np.bool_]],
    ancestors: NDArray[np.bool_],
    resamples: int = RESAMPLES,
) -> dict[str, dict[str, Floats]]:
    """Return each group's mean figures, the set's own first and then a value a resample.

    Parameters
    ----------
    scores
        Of all lesions, anything that ranks them, ``(n, C)``.
    thresholds
        ``(C,)``.
    test
        Which lesions are scored, and their labels.
    patients
        Of all lesions, ``(n,)``.
    groups
        See :func:`groups_of`.
    ancestors
        What decisions imply, ``(C, C)``.
    resamples
        How many.
    """
    own = scores[test.rows]
    fired = decide(own, thresholds, ancestors)
    figures = resampled(test.targets, own, fired, patient_weights(patients[test.rows], resamples))
    return {
        group: {name: mean_over(values, mask) for name, values in figures.items()}
        for group, mask in groups.items()
    }


def with_intervals(draws: dict[str, dict[str, Floats]]) -> dict[str, Any]:
    """Return values and intervals, as JSON has them; groups that nothing can be said of are left out."""
    return {
        group: {name: with_interval(values) for name, values in figures.items()}
        for group, figures in draws.items()
        if np.isfinite(figures["auc"][0])
    }


def subgroups(
    scores: Floats, thresholds: Floats, test: TestSet, lesions: Lesions, ancestors: NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """Return macro AUC and F1 by size, slice distance and kernel, over labels with enough lesions there."""
    size, step = lesions.columns["long_mm"], lesions.columns["slice_step_mm"]
    kernel = lesions.columns["kernel"]
    parts = {
        "size": {
            "under 10 mm": size < 10,
            "10 to 30 mm": (size >= 10) & (size < 30),
            "30 mm or more": size >= 30,
        },
        "slices": {"under 2 mm": step < 2, "2 to 3 mm": (step >= 2) & (step <= 3), "over 3 mm": step > 3},
        "kernel": {str(name): kernel == name for name in np.unique(kernel) if name},
    }
    return {
        name: {
            title: found
            for title, mask in masks.items()
            if (found := _part(scores, thresholds, test, mask, ancestors)) is not None
        }
        for name, masks in parts.items()
    }


def _part(
    scores: Floats, thresholds: Floats, test: TestSet, mask: NDArray[np.bool_], ancestors: NDArray[np.bool_]
) -> dict[str, Any] | None:
    inside = mask[test.rows]
    targets = test.targets[inside]
    positives = (targets.positive & targets.known).sum(axis=0)
    enough = (positives >= ENOUGH) & (positives <= len(targets) - ENOUGH)
    if not enough.any():
        return None
    own = scores[test.rows][inside]
    fired = decide(own, thresholds, ancestors)
    means = per_class(targets.positive, own, fired, targets.known).means(enough)
    counts = {"lesions": len(targets), "labels": int(enough.sum())}
    return counts | {name: round(means[name], 4) for name in ("auc", "f1")}


def by_label(
    graph: LabelGraph, scores: Floats, thresholds: Floats, test: TestSet, ancestors: NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """Return each label's figures on a test set."""
    own = scores[test.rows]
    fired = decide(own, thresholds, ancestors)
    found = per_class(test.targets.positive, own, fired, test.targets.known)
    return {
        name: {"positives": int(found.positives[place])}
        | {figure: round(float(getattr(found, figure)[place]), 4) for figure in NAMES}
        for place, name in enumerate(graph.core)
        if np.isfinite(found.auc[place])
    }
