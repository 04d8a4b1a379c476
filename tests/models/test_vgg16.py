"""VGG-16 as torchvision has it: names, shapes, and values against a plain second writing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from lesionscope.errors import InputError
from lesionscope.models.lesanet.backbone import MultiscaleVGG
from lesionscope.models.lesanet.spec import LesaNetSpec
from lesionscope.models.vgg16 import MEAN, SPREAD, Vgg16, Vgg16Spec, load_imagenet, take_trunk

TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where torchvision's ``vgg16().features`` has its convolutions."""
TORCHVISION_BN = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)


@pytest.mark.parametrize(("norm", "places"), [(False, TORCHVISION), (True, TORCHVISION_BN)])
def test_layers_lie_where_torchvision_has_them(norm: bool, places: tuple[int, ...]) -> None:
    with torch.device("meta"):
        network = Vgg16(Vgg16Spec(1000, batch_norm=norm))
    state = network.state_dict()
    convolutions = [int(k.split(".")[1]) for k, v in state.items() if k.endswith("weight") and v.ndim == 4]
    assert tuple(convolutions) == places
    assert [k for k in state if k.startswith("classifier")] == [
        f"classifier.{n}.{what}" for n in (0, 3, 6) for what in ("weight", "bias")
    ]
    # As published: 138,357,544 parameters, and 138,365,992 with batch normalisation.
    assert sum(p.numel() for p in network.parameters()) == (138_365_992 if norm else 138_357_544)


def test_values_against_plain_functions() -> None:
    torch.manual_seed(0)
    network = Vgg16(Vgg16Spec(3, 0.125)).eval()
    pictures = torch.rand(2, 1, 64, 48)
    x = (pictures.repeat(1, 3, 1, 1) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SPREAD).view(
        1, 3, 1, 1
    )
    state, pools = network.state_dict(), {2, 7, 14, 21, 28}
    for place in TORCHVISION:
        x = functional.relu(
            functional.conv2d(
                x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1
            )
        )
        if place in pools:
            x = functional.max_pool2d(x, 2)
    x = functional.adaptive_avg_pool2d(x, 7).flatten(1)
    expected = {}
    for layer, name in ((0, "fc6"), (3, "fc7")):
        x = functional.relu(x @ state[f"classifier.{layer}.weight"].T + state[f"classifier.{layer}.bias"])
        expected[name] = x
    for name, value in expected.items():
        assert value.abs().max() > 0
        torch.testing.assert_close(network.encode(pictures, name), value)
    torch.testing.assert_close(
        network(pictures), x @ state["classifier.6.weight"].T + state["classifier.6.bias"]
    )


@pytest.mark.parametrize("form", ["pth", "safetensors"])
def test_weights_of_imagenet_are_taken_over_but_not_its_classes(tmp_path: Path, form: str) -> None:
    torch.manual_seed(1)
    theirs = Vgg16(Vgg16Spec(10, 0.125)).state_dict()
    path = tmp_path / f"vgg16.{form}"
    if form == "pth":
        torch.save(theirs, path)
    else:
        save_file(theirs, path)
    ours = Vgg16(Vgg16Spec(5, 0.125))
    last = ours.classifier[6].weight.clone()
    load_imagenet(ours, path)
    for name, value in ours.state_dict().items():
        if not name.startswith("classifier.6"):
            assert torch.equal(value, theirs[name])
    assert torch.equal(ours.classifier[6].weight, last)


def test_other_files_are_refused(tmp_path: Path) -> None:
    network = Vgg16(Vgg16Spec(5, 0.125))
    normed = tmp_path / "bn.pth"
    torch.save(Vgg16(Vgg16Spec(5, 0.125, batch_norm=True)).state_dict(), normed)
    wider = tmp_path / "wide.pth"
    torch.save(Vgg16(Vgg16Spec(5, 0.25)).state_dict(), wider)
    text = tmp_path / "text.pth"
    text.write_text("no weights")
    for path in (normed, wider, text, tmp_path / "none.pth"):
        with pytest.raises(InputError, match=rf"{path.name}.*torchvision's vgg16"):
            load_imagenet(network, path)


def test_lesanets_convolutions_give_the_same_maps() -> None:
    torch.manual_seed(2)
    trunk = MultiscaleVGG(LesaNetSpec(width=0.125)).eval()
    for layer in trunk.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    network = Vgg16(Vgg16Spec(2, 0.125, batch_norm=True)).eval()
    take_trunk(network, trunk)
    x = pictures = torch.rand(1, 3, 64, 64)
    for block in range(1, 6):
        x = trunk._block(x, block)
    torch.testing.assert_close(network.features[:-1](pictures), x)
    for other in (Vgg16Spec(2, 0.25, batch_norm=True), Vgg16Spec(2, 0.125)):
        with pytest.raises(InputError, match=r"width=0\.125 and batch_norm=true"):
            take_trunk(Vgg16(other), trunk)


def test_shapes_that_no_network_has() -> None:
    with pytest.raises(InputError, match="width"):
        Vgg16Spec(5, 0.3)
    with pytest.raises(InputError, match="one class"):
        Vgg16Spec(0)
