"""Anchors and the pooling of many boxes, against loops by hand."""

from __future__ import annotations

import math

import pytest
import torch

from lesionscope.models.detector.anchors import PER_CELL, anchors, cell_anchors
from lesionscope.models.detector.roi_pool import POOLED, roi_pool


def test_a_cells_nine_anchors_have_the_papers_sizes_and_shapes() -> None:
    boxes = cell_anchors().double()
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    sizes = torch.tensor([48.0, 72, 96], dtype=torch.float64).repeat_interleave(3)
    torch.testing.assert_close((width * height).sqrt(), sizes, rtol=1e-6, atol=0)
    ratios = torch.tensor([1, 0.5, 2], dtype=torch.float64).repeat(3)
    torch.testing.assert_close(height / width, ratios, rtol=1e-6, atol=0)
    assert (boxes[:, :2] == -boxes[:, 2:]).all()


@pytest.mark.parametrize("stride", [8, 16])
def test_anchors_of_a_map_by_hand(stride: int) -> None:
    expected = []
    for row in range(3):
        for column in range(5):
            # The mean of the pixels that the cell covers.
            x = sum(range(column * stride, (column + 1) * stride)) / stride
            y = sum(range(row * stride, (row + 1) * stride)) / stride
            for size in (48, 72, 96):
                for ratio in (1, 0.5, 2):
                    w, h = size / math.sqrt(ratio), size * math.sqrt(ratio)
                    expected.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    made = anchors(3, 5, stride)
    assert made.shape == (3 * 5 * PER_CELL, 4)
    torch.testing.assert_close(made, torch.tensor(expected))


def random_rois(seed: int, count: int, slices: int, side: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    # Some reach over the edge.
    low = torch.rand(count, 2, generator=generator) * side * 1.1 - side * 0.05
    boxes = torch.cat([low, low + torch.rand(count, 2, generator=generator) * side / 2], dim=1)
    return boxes, torch.randint(0, slices, (count,), generator=generator)


def pooled_by_hand(maps: torch.Tensor, box: list[float], which: int, scale: float) -> torch.Tensor:
    """Return maxima bin by bin and pixel by pixel."""
    channels, height, width = maps.shape[1:]
    x0, x1 = (min(max(math.floor(box[i] * scale + 0.5), 0), width - 1) for i in (0, 2))
    y0, y1 = (min(max(math.floor(box[i] * scale + 0.5), 0), height - 1) for i in (1, 3))
    made = torch.full((channels, POOLED, POOLED), -math.inf, dtype=maps.dtype)
    rows, columns = y1 - y0 + 1, x1 - x0 + 1
    for i in range(POOLED):
        for j in range(POOLED):
            for y in range(y0 + math.floor(i * rows / POOLED), y0 + math.ceil((i + 1) * rows / POOLED)):
                for x in range(
                    x0 + math.floor(j * columns / POOLED), x0 + math.ceil((j + 1) * columns / POOLED)
                ):
                    made[:, i, j] = torch.maximum(made[:, i, j], maps[which, :, y, x])
    return made


@pytest.mark.parametrize("scale", [1 / 8, 1 / 16])
def test_pooling_of_random_boxes_is_that_by_hand(scale: float) -> None:
    maps = torch.randn(3, 4, 20, 24, generator=torch.Generator().manual_seed(1))
    boxes, slices = random_rois(2, 40, 3, 20 / scale)
    made = roi_pool(maps, boxes, slices, scale)
    assert made.shape == (40, 4, POOLED, POOLED)
    for number, (box, which) in enumerate(zip(boxes.tolist(), slices.tolist(), strict=True)):
        assert torch.equal(made[number], pooled_by_hand(maps, box, which, scale))


def test_its_gradient_is_that_of_pooling_crops() -> None:
    maps = torch.randn(2, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    boxes, slices = random_rois(4, 6, 2, 96)
    # Along random directions: a gradient that is wrong anywhere is wrong along nearly all of them.
    assert torch.autograd.gradcheck(
        lambda x: roi_pool(x, boxes, slices, 1 / 8), maps.requires_grad_(), fast_mode=True
    )


def test_the_whole_map_is_adaptive_pooling() -> None:
    maps = torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(5))
    box = torch.tensor([[0.0, 0, 511, 511]])
    made = roi_pool(maps, box, torch.zeros(1, dtype=torch.int64), 1 / 8)
    assert torch.equal(made, torch.nn.functional.adaptive_max_pool2d(maps, POOLED))


def test_no_box_at_all() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert roi_pool(torch.zeros(1, 2, 8, 8), torch.zeros(0, 4), none, 1 / 8).shape == (0, 2, POOLED, POOLED)


def test_pooling_agrees_with_torchvision() -> None:
    try:
        from torchvision import ops
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"torchvision does not load: {error}")
    maps = torch.randn(3, 4, 20, 24)
    boxes, slices = random_rois(6, 40, 3, 160)
    boxes = boxes.clamp(0, 152)  # it lets a box pass the map's edge, where its bins get narrower
    rois = torch.cat([slices[:, None].float(), boxes], dim=1)
    torch.testing.assert_close(
        roi_pool(maps, boxes, slices, 1 / 8), ops.roi_pool(maps, rois, POOLED, spatial_scale=1 / 8)
    )
