"""A trunk and one output a node (paper 003, §2.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .densenet121 import DenseNet121
from .forest import Forest
from .small_cnn import SmallCNN
from .unconditional import log_probabilities

TRUNKS: Mapping[str, Callable[[], nn.Module]] = {"small": SmallCNN, "densenet121": DenseNet121}
"""Trunks by name; each knows its ``width``."""


@dataclass(frozen=True)
class XraySpec:
    """A network's trunk, and what its outputs mean.

    Parameters
    ----------
    trunk
        ``small`` or ``densenet121``.
    hierarchical
        Whether an output is the logit of a node given its parent; otherwise of the node itself.
    """

    trunk: str = "small"
    hierarchical: bool = True

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)}")


class XrayNet(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Images → logits of M nodes."""

    def __init__(self, spec: XraySpec, nodes: int) -> None:
        super().__init__()
        self.spec = spec
        self.trunk = TRUNKS[spec.trunk]()
        self.nodes = nn.Linear(int(self.trunk.width), nodes)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(n, 1, h, w)`` → logits ``(n, M)``."""
        logits: Tensor = self.nodes(self.trunk(images))
        return logits


def log_scores(logits: Tensor, spec: XraySpec, forest: Forest) -> Tensor:
    """Logarithm of every node's own probability, ``(n, M)``."""
    if spec.hierarchical:
        return log_probabilities(logits, forest)
    return torch.nn.functional.logsigmoid(logits)
