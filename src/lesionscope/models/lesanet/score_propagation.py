"""The score propagation layer (§4.3): s̃ = W s + b, on raw scores."""

from __future__ import annotations

import torch
from torch import nn


class ScorePropagation(nn.Linear):  # type: ignore[misc]  # torch is opaque to mypy here
    """Raw scores s ``(n, C)`` → refined raw scores s̃ ``(n, C)``.

    W starts as the identity and b as 0, so at first nothing is refined; w_ij is what label
    i receives from label j.

    Parameters
    ----------
    classes
        C.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(classes, classes)

    def reset_parameters(self) -> None:
        """Start over: the identity."""
        with torch.no_grad():
            self.weight.zero_().diagonal().fill_(1)
            self.bias.zero_()
