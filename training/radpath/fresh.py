"""Fresh phantoms for a package as it ships: prediction sets calibrated on some, tested on others.

``python -m lesionscope.training.radpath.fresh PACKAGE --cache DIR`` makes patients that no
training or evaluation has seen, asks the package's ONNX graph for each, writes the sets'
rule and its test into the card, and with ``--diagram`` draws reliability diagrams. What
was answered is kept in the cache block by block, so a stopped run goes on.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.files import write_atomically
from lesionscope.models.package import CARD, ModelPackage, open_package
from lesionscope.models.prediction_sets import SetRule, threshold_for
from lesionscope.models.probabilities import Floats, calibrated, tree_scores
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import Progress, silent

from .dataset import Cubes
from .evaluate import answers
from .metrics import Interval, head_calibration, interval, mean_leaf_auc, stratified_resamples
from .reliability import drawn, head_reliability

LEVEL = 0.9
FIRST = {"validation": 10_000, "test": 10_000}
"""Patients of each split from here on: beyond those of every recipe."""
BLOCK = 220
CALIBRATION, TEST = 20 * BLOCK, 20 * BLOCK
RESAMPLES = 500


@dataclasses.dataclass(frozen=True, eq=False)
class Answered:
    """Raw logits by head and the true leaf's index of n fresh phantoms."""

    logits: dict[str, Floats]
    leaf: NDArray[np.int64]


def answered(
    package: ModelPackage, split: str, count: int, cache: Path, workers: int = 1, progress: Progress = silent
) -> Answered:
    """Answer for ``count`` fresh phantoms, equally many of each leaf, in blocks that the cache keeps."""
    from lesionscope.phantom.radpath import VERSION, cubes

    parts: list[dict[str, NDArray[Any]]] = []
    tree = package.tree
    for start in range(FIRST[split], FIRST[split] + count, BLOCK):
        size = min(BLOCK, FIRST[split] + count - start)
        facts = [VERSION, package.card.sha256["onnx"], split, start, size]
        path = cache / f"answers-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            shape = package.card.preprocessing.shape
            made = cubes(split, size, first_seed=start, workers=workers, shape=shape, progress=progress)
            leaf = np.array([tree.leaves.index(tag) for tag in made.leaf], dtype=np.int64)
            logits, _ = answers(package, Cubes(tree, made.hu, leaf, {}, made.seeds), progress=progress)
            arrays: dict[str, Any] = {"leaf": leaf, **logits}
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)
            write_atomically(path, buffer.getvalue())
        with np.load(path, allow_pickle=False) as stored:
            parts.append({name: stored[name] for name in (*(head.name for head in tree.heads), "leaf")})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Answered(joined, joined.pop("leaf"))


def leaves_of(package: ModelPackage, found: Answered) -> Floats:
    """Return the leaves' calibrated probabilities, ``(n, leaves)``."""
    return tree_scores(package.tree, found.logits, package.card.calibration.heads).leaves()


def rule_from(package: ModelPackage, found: Answered, level: float = LEVEL) -> SetRule:
    """Fix the sets' threshold on calibration cases."""
    p = leaves_of(package, found)
    truth = p[np.arange(len(p)), found.leaf]
    return SetRule(level, round(threshold_for(truth, level), 6), package.card.calibration.population, len(p))


def set_figures(
    tree: PathologyTree, rule: SetRule, leaves: Floats, leaf: NDArray[np.int64]
) -> dict[str, Any]:
    """Return what sets reach on test cases: coverage overall and by leaf, sizes.

    Parameters
    ----------
    tree, rule
        The classes, and which of them are in a set.
    leaves
        Their probabilities, ``(n, leaves)``.
    leaf
        The true one, ``(n,)``.
    """
    inside = rule.members(leaves)
    held = inside[np.arange(len(leaf)), leaf]
    size = inside.sum(axis=1)
    resampled = [held[take].mean() for take in stratified_resamples(leaf, RESAMPLES)]
    return {
        "cases": len(leaf),
        "level": rule.level,
        "coverage": interval(held.mean(), resampled).as_dict(),
        "coverage_by_leaf": {
            tag: round(float(held[leaf == i].mean()), 4)
            for i, tag in enumerate(tree.leaves)
            if (leaf == i).any()
        },
        "mean_size": round(float(size.mean()), 3),
        "share_by_size": {
            str(n): round(float((size == n).mean()), 4)
            for n in range(1, len(tree.leaves) + 1)
            if (size == n).any()
        },
    }


def figures(package: ModelPackage, rule: SetRule, test: Answered) -> dict[str, Any]:
    """Return what a package and its sets reach on fresh test phantoms."""
    tree, heads = package.tree, package.card.calibration.heads
    p = leaves_of(package, test)
    tags = np.array(tree.leaves)[test.leaf]
    draws = [mean_leaf_auc(p[take], test.leaf[take]) for take in stratified_resamples(test.leaf, RESAMPLES)]
    auc: Interval = interval(mean_leaf_auc(p, test.leaf), draws)
    return {
        "mean_leaf_auc": auc.as_dict(),
        "right_leaf_first": round(float((p.argmax(axis=1) == test.leaf).mean()), 4),
        "calibration": {
            "before": head_calibration(tree, test.logits, tags),
            "after": head_calibration(tree, calibrated(tree, test.logits, heads), tags),
        },
        "sets": set_figures(tree, rule, p, test.leaf),
    }


def diagram(package: ModelPackage, test: Answered) -> str:
    """Draw each head's reliability before and after calibration, as SVG."""
    tree = package.tree
    before = head_reliability(tree, test.logits, test.leaf)
    after = head_reliability(tree, calibrated(tree, test.logits, package.card.calibration.heads), test.leaf)
    panels = {name: (before[name], after[name]) for name in before}
    return drawn(panels, ("as trained", "calibrated"))


def main(argv: Sequence[str] | None = None) -> int:
    """Calibrate, test, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--cache", type=Path, required=True, help="where answers are kept")
    parser.add_argument("--calibrate", type=int, default=CALIBRATION, help="phantoms that fix the sets")
    parser.add_argument("--test", type=int, default=TEST, help="phantoms that test them")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--diagram", type=Path, help="an SVG file for reliability diagrams")
    arguments = parser.parse_args(argv)
    package = open_package(arguments.package)
    package.verify()
    fixed, test = (
        answered(package, split, count, arguments.cache, arguments.workers)
        for split, count in (("validation", arguments.calibrate), ("test", arguments.test))
    )
    rule = rule_from(package, fixed)
    found = figures(package, rule, test)
    metrics = {**package.card.metrics, "fresh_phantoms": found}
    card = dataclasses.replace(package.card, prediction_sets=rule, metrics=metrics)
    write_atomically(package.folder / CARD, card.as_json())
    if arguments.diagram is not None:
        write_atomically(arguments.diagram, diagram(package, test))
    print(json.dumps({"rule": rule.as_dict(), **found}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
