"""Writing a pathology network as an ONNX graph: one output a head, and the embedding.

The graph answers on processors, so its backbone goes by slices (:mod:`lesionscope.models.slicewise`).
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from lesionscope.files import write_atomically
from lesionscope.models.onnx_graph import traced
from lesionscope.models.pathology_net import PathologyNet
from lesionscope.models.slicewise import SlicewiseDenseNet3d
from lesionscope.ontology.tree import PathologyTree

INPUT = "cube"
EMBEDDING = "embedding"


class _Outputs(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """The network with its outputs as a flat tuple, heads in the tree's order."""

    def __init__(self, network: PathologyNet, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.names = names

    def forward(self, cube: Tensor) -> tuple[Tensor, ...]:
        logits, embedding = self.network(cube)
        return (*(logits[name] for name in self.names), embedding)


def output_names(tree: PathologyTree) -> tuple[str, ...]:
    """Names of the graph's outputs in order: the heads, then the embedding."""
    return (*(head.name for head in tree.heads), EMBEDDING)


def export(
    network: PathologyNet, tree: PathologyTree, path: Path, shape: tuple[int, int, int] = (48, 48, 48)
) -> Path:
    """Write ``network`` to ``path``; the batch axis stays free.

    The graph takes ``cube`` ``(n, 1, *shape)`` float32 in [−1, 1].
    """
    names = output_names(tree)
    sliced = copy.deepcopy(network)
    sliced.backbone = SlicewiseDenseNet3d(sliced.backbone)
    graph = traced(
        _Outputs(sliced, names[:-1]),
        (torch.zeros(1, 1, *shape),),
        (INPUT,),
        names,
        {name: {0: "n"} for name in (INPUT, *names)},
    )
    return write_atomically(path, graph)
