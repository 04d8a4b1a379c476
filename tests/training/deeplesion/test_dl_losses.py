"""The detector's losses: who teaches, against loops; how much, against hand figures; that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from lesionscope.training.deeplesion.losses import (
    choose_proposals,
    detector_losses,
    draw,
    head_loss,
    label_anchors,
    rpn_loss,
)

from lesionscope.models.detector.anchors import anchors
from lesionscope.models.detector.boxes import decode, iou
from lesionscope.models.detector.network import HEAD_SCALE, Detector
from lesionscope.models.detector.spec import DetectorSpec


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_truth(seed: int, count: int, side: int) -> torch.Tensor:
    low = torch.rand(count, 2, generator=drawing(seed)) * (side - 100)
    size = 40 + 60 * torch.rand(count, 2, generator=drawing(seed + 1))
    return torch.cat([low, low + size], dim=1)


@pytest.mark.parametrize("seed", range(4))
def test_anchors_of_random_lesions_by_the_papers_rule(seed: int) -> None:
    placed, truth = anchors(24, 24, 8), random_truth(seed, 3, 192)
    labels, lesion = label_anchors(placed, truth, (192, 192))
    overlaps = iou(placed, truth).tolist()
    inside = [x0 >= 0 and y0 >= 0 and x1 <= 191 and y1 <= 191 for x0, y0, x1, y1 in placed.tolist()]
    best = [max(row[g] for row, good in zip(overlaps, inside, strict=True) if good) for g in range(3)]
    assert min(best) > 0
    for number, (row, good) in enumerate(zip(overlaps, inside, strict=True)):
        bests = [g for g in range(3) if row[g] == best[g]]
        if not good:
            expected = -1
        elif bests or max(row) >= 0.7:
            expected = 1
        else:
            expected = 0 if max(row) < 0.3 else -1
        assert labels[number] == expected
        if expected == 1:
            own = row.index(max(row))
            assert lesion[number] == (own if row[own] >= 0.7 else bests[0])
    assert set(labels.tolist()) == {-1, 0, 1}


def test_a_slice_without_lesions_teaches_that_there_are_none() -> None:
    placed = anchors(24, 24, 8)
    labels, _ = label_anchors(placed, torch.zeros(0, 4), (192, 192))
    assert set(labels.tolist()) == {-1, 0}
    score, box = rpn_loss(
        torch.zeros(len(placed)),
        torch.zeros(len(placed), 4),
        placed,
        torch.zeros(0, 4),
        (192, 192),
        drawing(),
    )
    assert float(score) == pytest.approx(math.log(2))
    assert float(box) == 0
    proposals = random_truth(1, 50, 192)
    boxes, classes, _ = choose_proposals(
        proposals, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), drawing()
    )
    assert (len(boxes), int(classes.sum())) == (32, 0)


def test_proposal_loss_by_hand() -> None:
    """One anchor is the lesion's, one far away none's, both of logit 2."""
    placed = torch.tensor([[10.0, 10, 58, 58], [100, 100, 148, 148]])
    truth = torch.tensor([[10.0, 10, 58, 58]])
    deltas = torch.tensor([[0.05, -1.0, 0.0, 0.2], [9.0, 9, 9, 9]])
    score, box = rpn_loss(torch.tensor([2.0, 2.0]), deltas, placed, truth, (200, 200), drawing())
    assert float(score) == pytest.approx((math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 2)
    # Smooth L1 that turns at 1/9: 4.5 d² below, |d| − 1/18 above; two anchors were drawn.
    expected = (4.5 * 0.05**2 + (1 - 1 / 18) + 0 + (0.2 - 1 / 18)) / 2
    assert float(box) == pytest.approx(expected)


def test_head_loss_by_hand() -> None:
    """Two proposals of two categories: one is of the second, one of none."""
    logits = torch.tensor([[0.0, 0.0, math.log(2)], [math.log(3), 0.0, 0.0]])
    deltas = torch.full((2, 2, 4), 7.0)
    deltas[0, 1] = torch.tensor([0.5, 0.0, -2.0, 1.0])
    classes = torch.tensor([2, 0])
    wanted = torch.zeros(2, 4)
    score, box = head_loss(logits, deltas, classes, wanted)
    assert float(score) == pytest.approx((math.log(4 / 2) + math.log(5 / 3)) / 2)
    assert float(box) == pytest.approx((0.5 * 0.5**2 + 0 + 1.5 + 0.5) / 2)


def test_no_more_are_drawn_than_there_are_and_lesions_by_their_share() -> None:
    many = torch.arange(1000) < 400
    is_lesion, is_none = draw(many, ~many, 256, 0.5, drawing())
    assert (len(set(is_lesion.tolist())), len(set(is_none.tolist()))) == (128, 128)
    assert int(is_lesion.max()) < 400 <= int(is_none.min())
    few = torch.arange(1000) < 3
    is_lesion, is_none = draw(few, ~few, 256, 0.5, drawing())
    assert sorted(is_lesion.tolist()) == [0, 1, 2]
    assert len(is_none) == 253
    assert (
        draw(many, ~many, 256, 0.5, drawing(1))[0].tolist()
        != draw(many, ~many, 256, 0.5, drawing(2))[0].tolist()
    )


@pytest.mark.parametrize("seed", range(4))
def test_proposals_that_the_head_learns_from(seed: int) -> None:
    truth, kinds = random_truth(seed, 2, 192), torch.tensor([4, 1])
    near = truth.repeat(30, 1) + 8 * torch.randn(60, 4, generator=drawing(seed))
    proposals = torch.cat([near, random_truth(seed + 7, 60, 192)])
    boxes, classes, wanted = choose_proposals(proposals, truth, kinds, drawing(seed))
    assert len(boxes) == 32
    assert 0 < int((classes > 0).sum()) <= 8
    overlaps = iou(boxes, truth)
    for number, row in enumerate(overlaps.tolist()):
        own = row.index(max(row))
        assert classes[number] == (kinds[own] + 1 if row[own] >= 0.5 else 0)
        if classes[number]:
            back = decode(wanted[number : number + 1] * torch.tensor(HEAD_SCALE), boxes[number : number + 1])
            torch.testing.assert_close(back[0], truth[own], atol=1e-3, rtol=0)


def test_lesions_own_boxes_teach_where_no_proposal_is_near() -> None:
    truth = torch.tensor([[20.0, 20, 70, 70]])
    far = torch.tensor([[120.0, 120, 170, 170]])
    boxes, classes, _ = choose_proposals(far, truth, torch.tensor([0]), drawing())
    assert boxes.tolist() == [truth[0].tolist(), far[0].tolist()]
    assert classes.tolist() == [1, 0]


def test_a_batchs_losses_are_the_means_of_its_slices() -> None:
    torch.manual_seed(3)
    # Without normalisation by the batch and without dropout, slices know nothing of each other.
    network = Detector(DetectorSpec(width=0.125, categories=3, hidden=256)).eval()
    slices = torch.randn(2, 3, 160, 160)
    truths, kinds = (
        [random_truth(8, 2, 160), random_truth(9, 1, 160)],
        [torch.tensor([0, 2]), torch.tensor([1])],
    )

    def parts(first: int, last: int, random: torch.Generator) -> torch.Tensor:
        some = slice(first, last)
        made = detector_losses(network, slices[some], truths[some], kinds[some], random)
        each = torch.stack([made.rpn_score, made.rpn_box, made.score, made.box]).detach()
        assert float(made.total.detach()) == pytest.approx(float(each.sum()))
        return each

    random = drawing(1)
    together = parts(0, 2, drawing(1))
    apart = (parts(0, 1, random) + parts(1, 2, random)) / 2
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-6)
    assert (together > 0).all()


def test_every_weight_learns() -> None:
    torch.manual_seed(3)
    network = Detector(DetectorSpec(width=0.125, categories=1, hidden=256))
    truths = [random_truth(8, 2, 160), random_truth(9, 1, 160)]
    kinds = [torch.zeros(2, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)]
    detector_losses(network, torch.randn(2, 3, 160, 160), truths, kinds, drawing()).total.backward()
    still = [
        name
        for name, weights in network.named_parameters()
        # A bias before a normalisation does nothing.
        if not (name.startswith("trunk") and name.endswith("bias"))
        and (weights.grad is None or not weights.grad.any())
    ]
    assert still == []


def test_a_small_detector_learns_to_find_two_kinds() -> None:
    """Bright squares and dark ones on noise, at places that it hasn't seen."""
    torch.manual_seed(0)
    random = drawing(5)

    def made(count: int) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        slices = 0.3 * torch.randn(count, 3, 96, 96, generator=random)
        corners = torch.randint(8, 28, (count, 2), generator=random)
        kinds = torch.randint(0, 2, (count, 1), generator=random)
        for one, (x, y), kind in zip(slices, corners.tolist(), kinds.tolist(), strict=True):
            one[:, y : y + 50, x : x + 50] += 2.0 if kind[0] else -2.0
        boxes = torch.cat([corners, corners + 49], dim=1).float()
        return slices, list(boxes[:, None]), list(kinds)

    network = Detector(DetectorSpec(width=0.125, categories=2))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(80):
        optimizer.zero_grad()
        detector_losses(network, *made(4), random).total.backward()
        optimizer.step()
    slices, truths, kinds = made(12)
    right = 0
    for found, truth, kind in zip(network.eval()(slices), truths, kinds, strict=True):
        good = len(found.boxes) > 0 and float(iou(found.boxes[:1], truth)) > 0.5
        right += good and int(found.categories[0]) == int(kind)
    assert right >= 9
