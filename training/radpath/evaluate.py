"""Scoring a package on held-out cases, as it ships: its ONNX graph, calibration and bank.

On phantoms the figure that counts is the share of the gap closed,

    (model − baseline) / (oracle − baseline),

in mean leaf AUC (one leaf against the rest, path products, unweighted), where the
oracle knows the looks a lesion was drawn from and the baseline its size and mean
HU (``lesionscope.phantom.difficulty``). Intervals are percentile bootstraps over
cases, stratified by leaf; model and oracle are resampled together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.inference.networks import OnnxNetwork
from lesionscope.models.package import ModelPackage, open_package
from lesionscope.models.probabilities import Floats, calibrated, tree_scores
from lesionscope.progress import CancelToken, Progress, silent

from ..run_folder import note_test, open_checkpoint, write_metrics
from .augment import NONE, Augmentation
from .confusion import confusions
from .dataset import Cubes, batch, load_split
from .metrics import head_calibration, interval, mean_leaf_auc, stratified_resamples, summary
from .pipeline import AT_A_BORDER
from .recipe import RadPathRecipe
from .references import phantom_references

RESAMPLES = 1000


def evaluate(
    recipe: RadPathRecipe,
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
    package = open_checkpoint(checkpoint, open_package)
    tree = package.tree
    test = load_split(recipe, tree, "test", progress=progress, cancel=cancel)
    figures, leaf_scores = score(package, test, progress=progress, cancel=cancel)
    if recipe.data.source == "phantom":
        figures["gap"] = gap_closed(package, test, leaf_scores)
    figures["recipe"] = recipe.name
    note_test(package, figures)
    write_metrics(out, {"test": figures})
    return figures


def answers(
    package: ModelPackage,
    cubes: Cubes,
    settings: Augmentation = NONE,
    *,
    label: str = "Scoring",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[dict[str, Floats], NDArray[np.float64]]:
    """Return raw logits by head and familiarity p-values of every case, through the package's ONNX graph."""
    network = OnnxNetwork(package)
    logits: dict[str, list[NDArray[np.float32]]] = {head.name: [] for head in package.tree.heads}
    embeddings = []
    for start in range(0, len(cubes), 16):
        if cancel is not None:
            cancel.check()
        indices = np.arange(start, min(start + 16, len(cubes)))
        outputs = network.run(batch(cubes, indices, settings, package.card.preprocessing, (6,)))
        for name, parts in logits.items():
            parts.append(outputs[name])
        embeddings.append(outputs["embedding"])
        progress(int(indices[-1]) + 1, len(cubes), label)
    joined = {name: np.concatenate(parts).astype(np.float64) for name, parts in logits.items()}
    return joined, package.familiarity(np.concatenate(embeddings))


def score(
    package: ModelPackage, test: Cubes, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> tuple[dict[str, Any], Floats]:
    """Return every figure that needs the package alone, and the leaves' probabilities ``(n, leaves)``."""
    tree = package.tree
    logits, p = answers(package, test, progress=progress, cancel=cancel)
    _, p_border = answers(
        package, test, AT_A_BORDER, label="Scoring at a border", progress=progress, cancel=cancel
    )
    scores = tree_scores(tree, logits, package.card.calibration.heads)
    plain = tree_scores(tree, logits, package.card.calibration.heads, product="plain")
    scaled = calibrated(tree, logits, package.card.calibration.heads)
    leaves = scores.leaves()
    resampled = [
        mean_leaf_auc(leaves[take], test.leaf[take]) for take in stratified_resamples(test.leaf, RESAMPLES)
    ]
    figures = {
        "cases": len(test),
        "cases_by_leaf": test.counts(),
        "mean_leaf_auc": interval(mean_leaf_auc(leaves, test.leaf), resampled).as_dict(),
        "calibration": head_calibration(tree, scaled, test.tags),
        "unfamiliar": {
            "threshold": package.card.familiarity.threshold,
            "as_scanned": _share(p < package.card.familiarity.threshold),
            "at_a_border": _share(p_border < package.card.familiarity.threshold),
        },
        **summary(tree, scores, test.tags),
        "confusion": confusions(tree, scores, test.leaf),
        "plain_product": {"mAUC@L": summary(tree, plain, test.tags)["mAUC@L"]},
    }
    return figures, leaves


def gap_closed(package: ModelPackage, test: Cubes, leaf_scores: Floats) -> dict[str, Any]:
    """Return the share of the gap from baseline to oracle that the package closes on phantom cases."""
    reference = phantom_references(package.tree, test)
    frozen = reference.baseline
    model = mean_leaf_auc(leaf_scores, test.leaf)
    oracle = mean_leaf_auc(reference.oracle, test.leaf)
    shares, oracles = [], []
    for take in stratified_resamples(test.leaf, RESAMPLES, seed=1):
        at_most = mean_leaf_auc(reference.oracle[take], test.leaf[take])
        oracles.append(at_most)
        shares.append((mean_leaf_auc(leaf_scores[take], test.leaf[take]) - frozen) / (at_most - frozen))
    closed = interval((model - frozen) / (oracle - frozen), shares)
    return {
        "closed": closed.as_dict(),
        "oracle": interval(oracle, oracles).as_dict(),
        "baseline": round(frozen, 5),
        "measure": "unweighted mean of the leaves' one-against-rest AUC",
    }


def _share(flags: NDArray[np.bool_]) -> float:
    return round(float(flags.mean()), 5)
