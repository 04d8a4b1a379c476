"""LesaNet as one ONNX graph, RoI pooling included: patches and boxes in, scores and embedding out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from lesionscope.files import write_atomically

from ..onnx_graph import OPSET as OPSET
from ..onnx_graph import traced
from ..onnx_graph import with_halves as with_halves
from .lesion_embedding import LesionEmbedding
from .network import LesaNet
from .spec import SIZE, SLICES
from .texture import patch_texture

INPUTS = ("patch", "box")
"""``(n, 3, 120, 120)`` preprocessed, and x0, y0, x1, y1 in patch pixels ``(n, 4)``; float32."""
OUTPUTS = ("scores", "refined", "embedding")
"""Raw scores before and after propagation ``(n, C)``, embeddings of length 1 ``(n, d)``."""
TEXTURE = "texture"
"""A graph may also give what its patches' tissue looks like, ``(n, 45)``: see ``texture.py``."""


class _Outputs(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """The network with its outputs as a plain tuple."""

    def __init__(self, network: nn.Module, texture: bool) -> None:
        super().__init__()
        self.network = network
        self.texture = texture

    def forward(self, patch: Tensor, box: Tensor) -> tuple[Tensor, ...]:
        scores, refined, embedding, _ = self.network(patch, box)
        answers = scores, refined + 0, embedding  # a name of its own, where nothing is refined
        return (*answers, patch_texture(patch)) if self.texture else answers


def export_onnx(network: LesaNet | LesionEmbedding, path: Path, *, texture: bool = False) -> Path:
    """Write a network to ``path``, as one file; the batch axis stays free.

    Weights that half precision holds exactly (those of a network once rounded to it) are stored so, and
    widened as the graph is loaded: its answers are the network's. With ``texture`` the graph also gives
    :data:`TEXTURE`, which familiarity is measured on.

    Raises
    ------
    LesionscopeError
        The file can't be written.
    """
    outputs = (*OUTPUTS, TEXTURE) if texture else OUTPUTS
    graph = traced(
        _Outputs(network, texture),
        (torch.zeros(2, SLICES, SIZE, SIZE), torch.tensor([[40.0, 40.0, 80.0, 80.0]] * 2)),
        INPUTS,
        outputs,
        {name: {0: "n"} for name in (*INPUTS, *outputs)},
        fold_normalisation=False,  # folded weights would no longer fit in halves
    )
    return write_atomically(path, with_halves(graph))
