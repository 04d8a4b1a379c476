"""The networks have the published sizes and shapes."""

from __future__ import annotations

import pytest
import torch

from lesionscope.models.densenet3d import DenseModule, DenseNet3d, Transition, parameter_count


@pytest.mark.parametrize(
    ("stem", "width", "parameters"),
    [("monai", 144, 623_246), ("densesharp", 136, 570_950), ("stride2", 136, 570_950)],
)
def test_width_and_parameters_at_fourteen_outputs(stem, width, parameters):
    network = DenseNet3d(stem)
    assert network.width == width
    assert parameter_count(network) + width * 14 + 14 == parameters


@pytest.mark.parametrize(
    ("stem", "sides"),
    [("monai", (12, 12, 6, 3)), ("stride2", (24, 24, 12, 6)), ("densesharp", (48, 48, 24, 12))],
)
def test_shapes_of_each_stage(stem, sides):
    with torch.device("meta"):
        network = DenseNet3d(stem).eval()
        maps = network.stages(torch.empty(2, 1, 48, 48, 48))
    assert [maps[name].shape[-1] for name in ("stem", "block1", "block2", "block3")] == list(sides)
    assert {name: m.shape[1] for name, m in maps.items()} == network.stage_channels
    assert maps["block3"].shape[1] == network.width


def test_features_are_the_mean_of_the_last_stage():
    torch.manual_seed(0)
    network = DenseNet3d("monai", growth=4, blocks=(2, 1, 1), bottleneck=8).eval()
    x = torch.randn(2, 1, 48, 48, 48)
    with torch.no_grad():
        last = network.stages(x)["block3"]
        torch.testing.assert_close(network(x), last.flatten(2).mean(-1))
    assert (last >= 0).all()


def test_a_module_keeps_its_input_before_the_new_channels():
    module = DenseModule(10, 3, 7, bias=False).eval()
    x = torch.randn(1, 10, 4, 4, 4)
    with torch.no_grad():
        y = module(x)
    assert y.shape == (1, 13, 4, 4, 4)
    torch.testing.assert_close(y[:, :10], x)


def test_a_transition_halves_grid_and_channels():
    assert Transition(9, bias=True).eval()(torch.randn(1, 9, 6, 6, 6)).shape == (1, 4, 3, 3, 3)


def test_monai_stem_has_no_bias_and_the_others_have():
    convolutions = [m for m in DenseNet3d("monai").modules() if isinstance(m, torch.nn.Conv3d)]
    assert all(m.bias is None for m in convolutions)
    biased = [
        m for m in DenseNet3d("densesharp").modules() if isinstance(m, torch.nn.Conv3d) and m.bias is not None
    ]
    assert len(biased) == 1 + 16 + 2  # stem, 3x3x3 of each module, transitions


def test_an_unknown_stem_is_refused_by_name():
    with pytest.raises(ValueError, match="monai, densesharp, stride2"):
        DenseNet3d("resnet")
