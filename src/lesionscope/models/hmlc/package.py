"""A chest X-ray model's package: a folder with a card and weights. Nothing here loads torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lesionscope.models.card import Section
from lesionscope.models.package import CARD, read_card, verify_files
from lesionscope.ontology.tree import PathologyTree, tree_from_dict

TASK = "chest-xray"
FILES = {"weights": "weights.safetensors"}
"""File names by their key in the card's ``sha256`` section."""


@dataclass(frozen=True)
class XrayCard:
    """One model, described.

    ``tree`` is in the form of :meth:`~lesionscope.ontology.tree.PathologyTree.as_dict`; ``network`` holds the
    fields of :class:`~.network.XraySpec`; ``side`` is that of the images it was trained on, each brought to
    mean 0 and deviation 1.
    """

    name: str
    version: str
    task: str
    title: str
    demonstration: bool
    intended_use: str
    limits: tuple[str, ...]
    tree: Mapping[str, Any]
    network: Mapping[str, Any]
    side: int
    training_data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str
    sha256: Mapping[str, str]

    def as_json(self) -> str:
        """Return ``card.json``'s text; refuses numbers that JSON has no word for (NaN)."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class XrayPackage:
    """An opened package: its folder and its card, already checked for form."""

    folder: Path
    card: XrayCard

    @property
    def tree(self) -> PathologyTree:
        """The nodes that it answers for."""
        return tree_from_dict(self.card.tree, str(self.folder / CARD))

    @property
    def weights_path(self) -> Path:
        """The safetensors weights."""
        return self.folder / FILES["weights"]

    def verify(self) -> None:
        """Compare every file with the digest in the card.

        Raises
        ------
        InputError
            A file is missing, unreadable, or not the one the card was made for.
        """
        verify_files(self.folder, FILES, self.card.sha256)


def open_xray_package(folder: str | Path) -> XrayPackage:
    """Open a package folder: read its card, check that its weights are there.

    Raises
    ------
    InputError
        No folder, no card, a card that can't be understood, a missing file.
    """
    folder = Path(folder)
    return XrayPackage(folder, _card(read_card(folder, FILES), str(folder / CARD)))


def _card(data: object, origin: str) -> XrayCard:
    top = Section(data, origin, "")
    top.only({f.name for f in fields(XrayCard)})
    if top.text("task") != TASK:
        raise top.refuse("task", f"'{TASK}'")
    tree_from_dict(top.mapping("tree"), origin)
    sha256 = Section(top.data["sha256"], origin, "'sha256'")
    sha256.only(set(FILES))
    return XrayCard(
        name=top.text("name"),
        version=top.text("version"),
        task=TASK,
        title=top.text("title"),
        demonstration=top.truth("demonstration"),
        intended_use=top.text("intended_use"),
        limits=top.texts("limits"),
        tree=top.mapping("tree"),
        network=top.mapping("network"),
        side=top.whole("side"),
        training_data=top.mapping("training_data"),
        metrics=top.mapping("metrics"),
        licence=top.text("licence"),
        sha256={key: sha256.text(key) for key in FILES},
    )
