"""LesaNet's blocks (paper 002) against hand counts and a straightforward forward pass."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lesanet_reference import fast_rcnn_pool, forward

from lesionscope.errors import InputError
from lesionscope.models.lesanet.network import LesaNet, build
from lesionscope.models.lesanet.roi_pool import roi_pool, whole_pool
from lesionscope.models.lesanet.score_propagation import ScorePropagation
from lesionscope.models.lesanet.spec import LesaNetSpec

EDGES = torch.tensor(
    [
        [40.0, 45.0, 70.0, 80.0],
        [0.0, 0.0, 3.4, 2.6],  # a corner, tiny
        [110.2, 108.7, 119.0, 119.0],  # the other corner
        [59.5, 60.5, 59.5, 60.5],  # a point, on a half
        [0.0, 0.0, 119.0, 119.0],  # the patch
        [-8.0, -20.0, 140.0, 131.0],  # larger than the patch
        [58.0, 0.0, 62.0, 119.0],  # thin
        [117.6, 0.2, 125.0, 9.0],  # over the edge
    ]
)
"""Boxes x0, y0, x1, y1 in patch pixels."""


def awake(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Give a network's normalisation and biases values that training would give them."""
    made = torch.Generator().manual_seed(seed)
    state = network.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=made) + 0.5)
        elif value.is_floating_point():
            value.add_(
                0.1 * torch.randn(value.shape, generator=made) * max(value.std(correction=0).item(), 0.1)
            )
    return network.eval()


coordinate = st.floats(-10, 130, width=32)


@settings(max_examples=60, deadline=None)
@given(
    corners=st.lists(st.tuples(coordinate, coordinate, coordinate, coordinate), min_size=1, max_size=3),
    block=st.integers(0, 2),
    roi=st.sampled_from(["clamped", "released"]),
)
def test_roi_pooling_is_fast_rcnns(corners: list[tuple[float, ...]], block: int, roi: str) -> None:
    """§4.1: RoIPool [13] to 5 × 5; a box passes the patch, is turned round or has no width."""
    boxes = torch.tensor([[min(c[0], 119.0), min(c[1], 119.0), *c[2:]] for c in corners])
    side = 120 >> block
    maps = torch.rand(len(boxes), 3, side, side, generator=torch.Generator().manual_seed(0))
    wanted = fast_rcnn_pool(maps, boxes, 0.5**block, roi == "clamped")
    assert torch.equal(roi_pool(maps, boxes, 0.5**block, roi), wanted)


@pytest.mark.parametrize(("roi", "last"), [("clamped", 119.0), ("released", 120.0)])
@pytest.mark.parametrize(("side", "scale"), [(15, 1 / 8), (7, 1 / 16)])
def test_context_is_the_whole_patch(side: int, scale: float, roi: str, last: float) -> None:
    """§4.1: for conv4_3 and conv5_3, the RoI is the entire patch."""
    maps = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    box = torch.tensor([[0.0, 0.0, last, last]] * 2)
    wanted = fast_rcnn_pool(maps, box, scale, roi == "clamped")
    assert torch.equal(whole_pool(maps, scale, roi), wanted)
    assert torch.equal(whole_pool(maps, scale, "clamped"), torch.nn.functional.adaptive_max_pool2d(maps, 5))


def test_the_released_rule_leaves_the_last_bins_of_block_five_empty() -> None:
    """120/16 rounds to 8 on a map of 7: nine rows in five bins, of which the last lies outside."""
    pooled = whole_pool(torch.ones(1, 1, 7, 7), 1 / 16, "released")[0, 0]
    assert pooled[:4, :4].eq(1).all()
    assert pooled[4].eq(0).all()
    assert pooled[:, 4].eq(0).all()


def test_roi_pooling_has_the_gradient_of_the_maximum() -> None:
    maps = torch.rand(len(EDGES), 2, 60, 60, dtype=torch.float64, requires_grad=True)
    boxes = EDGES.double()
    weights = torch.rand(len(EDGES), 2, 5, 5, dtype=torch.float64)
    (roi_pool(maps, boxes, 0.5) * weights).sum().backward()
    ours, maps.grad = maps.grad, None
    total = maps.new_zeros(())
    for i, box in enumerate(boxes):
        x0, y0, x1, y1 = (min(59, int(max(0.0, float(v)) * 0.5 + 0.5)) for v in box)
        pooled = torch.nn.functional.adaptive_max_pool2d(maps[i, :, y0 : y1 + 1, x0 : x1 + 1], 5)
        total = total + (pooled * weights[i]).sum()
    total.backward()
    assert torch.allclose(ours, maps.grad)


