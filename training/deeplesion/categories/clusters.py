"""k-means of lesions' features, and how many clusters there are (paper 004, §2.2).

The paper chooses k "via model selection" without saying how. Here it is the k of the highest mean
silhouette. No cluster may hold less than a share of the lesions: such a k is passed over, and of a k that
is given so many fewer are tried until all clusters are large enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError

Features = NDArray[np.float32]
LEAST_SHARE = 0.05
MOST = 12
"""Clusters that are tried at most."""
STARTS = 10
SAMPLED = 2000
"""Lesions that a silhouette is estimated on: it compares every pair."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Lesions sorted by k-means.

    Parameters
    ----------
    labels
        Cluster of each lesion from 0, the largest first, int64 ``(n,)``.
    silhouette
        Their mean silhouette, -1…1.
    """

    labels: NDArray[np.int64]
    silhouette: float

    @property
    def sizes(self) -> list[int]:
        """Lesions of each cluster."""
        return [int(count) for count in np.bincount(self.labels)]


def cluster(features: Features, k: int, seed: int, least_share: float = LEAST_SHARE) -> Clusters:
    """Sort lesions into clusters.

    Parameters
    ----------
    features
        ``(n, d)``; brought to length 1, so that k-means compares directions.
    k
        How many at most; 0 to choose by silhouette.
    seed
        Of the starts.
    least_share
        Share of all lesions that each cluster must hold.

    Raises
    ------
    InputError
        There are no two clusters large enough.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    directions = features / np.maximum(lengths, 1e-12)
    many = range(k, 1, -1) if k else range(2, MOST + 1)
    best: Clusters | None = None
    for count in many:
        if count >= len(features):
            continue
        found = _kmeans(directions, count, seed)
        if len(found.sizes) < count or min(found.sizes) < least_share * len(features):
            continue
        if k:
            return found
        if best is None or found.silhouette > best.silhouette:
            best = found
    if best is None:
        raise InputError(
            f"The {len(features)} lesions don't part into two clusters of {least_share:.0%} or more: "
            "add lesions, or start from other features."
        )
    return best


def _kmeans(directions: Features, k: int, seed: int) -> Clusters:
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import silhouette_score

    with warnings.catch_warnings():
        # Fewer different lesions than clusters: judged by their sizes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(directions)
    order = np.argsort(-np.bincount(found, minlength=k), kind="stable")
    labels = np.argsort(order)[found].astype(np.int64)
    if len(np.unique(labels)) < 2:
        return Clusters(labels, -1.0)
    some = min(SAMPLED, len(directions))
    return Clusters(labels, float(silhouette_score(directions, labels, sample_size=some, random_state=seed)))
