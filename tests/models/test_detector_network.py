"""The detector's shapes and sizes by hand, and how its parts are put together."""

from __future__ import annotations

import math

import pytest
import torch

from lesionscope.errors import InputError
from lesionscope.models.detector.anchors import anchors
from lesionscope.models.detector.boxes import encode
from lesionscope.models.detector.network import HEAD_SCALE, Detector, select
from lesionscope.models.detector.spec import DetectorSpec

SMALL = DetectorSpec(width=0.125, categories=3, hidden=256)


def parameters(module: torch.nn.Module) -> int:
    return sum(weights.numel() for weights in module.parameters())


def by_hand(blocks: list[tuple[int, int, int]], hidden: int, categories: int) -> int:
    """Count weights and biases; blocks are (channels in, channels out, convolutions)."""
    count = 0
    for given, made, layers in blocks:
        for layer in range(layers):
            count += 9 * (made if layer else given) * made + made + 2 * made  # the last two: normalisation
    last = blocks[-1][1]
    count += 9 * last * last + 3 * last  # proposals: 3 × 3, then a score and four numbers an anchor
    count += last * 9 + 9 + last * 36 + 36
    count += 49 * last * hidden + 3 * hidden + hidden * hidden + 3 * hidden
    return count + hidden * (categories + 1) + categories + 1 + hidden * 4 * categories + 4 * categories


def test_parameters_by_hand_at_the_papers_width() -> None:
    with torch.device("meta"):
        made = Detector(DetectorSpec(categories=5))
    # VGG-16's thirteen convolutions have 14,714,688 weights and biases, as published.
    convolutions = [layer for layer in made.trunk if isinstance(layer, torch.nn.Conv2d)]
    assert sum(map(parameters, convolutions)) == 14_714_688
    assert parameters(made.fc6) + parameters(made.fc7) == 119_545_856  # VGG-16's, too
    blocks = [(3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3)]
    assert parameters(made) == by_hand(blocks, 4096, 5)


@pytest.mark.parametrize("pool4", [False, True])
@pytest.mark.parametrize(("width", "first"), [(0.5, 32), (0.25, 16), (0.125, 8)])
def test_parameters_by_hand_of_narrow_ones(width: float, first: int, pool4: bool) -> None:
    with torch.device("meta"):
        made = Detector(DetectorSpec(width=width, pool4=pool4))
    ends = [first, 2 * first, 4 * first, 8 * first, 8 * first]
    blocks = list(zip([3, *ends], ends, [2, 2, 3, 3, 3], strict=False))
    assert parameters(made) == by_hand(blocks, int(4096 * width), 1)


