"""DenseNet-121 (Huang et al. 2016), the trunk of paper 003, §2.1, in plain torch.

Its tensors have the names that torchvision gives them (``features.denseblock1.denselayer1.norm1.weight`` …),
so a file of ImageNet weights fits.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

GROWTH, BOTTLENECK, STEM = 32, 128, 64
BLOCKS = (6, 12, 24, 16)


class DenseLayer(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """BN–ReLU–conv 1² (128) – BN–ReLU–conv 3² (32), appended to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(n, c, h, w)`` → ``(n, c + 32, h, w)``."""
        new = self.conv2(torch.relu(self.norm2(self.conv1(torch.relu(self.norm1(x))))))
        return torch.cat([x, new], dim=1)


class DenseNet121(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Images → 1,024 features.

    ::

        x            (3, 224, 224)
        conv0 pool0  (64, 56, 56)
        denseblock1  (256, 56, 56)    transition1  (128, 28, 28)
        denseblock2  (512, 28, 28)    transition2  (256, 14, 14)
        denseblock3  (1024, 14, 14)   transition3  (512, 7, 7)
        denseblock4  (1024, 7, 7)     norm5, ReLU, mean over the places

    Grey images ``(n, 1, h, w)`` are given to all three channels.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, STEM, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(STEM),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = STEM
        for number, depth in enumerate(BLOCKS, start=1):
            layers[f"denseblock{number}"] = nn.Sequential(
                OrderedDict((f"denselayer{i + 1}", DenseLayer(channels + i * GROWTH)) for i in range(depth))
            )
            channels += depth * GROWTH
            if number < len(BLOCKS):
                layers[f"transition{number}"] = _transition(channels)
                channels //= 2
        layers["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(layers)
        self.width = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(n, 1 or 3, h, w)``, sides of 32 or more, → features ``(n, 1024)``."""
        maps = torch.relu(self.features(images.expand(-1, 3, -1, -1)))
        return maps.mean(dim=(2, 3))


def _transition(channels: int) -> nn.Sequential:
    """BN–ReLU–conv 1² to half the channels – average-pool 2."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
    )
