"""Half precision on disk, without a network on disk that differs from the one that was measured."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def halve(network: Network) -> Network:
    """Round weights of convolutions and linear layers to half precision, in place.

    The package stores them in half the space; rounding *before* calibration,
    bank and ONNX export means that all of them belong to the stored network.
    Batch normalisation, whose variances may be tiny, keeps float32.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.half().float())
    return network


def halved_state(network: nn.Module) -> dict[str, Tensor]:
    """Return what a package stores of a network that :func:`halve` has rounded."""
    return {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
