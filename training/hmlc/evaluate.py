"""Scoring a chest X-ray package on a test split: Table 1's means with intervals, AUC and AP by node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.models.hmlc.forest import Forest
from lesionscope.models.hmlc.network import load_xray_net
from lesionscope.models.hmlc.package import open_xray_package
from lesionscope.progress import CancelToken, Progress, silent

from ..engine.bootstrap import RESAMPLES, with_interval
from ..run_folder import note_test, open_checkpoint, write_metrics
from .dataset import load_split
from .metrics import by_node, learnt_by, resampled
from .recipe import HmlcRecipe
from .trainer import infer


def evaluate(
    recipe: HmlcRecipe,
    checkpoint: Path,
    out: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Score a package; write ``out/metrics.json`` and the card's ``metrics`` → ``test``.

    Parameters
    ----------
    recipe
        Says which images.
    checkpoint
        A package's folder, or a run's.
    """
    package = open_checkpoint(checkpoint, open_xray_package)
    tree = package.tree
    forest = Forest.of_tree(tree)
    learnt = learnt_by(recipe.stages[-1].loss, forest)
    test = load_split(recipe.data, tree, "test", progress)
    scores = infer(load_xray_net(package), forest, test, progress=progress, cancel=cancel)
    draws = resampled(test.labels, scores, test.patients, forest, RESAMPLES, learnt)
    nodes = by_node(test.labels, scores, np.ones((1, len(test))))
    figures = {
        "images": len(test),
        "means": {
            group: {name: with_interval(values, 5) for name, values in found.items()}
            for group, found in draws.items()
        },
        "nodes": {
            node.tag: {"positives": int(test.labels[:, number].sum())}
            | {name: round(float(values[0, number]), 5) for name, values in nodes.items()}
            for number, node in enumerate(tree.nodes)
            if learnt[number] and np.isfinite(nodes["auc"][0, number])
        },
        "recipe": recipe.name,
    }
    note_test(package, figures)
    write_metrics(out, {"test": figures})
    return figures
