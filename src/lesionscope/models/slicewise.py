"""The 3D DenseNet by convolutions in two dimensions: the same numbers, several times as fast on a processor.

Runtimes for processors have their best kernels for pictures. Here cubes ``(n, c, d, h, w)`` are batches of
slices ``(n·d, c, h, w)``, and

* a convolution of one channel by K³ sees K neighbouring slices as K channels;
* one of many channels by 3³ says of each slice what it gives to the next, to itself and to the one before,
  three times its filters, and those are added up;
* pools go over rows and columns, then over slices.

The weights are those of a :class:`~lesionscope.models.densenet3d.DenseNet3d`, which is the reference.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionscope.models.densenet3d import DenseModule, DenseNet3d, Transition


class SlicewiseDenseNet3d(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Answers as a network does in ``eval`` mode, in whose place it can be put.

    Parameters
    ----------
    network
        With any stem.
    """

    def __init__(self, network: DenseNet3d) -> None:
        super().__init__()
        self.width, self.stage_channels = network.width, network.stage_channels
        self.stem = nn.ModuleList(map(_layer, network.stem))
        self.blocks = nn.ModuleList(nn.ModuleList(map(_Module, block)) for block in network.blocks)
        self.transitions = nn.ModuleList(map(_Transition, network.transitions))
        self.norm = _normalisation(network.norm)

    def stages(self, x: Tensor) -> dict[str, Tensor]:
        """Return feature maps by stage, as :meth:`DenseNet3d.stages` does."""
        depth, maps = int(x.shape[2]), {}
        x = _slices(x.transpose(1, 2))
        for layer in self.stem:
            x, depth = layer(x, depth)
        maps["stem"] = _by_cube(x, depth).transpose(1, 2)
        last = len(self.blocks)
        for number, block in enumerate(self.blocks, start=1):
            for module in block:
                x = module(x, depth)
            if number == last:
                x = torch.relu(self.norm(x))
            maps[f"block{number}"] = _by_cube(x, depth).transpose(1, 2)
            if number < last:
                x, depth = self.transitions[number - 1](x, depth)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Cubes ``(n, 1, d, h, w)`` → features ``(n, width)``."""
        return self.stages(x)[f"block{len(self.blocks)}"].mean(dim=(2, 3, 4))


def _layer(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.Conv3d):
        return _Convolution(layer)
    return _MaxPool(layer) if isinstance(layer, nn.MaxPool3d) else _Elementwise(layer)


class _Module(nn.Module):  # type: ignore[misc]
    """A :class:`DenseModule` on slices."""

    def __init__(self, module: DenseModule) -> None:
        super().__init__()
        self.norm1, self.norm2 = _normalisation(module.norm1), _normalisation(module.norm2)
        self.conv1, self.conv2 = _Convolution(module.conv1), _Convolution(module.conv2)

    def forward(self, x: Tensor, depth: int) -> Tensor:
        new, _ = self.conv1(torch.relu(self.norm1(x)), depth)
        new, _ = self.conv2(torch.relu(self.norm2(new)), depth)
        return torch.cat([x, new], dim=1)


class _Transition(nn.Module):  # type: ignore[misc]
    """A :class:`Transition` on slices."""

    def __init__(self, transition: Transition) -> None:
        super().__init__()
        self.norm, self.conv = _normalisation(transition.norm), _Convolution(transition.conv)

    def forward(self, x: Tensor, depth: int) -> tuple[Tensor, int]:
        x, _ = self.conv(torch.relu(self.norm(x)), depth)
        x = _by_cube(functional.avg_pool2d(x, 2), depth)
        half = depth // 2
        return _slices(0.5 * (x[:, 0 : 2 * half : 2] + x[:, 1 : 2 * half : 2])), half


class _Convolution(nn.Module):  # type: ignore[misc]
    """A ``Conv3d`` on slices: ``(n·d, c, h, w)`` and d → ``(n·d', k, h', w')`` and d'."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        weight = conv.weight.detach()
        filters, channels, self.reach, height, width = weight.shape
        self.stride, self.padding = conv.stride[0], conv.padding[0]
        self.spread = channels > 1 and self.reach > 1
        if self.spread:
            if (self.reach, self.stride, self.padding) != (3, 1, 1):
                raise ValueError("of several channels only 3³ with stride 1 goes by slices")
            filters, weight = 3 * filters, weight.permute(2, 0, 1, 3, 4)
        self.weight = nn.Parameter(weight.reshape(filters, -1, height, width), requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach(), requires_grad=False)

    def forward(self, x: Tensor, depth: int) -> tuple[Tensor, int]:
        if self.spread:
            given = _by_cube(functional.conv2d(x, self.weight, padding=self.padding), depth)
            below, own, above = given.chunk(3, dim=2)
            first, last = (0, 0, 0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 0, 0, 1)
            total = functional.pad(below[:, :-1], first) + own + functional.pad(above[:, 1:], last)
            total = _slices(total)
            return total if self.bias is None else total + self.bias[:, None, None], depth
        if self.reach > 1:
            stacked, depth = _neighbours(_by_cube(x, depth), self.reach, self.stride, self.padding, 0.0)
            x = _slices(torch.cat(stacked, dim=2))
        return functional.conv2d(x, self.weight, self.bias, self.stride, self.padding), depth


class _MaxPool(nn.Module):  # type: ignore[misc]
    """A ``MaxPool3d`` on slices."""

    def __init__(self, pool: nn.MaxPool3d) -> None:
        super().__init__()
        self.how = (pool.kernel_size, pool.stride, pool.padding)

    def forward(self, x: Tensor, depth: int) -> tuple[Tensor, int]:
        flat = _by_cube(functional.max_pool2d(x, *self.how), depth)
        pieces, depth = _neighbours(flat, *self.how, -torch.inf)
        return _slices(reduce(torch.maximum, pieces)), depth


class _Elementwise(nn.Module):  # type: ignore[misc]
    """What slices don't change."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = _normalisation(layer) if isinstance(layer, nn.BatchNorm3d) else layer

    def forward(self, x: Tensor, depth: int) -> tuple[Tensor, int]:
        return self.layer(x), depth


def _normalisation(norm: nn.BatchNorm3d) -> nn.BatchNorm2d:
    flat = nn.BatchNorm2d(norm.num_features, eps=norm.eps)
    flat.load_state_dict(norm.state_dict())
    return flat.eval()


def _slices(cubes: Tensor) -> Tensor:
    """``(n, d, c, h, w)`` → ``(n·d, c, h, w)``."""
    return cubes.reshape(-1, *_sizes(cubes)[2:])


def _by_cube(slices: Tensor, depth: int) -> Tensor:
    """``(n·d, c, h, w)`` → ``(n, d, c, h, w)``."""
    return slices.reshape(-1, depth, *_sizes(slices)[1:])


def _sizes(x: Tensor) -> list[int]:
    """Numbers, so that a traced graph need not ask for them."""
    return [int(size) for size in x.shape]


def _neighbours(x: Tensor, reach: int, stride: int, padding: int, value: float) -> tuple[list[Tensor], int]:
    """Return, for each place of a kernel, the slices of ``(n, d, c, h, w)`` that lie there; and how many."""
    depth = (int(x.shape[1]) + 2 * padding - reach) // stride + 1
    padded = functional.pad(x, (0, 0, 0, 0, 0, 0, padding, padding), value=value)
    return [padded[:, i : i + stride * (depth - 1) + 1 : stride] for i in range(reach)], depth