@pytest.mark.parametrize("roi", ["clamped", "released"])
def test_forward_is_the_papers(roi: str) -> None:
    """Figure 3, in eval mode, to 1e-5."""
    torch.manual_seed(1)
    network = awake(LesaNet(LesaNetSpec(width=0.125, classes=11, roi=roi)))
    state = {name.removeprefix("backbone."): value for name, value in network.state_dict().items()}
    boxes = EDGES.clone()
    boxes[:, :2].clamp_(max=119)
    patches = torch.randn(len(EDGES), 3, 120, 120)
    with torch.no_grad():
        ours = network(patches, boxes)._asdict()
        wanted = forward(state, patches, boxes, clamped=roi == "clamped")
    assert ours["features"].shape == (len(EDGES), 1280)
    assert ours["embedding"].shape == (len(EDGES), 256)
    assert set(ours) == set(wanted)
    for name, value in ours.items():
        assert torch.allclose(value, wanted[name], atol=1e-5), name
    assert torch.allclose(ours["embedding"].norm(dim=1), torch.ones(len(EDGES)))


def test_parameters_at_full_width_are_those_of_a_hand_count() -> None:
    """§4.1, §4.3, §4.4 with C = 171: VGG-16's convolutions, 25 bins a channel into 256, two heads, W."""
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    convolutions += [(256, 512)] + [(512, 512)] * 5
    count = sum(9 * a * b + b for a, b in convolutions)
    assert count == 14_714_688  # VGG-16 without its linear layers
    count += 2 * 4_224  # scale and shift of 4,224 channels
    count += 25 * (64 + 128 + 256 + 512 + 512) * 256 + 5 * 256
    count += 1_280 * 256 + 256 + 1_280 * 171 + 171 + 171 * 171 + 171
    assert count == 24_721_615
    with torch.device("meta"):
        network = LesaNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize(
    ("width", "channels"), [(0.5, (32, 64, 128, 256, 256)), (0.125, (8, 16, 32, 64, 64))]
)
def test_width_narrows_convolutions_alone(width: float, channels: tuple[int, ...]) -> None:
    spec = LesaNetSpec(width=width)
    network = build(spec)
    assert spec.channels == channels
    assert network.backbone.conv5_3.weight.shape == (channels[4], channels[4], 3, 3)
    assert network.backbone.fc_pool5.weight.shape == (256, 25 * channels[4])
    assert network.fc_emb.weight.shape == (256, 1280)


def test_score_propagation_starts_as_the_identity_on_raw_scores() -> None:
    """§4.3: W is initialized with an identity matrix; s̃ = W s."""
    layer = ScorePropagation(4)
    scores = torch.tensor([[-7.0, 0.0, 3.0, 50.0]])
    assert torch.equal(layer(scores), scores)
    with torch.no_grad():
        layer.weight[1, 3] = 0.5
    assert torch.equal(layer(scores)[0, 1], torch.tensor(25.0))


def test_baseline_has_neither_embedding_nor_propagation() -> None:
    """Table 1's first row: §4.1 alone; the features take the embedding's place."""
    network = build(LesaNetSpec(width=0.125, classes=5, embedding=0, score_propagation=False)).eval()
    out = network(torch.randn(2, 3, 120, 120), EDGES[:2])
    assert out.refined is out.scores
    assert torch.allclose(out.embedding, out.features / out.features.norm(dim=1, keepdim=True))
    names = {name.partition(".")[0] for name, _ in network.named_parameters()}
    assert names == {"backbone", "class_scores1"}


def test_labels_do_not_train_a_lesion_embedding() -> None:
    """Table 1's third row [48]: 1,024 values, learned from body part, location and size alone."""
    spec = LesaNetSpec("lesion-embedding", 0.125, 5, 1024, score_propagation=False)
    network = build(spec)
    out = network(torch.randn(2, 3, 120, 120), EDGES[:2])
    assert out.embedding.shape == (2, 1024)
    out.scores.sum().backward()
    assert network.class_scores1.weight.grad is not None
    assert network.fc_emb.weight.grad is None
    assert network.backbone.conv1_1.weight.grad is None


def test_spec_reads_what_it_writes_and_refuses_what_no_network_has() -> None:
    spec = LesaNetSpec(width=0.25, roi="released")
    assert LesaNetSpec.from_dict(spec.as_dict()) == spec
    for wrong in (
        {"width": 0.3},
        {"roi": "other"},
        {"kind": "vgg"},
        {"classes": 0},
        {"classes": "171"},
        {"x": 1},
    ):
        with pytest.raises(InputError):
            LesaNetSpec.from_dict({**spec.as_dict(), **wrong})
