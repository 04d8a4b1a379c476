"""The detector as one ONNX graph, from a slice to its boxes: proposals, suppression and pooling included."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lesionscope.files import write_atomically

from .boxes import decode
from .network import AFTER_NMS, BEFORE_NMS, FINAL_NMS, HEAD_SCALE, PROPOSAL_NMS, SHORTEST, Detector
from .roi_pool import POOLED

OPSET = 18
INPUT = "slices"
"""One slice with its neighbours, ``(1, 3, rows, columns)`` preprocessed, float32; any rows and columns."""
OUTPUTS = ("boxes", "scores", "categories")
"""Best first: ``(n, 4)`` in pixels, probabilities ``(n,)``, categories from 0, int64 ``(n,)``."""
LEAST, MOST = 0.05, 100
"""Score of a box that the graph gives, and how many it gives; fewer are asked for by their scores."""


class _Graph(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """The network in steps that the exporter can follow: no size and no count is fixed by its example."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        network = self.network
        last = torch.stack([_size(slices, axis) for axis in (3, 2, 3, 2)]) - 1
        maps = network.trunk(slices)
        logits, deltas = network.propose_all(maps)
        placed = network.anchors_of(maps)
        best = _order(logits[0])[:BEFORE_NMS]
        boxes = decode(deltas[0][best], placed[best]).clamp(min=0).minimum(last)
        large = (boxes[:, 2:] - boxes[:, :2] >= SHORTEST).all(dim=1)
        boxes, worth = boxes[large], logits[0][best][large]
        boxes = boxes[_Suppression.apply(boxes, worth, PROPOSAL_NMS, AFTER_NMS)]
        limit = torch.stack([_size(maps, axis) for axis in (3, 2, 3, 2)]) - 1
        corners = torch.floor(boxes / network.spec.stride + 0.5).minimum(limit)
        seen = _Pooling.apply(maps, corners).flatten(1)
        for layer in (network.fc6, network.fc7):
            seen = torch.relu(layer(seen))
        shares = network.score(seen).softmax(dim=1)[:, 1:]
        moved = network.deltas(seen).view(-1, network.spec.categories, 4) * torch.tensor(HEAD_SCALE)
        parts = []
        for category in range(network.spec.categories):
            good = shares[:, category] > LEAST
            own = shares[:, category][good]
            there = decode(moved[:, category][good], boxes[good]).clamp(min=0).minimum(last)
            kept = _Suppression.apply(there, own, FINAL_NMS, MOST)
            parts.append((there[kept], own[kept], torch.full_like(kept, category)))
        every = [torch.cat(values) for values in zip(*parts, strict=True)]
        order = _order(every[1])[:MOST]
        return every[0][order], every[1][order], every[2][order]


def export_onnx(network: Detector, path: Path) -> Path:
    """Write a detector to ``path``, as one file that finds what the network finds.

    Raises
    ------
    LesionscopeError
        The file can't be written.
    """
    wrapped = _Graph(copy.deepcopy(network).cpu()).eval()
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # The TorchScript exporter is announced as going; the newer one can't write MaxRoiPool.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            (torch.zeros(1, 3, 128, 160),),
            buffer,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={INPUT: {2: "rows", 3: "columns"}, **{name: {0: "n"} for name in OUTPUTS}},
            opset_version=OPSET,
            dynamo=False,
        )
    return write_atomically(path, buffer.getvalue())


def _order(values: Tensor) -> Tensor:
    """Return where the values lie from the largest down; of equal ones the earlier first, in the graph."""
    return torch.topk(values, values.shape[0]).indices


def _size(values: Tensor, axis: int) -> Tensor:
    """Return a size as a number that the graph computes."""
    return torch._shape_as_tensor(values)[axis].to(torch.float32)


class _Suppression(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """:func:`~.boxes.nms` as ONNX's NonMaxSuppression; while the graph is traced, only its type counts."""

    @staticmethod
    def forward(ctx: Any, boxes: Tensor, scores: Tensor, threshold: float, most: int) -> Tensor:
        return torch.arange(len(scores))[:most]

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, threshold: float, most: int) -> Any:
        def constant(value: Any) -> Any:
            return g.op("Constant", value_t=torch.tensor(value))

        # Its corners may come in either order of axes, as overlap is the same.
        made = g.op(
            "NonMaxSuppression",
            g.op("Unsqueeze", boxes, constant([0])),
            g.op("Unsqueeze", scores, constant([0, 1])),
            constant([most]),
            constant([threshold]),
        )
        chosen = g.op("Gather", made, constant(2), axis_i=1)
        return chosen.setType(scores.type().with_dtype(torch.int64).with_sizes([None]))


class _Pooling(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """:func:`~.roi_pool.roi_pool` of one slice as ONNX's MaxRoiPool, corners in whole pixels of the map."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, corners: Tensor) -> Tensor:
        return maps.new_zeros(len(corners), maps.shape[1], POOLED, POOLED)

    @staticmethod
    def symbolic(g: Any, maps: Any, corners: Any) -> Any:
        before = g.op("Constant", value_t=torch.tensor([0, 1, 0, 0]))
        rois = g.op("Pad", corners, before)
        made = g.op("MaxRoiPool", maps, rois, pooled_shape_i=[POOLED, POOLED], spatial_scale_f=1.0)
        return made.setType(maps.type().with_sizes([None, None, POOLED, POOLED]))
