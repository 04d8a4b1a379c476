"""The nearest of many embeddings, exactly.

An exact scan of 32,000 embeddings takes a small part of the time that the network takes for one lesion,
so there is no index to build or to keep.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.errors import InputError


def unit(embeddings: ArrayLike, dimension: int) -> NDArray[np.float32]:
    """Return embeddings ``(d,)`` or ``(n, d)`` at length 1.

    Raises
    ------
    InputError
        They have another dimension, hold values that are no numbers, or have no length.
    """
    values = np.asarray(embeddings, dtype=np.float64)
    if values.shape[-1:] != (dimension,):
        raise InputError(
            f"Embeddings of shape {values.shape} don't fit a bank of dimension {dimension}: "
            "use the model that the bank was made with."
        )
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    if not np.all(np.isfinite(length)) or not np.all(length > 0):
        raise InputError("An embedding has no direction (all zero, or not finite): read the lesion again.")
    return np.asarray(values / length, dtype=np.float32)


def nearest(
    vectors: NDArray[np.float32],
    query: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the ``k`` nearest rows by Euclidean distance.

    Between vectors of length 1 the largest products are the smallest distances, so one pass of products
    in single precision leaves few candidates: all that its rounding could have kept out of the ``k``.
    Those are measured in double precision.

    Parameters
    ----------
    vectors
        ``(n, d)``, each of length 1; may be mapped from disk.
    query
        ``(d,)`` of length 1.
    k
        How many; fewer are returned where there are fewer.
    allowed
        ``(n,)``: which rows may be found; all by default.

    Returns
    -------
    tuple
        Rows, nearest first and the earlier row first among equals, and their distances.
    """
    count = len(vectors) if allowed is None else int(np.count_nonzero(allowed))
    k = min(k, count)
    if k < 1:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float64)
    products = vectors @ query
    if allowed is not None:
        products[~allowed] = -np.inf
    least = np.partition(products, len(products) - k)[len(products) - k]
    # A product of d terms is off by at most d roundings; lengths are 1 within a few.
    slack = 2 * (vectors.shape[1] + 4) * np.finfo(np.float32).eps
    candidates = np.flatnonzero(products >= least - slack)
    apart = vectors[candidates].astype(np.float64) - query.astype(np.float64)
    distances = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    order = np.lexsort((candidates, distances))[:k]
    return candidates[order], distances[order]
