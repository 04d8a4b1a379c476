"""How far two ways of sorting the same lesions agree: purity, normalised mutual information."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Labels = NDArray[np.int64]


def contingency(one: Labels, other: Labels) -> NDArray[np.int64]:
    """Count lesions by their group in either, ``(groups of one, groups of other)``."""
    _, rows = np.unique(one, return_inverse=True)
    _, columns = np.unique(other, return_inverse=True)
    counts = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def purity(clusters: Labels, classes: Labels) -> float:
    """Share of lesions that belong to the commonest class of their cluster."""
    return float(contingency(clusters, classes).max(axis=1).sum() / len(clusters))


def nmi(one: Labels, other: Labels) -> float:
    """Return the mutual information over the mean of both entropies; 1 where both know one group alone."""
    joint = contingency(one, other) / len(one)
    first, second = joint.sum(axis=1), joint.sum(axis=0)
    entropy = (_entropy(first) + _entropy(second)) / 2
    if entropy == 0:
        return 1.0
    return float(np.clip((2 * entropy - _entropy(joint.ravel())) / entropy, 0, 1))


def named_as(before: Labels, found: Labels) -> Labels:
    """Give new clusters (0…k-1) the numbers of the earlier ones that they share most lesions with."""
    k = int(max(before.max(), found.max())) + 1
    shared = np.zeros((k, k), dtype=np.int64)
    np.add.at(shared, (found, before), 1)
    new, old = linear_sum_assignment(shared, maximize=True)
    numbers = np.empty(k, dtype=np.int64)
    numbers[new] = old
    renamed = numbers[found]
    return np.unique(renamed, return_inverse=True)[1].astype(np.int64)  # no gaps where there are fewer now


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
