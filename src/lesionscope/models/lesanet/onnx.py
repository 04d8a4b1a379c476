"""LesaNet as one ONNX graph, RoI pooling included: patches and boxes in, scores and embedding out."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lesionscope.files import write_atomically

from .lesion_embedding import LesionEmbedding
from .network import LesaNet
from .spec import SIZE, SLICES
from .texture import patch_texture

OPSET = 18
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
    wrapped = _Outputs(copy.deepcopy(network).cpu(), texture).eval()
    example = (torch.zeros(2, SLICES, SIZE, SIZE), torch.tensor([[40.0, 40.0, 80.0, 80.0]] * 2))
    outputs = (*OUTPUTS, TEXTURE) if texture else OUTPUTS
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The TorchScript exporter is announced as going; the newer one can't write MaxRoiPool.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            example,
            buffer,
            input_names=list(INPUTS),
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in (*INPUTS, *outputs)},
            opset_version=OPSET,
            # Keeps batch normalisation out of the convolutions, whose weights would no longer fit in halves.
            training=torch.onnx.TrainingMode.PRESERVE,
            dynamo=False,
        )
    return write_atomically(path, with_halves(buffer.getvalue()))


def with_halves(graph: bytes) -> bytes:
    """Store weights in half precision where it holds them exactly, with a cast after each."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model: Any = onnx.load_from_string(graph)
    casts = []
    for stored in model.graph.initializer:
        if stored.data_type != TensorProto.FLOAT or len(stored.dims) < 2:
            continue
        values = numpy_helper.to_array(stored)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = stored.name
        stored.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString()
    return made
