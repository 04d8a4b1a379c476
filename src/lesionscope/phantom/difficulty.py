"""How hard the phantom clinic is: what nobody can beat, and what anybody gets.

The *oracle* knows a lesion's looks and the densities they were drawn from: its
score is Bayes' own, an upper bound for any reader of the picture. The *baseline*
knows what a ruler and a circle give: equivalent diameter and mean HU of a perfect
segmentation; its class densities are estimated on training phantoms. Both are
frozen in ``difficulty.json`` before any network is trained::

    python -m lesionscope.phantom.difficulty
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.files import write_atomically
from lesionscope.phantom.cases import VERSION, leaf_of, lesion_of, seeds
from lesionscope.phantom.cubes import CubeSet, cubes
from lesionscope.phantom.latents import LEAVES, log_posterior
from lesionscope.progress import Progress, silent

BANDWIDTHS = (0.12, 0.2, 0.3, 0.45)
"""Candidate kernel widths of the baseline, in standard deviations of each measure."""
FOLDS = 5

Array = NDArray[np.float64]


def auc(positive: NDArray[np.bool_], score: Array) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties half."""
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    if len(values) < len(score):
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def leaf_aucs(leaf: Sequence[str], probability: Array) -> dict[str, float]:
    """One-vs-rest AUC of each leaf; columns of ``probability`` as in ``LEAVES``."""
    truth = np.array(leaf)
    return {tag: auc(truth == tag, probability[:, column]) for column, tag in enumerate(LEAVES)}


def oracle_aucs(split: str, n: int, first_seed: int = 0) -> dict[str, float]:
    """AUC by leaf of the exact posterior, on ``n`` class-balanced cases of a split."""
    asked = seeds(split, n, first_seed)
    leaves = [leaf_of(seed) for seed in asked]
    lesions = [lesion_of(seed, leaf) for seed, leaf in zip(asked, leaves, strict=True)]
    return leaf_aucs(leaves, np.exp(log_posterior(lesions)))


def measures(cubes: CubeSet) -> Array:
    """Return log diameter and mean HU of each lesion, ``(n, 2)``."""
    return np.stack([np.log(cubes.latents["equivalent_diameter_mm"]), cubes.latents["mean_hu"]], axis=1)


def _class_densities(known: Array, truth: NDArray[np.intp], asked: Array, width: float) -> Array:
    """Gaussian kernel density of each class at ``asked``, normalised over classes ``(n, 11)``."""
    scale = known.std(axis=0) * width
    squared = np.square((asked[:, None, :] - known[None, :, :]) / scale).sum(axis=2)
    kernel = np.exp(-0.5 * squared) + 1e-12
    density = np.stack([kernel[:, truth == c].mean(axis=1) for c in range(len(LEAVES))], axis=1)
    return np.asarray(density / density.sum(axis=1, keepdims=True))


def baseline_aucs(train: CubeSet, held_out: CubeSet) -> dict[str, float]:
    """AUC by leaf from diameter and mean HU; the kernel width by cross-validation on ``train``."""
    known = measures(train)
    truth = np.array([LEAVES.index(tag) for tag in train.leaf])
    fold = np.arange(len(train)) // len(LEAVES) % FOLDS
    scores = []
    for width in BANDWIDTHS:
        guess = np.zeros((len(train), len(LEAVES)))
        for part in range(FOLDS):
            rest = fold != part
            guess[~rest] = _class_densities(known[rest], truth[rest], known[~rest], width)
        scores.append(np.mean(list(leaf_aucs(train.leaf, guess).values())))
    best = BANDWIDTHS[int(np.argmax(scores))]
    return leaf_aucs(held_out.leaf, _class_densities(known, truth, measures(held_out), best))


def measure(
    n_train: int, n_test: int, *, workers: int = 2, cache: Path | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Compute both figures on class-balanced phantoms.

    Parameters
    ----------
    n_train, n_test
        Phantoms of the train split that the baseline learns from, and of the
        test split that both are scored on.
    workers, cache, progress
        As in :func:`lesionscope.phantom.cubes.cubes`.
    """
    sets = [
        cubes(split, n, workers=workers, cache=cache, progress=progress)
        for split, n in (("train", n_train), ("test", n_test))
    ]
    figures = {"oracle": oracle_aucs("test", n_test), "baseline": baseline_aucs(*sets)}
    return {
        name: {
            "mean_leaf_auc": round(float(np.mean(list(aucs.values()))), 4),
            "leaf_auc": {tag: round(value, 4) for tag, value in aucs.items()},
        }
        for name, aucs in figures.items()
    }


def recorded() -> dict[str, Any]:
    """Return the frozen figures of ``difficulty.json``."""
    source = files("lesionscope.phantom") / "difficulty.json"
    figures: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write ``difficulty.json``."""
    parser = argparse.ArgumentParser(prog="python -m lesionscope.phantom.difficulty", description=__doc__)
    parser.add_argument("--train", type=int, default=2200, help="phantoms the baseline learns from")
    parser.add_argument("--test", type=int, default=2200, help="phantoms both are scored on")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=None, help="folder that keeps the phantoms")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("difficulty.json"))
    options = parser.parse_args(argv)
    figures = measure(options.train, options.test, workers=options.workers, cache=options.cache)
    content = {
        "phantom_version": VERSION,
        "command": "python -m lesionscope.phantom.difficulty",
        "measure": "mean one-vs-rest AUC over the eleven leaves, class-balanced phantoms",
        "train": {"split": "train", "first_seed": seeds("train", 1)[0], "n": options.train},
        "test": {"split": "test", "first_seed": seeds("test", 1)[0], "n": options.test},
        **figures,
    }
    write_atomically(options.out, json.dumps(content, indent=2) + "\n")
    print(json.dumps({name: figures[name]["mean_leaf_auc"] for name in figures}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
