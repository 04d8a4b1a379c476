"""The detector's boxes against brute force, and against torchvision where it loads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.models.detector.boxes import BLOCK, clip, decode, encode, iou, nms


def random_boxes(seed: int, count: int, side: float = 512, longest: float = 120) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=generator) * side
    return torch.cat([low, low + 1 + torch.rand(count, 2, generator=generator) * longest], dim=1)


def iou_by_hand(one: list[float], other: list[float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = wide * high if wide > 0 and high > 0 else 0.0
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - shared
    return shared / both if both else 0.0


def nms_by_hand(boxes: list[list[float]], scores: list[float], threshold: float) -> list[int]:
    left = sorted(range(len(boxes)), key=lambda number: (-scores[number], number))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [number for number in left if iou_by_hand(boxes[best], boxes[number]) <= threshold]
    return kept


def test_overlap_of_random_boxes_is_that_by_hand() -> None:
    one, other = random_boxes(1, 40).double(), random_boxes(2, 60).double()
    expected = [[iou_by_hand(a, b) for b in other.tolist()] for a in one.tolist()]
    np.testing.assert_allclose(iou(one, other).numpy(), expected, atol=1e-12)
    assert iou(one, other).max() > 0.3  # else it would say little


def test_overlap_is_the_share_of_grid_cells_that_both_cover() -> None:
    rng = np.random.default_rng(3)
    corners = rng.integers(0, 20, (50, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    masks = np.zeros((50, 20, 20), dtype=bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    shared = (masks[:, None] & masks).sum(axis=(2, 3))
    union = (masks[:, None] | masks).sum(axis=(2, 3))
    expected = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)
    made = iou(torch.from_numpy(boxes).float(), torch.from_numpy(boxes).float())
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-6)


def test_boxes_without_area_overlap_nothing() -> None:
    points = torch.tensor([[5.0, 5, 5, 5], [5, 5, 5, 9], [9, 9, 2, 2]])
    assert iou(points, points).tolist() == [[0.0] * 3] * 3


def test_clipping_ends_at_the_outermost_pixels() -> None:
    boxes = torch.tensor([[-3.0, -4, 20, 30], [5, 5, 600, 700], [-9, -9, -2, -1]])
    clipped = [[0, 0, 20, 30], [5, 5, 99, 49], [0, 0, 0, 0]]
    assert clip(boxes, height=50, width=100).tolist() == clipped


def test_targets_by_hand() -> None:
    anchor = torch.tensor([[10.0, 20, 30, 60]])  # centre 20, 40; 20 × 40
    box = torch.tensor([[20.0, 20, 60, 40]])  # centre 40, 30; 40 × 20
    expected = [1.0, -0.25, math.log(2), -math.log(2)]
    assert encode(box, anchor)[0].tolist() == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_decoding_undoes_encoding(seed: int) -> None:
    boxes, anchors = random_boxes(seed, 30).double(), random_boxes(seed + 1, 30).double()
    # A box 62.5 times as wide as its anchor or more is cut, so anchors are no narrower than 10.
    anchors[:, 2:] += 10
    torch.testing.assert_close(decode(encode(boxes, anchors), anchors), boxes)


def test_a_wild_logit_overflows_nothing() -> None:
    anchor = torch.tensor([[0.0, 0, 16, 16]])
    made = decode(torch.tensor([[0.0, 0, 1e4, 1e4]]), anchor)[0]
    assert made.tolist() == pytest.approx([-492, -492, 508, 508], abs=1e-2)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_suppression_of_random_boxes_is_that_by_hand(seed: int, threshold: float) -> None:
    boxes = random_boxes(seed, 150, side=150).double()
    # Few values, so that many are equal.
    scores = torch.randint(0, 40, (150,), generator=torch.Generator().manual_seed(seed)).double()
    kept = nms(boxes, scores, threshold).tolist()
    assert kept == nms_by_hand(boxes.tolist(), scores.tolist(), threshold)
    assert nms(boxes, scores, threshold, most=5).tolist() == kept[:5]


def test_suppression_in_blocks_is_that_of_the_whole() -> None:
    count = 2 * BLOCK + 100
    boxes, scores = random_boxes(5, count, side=300).double(), torch.rand(count).double()
    overlaps = iou(boxes, boxes).numpy()
    alive = np.ones(count, dtype=bool)
    kept = []
    for best in np.argsort(-scores.numpy(), kind="stable"):
        if alive[best]:
            kept.append(int(best))
            alive &= overlaps[best] <= 0.5
            alive[best] = True
    assert nms(boxes, scores, 0.5).tolist() == kept
    assert len(kept) > 100


def test_suppression_of_nothing() -> None:
    assert nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_suppression_of_2000_boxes_keeps_what_box_by_box_keeps() -> None:
    boxes, scores = random_boxes(6, 2000), torch.rand(2000)

    def box_by_box() -> list[int]:
        left = torch.argsort(scores, descending=True, stable=True)
        kept = []
        while len(left):
            kept.append(int(left[0]))
            left = left[1:][iou(boxes[left[:1]], boxes[left[1:]])[0] <= 0.7]
        return kept

    assert nms(boxes, scores, 0.7).tolist() == box_by_box()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_torchvision(seed: int) -> None:
    try:
        from torchvision import ops
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        pytest.skip(f"torchvision does not load: {error}")
    boxes, scores = random_boxes(seed, 500), torch.rand(500)
    torch.testing.assert_close(iou(boxes, boxes), ops.box_iou(boxes, boxes))
    assert nms(boxes, scores, 0.5).tolist() == ops.nms(boxes, scores, 0.5).tolist()
