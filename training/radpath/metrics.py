"""The paper's metrics (paper 000, §3.1) and calibration error, in NumPy.

"Within each head, the sample's class is labelled as 1 and the others are set to 0
[…] The mAUC is mean AUC weighted by number of samples in each class." Two scopes
are needed, because only within-head AUCs reproduce the paper's mAUC@H1–4, and
only AUCs over all samples its mAUC@L:

``within-head``
    cases that belong to the head, scored by the conditional probability;
``all``
    every case, scored by the product along the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from lesionscope.models.probabilities import Floats, TreeScores, log_softmax, softmax
from lesionscope.ontology.tree import Head, PathologyTree

from ..engine import bootstrap

Scope = Literal["within-head", "all"]
BINS = 15


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve: P(score⁺ > score⁻) + ½ P(equal); NaN where a class is absent."""
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    n1 = int(y.sum())
    n0 = len(y) - n1
    if n1 == 0 or n0 == 0:
        return float("nan")
    return float((rankdata(s)[y].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


@dataclass(frozen=True)
class MeanAuc:
    """AUC by class and the number of positives; means leave out classes without an AUC."""

    by_tag: Mapping[str, float]
    count: Mapping[str, int]

    @property
    def weighted(self) -> float:
        """Mean weighted by the number of samples in each class: the paper's mAUC."""
        return self._mean(weighted=True)

    @property
    def unweighted(self) -> float:
        """Plain mean over the classes."""
        return self._mean(weighted=False)

    def _mean(self, weighted: bool) -> float:
        defined = [tag for tag, value in self.by_tag.items() if np.isfinite(value)]
        if not defined:
            return float("nan")
        weights = [self.count[tag] if weighted else 1 for tag in defined]
        return float(np.average([self.by_tag[tag] for tag in defined], weights=weights))

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON (``None`` where there is no AUC)."""
        return {
            "weighted": _plain(self.weighted),
            "unweighted": _plain(self.unweighted),
            "by_class": {tag: _plain(value) for tag, value in self.by_tag.items()},
            "count": dict(self.count),
        }


def head_auc(tree: PathologyTree, scores: TreeScores, leaves: ArrayLike, head: Head, scope: Scope) -> MeanAuc:
    """mAUC@H of one head.

    Parameters
    ----------
    tree, scores
        The classes and n cases' probabilities.
    leaves
        True leaf tag of each case, ``(n,)``.
    head
        Which head.
    scope
        See the module's text.
    """
    truth = np.asarray(leaves)
    member = {tag: _belongs(tree, truth, tag) for tag in head.nodes}
    inside = (
        np.any(list(member.values()), axis=0) if scope == "within-head" else np.ones(len(truth), dtype=bool)
    )
    values = scores.conditional if scope == "within-head" else scores.probability
    return MeanAuc(
        {tag: auc(values[inside, scores.column(tag)], member[tag][inside]) for tag in head.nodes},
        {tag: int(member[tag].sum()) for tag in head.nodes},
    )


def leaf_auc(tree: PathologyTree, scores: TreeScores, leaves: ArrayLike) -> MeanAuc:
    """mAUC@L: every leaf against all other cases, scored by the product along its path."""
    truth = np.asarray(leaves)
    return MeanAuc(
        {tag: auc(scores.probability[:, scores.column(tag)], truth == tag) for tag in tree.leaves},
        {tag: int((truth == tag).sum()) for tag in tree.leaves},
    )


def _belongs(tree: PathologyTree, truth: NDArray[Any], tag: str) -> NDArray[np.bool_]:
    """Whether each case's path holds the node ``tag``."""
    below = [leaf for leaf in tree.leaves if tag in tree.path(leaf)]
    return np.isin(truth, below)


def mean_leaf_auc(leaf_scores: ArrayLike, truth: ArrayLike) -> float:
    """Unweighted mean one-against-rest AUC of scores ``(n, leaves)`` and leaf indices ``(n,)``."""
    s, y = np.asarray(leaf_scores, dtype=np.float64), np.asarray(truth)
    return float(np.nanmean([auc(s[:, j], y == j) for j in range(s.shape[1])]))


def expected_calibration_error(probabilities: ArrayLike, truth: ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error of the top answer over equal-width bins (Guo et al. 2017).

    ECE = Σ_b |B_b|/n · |accuracy(B_b) − confidence(B_b)|.

    Parameters
    ----------
    probabilities
        ``(n, classes)``, rows sum to 1.
    truth
        Index of the true class, ``(n,)``.
    bins
        Number of bins over (0, 1].
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    if len(p) == 0:
        return float("nan")
    confidence = p.max(axis=1)
    correct = p.argmax(axis=1) == y
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(p))


def head_calibration(
    tree: PathologyTree, logits: Mapping[str, Floats], leaves: ArrayLike
) -> dict[str, dict[str, Any]]:
    """Calibration error by head from calibrated logits.

    ``ece`` is the error of the head's whole softmax (leak included) over the
    cases that it has a target for; ``ece_within`` that of the conditional
    probabilities over the cases that belong to the head; ``nll`` is the mean negative
    log-likelihood of the whole softmax, which sharpness counts for too.
    """
    truth = [str(leaf) for leaf in np.asarray(leaves)]
    result: dict[str, dict[str, Any]] = {}
    for head in tree.heads:
        targets = np.array(
            [-1 if (t := tree.target(leaf, head)) is None else t for leaf in truth], dtype=np.int64
        )
        known = targets >= 0
        inside = known & (targets < len(head.nodes))
        z = logits[head.name]
        likelihood = log_softmax(z[known])[np.arange(known.sum()), targets[known]]
        result[head.name] = {
            "ece": _plain(expected_calibration_error(softmax(z[known]), targets[known])),
            "nll": _plain(float(-likelihood.sum() / max(len(likelihood), 1))),
            "ece_within": _plain(
                expected_calibration_error(softmax(z[inside][:, : len(head.nodes)]), targets[inside])
            ),
            "cases": int(known.sum()),
            "cases_within": int(inside.sum()),
        }
    return result


def summary(tree: PathologyTree, scores: TreeScores, leaves: ArrayLike) -> dict[str, Any]:
    """Every mAUC of the paper's Table 2 in both scopes, with Table 3's AUCs, for JSON."""
    scopes: tuple[Scope, ...] = ("within-head", "all")
    heads: dict[str, Any] = {}
    for head in tree.heads:
        heads[head.name] = {scope: head_auc(tree, scores, leaves, head, scope).as_dict() for scope in scopes}
    return {"mAUC@L": leaf_auc(tree, scores, leaves).as_dict(), "mAUC@H": heads}


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return rounded numbers for JSON."""
        return {key: round(getattr(self, key), 5) for key in ("value", "low", "high")}


def stratified_resamples(truth: ArrayLike, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Return ``(count, n)`` bootstrap indices that keep each class's number of cases."""
    y = np.asarray(truth)
    rng = np.random.default_rng(seed)
    columns = [
        rng.choice(members, size=(count, len(members)))
        for members in (np.flatnonzero(y == value) for value in np.unique(y))
    ]
    return np.concatenate(columns, axis=1)


def interval(value: float, resampled: ArrayLike, level: float = bootstrap.LEVEL) -> Interval:
    """Percentile interval of bootstrap values around an estimate."""
    return Interval(float(value), *bootstrap.interval(np.asarray(resampled), level))


def _plain(value: float) -> float | None:
    """Round for JSON; ``None`` for NaN."""
    return round(value, 5) if np.isfinite(value) else None
