"""A small network for chest projections of 96 × 96 pixels: minutes on one core."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 96)


class SmallCNN(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Four convolutions of stride 2, the first 5×5, each with BN and ReLU, one of stride 1; mean and maximum.

    ::

        x         (1, 96, 96)
        features  (16, 48, 48) → (32, 24, 24) → (64, 12, 12) → (96, 6, 6) → (96, 6, 6)
        output    (192,): mean and maximum over the places

    Parameters
    ----------
    channels
        Of the images.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for number, width in enumerate(WIDTHS):
            layers += _convolution(before, width, 5 if number == 0 else 3, 2)
            before = width
        self.features = nn.Sequential(*layers, *_convolution(before, before, 3, 1))
        self.width = 2 * before

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(n, channels, h, w)`` → features ``(n, width)``."""
        maps = self.features(images)
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)


def _convolution(inner: int, outer: int, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inner, outer, kernel, stride=stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
