"""Scores that never rise from parent to child, where labels form trees: HMLC (paper 003) inside LesaNet.

The layer's own outputs are logits of a label given its parent; what it returns are logits of the label
itself, the product along its path. LesaNet's losses take them as they take any scores. A label with several
parents, or none, begins a tree of its own.
"""

from __future__ import annotations

from torch import Tensor, nn

from lesionscope.models.hmlc.forest import ROOT, Forest
from lesionscope.models.hmlc.unconditional import unconditional_logits
from lesionscope.ontology.label_graph import LabelGraph, load_labels


def forest_of(graph: LabelGraph) -> Forest:
    """Return the tree parts of an ontology, over the labels that models answer."""
    above: dict[str, list[str]] = {name: [] for name in graph.core}
    for child, parent in graph.reduction():
        above[child].append(parent)
    numbers = {name: number for number, name in enumerate(graph.core)}
    return Forest(tuple(numbers[p[0]] if len(p) == 1 else ROOT for p in above.values()))


class TreeScores(nn.Linear):  # type: ignore[misc]  # torch is opaque to mypy here
    """Features ``(n, 1280)`` → scores ``(n, C)`` of the bundled ontology's labels."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(features, classes)
        self.forest = forest_of(load_labels())
        if len(self.forest) != classes:
            raise ValueError(f"the bundled ontology has {len(self.forest)} labels, not {classes}")

    def forward(self, features: Tensor) -> Tensor:
        """Return raw scores ``(n, C)``."""
        return unconditional_logits(super().forward(features), self.forest)
