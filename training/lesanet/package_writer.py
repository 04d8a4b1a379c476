"""Writing a label model's package: weights, ONNX graph, bank and card, as one folder or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from lesionscope.errors import LesionscopeError
from lesionscope.models.familiarity import Bank
from lesionscope.models.label_package import BANK, FILES, LabelCard, LabelPackage, open_label_package
from lesionscope.models.lesanet.lesion_embedding import LesionEmbedding
from lesionscope.models.lesanet.network import LesaNet
from lesionscope.models.lesanet.onnx import INPUTS, OUTPUTS, TEXTURE, export_onnx
from lesionscope.models.onnx_graph import OPSET

from ..engine.half import halved_state
from ..package_folder import new_package, save_bank, save_card, save_weights
from .dataset import Lesions
from .onnx_answers import OnnxAnswers

AGREEMENT = 1e-3
"""Scores of the graph and of the network may differ by so much, in scores of about ±5."""


def onnx_section() -> dict[str, object]:
    """Return the card's ``onnx`` section for graphs that this module writes."""
    return {"inputs": list(INPUTS), "outputs": [*OUTPUTS, TEXTURE], "opset": OPSET}


def write_package(
    folder: Path,
    network: LesaNet | LesionEmbedding,
    bank: Bank,
    card: Callable[[dict[str, str]], LabelCard],
    examples: Lesions,
) -> LabelPackage:
    """Write a package, open it again and compare its graph with the network.

    Parameters
    ----------
    folder
        The package folder to make; one that stood there before is replaced.
    network
        A network whose weights :func:`~..engine.half.halve` has rounded.
    bank
        Textures of training lesions, prepared.
    card
        Makes the card from the SHA-256 of the other files.
    examples
        Lesions to compare on.

    Raises
    ------
    LesionscopeError
        It can't be written, or the graph answers otherwise than the network.
    """
    network = network.cpu().eval()
    with new_package(folder) as work:
        save_weights(work, halved_state(network))
        export_onnx(network, work / FILES["onnx"], texture=True)
        save_bank(work, bank)
        save_card(work, FILES | BANK, card)
        written = open_label_package(work)
        written.verify()
        _compare(network, written, examples)
    return open_label_package(folder)


def _compare(network: LesaNet | LesionEmbedding, package: LabelPackage, examples: Lesions) -> None:
    rows = np.arange(min(len(examples), 16))
    with torch.no_grad():
        wanted = network(*examples.inputs(rows, torch.device("cpu")))
    got = OnnxAnswers(package).of(examples, rows)
    for name, tensor in zip(OUTPUTS, wanted, strict=False):
        if not np.allclose(getattr(got, name), tensor.numpy(), atol=AGREEMENT):
            raise LesionscopeError(f"{package.folder} could not be written: its graph answers otherwise.")
