"""A relation model's package: a folder with a card, weights and an ONNX graph.

The form is that of ``package.py`` without what belongs to images: no tree, no
calibration, no bank. Nothing here loads torch.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError
from lesionscope.models.card import Section
from lesionscope.models.package import BUNDLED, CARD, package_folders, read_card, user_folder, verify_files

TASK = "relation"
DEFAULT = "relation-demo"
FILES = {"weights": "weights.safetensors", "onnx": "model.onnx"}
"""File names by their key in the card's ``sha256`` section."""


@dataclass(frozen=True)
class RelationCard:
    """One relation model, described.

    ``relations`` and ``features`` are the classes and a token's features in order, ``sizes``
    how many values each feature has; ``onnx`` names the graph's input (int64 ``(n, length, features)``)
    and output (raw logits ``(n, relations)``).
    """

    name: str
    version: str
    task: str
    title: str
    demonstration: bool
    intended_use: str
    limits: tuple[str, ...]
    relations: tuple[str, ...]
    features: tuple[str, ...]
    sizes: tuple[int, ...]
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]
    training_data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str
    sha256: Mapping[str, str]

    def as_json(self) -> str:
        """Return ``card.json``'s text; refuses numbers that JSON has no word for (NaN)."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class RelationPackage:
    """An opened package: its folder and its card, already checked for form."""

    folder: Path
    card: RelationCard

    @property
    def name(self) -> str:
        """Name by which it is found."""
        return self.card.name

    @property
    def onnx_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / FILES["onnx"]

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


def open_relation_package(folder: str | Path) -> RelationPackage:
    """Open a package folder: read its card, check that its files are there.

    Raises
    ------
    InputError
        No folder, no card, a card that can't be understood, a missing file.
    """
    folder = Path(folder)
    return RelationPackage(folder, card_from_dict(read_card(folder, FILES), str(folder / CARD)))


def find_relation_package(name_or_path: str | Path | None = None) -> RelationPackage:
    """Return one package: by path, by name (the user's before the bundled), or the default.

    Raises
    ------
    InputError
        There is none, or it can't be opened.
    """
    wanted = DEFAULT if name_or_path is None else name_or_path
    if (Path(wanted) / CARD).is_file():
        return open_relation_package(wanted)
    for folder in (user_folder(), BUNDLED):
        if (folder / wanted / CARD).is_file():
            return open_relation_package(folder / wanted)
    raise InputError(
        f"There is no relation model '{wanted}'; give the path of a package folder, or '{DEFAULT}'."
    )


def relation_packages(folders: Sequence[Path] | None = None) -> tuple[RelationPackage, ...]:
    """Return the relation models that open, by default the user's, then the bundled ones."""
    found = []
    for folder in package_folders(TASK, folders):
        with contextlib.suppress(InputError):
            found.append(open_relation_package(folder))
    return tuple(found)


def card_from_dict(data: object, origin: str) -> RelationCard:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown or ill-typed.
    """
    top = Section(data, origin, "")
    top.only({f.name for f in fields(RelationCard)})
    if top.text("task") != TASK:
        raise top.refuse("task", f"'{TASK}'")
    onnx = Section(top.data["onnx"], origin, "'onnx'")
    onnx.only({"input", "outputs", "opset"})
    sha256 = Section(top.data["sha256"], origin, "'sha256'")
    sha256.only(set(FILES))
    features, sizes = top.texts("features"), top.numbers("sizes")
    if len(sizes) != len(features) or any(size < 1 or size != int(size) for size in sizes):
        raise top.refuse("sizes", "as many whole numbers as there are features")
    return RelationCard(
        name=top.text("name"),
        version=top.text("version"),
        task=TASK,
        title=top.text("title"),
        demonstration=top.truth("demonstration"),
        intended_use=top.text("intended_use"),
        limits=top.texts("limits"),
        relations=top.texts("relations"),
        features=features,
        sizes=tuple(int(size) for size in sizes),
        network=top.mapping("network"),
        onnx={"input": onnx.text("input"), "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
        training_data=top.mapping("training_data"),
        metrics=top.mapping("metrics"),
        licence=top.text("licence"),
        sha256={key: sha256.text(key) for key in FILES},
    )
