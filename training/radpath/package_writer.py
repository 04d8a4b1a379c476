"""Writing a model package: weights, ONNX graph, bank and card, as one folder or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lesionscope.errors import LesionscopeError
from lesionscope.models.card import Card
from lesionscope.models.familiarity import Bank
from lesionscope.models.onnx_export import INPUT, export, output_names
from lesionscope.models.onnx_graph import OPSET
from lesionscope.models.package import FILES, ModelPackage, open_package
from lesionscope.models.pathology_net import PathologyNet
from lesionscope.ontology.tree import PathologyTree

from ..engine.half import halved_state
from ..package_folder import new_package, save_bank, save_card, save_weights


def onnx_section(tree: PathologyTree) -> dict[str, object]:
    """Return the card's ``onnx`` section for graphs that this module writes."""
    return {"input": INPUT, "outputs": list(output_names(tree)), "opset": OPSET}


def write_package(
    folder: Path,
    network: PathologyNet,
    tree: PathologyTree,
    bank: Bank,
    shape: tuple[int, int, int],
    card: Callable[[dict[str, str]], Card],
) -> ModelPackage:
    """Write a package and open it again.

    Everything is made in a temporary folder beside ``folder`` and moved there at
    the end; a package that stood there before is replaced.

    Parameters
    ----------
    folder
        The package folder to make.
    network
        A network whose weights :func:`halve` has rounded.
    tree
        Its classes.
    bank
        Training embeddings, prepared.
    shape
        Of the cubes that the network takes.
    card
        Makes the card from the SHA-256 of the other files.
    """
    with new_package(folder) as work:
        save_weights(work, halved_state(network))
        export(network, tree, work / FILES["onnx"], shape)
        save_bank(work, bank)
        save_card(work, FILES, card)
        written = open_package(work)
        written.verify()
        if not np.allclose(
            written.familiarity_bank.distance(bank.embeddings()), bank.distance(bank.embeddings())
        ):
            raise LesionscopeError(f"{folder} could not be written: its bank reads back otherwise.")
    return open_package(folder)
