"""The networks under HMLC's losses: sizes by hand, shapes, names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lesionscope.errors import InputError
from lesionscope.models.densenet3d import parameter_count
from lesionscope.models.hmlc.densenet121 import DenseNet121
from lesionscope.models.hmlc.forest import Forest
from lesionscope.models.hmlc.network import XrayNet, XraySpec, load_imagenet, log_scores
from lesionscope.ontology.tree import CHEST_XRAY, load_bundled_tree


def densenet121_by_hand() -> int:
    """Weights of convolutions, and two parameters a channel of each normalisation."""
    total, channels = 3 * 64 * 49 + 2 * 64, 64
    for number, depth in enumerate((6, 12, 24, 16)):
        for _ in range(depth):
            total += 2 * channels + channels * 128 + 2 * 128 + 128 * 32 * 9
            channels += 32
        if number < 3:
            total += 2 * channels + channels * channels // 2
            channels //= 2
    return total + 2 * channels


def test_densenet_121_has_its_parameters_and_layers() -> None:
    network = DenseNet121()
    assert parameter_count(network) == densenet121_by_hand() == 7_978_856 - 1000 * 1025
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) + 1 == 121  # with the layer of outputs
    assert "features.denseblock4.denselayer16.conv2.weight" in network.state_dict()


def test_densenet_121_takes_grey_and_coloured_images_alike() -> None:
    network = DenseNet121().eval()
    grey = torch.randn(2, 1, 64, 96)
    with torch.no_grad():
        features = network(grey)
        assert features.shape == (2, network.width) == (2, 1024)
        assert torch.equal(features, network(grey.repeat(1, 3, 1, 1)))


def test_the_last_map_of_densenet_121_is_a_32nd_of_the_image() -> None:
    with torch.no_grad():
        maps = DenseNet121().eval().features(torch.zeros(1, 3, 224, 224))
    assert maps.shape == (1, 1024, 7, 7)


def test_the_small_network_answers_for_every_node() -> None:
    forest = Forest.of_tree(load_bundled_tree(CHEST_XRAY))
    network = XrayNet(XraySpec(), len(forest)).eval()
    with torch.no_grad():
        logits = network(torch.randn(3, 1, 96, 96))
    assert logits.shape == (3, 19)
    assert parameter_count(network) < 200_000
    free = log_scores(logits, XraySpec(output="independent"), forest)
    assert torch.allclose(free.exp(), torch.sigmoid(logits))
    assert torch.allclose(log_scores(logits, XraySpec(), forest)[:, 0], free[:, 0])
    assert (log_scores(logits, XraySpec(), forest)[:, 1] <= free[:, 1]).all()


def test_imagenet_weights_fit_by_name_old_names_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source, network = DenseNet121(), XrayNet(XraySpec("densenet121"), 19)
    state = {
        name.replace("norm1", "norm.1").replace("conv2", "conv.2"): tensor
        for name, tensor in source.state_dict().items()
    }
    state["classifier.weight"] = torch.zeros(1000, 1024)
    torch.save(state, tmp_path / "densenet121.pth")
    load_imagenet(network, tmp_path / "densenet121.pth")
    for name, tensor in network.trunk.state_dict().items():
        assert torch.equal(tensor, source.state_dict()[name])


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="trunk"):
        load_imagenet(XrayNet(XraySpec("densenet121"), 19), tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.pth"):
        load_imagenet(XrayNet(XraySpec("densenet121"), 19), tmp_path / "text.pth")


def test_a_rescaled_factor_is_at_least_a_fiftieth() -> None:
    forest = Forest.of_tree(load_bundled_tree(CHEST_XRAY))
    low = log_scores(torch.full((1, 19), -50.0), XraySpec(output="rescaled"), forest).exp()
    assert torch.allclose(low[0, 3], torch.tensor(0.02**4)) and torch.allclose(low[0, 0], torch.tensor(0.02))
