"""A detector's figures on a split: as people read them, and in every resample of its patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.bootstrap import RESAMPLES, patient_weights, with_interval
from .detector_metrics import (
    BOOKMARKS,
    IOUS,
    TRUTH,
    Floats,
    Scored,
    accuracy_draws,
    average_precision,
    froc_draws,
    precision_recall,
    scored_against,
    tight_accuracy_draws,
)
from .found import Candidates
from .slices import Slices

ACCURACY, TIGHT = "accuracy", "accuracy with 5 px"
FEWEST = 0.001
"""A default threshold isn't below this."""
RECALLS = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Where precision is read off."""


def truths_of(slices: Slices) -> tuple[str, ...]:
    """Return what candidates are held against: bookmarks, and all that slices show where that is known."""
    return (BOOKMARKS, TRUTH) if all(one.truth is not None for one in slices.slices) else (BOOKMARKS,)


def draws_of(
    slices: Slices, found: Sequence[Candidates], count: int = RESAMPLES
) -> dict[str, dict[str, dict[str, Floats]]]:
    """Return every figure by truth, lesions ("all", or a category) and name: its value, then resamples."""
    weights = patient_weights(slices.patients, count)
    result: dict[str, dict[str, dict[str, Floats]]] = {}
    for truth in truths_of(slices):
        scored = scored_against(truth, slices, found)
        result[truth] = {
            "all": {
                ACCURACY: accuracy_draws(scored, weights),
                TIGHT: tight_accuracy_draws(scored, weights),
                **froc_draws(scored, weights),
            }
        }
        if len(slices.categories) > 1:
            for kind, name in enumerate(slices.categories):
                result[truth][name] = {ACCURACY: accuracy_draws(scored, weights, kind)}
    return result


def report(slices: Slices, found: Sequence[Candidates]) -> dict[str, Any]:
    """Return a split's figures with their 95 % intervals, as ``metrics.json`` has them."""
    figures: dict[str, Any] = {
        "slices": len(slices),
        "patients": len(np.unique(slices.patients)),
        "candidates": sum(len(one.scores) for one in found),
    }
    for truth, groups in draws_of(slices, found).items():
        scored = scored_against(truth, slices, found)
        figures[truth] = {
            "lesions": len(scored.lesions),
            **{
                group: {name: with_interval(values) for name, values in draws.items()}
                for group, draws in groups.items()
                if np.isfinite(next(iter(draws.values()))[0])  # a category may have no lesion
            },
            "accuracy by IoU": _by_iou(scored, len(slices)),
            "precision by recall": _by_recall(scored),
            "average precision": round(average_precision(scored), 4),
        }
    return figures


def threshold_at(slices: Slices, found: Sequence[Candidates], rate: float) -> float:
    """Return the score at which so many false positives a slice are found, all that it shows being true."""
    scored = scored_against(truths_of(slices)[-1], slices, found)
    false = np.cumsum(~scored.hits)
    beyond = np.flatnonzero(false > rate * len(slices))
    least = float(scored.scores[beyond[0]]) if len(beyond) else 0.0
    return round(min(max(least, FEWEST), 0.99), 3)


def _by_iou(scored: Scored, slices: int) -> dict[str, float | None]:
    once = np.ones((1, slices))
    return {f"{least:g}": _figure(accuracy_draws(scored, once, threshold=least)[0]) for least in IOUS}


def _by_recall(scored: Scored) -> dict[str, float | None]:
    """Return the best precision at a recall or more; ``None`` where that isn't reached."""
    precision, recall, _ = precision_recall(scored)
    return {
        f"{wanted:g}": _figure(precision[recall >= wanted - 1e-9].max(initial=-np.inf)) for wanted in RECALLS
    }


def _figure(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
