"""What every network of the family answers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class LesaNetOutput(NamedTuple):
    """The answer for n lesions.

    Parameters
    ----------
    scores
        s: raw scores (logits) before score propagation, ``(n, C)``.
    refined
        s̃: raw scores after it, ``(n, C)``; ``scores`` itself where there is none.
    embedding
        Embeddings of L2 norm 1, ``(n, d)``.
    features
        Multiscale features, ``(n, 1280)``.
    """

    scores: Tensor
    refined: Tensor
    embedding: Tensor
    features: Tensor
