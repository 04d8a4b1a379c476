"""A trunk and one output a node (paper 003, §2.1)."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionscope.errors import InputError
from lesionscope.models.pathology_net import read_published, read_weights

from .densenet121 import DenseNet121
from .forest import Forest
from .package import XrayPackage
from .precision import in_full
from .small_cnn import SmallCNN
from .unconditional import descend, log_probabilities

TRUNKS: Mapping[str, Callable[[], nn.Module]] = {"small": SmallCNN, "densenet121": DenseNet121}
"""Trunks by name; each knows its ``width``."""


OUTPUTS = ("product", "rescaled", "independent")
FLOOR = 0.02
"""What Table 2's rescaling leaves of a multiplicand at least: a product of four stays above 1e-7."""


@dataclass(frozen=True)
class XraySpec:
    """A network's trunk, and what its outputs mean.

    Parameters
    ----------
    trunk
        ``small`` or ``densenet121``.
    output
        ``product``: an output is the logit of a node given its parent. ``rescaled``: the same, but each
        factor is brought to [0.02, 1] (Table 2's comparison). ``independent``: the logit of the node itself.
    """

    trunk: str = "small"
    output: str = "product"

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)}")
        if self.output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}")


class XrayNet(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Images → logits of M nodes."""

    def __init__(self, spec: XraySpec, nodes: int) -> None:
        super().__init__()
        self.spec = spec
        self.trunk = TRUNKS[spec.trunk]()
        self.nodes = nn.Linear(int(self.trunk.width), nodes)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``(n, 1, h, w)`` → logits ``(n, M)``."""
        logits: Tensor = self.nodes(self.trunk(images))
        return logits


def log_scores(logits: Tensor, spec: XraySpec, forest: Forest) -> Tensor:
    """Logarithm of every node's own probability, ``(n, M)``."""
    if spec.output == "product":
        return log_probabilities(logits, forest)
    with in_full(logits) as y:
        if spec.output == "independent":
            return functional.logsigmoid(y)
        return torch.log(product(FLOOR + (1 - FLOOR) * torch.sigmoid(y), forest))


def product(factors: Tensor, forest: Forest) -> Tensor:
    """Multiply factors ``(n, M)`` along every node's path as they are: what Table 2's other forms do."""
    own = factors.unbind(dim=1)
    return torch.stack(descend(forest, own.__getitem__, lambda m, above: above * own[m]), dim=1)


def load_imagenet(network: XrayNet, path: str | Path) -> None:
    """Give a trunk the weights of a file that names them as torchvision does (``.safetensors`` or ``.pth``).

    The layer of ImageNet's classes is left out.

    Raises
    ------
    InputError
        The file can't be read, or its tensors are not the trunk's.
    """
    try:
        state = {_renamed(name): tensor for name, tensor in read_published(path).items()}
        kept = {name: tensor for name, tensor in state.items() if not name.startswith("classifier")}
        network.trunk.load_state_dict(kept, strict=True)
    except (OSError, RuntimeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} can't be read as weights of the trunk '{network.spec.trunk}'; give a file of "
            f"torchvision's DenseNet-121. ({' '.join(str(error).split())[:200]})"
        ) from error


def _renamed(name: str) -> str:
    """Bring names of torchvision's older files (``norm.1``) to today's (``norm1``)."""
    return re.sub(r"(norm|relu|conv)\.([12])", r"\1\2", name)


def load_xray_net(package: XrayPackage) -> XrayNet:
    """Return a package's network with its weights, ready to answer.

    Raises
    ------
    InputError
        The weights can't be read or don't fit the network that the card describes.
    """
    try:
        network = XrayNet(XraySpec(**package.card.network), len(package.tree.nodes))
        network.load_state_dict(read_weights(package.weights_path), strict=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{package.weights_path} does not fit the network in its card; make the package again. "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    return network.eval()  # type: ignore[no-any-return]  # torch is opaque to mypy here
