"""LesaNet again, straightforwardly: loops and the paper's text, nothing of the package's own."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

SIZE, POOLED = 120, 5


def fast_rcnn_pool(maps: Tensor, boxes: Tensor, scale: float, clamped: bool) -> Tensor:
    """RoI pooling bin by bin as Fast R-CNN's kernel does it: a box may pass the map, an empty bin is 0."""
    n, channels, height, width = maps.shape
    pooled = torch.zeros(n, channels, POOLED, POOLED, dtype=maps.dtype)
    for i in range(n):
        x0, y0, x1, y1 = (math.floor(max(0.0, float(v)) * scale + 0.5) for v in boxes[i])
        if clamped:
            x0, x1, y0, y1 = min(x0, width - 1), min(x1, width - 1), min(y0, height - 1), min(y1, height - 1)
        across, down = max(x1 - x0 + 1, 1), max(y1 - y0 + 1, 1)
        for row in range(POOLED):
            top, bottom = y0 + row * down // POOLED, y0 - (-(row + 1) * down // POOLED)
            for column in range(POOLED):
                left, right = x0 + column * across // POOLED, x0 - (-(column + 1) * across // POOLED)
                cells = maps[
                    i, :, min(top, height) : min(bottom, height), min(left, width) : min(right, width)
                ]
                if cells.numel():
                    pooled[i, :, row, column] = cells.flatten(1).max(dim=1).values
    return pooled


def forward(
    state: Mapping[str, Tensor], patches: Tensor, boxes: Tensor, *, clamped: bool
) -> dict[str, Tensor]:
    """LesaNet in eval mode from a state dict with the authors' names (paper 002, §4 and Figure 3)."""
    n = len(patches)
    x = patches
    projected = []
    for block, layers in enumerate((2, 2, 3, 3, 3), 1):
        for layer in range(1, layers + 1):
            conv, bn = f"conv{block}_{layer}", f"bn{block}_{layer}"
            x = functional.conv2d(x, state[f"{conv}.weight"], state[f"{conv}.bias"], padding=1)
            mean, variance = state[f"{bn}.running_mean"], state[f"{bn}.running_var"]
            x = (x - mean[:, None, None]) / (variance[:, None, None] + 1e-5).sqrt()
            x = x * state[f"{bn}.weight"][:, None, None] + state[f"{bn}.bias"][:, None, None]
            x = x.clamp(min=0)
        last = SIZE - 1 if clamped else SIZE
        box = boxes if block <= 3 else patches.new_tensor([[0.0, 0.0, last, last]] * n)
        pooled = fast_rcnn_pool(x, box, 0.5 ** (block - 1), clamped).reshape(n, -1)
        projected.append(pooled @ state[f"fc_pool{block}.weight"].T + state[f"fc_pool{block}.bias"])
        height, width = (side // 2 for side in x.shape[2:])
        x = x[:, :, : 2 * height, : 2 * width].reshape(n, -1, height, 2, width, 2).amax(dim=(3, 5))
    features = torch.cat(projected, dim=1)
    embedding = features @ state["fc_emb.weight"].T + state["fc_emb.bias"]
    scores = features @ state["class_scores1.weight"].T + state["class_scores1.bias"]
    return {
        "features": features,
        "embedding": embedding / embedding.norm(dim=1, keepdim=True),
        "scores": scores,
        "refined": scores @ state["class_scores2.weight"].T + state["class_scores2.bias"],
    }
