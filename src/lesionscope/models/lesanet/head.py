"""The lesion embedding (§4.4): a linear layer on the multiscale features, of length 1."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Embedding(nn.Linear):  # type: ignore[misc]  # torch is opaque to mypy here
    """Features ``(n, 1280)`` → embeddings ``(n, d)`` of L2 norm 1, which the triplet loss compares."""

    def forward(self, features: Tensor) -> Tensor:
        """Return embeddings ``(n, d)``."""
        return functional.normalize(super().forward(features), dim=1)
