"""Tracing a network into an ONNX graph."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

OPSET = 18


def traced(
    network: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]],
    *,
    fold_normalisation: bool = True,
) -> bytes:
    """Return a network, as it answers on a CPU, as an ONNX file.

    Parameters
    ----------
    network
        Its outputs are one tensor or a flat tuple.
    example
        Inputs of any values.
    inputs, outputs
        Names.
    free
        For each name the axes that may have any length, and what they are called.
    fold_normalisation
        Whether batch normalisation is folded into the convolutions before it.
    """
    mode = torch.onnx.TrainingMode
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The TorchScript exporter is announced as going; it needs no onnxscript, writes MaxRoiPool, and a
        # graph with batch normalisation folded, which the newer one leaves apart.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            # A copy, in eval mode as a whole: the exporter restores the mode it found.
            copy.deepcopy(network).cpu().eval(),
            tuple(example),
            buffer,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in free.items()},
            opset_version=OPSET,
            training=mode.EVAL if fold_normalisation else mode.PRESERVE,
            dynamo=False,
        )
    return buffer.getvalue()


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
