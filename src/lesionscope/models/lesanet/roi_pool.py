"""Region of interest pooling (§4.1, after R. Girshick, Fast R-CNN, ICCV 2015).

A box in patch pixels is brought to a feature map by the map's scale and rounded; first and
last row and column belong to it. Its rows and columns are cut into five bins, neighbours
sharing what a fraction leaves over, and each bin keeps its maximum: adaptive max pooling of
the crop.

A box may pass the map's edge by rounding alone (119 · ½ → 60, on a map that ends at 59). The
"clamped" rule keeps the box on the map. The "released" rule is that of the authors' code: the
last row and column may lie beyond the map, and the whole patch ends at 120, not 119; bins
are cut as if the map went on, with zeros there. What the zeros add is nothing, because the
maps come out of a ReLU; a bin all outside is 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .spec import POOLED, SIZE


def roi_pool(maps: Tensor, boxes: Tensor, scale: float, roi: str = "clamped") -> Tensor:
    """Pool a box of each map to 5 × 5.

    Parameters
    ----------
    maps
        Feature maps ``(n, c, h, w)``, none negative.
    boxes
        x0, y0, x1, y1 in patch pixels ``(n, 4)``, a box a map; x0 and y0 lie on the patch.
    scale
        Pixels of the map a pixel of the patch: a power of two.
    roi
        "clamped" or "released", see above.

    Returns
    -------
    Tensor
        ``(n, c, 5, 5)``.
    """
    height, width = maps.shape[2:]
    boxes = boxes.clamp(min=0)
    if roi == "clamped":
        boxes = torch.minimum(boxes, boxes.new_tensor([width - 1, height - 1] * 2) / scale)
    if torch.onnx.is_in_onnx_export():
        return _GraphRoiPool.apply(maps, boxes, scale)
    # Halves round up, as in C; torch would round them to even numbers.
    corners = torch.floor(boxes.detach() * scale + 0.5).long()
    right, below = (int(corners[:, side::2].max()) + 1 for side in (0, 1))
    if right > width or below > height:
        maps = functional.pad(maps, (0, max(0, right - width), 0, max(0, below - height)))
    return _BoxPool.apply(maps, corners)


def whole_pool(maps: Tensor, scale: float, roi: str = "clamped") -> Tensor:
    """Pool the whole patch of each map to 5 × 5: :func:`roi_pool` with one box for all of them."""
    last = float(SIZE if roi == "released" else SIZE - 1)
    if torch.onnx.is_in_onnx_export():
        return roi_pool(maps, maps.new_tensor([0.0, 0.0, last, last]).expand(maps.shape[0], 4), scale, roi)
    beyond = [int(last * scale + 0.5) + 1 - side for side in maps.shape[2:]]
    if roi == "released":
        maps = functional.pad(maps, (0, max(0, beyond[1]), 0, max(0, beyond[0])))
    return functional.adaptive_max_pool2d(maps, POOLED)


class _BoxPool(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """Adaptive max pooling of a box of each map, boxes given in the map's pixels ``(n, 4)``.

    Left to autograd, each crop would give a gradient as large as its map; here all
    of them are written into one.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, corners: Tensor) -> Tensor:
        pooled, places = [], []
        for one, (x0, y0, x1, y1) in zip(maps.detach().unbind(0), corners.tolist(), strict=True):
            crop = one[:, y0 : max(y0, y1) + 1, x0 : max(x0, x1) + 1]
            values, where = functional.adaptive_max_pool2d(crop, POOLED, return_indices=True)
            pooled.append(values)
            places.append((where // crop.shape[2] + y0) * one.shape[2] + where % crop.shape[2] + x0)
        ctx.shape = maps.shape
        ctx.save_for_backward(torch.stack(places))
        return torch.stack(pooled)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        n, c, height, width = ctx.shape
        (places,) = ctx.saved_tensors
        # Channels last, as the maps are where speed counts: gradients of two layouts are slow to add.
        whole = grad.new_zeros(n * height * width * c)
        lesions = torch.arange(n, device=grad.device)[:, None, None] * (height * width)
        flat = (places.flatten(2) + lesions) * c + torch.arange(c, device=grad.device)[:, None]
        whole.index_add_(0, flat.flatten(), grad.flatten())
        return whole.view(n, height, width, c).permute(0, 3, 1, 2), None


class _GraphRoiPool(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """RoI pooling in an ONNX graph: its MaxRoiPool is Fast R-CNN's (rounded, inclusive, 0 where empty)."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, boxes: Tensor, scale: float) -> Tensor:
        return maps.new_zeros(len(maps), maps.shape[1], POOLED, POOLED)

    @staticmethod
    def symbolic(g: Any, maps: Any, boxes: Any, scale: float) -> Any:
        def constant(*values: int) -> Any:
            return g.op("Constant", value_t=torch.tensor(values if len(values) > 1 else values[0]))

        axes = g.op("Constant", value_t=torch.tensor([1]))
        count = g.op("Gather", g.op("Shape", maps), constant(0), axis_i=0)
        which = g.op(
            "Cast", g.op("Range", constant(0), count, constant(1)), to_i=torch.onnx.TensorProtoDataType.FLOAT
        )
        rois = g.op("Concat", g.op("Unsqueeze", which, axes), boxes, axis_i=1)
        made = g.op("MaxRoiPool", maps, rois, pooled_shape_i=[POOLED, POOLED], spatial_scale_f=scale)
        return made.setType(maps.type().with_sizes([None, None, POOLED, POOLED]))
