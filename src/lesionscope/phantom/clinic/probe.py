"""Can a lesion's labels be told from what surrounds it? A probe on scans with the lesions left out.

``python -m lesionscope.phantom.clinic.probe`` prints, for every type and attribute, how well a
logistic regression on the statistics of background-only crops tells lesions with the label from
others *at the same place*: .5 is not at all. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.patches import patch
from lesionscope.phantom.clinic.patients import ClinicPatient, whole_body
from lesionscope.phantom.pool import ordered
from lesionscope.progress import Progress, silent

Features = NDArray[np.float64]
CROP = 64
FIRST_PATIENT = 60_000_000
FEWEST = 25
"""Fewer lesions with a label than this say nothing."""
FOLDS = 5
LIMIT = 0.6
"""A label told from its surroundings more surely than this leaks."""
TISSUES_HU = (-1100, -950, -500, -150, -50, 20, 80, 150, 300, 3100)


@dataclass(frozen=True)
class Seen:
    """A lesion of which only the surroundings are shown."""

    patient: int
    place: str
    family: str
    labels: frozenset[str]
    features: Features


def statistics(hu: NDArray[np.int16]) -> Features:
    """Describe a background crop ``(rows, columns)``: HU histograms, spread and edges, near and far."""
    values = hu.astype(np.float64)
    n = values.shape[0]
    rows, columns = np.indices(values.shape) - (n - 1) / 2
    radius = np.hypot(rows, columns)
    parts: list[float] = []
    for low, high in ((0, 6), (6, 14), (14, 24), (24, 34)):
        inside = values[(radius >= low) & (radius < high)]
        histogram = np.histogram(inside, TISSUES_HU)[0] / inside.size
        parts += [*histogram, float(np.clip(inside, -1000, 400).mean() / 300)]
        parts.append(float(np.clip(inside, -1000, 400).std() / 200))
    slope = np.hypot(*np.gradient(np.clip(values, -300, 300)))
    parts += [float(slope[radius < size].mean() / 30) for size in (8, 16, 32)]
    return np.array(parts)


def _work(job: tuple[int, Callable[[int], Body]]) -> list[Seen]:
    seed, body_of = job
    patient = ClinicPatient(seed, "train", body_of=body_of)
    result = []
    for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
        seen = patch(patient, mark, size=CROP, offsets_mm=(0.0,), lesions=())
        result.append(Seen(seed, lesion.place, lesion.family, lesion.labels, statistics(seen.hu[0])))
    return result


def gather(
    patients: int,
    *,
    workers: int = 2,
    body_of: Callable[[int], Body] = whole_body,
    progress: Progress = silent,
) -> list[Seen]:
    """Scan the surroundings of the lesions of so many patients."""
    found: list[Seen] = []
    jobs = [(seed, body_of) for seed in range(FIRST_PATIENT, FIRST_PATIENT + patients)]
    for index, lesions in enumerate(ordered(_work, jobs, workers)):
        found += lesions
        progress(index + 1, patients, "Scanning backgrounds")
    return found


def auc_within(
    scores: Features, positive: NDArray[np.bool_], places: Sequence[str], patients: NDArray[np.intp]
) -> tuple[float, float]:
    """Return how well scores tell lesions with a label from others at the same place.

    Returns
    -------
    auc
        Share of pairs (with, without the label) at the same place that scores put in order.
    error
        Its standard error, with patients as the independent units (N. A. Obuchowski, Biometrics 1997:
        DeLong's estimate for clustered data).
    """
    names = np.array(places)
    won = np.zeros(len(scores))
    met = np.zeros(len(scores))
    for place in np.unique(names):
        here = np.nonzero(names == place)[0]
        yes, no = here[positive[here]], here[~positive[here]]
        gaps = scores[yes][:, None] - scores[no][None]
        order = (gaps > 0) + 0.5 * (gaps == 0)
        won[yes] += order.sum(axis=1)
        won[no] += order.sum(axis=0)
        met[yes] += len(no)
        met[no] += len(yes)
    pairs = met[positive].sum()
    if not pairs:
        return float("nan"), float("nan")
    auc = won[positive].sum() / pairs
    by_patient = np.bincount(np.unique(patients, return_inverse=True)[1], weights=won - auc * met)
    return float(auc), float(np.sqrt(np.square(by_patient).sum()) / pairs)


def probe(seen: Sequence[Seen]) -> dict[str, dict[str, float]]:
    """Return, by label, how many lesions have it, the AUC at the same place and its 95 % interval.

    Scores come from patients that the regression was not fitted to.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    possible = load_frequencies().possible
    result: dict[str, dict[str, float]] = {}
    for name in possible.graph.core:
        if name in possible.family:
            continue
        scores: list[Features] = []
        labels: list[NDArray[np.bool_]] = []
        places: list[str] = []
        patients: list[int] = []
        for family, chances in possible.chances.items():
            if name not in chances:
                continue
            here = [one for one in seen if one.family == family]
            truth = np.array([name in one.labels for one in here])
            fold = np.array([one.patient % FOLDS for one in here])
            if len(here) < FOLDS * 4 or truth.sum() < FOLDS:
                continue
            features = np.stack([one.features for one in here])
            for place in {one.place for one in here}:
                same = np.array([one.place == place for one in here])
                features[same] -= features[same].mean(axis=0)
            score = np.zeros(len(here))
            for number in range(FOLDS):
                fit = fold != number
                if truth[fit].sum() and (~truth[fit]).sum() and (~fit).sum():
                    scaler = StandardScaler().fit(features[fit])
                    model = LogisticRegression(C=0.02, class_weight="balanced", max_iter=300)
                    model.fit(scaler.transform(features[fit]), truth[fit])
                    score[~fit] = model.decision_function(scaler.transform(features[~fit]))
            # Pairs are compared within a fold: each fold has a regression of its own.
            scores.append(score)
            labels.append(truth)
            places += [f"{one.place} {number}" for one, number in zip(here, fold, strict=True)]
            patients += [one.patient for one in here]
        count = int(sum(part.sum() for part in labels))
        if count >= FEWEST:
            auc, error = auc_within(
                np.concatenate(scores), np.concatenate(labels), places, np.array(patients, dtype=np.intp)
            )
            if np.isfinite(auc):
                result[name] = {
                    "lesions": count,
                    "auc": round(auc, 3),
                    "low": round(auc - 1.96 * error, 3),
                    "high": round(auc + 1.96 * error, 3),
                }
    return result


def main() -> None:
    """Print the probe's AUC of every label."""
    from lesionscope.commands.output import terminal_progress

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bodies", choices=("whole", "blocks"), default="whole")
    arguments = parser.parse_args()
    seen = gather(
        arguments.patients,
        workers=arguments.workers,
        body_of=BlockBody if arguments.bodies == "blocks" else whole_body,
        progress=terminal_progress(),
    )
    found: dict[str, Any] = dict(probe(seen))
    values = [one["auc"] for one in found.values()]
    weights = [one["lesions"] for one in found.values()]
    summary = {
        "lesions": len(seen),
        "mean_auc": round(float(np.mean(values)), 3),
        "weighted_mean_auc": round(float(np.average(values, weights=weights)), 3),
        "highest_auc": max(values),
        f"above {LIMIT}": {name: one for name, one in found.items() if one["auc"] > LIMIT},
        f"surely above {LIMIT}": [name for name, one in found.items() if one["low"] > LIMIT],
        "labels": found,
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