@pytest.mark.parametrize(("pool4", "stride"), [(False, 8), (True, 16)])
def test_shapes(pool4: bool, stride: int) -> None:
    spec = DetectorSpec(width=0.125, categories=3, hidden=256, pool4=pool4)
    network = Detector(spec).eval()
    with torch.no_grad():
        maps = network.trunk(torch.zeros(2, 3, 96, 128))
        assert maps.shape == (2, 64, 96 // stride, 128 // stride)
        logits, deltas = network.propose_all(maps)
        placed = network.anchors_of(maps)
        assert logits.shape == (2, len(placed))
        assert deltas.shape == (2, len(placed), 4)
        assert torch.equal(placed, anchors(96 // stride, 128 // stride, stride))
        scores, moved = network.judge(maps, torch.rand(7, 4) * 50, torch.tensor([0, 1, 1, 0, 0, 1, 0]))
        assert (scores.shape, moved.shape) == ((7, 4), (7, 3, 4))
        assert len(network(torch.zeros(2, 3, 96, 128))) == 2


def test_an_anchors_score_and_box_are_of_its_own_cell_and_shape() -> None:
    """One convolution's output at one cell answers for exactly one anchor, in the anchors' order."""
    network = Detector(SMALL).eval()
    placed = anchors(6, 8, 8).view(6, 8, 9, 4)
    for layer in (network.rpn_conv, network.rpn_score, network.rpn_deltas):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.dirac_(network.rpn_conv.weight)
    network.rpn_score.weight.data[4, 0] = 1.0  # the fifth anchor looks at the first channel
    network.rpn_deltas.weight.data[4 * 4 + 1, 0] = 0.5  # its y moves by half its height
    maps = torch.zeros(1, 64, 6, 8)
    maps[0, 0, 2, 3] = 1.0
    logits, deltas = network.propose_all(maps)
    assert logits.view(6, 8, 9).nonzero().tolist() == [[2, 3, 4]]
    assert deltas.view(6, 8, 9, 4).nonzero().tolist() == [[2, 3, 4, 1]]
    (best, *_) = network.proposals(logits[0], deltas[0], placed.view(-1, 4), (1000, 1000))
    expected = placed[2, 3, 4].clone()
    expected[1::2] += (expected[3] - expected[1]) / 2
    # Normalisation that has seen nothing yet divides by √(1 + 10⁻⁵).
    torch.testing.assert_close(best, expected.clamp(min=0), atol=1e-3, rtol=1e-4)


def test_proposals_are_on_the_slice_large_enough_and_apart() -> None:
    network = Detector(SMALL).eval()
    placed = anchors(16, 16, 8)
    generator = torch.Generator().manual_seed(1)
    deltas = torch.randn(len(placed), 4, generator=generator)
    boxes = network.proposals(torch.randn(len(placed), generator=generator), deltas, placed, (128, 120))
    assert 10 < len(boxes) <= 300
    assert (boxes >= 0).all()
    assert (boxes[:, [0, 2]] <= 119).all()
    assert (boxes[:, [1, 3]] <= 127).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 16


def test_the_best_boxes_of_all_categories_are_selected() -> None:
    proposals = torch.tensor([[10.0, 10, 60, 60], [12, 12, 62, 62], [100, 100, 160, 160], [70, 10, 110, 60]])
    probabilities = torch.tensor([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9], [0.6, 0.2, 0.2]])
    wanted = torch.tensor([[14.0, 8, 70, 64]])
    deltas = torch.zeros(4, 2, 4)
    deltas[0, 0] = encode(wanted, proposals[:1])[0] / torch.tensor(HEAD_SCALE)
    found = select(proposals, probabilities.log(), deltas, (200, 200), least=0.5, most=5)
    # The second is suppressed by the first, the last has too low a score.
    assert found.categories.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])
    torch.testing.assert_close(found.boxes, torch.stack([proposals[2], wanted[0]]))
    one = select(proposals, probabilities.log(), deltas, (200, 200), least=0.5, most=1)
    assert one.scores.tolist() == pytest.approx([0.9])
    none = select(proposals, probabilities.log(), deltas, (200, 200), least=0.95, most=5)
    assert none.boxes.shape == (0, 4)
    # Of another category, boxes that overlap stay.
    swapped = probabilities.clone()
    swapped[1] = torch.tensor([0.2, 0.1, 0.7])
    assert len(select(proposals, swapped.log(), deltas, (200, 200), 0.5, 5).boxes) == 3


def test_a_slice_is_searched_alike_alone_and_in_a_batch() -> None:
    torch.manual_seed(4)
    network = Detector(SMALL).eval()
    slices = torch.randn(2, 3, 96, 96)
    both = network(slices, least=0.0, most=20)
    for number in range(2):
        (alone,) = network(slices[number : number + 1], least=0.0, most=20)
        torch.testing.assert_close(alone.boxes, both[number].boxes, atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(alone.scores, both[number].scores)
        assert math.isfinite(float(alone.scores.sum()))
        assert len(alone.boxes) > 3


@pytest.mark.parametrize("wrong", [{"width": 0.3}, {"categories": 0}, {"hidden": 0}])
def test_a_shape_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        DetectorSpec(**wrong)  # type: ignore[arg-type]
