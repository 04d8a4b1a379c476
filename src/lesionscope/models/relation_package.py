"""A relation model's package: a folder with a card, weights and an ONNX graph.

The form is that of ``package.py`` without what belongs to images: no tree, no
calibration, no bank. Nothing here loads torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.models.card_form import ModelCard, common_entries, open_card
from lesionscope.models.package import Kind, OpenedPackage, opened

TASK = "relation"
DEFAULT = "relation-demo"
FILES = {"weights": "weights.safetensors", "onnx": "model.onnx"}
"""File names by their key in the card's ``sha256`` section."""


@dataclass(frozen=True, kw_only=True)
class RelationCard(ModelCard):
    """One relation model, described.

    ``relations`` and ``features`` are the classes and a token's features in order, ``sizes``
    how many values each feature has; ``onnx`` names the graph's input (int64 ``(n, length, features)``)
    and output (raw logits ``(n, relations)``).
    """

    relations: tuple[str, ...]
    features: tuple[str, ...]
    sizes: tuple[int, ...]
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]


@dataclass(frozen=True)
class RelationPackage(OpenedPackage[RelationCard]):
    """An opened package of a relation model."""

    files = FILES


def open_relation_package(folder: str | Path) -> RelationPackage:
    """Open a package folder; raises as :func:`~lesionscope.models.package.opened`."""
    return opened(folder, RelationPackage, card_from_dict)


RELATIONS = Kind(TASK, "relation model", open_relation_package, DEFAULT)
find_relation_package = RELATIONS.find


def card_from_dict(data: object, origin: str) -> RelationCard:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown or ill-typed.
    """
    top = open_card(data, origin, RelationCard, TASK)
    onnx = top.section("onnx", ("input", "outputs", "opset"))
    features, sizes = top.texts("features"), top.numbers("sizes")
    if len(sizes) != len(features) or any(size < 1 or size != int(size) for size in sizes):
        raise top.refuse("sizes", "as many whole numbers as there are features")
    return RelationCard(
        **common_entries(top, FILES),
        relations=top.texts("relations"),
        features=features,
        sizes=tuple(int(size) for size in sizes),
        network=top.mapping("network"),
        onnx={"input": onnx.text("input"), "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
    )
