"""A detector as two ONNX graphs, with the arithmetic on boxes left to whoever runs them.

See ``models/detector_package.py`` for what the graphs take and give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lesionscope.files import write_atomically
from lesionscope.models.detector_package import (
    HEAD_INPUTS,
    HEAD_OUTPUTS,
    PROPOSALS_INPUTS,
    PROPOSALS_OUTPUTS,
)
from lesionscope.models.lesanet.spec import SLICES

from ..onnx_graph import traced, with_halves
from .network import Detector
from .roi_pool import POOLED


class _Proposals(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.detector.trunk(slices)
        return (maps, *self.detector.propose_all(maps))


class _Head(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """The head, with the pooling that ONNX has an operator for."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, maps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        # The corners that roi_pool takes: rounded, and kept on the map.
        last = torch._shape_as_tensor(maps)[torch.tensor([3, 2, 3, 2])] - 1
        corners = torch.floor(boxes / self.detector.spec.stride + 0.5).clamp(min=0)
        corners = torch.minimum(corners, last.to(boxes.dtype))
        judged: tuple[Tensor, Tensor] = self.detector.judge_pooled(
            _Pool.apply(maps, corners, self.detector.spec.channels[-1])
        )
        return judged


class _Pool(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """Pooling by ONNX's MaxRoiPool, which is Fast R-CNN's; corners are the map's pixels ``(p, 4)``."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, corners: Tensor, channels: int) -> Tensor:
        return maps.new_zeros(len(corners), channels, POOLED, POOLED)

    @staticmethod
    def symbolic(g: Any, maps: Any, corners: Any, channels: int) -> Any:
        pads = g.op("Constant", value_t=torch.tensor([0, 1, 0, 0]))
        rois = g.op("Pad", corners, pads)  # in front, the number of the only slice: 0
        made = g.op("MaxRoiPool", maps, rois, pooled_shape_i=[POOLED, POOLED], spatial_scale_f=1.0)
        return made.setType(maps.type().with_sizes([None, channels, POOLED, POOLED]))


def export_proposals(detector: Detector, path: Path) -> Path:
    """Write the graph from a picture to maps and what each anchor is worth.

    Raises
    ------
    LesionscopeError
        The file can't be written.
    """
    free = {"slices": {2: "h", 3: "w"}, "maps": {2: "mh", 3: "mw"}, "logits": {1: "a"}, "deltas": {1: "a"}}
    graph = traced(
        _Proposals(detector),
        (torch.zeros(1, SLICES, 128, 160),),
        PROPOSALS_INPUTS,
        PROPOSALS_OUTPUTS,
        free,
        fold_normalisation=False,  # folded weights would no longer fit in halves
    )
    return write_atomically(path, with_halves(graph))


def export_head(detector: Detector, path: Path) -> Path:
    """Write the graph that judges proposals.

    Raises
    ------
    LesionscopeError
        The file can't be written.
    """
    free = {"maps": {2: "mh", 3: "mw"}, "boxes": {0: "p"}, "logits": {0: "p"}, "deltas": {0: "p"}}
    example = (
        torch.zeros(1, detector.spec.channels[-1], 16, 20),
        torch.tensor([[0.0, 0.0, 90.0, 60.0]] * 2),
    )
    graph = traced(_Head(detector), example, HEAD_INPUTS, HEAD_OUTPUTS, free)
    return write_atomically(path, with_halves(graph))
