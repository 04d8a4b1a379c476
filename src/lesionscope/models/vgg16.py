"""VGG-16 (K. Simonyan, A. Zisserman, ICLR 2015), layer for layer as torchvision names it.

So weights that were trained on ImageNet fit, without torchvision. From scratch the plain network doesn't
learn: then convolutions are followed by batch normalisation (torchvision's ``vgg16_bn``).
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lesionscope.errors import InputError
from lesionscope.models.lesanet.backbone import MultiscaleVGG
from lesionscope.models.lesanet.spec import CHANNELS, LAYERS, WIDTHS
from lesionscope.models.pathology_net import read_published

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, red, green and blue, 0…1."""
GRID = 7
"""What the last maps are averaged to, whatever the picture's size."""
FEATURES = {"fc6": 2, "fc7": 5}
"""How many of the classifier's layers lead to these features, ReLU included."""


@dataclass(frozen=True)
class Vgg16Spec:
    """Shape of the network.

    Parameters
    ----------
    classes
        How many it tells apart.
    width
        Share of VGG-16's channels that every layer has: 1, ½, ¼ or ⅛.
    batch_norm
        Whether batch normalisation follows each convolution.
    """

    classes: int
    width: float = 1.0
    batch_norm: bool = False

    def __post_init__(self) -> None:
        if self.width not in WIDTHS or self.classes < 1:
            raise InputError(
                f"VGG-16 needs a width out of {', '.join(map(str, WIDTHS))} and one class or more, "
                f"not {self.width} and {self.classes}."
            )

    @property
    def hidden(self) -> int:
        """Values of FC6 and of FC7."""
        return round(4096 * self.width)


class Vgg16(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Grey pictures → classes.

    Parameters
    ----------
    spec
        Its shape.
    """

    def __init__(self, spec: Vgg16Spec) -> None:
        super().__init__()
        self.spec = spec
        layers: list[nn.Module] = []
        before = 3
        for channels, count in zip(CHANNELS, LAYERS, strict=True):
            width = round(channels * spec.width)
            for _ in range(count):
                layers.append(nn.Conv2d(before, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width)] if spec.batch_norm else []
                layers.append(nn.ReLU(inplace=True))
                before = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(GRID)
        self.classifier = nn.Sequential(
            nn.Linear(before * GRID * GRID, spec.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(spec.hidden, spec.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(spec.hidden, spec.classes),
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(3, 1, 1), persistent=False)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        self.new_classes(spec.classes)
        for layer in (self.classifier[0], self.classifier[3]):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def new_classes(self, classes: int) -> None:
        """Put a fresh last layer in place, for other classes."""
        last = nn.Linear(self.spec.hidden, classes)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        self.classifier[6] = last.to(self.classifier[3].weight.device)

    def _flat(self, pictures: Tensor) -> Tensor:
        maps: Tensor = self.avgpool(self.features((pictures - self.mean) / self.spread))
        return maps.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` of pictures ``(n, 1, rows, columns)``, 0…1."""
        logits: Tensor = self.classifier(self._flat(pictures))
        return logits

    def encode(self, pictures: Tensor, layer: str = "fc7") -> Tensor:
        """Return FC6 or FC7 after its ReLU, ``(n, 4096 · width)``."""
        encoded: Tensor = self.classifier[: FEATURES[layer]](self._flat(pictures))
        return encoded


def take_trunk(network: Vgg16, trunk: MultiscaleVGG) -> None:
    """Give a network LesaNet's convolutions and their normalisation: the same layers under other names.

    Raises
    ------
    InputError
        They have another width, or the network has no batch normalisation.
    """
    theirs = [
        trunk.get_submodule(f"{kind}{block}_{layer}")
        for block, layers in enumerate(LAYERS, 1)
        for layer in range(1, layers + 1)
        for kind in ("conv", "bn")
    ]
    ours = [layer for layer in network.features if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    try:
        for layer, known in zip(ours, theirs, strict=True):
            layer.load_state_dict(known.state_dict())
    except (ValueError, RuntimeError) as error:
        width = theirs[0].out_channels / CHANNELS[0]
        raise InputError(
            f"LesaNet's convolutions don't fit this VGG-16: set width={width:g} and batch_norm=true."
        ) from error


def load_imagenet(network: Vgg16, path: str | Path) -> None:
    """Give a network the weights of torchvision's ``vgg16`` or ``vgg16_bn`` (``.safetensors`` or ``.pth``).

    The layer of ImageNet's classes is left out.

    Raises
    ------
    InputError
        The file can't be read, or its tensors are not the network's.
    """
    try:
        kept = {
            name: tensor
            for name, tensor in read_published(path).items()
            if not name.startswith("classifier.6.")
        }
        left = network.load_state_dict(kept, strict=False)
        lacking = [name for name in left.missing_keys if not name.startswith("classifier.6.")]
        if lacking or left.unexpected_keys:
            raise ValueError(f"{(*lacking, *left.unexpected_keys)[0]} is missing or unknown")
    except (OSError, RuntimeError, ValueError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        kind = "vgg16_bn" if network.spec.batch_norm else "vgg16"
        raise InputError(
            f"{path} can't be read as weights of VGG-16: give a file of torchvision's {kind}. "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
