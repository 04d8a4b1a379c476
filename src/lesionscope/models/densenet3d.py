"""The paper's 3D DenseNet (paper 000, §2.2 "Model Overview").

"A 3D DenseNet that has a growth rate of 16 and three DenseBlocks with depths of
8, 4 and 4"; in each module "a 1×1×1 convolution layer with 64 filters is followed
by a 3×3×3 convolution layer with 16 filters". What comes before the first block
is left open, so the stem is named:

========== ============================================== ============== ======
stem       before the first block                         48³ becomes    width
========== ============================================== ============== ======
monai      7³ conv, 64 filters, stride 2; BN, ReLU;       12³ → 6³ → 3³  144
           3³ max-pool, stride 2 (MONAI's DenseNet)
densesharp 3³ conv, 32 filters, stride 1 (DenseSharp)     48³ → 24³ → 12³ 136
stride2    3³ conv, 32 filters, stride 2                  24³ → 12³ → 6³ 136
========== ============================================== ============== ======

``width`` (C) is the number of features after global average pooling: with a
linear layer of 14 outputs the networks hold 623,246 and 570,950 parameters. As
in their sources, MONAI's convolutions have no bias, and DenseSharp's have one
wherever no batch normalisation follows directly (all but the 1³ of a module).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

GROWTH = 16
"""k: channels that each module adds."""
BLOCKS = (8, 4, 4)
"""Modules in each dense block."""
BOTTLENECK = 64
"""Filters of a module's 1³ convolution (4k)."""
COMPRESSION = 0.5
"""θ: share of the channels that a transition keeps."""
STAGES = ("stem", "block1", "block2", "block3")
"""Names of the feature maps that :meth:`DenseNet3d.stages` returns."""


class DenseModule(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """One convolutional module H_ℓ: BN–ReLU–conv 1³ (64) – BN–ReLU–conv 3³ (k = 16).

    ``(n, c, d, h, w)`` → ``(n, c + k, d, h, w)``: the input is passed on with
    the new features behind it (dense connectivity).
    """

    def __init__(self, channels: int, growth: int, bottleneck: int, bias: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm3d(channels)
        self.conv1 = nn.Conv3d(channels, bottleneck, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm3d(bottleneck)
        self.conv2 = nn.Conv3d(bottleneck, growth, kernel_size=3, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with ``growth`` new channels after its own."""
        new = self.conv1(torch.relu(self.norm1(x)))
        new = self.conv2(torch.relu(self.norm2(new)))
        return torch.cat([x, new], dim=1)


class Transition(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Between blocks: BN–ReLU–conv 1³ to θ·c channels – average-pool 2.

    ``(n, c, d, h, w)`` → ``(n, ⌊θc⌋, d/2, h/2, w/2)``.
    """

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.out_channels = int(channels * COMPRESSION)
        self.norm = nn.BatchNorm3d(channels)
        self.conv = nn.Conv3d(channels, self.out_channels, kernel_size=1, bias=bias)
        self.pool = nn.AvgPool3d(kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the grid and compress the channels."""
        pooled: Tensor = self.pool(self.conv(torch.relu(self.norm(x))))
        return pooled


def _monai_stem() -> tuple[nn.Module, int]:
    """``(n, 1, 48, 48, 48)`` → ``(n, 64, 12, 12, 12)``."""
    layers = OrderedDict(
        conv0=nn.Conv3d(1, 64, kernel_size=7, stride=2, padding=3, bias=False),
        norm0=nn.BatchNorm3d(64),
        relu0=nn.ReLU(inplace=True),
        pool0=nn.MaxPool3d(kernel_size=3, stride=2, padding=1),
    )
    return nn.Sequential(layers), 64


def _densesharp_stem(stride: int = 1) -> tuple[nn.Module, int]:
    """``(n, 1, 48, 48, 48)`` → ``(n, 32, 48/stride, …)``; the next module's BN–ReLU activates it."""
    conv0 = nn.Conv3d(1, 32, kernel_size=3, stride=stride, padding=1)
    return nn.Sequential(OrderedDict(conv0=conv0)), 32


STEMS: Mapping[str, Callable[[], tuple[nn.Module, int]]] = {
    "monai": _monai_stem,
    "densesharp": _densesharp_stem,
    "stride2": lambda: _densesharp_stem(stride=2),
}
"""Stem builders by name; each returns the module and its number of channels."""


class DenseNet3d(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Stem, three dense blocks with two transitions between them, BN–ReLU, pooling.

    With the ``monai`` stem the shapes of one cube are::

        x        (1,  48, 48, 48)
        stem     (64, 12, 12, 12)
        block1   (64 + 8·16 = 192, 12, 12, 12)   transition → (96, 6, 6, 6)
        block2   (96 + 4·16 = 160, 6, 6, 6)      transition → (80, 3, 3, 3)
        block3   (80 + 4·16 = 144, 3, 3, 3)      BN–ReLU
        features (144,)                          global average pooling

    Parameters
    ----------
    stem
        ``monai``, ``densesharp`` or ``stride2``.
    growth, blocks, bottleneck
        k, the depths of the blocks, the 1³ filters; the paper's by default.
    """

    def __init__(
        self,
        stem: str = "monai",
        *,
        growth: int = GROWTH,
        blocks: tuple[int, ...] = BLOCKS,
        bottleneck: int = BOTTLENECK,
    ) -> None:
        super().__init__()
        if stem not in STEMS:
            raise ValueError(f"stem must be one of {', '.join(STEMS)}, not {stem!r}")
        build_stem = STEMS[stem]
        self.stem, channels = build_stem()
        bias = stem != "monai"
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        self.stage_channels: dict[str, int] = {"stem": channels}
        for number, depth in enumerate(blocks, start=1):
            modules = [DenseModule(channels + i * growth, growth, bottleneck, bias) for i in range(depth)]
            self.blocks.append(nn.Sequential(*modules))
            channels += depth * growth
            self.stage_channels[f"block{number}"] = channels
            if number < len(blocks):
                transition = Transition(channels, bias)
                self.transitions.append(transition)
                channels = transition.out_channels
        self.norm = nn.BatchNorm3d(channels)
        self.width = channels
        self._initialise()

    def _initialise(self) -> None:
        """He et al.'s normal initialisation for convolutions; BN starts as the identity."""
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm3d):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)

    def stages(self, x: Tensor) -> dict[str, Tensor]:
        """Feature maps by stage for cubes ``(n, 1, 48, 48, 48)``; the last is after BN–ReLU."""
        maps = {"stem": self.stem(x)}
        x = maps["stem"]
        last = len(self.blocks)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x)
            if number == last:
                x = torch.relu(self.norm(x))
            maps[f"block{number}"] = x
            if number < last:
                x = self.transitions[number - 1](x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Cubes ``(n, 1, 48, 48, 48)`` in [−1, 1] → features ``(n, width)``."""
        maps = self.stages(x)
        return maps[f"block{len(self.blocks)}"].mean(dim=(2, 3, 4))


def parameter_count(module: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
