"""Region of interest pooling of many boxes of each slice to 7 × 7 (Fast R-CNN's).

The rule is that of LesaNet's "clamped" pooling (``lesanet/roi_pool.py``, which pools one box a patch to
5 × 5): corners are rounded to the map's pixels and kept on it, the last row and column belong to the
box, and neighbouring bins share what a fraction leaves over.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

POOLED = 7


def roi_pool(maps: Tensor, boxes: Tensor, slices: Tensor, scale: float) -> Tensor:
    """Pool boxes to their bins' maxima.

    Parameters
    ----------
    maps
        Feature maps ``(n, c, h, w)``.
    boxes
        In pixels of the slices, ``(b, 4)``.
    slices
        Which slice each box lies on, int64 ``(b,)``.
    scale
        Pixels of the map a pixel of the slice.

    Returns
    -------
    Tensor
        ``(b, c, 7, 7)``.
    """
    channels, height, width = maps.shape[1:]
    last = boxes.new_tensor([width - 1, height - 1] * 2)
    # Halves round up, as in C; torch would round them to even numbers.
    corners = torch.floor(boxes.detach() * scale + 0.5).clamp(min=0).minimum(last).long()
    flat = maps.transpose(0, 1).flatten(1)
    places = maps.new_empty((channels, len(boxes), POOLED * POOLED), dtype=torch.int64)
    # Maxima are looked for without gradients and gathered with them: else each crop would get a gradient
    # as large as its map.
    seen = maps.detach().unbind(0)
    for number, (which, (x0, y0, x1, y1)) in enumerate(zip(slices.tolist(), corners.tolist(), strict=True)):
        crop = seen[which][:, y0 : max(y0, y1) + 1, x0 : max(x0, x1) + 1]
        _, where = functional.adaptive_max_pool2d(crop, POOLED, return_indices=True)
        across = crop.shape[2]
        place = (which * height + where // across + y0) * width + where % across + x0
        places[:, number] = place.flatten(1)
    pooled = flat.gather(1, places.flatten(1)).view(channels, len(boxes), POOLED, POOLED)
    return pooled.transpose(0, 1)
