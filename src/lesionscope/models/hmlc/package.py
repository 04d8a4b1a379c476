"""A chest X-ray model's package: a folder with a card and weights. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.models.card_form import ModelCard, common_entries, open_card
from lesionscope.models.package import CARD, Kind, OpenedPackage, opened
from lesionscope.ontology.tree import PathologyTree, tree_from_dict

TASK = "chest-xray"
FILES = {"weights": "weights.safetensors"}
"""File names by their key in the card's ``sha256`` section."""


@dataclass(frozen=True, kw_only=True)
class XrayCard(ModelCard):
    """One chest X-ray model, described.

    ``tree`` is in the form of :meth:`~lesionscope.ontology.tree.PathologyTree.as_dict`; ``network`` holds the
    fields of :class:`~.network.XraySpec`; ``side`` is that of the images it was trained on, each brought to
    mean 0 and deviation 1.
    """

    tree: Mapping[str, Any]
    network: Mapping[str, Any]
    side: int


@dataclass(frozen=True)
class XrayPackage(OpenedPackage[XrayCard]):
    """An opened package of a chest X-ray model."""

    files = FILES

    @property
    def tree(self) -> PathologyTree:
        """The nodes that it answers for."""
        return tree_from_dict(self.card.tree, str(self.folder / CARD))


def open_xray_package(folder: str | Path) -> XrayPackage:
    """Open a package folder; raises as :func:`~lesionscope.models.package.opened`."""
    return opened(folder, XrayPackage, _card)


XRAYS = Kind(TASK, "chest X-ray model", open_xray_package)


def _card(data: object, origin: str) -> XrayCard:
    top = open_card(data, origin, XrayCard, TASK)
    tree_from_dict(top.mapping("tree"), origin)
    return XrayCard(
        **common_entries(top, FILES),
        tree=top.mapping("tree"),
        network=top.mapping("network"),
        side=top.whole("side"),
    )
