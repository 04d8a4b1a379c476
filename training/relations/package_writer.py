"""Writing a relation model's package: weights, ONNX graph and card, as one folder or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from lesionscope.errors import LesionscopeError
from lesionscope.files import write_atomically
from lesionscope.inference.relation_inputs import FEATURES
from lesionscope.inference.relations import Relater
from lesionscope.models.onnx_graph import OPSET, traced
from lesionscope.models.relation_cnn import RelationCNN
from lesionscope.models.relation_package import FILES, RelationCard, RelationPackage, open_relation_package

from ..package_folder import new_package, save_card, save_weights

INPUT, OUTPUT = "tokens", "logits"
AGREEMENT = 1e-4


def halve(network: RelationCNN) -> RelationCNN:
    """Round the weights to half precision, in place, as the package stores them."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    return network


def onnx_section() -> dict[str, object]:
    """Return the card's ``onnx`` section for graphs that this module writes."""
    return {"input": INPUT, "outputs": [OUTPUT], "opset": OPSET}


def export(network: RelationCNN, path: Path) -> None:
    """Write the network as a graph: ``tokens`` ``(n, length, features)`` int64 → ``logits``."""
    example = torch.ones(2, 9, len(FEATURES), dtype=torch.int64)
    free = {INPUT: {0: "n", 1: "length"}, OUTPUT: {0: "n"}}
    write_atomically(path, traced(network, (example,), (INPUT,), (OUTPUT,), free))


def write_package(
    folder: Path, network: RelationCNN, card: Callable[[dict[str, str]], RelationCard]
) -> RelationPackage:
    """Write a package, open it again and compare its graph with the network.

    Everything is made in a temporary folder beside ``folder`` and moved there at the end; a
    package that stood there before is replaced.

    Raises
    ------
    LesionscopeError
        It can't be written, or the graph answers otherwise than the network.
    """
    with new_package(folder) as work:
        save_weights(work, {name: tensor.half() for name, tensor in network.state_dict().items()})
        export(network, work / FILES["onnx"])
        save_card(work, FILES, card)
        _compare(network, open_relation_package(work))
    return open_relation_package(folder)


def _compare(network: RelationCNN, package: RelationPackage) -> None:
    """Refuse a graph whose answers differ from the network's, at a length that export never saw."""
    rng = np.random.default_rng(0)
    rows = np.stack([rng.integers(0, size, (5, 23)) for size in package.card.sizes], axis=2)
    rows[0, 15:] = 0
    with torch.no_grad():
        wanted = network.cpu().eval()(torch.from_numpy(rows)).numpy()
    if not np.allclose(Relater(package).logits(rows), wanted, atol=AGREEMENT):
        raise LesionscopeError(f"{package.folder} could not be written: its graph answers otherwise.")
