"""A model package: a folder with a card, weights, an ONNX graph and a bank; and the pathology models'.

======================= ======================================================
``card.json``           what it is, how to feed and read it (see ``card.py``)
``weights.safetensors`` the network's tensors (half precision on disk)
``model.onnx``          the same network for ONNX Runtime
``bank.safetensors``    embeddings of the training cubes, for familiarity
======================= ======================================================

Nothing here loads torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.config import data_folder
from lesionscope.errors import InputError
from lesionscope.models.card import Card, card_from_dict
from lesionscope.models.card_form import AGAIN, ModelCard
from lesionscope.models.familiarity import Bank, DistanceRule, p_value
from lesionscope.ontology.tree import PathologyTree

CARD = "card.json"
BUNDLED = Path(__file__).parent / "packages"
FILES = {"weights": "weights.safetensors", "onnx": "model.onnx", "bank": "bank.safetensors"}
"""File names by their key in the card's ``sha256`` section."""
AnyCard = TypeVar("AnyCard", bound=ModelCard)
AnyPackage = TypeVar("AnyPackage", bound="OpenedPackage[Any]")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class OpenedPackage(Generic[AnyCard]):
    """An opened package of any task: its folder and its card, already checked for form."""

    folder: Path
    card: AnyCard
    files: ClassVar[Mapping[str, str]] = FILES
    """File names by their key in the card's ``sha256`` section; one that has no key there is missing."""

    @property
    def name(self) -> str:
        """Name by which it is found."""
        return self.card.name

    @property
    def onnx_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / self.files["onnx"]

    @property
    def weights_path(self) -> Path:
        """The safetensors weights."""
        return self.folder / self.files["weights"]

    @property
    def bank_path(self) -> Path:
        """The safetensors bank of embeddings."""
        return self.folder / self.files["bank"]

    @cached_property
    def sha256(self) -> str:
        """A digest of the whole package: the card's, which holds the other files' digests."""
        return sha256_of(self.folder / CARD)

    def verify(self) -> None:
        """Compare every file with the digest in the card.

        Raises
        ------
        InputError
            A file is missing, unreadable, or not the one the card was made for.
        """
        sha256 = self.card.sha256
        verify_files(self.folder, {key: self.files[key] for key in sha256}, sha256)


@dataclass(frozen=True)
class ModelPackage(OpenedPackage[Card]):
    """An opened package of a pathology model."""

    @property
    def tree(self) -> PathologyTree:
        """The classes that it answers for."""
        return self.card.tree

    def bank(self) -> NDArray[np.float32]:
        """Embeddings of training cubes, float32 ``(n, d)``."""
        return self.familiarity_bank.embeddings()

    @cached_property
    def familiarity_bank(self) -> Bank:
        """The bank, ready to measure distances to; read once."""
        return read_bank(self.bank_path, self.card.familiarity.rule)

    def familiarity(self, embedding: ArrayLike) -> NDArray[np.float64]:
        """Conformal p-value of each embedding, ``(m, d)`` or ``(d,)`` → ``(m,)``; the bank is kept."""
        distances = self.familiarity_bank.distance(embedding)
        return p_value(distances, self.card.familiarity.calibration_distances)

    def unfamiliar(self, p: float) -> bool:
        """Whether a p-value says: unlike anything the model was trained on."""
        return p < self.card.familiarity.threshold


def read_bank(path: Path, rule: DistanceRule) -> Bank:
    """Read a package's bank of embeddings.

    Raises
    ------
    InputError
        It can't be read, or makes no bank.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return Bank(load_file(path), rule)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} can't be read as a bank of embeddings ({error}); {AGAIN}.") from error


def open_package(folder: str | Path) -> ModelPackage:
    """Open a package folder: read its card, check that its files are there.

    Raises
    ------
    InputError
        No folder, no card, a card that can't be understood, a missing file.
    """
    folder = Path(folder)
    return ModelPackage(folder, card_from_dict(read_card(folder, FILES), str(folder / CARD)))


def read_card(folder: Path, files: Mapping[str, str]) -> object:
    """Read a package's ``card.json`` and check that its ``files`` (name by key) are there.

    Raises
    ------
    InputError
        No folder, no card, a card that isn't JSON, a missing file.
    """
    path = folder / CARD
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(
            f"{folder} is not a model package: its {CARD} can't be read ({reason}). "
            f"A package is a folder with {CARD}, {', '.join(files.values())}."
        ) from error
    try:
        data: object = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); {AGAIN}.") from error
    for file_name in files.values():
        if not (folder / file_name).is_file():
            raise InputError(f"{folder} lacks {file_name}; {AGAIN}.")
    return data


def task_of(folder: Path) -> str | None:
    """Return the task that a folder's card names, whatever else is wrong with it."""
    try:
        data = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data.get("task") if isinstance(data, dict) else None


def named_folder(name_or_path: str | Path) -> Path | None:
    """Return the folder that a path or a folder's name means, the user's before a bundled one."""
    candidates = (Path(name_or_path), user_folder() / name_or_path, BUNDLED / name_or_path)
    return next((folder for folder in candidates if (folder / CARD).is_file()), None)


def package_folders(task: str | None, folders: Sequence[Path] | None = None) -> Iterator[Path]:
    """Give the folders of a task's packages: by default the user's, then the bundled ones.

    ``None`` gives those whose cards name no task or can't be read.
    """
    for folder in (user_folder(), BUNDLED) if folders is None else folders:
        for candidate in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (candidate / CARD).is_file() and task_of(candidate) == task:
                yield candidate


def packages_that_open(
    task: str, opener: Callable[[Path], AnyPackage], folders: Sequence[Path] | None = None
) -> tuple[AnyPackage, ...]:
    """Return a task's packages that ``opener`` opens, by default the user's, then the bundled ones."""
    found = []
    for folder in package_folders(task, folders):
        with contextlib.suppress(InputError):
            found.append(opener(folder))
    return tuple(found)


def find_package(
    what: str, task: str, opener: Callable[[Path], AnyPackage], name_or_path: str | Path
) -> AnyPackage:
    """Return one package of a task, by path or by name, the user's before the bundled.

    Parameters
    ----------
    what
        What such a package is called.
    task, opener
        As for :func:`packages_that_open`.
    name_or_path
        Which.

    Raises
    ------
    InputError
        There is none, or it can't be opened.
    """
    if (folder := named_folder(name_or_path)) is not None:
        return opener(folder)
    names = ", ".join(dict.fromkeys(package.name for package in packages_that_open(task, opener))) or "none"
    raise InputError(
        f"There is no {what} named '{name_or_path}'; installed: {names}. "
        "Give one of these names or the path of a package folder."
    )


def user_folder() -> Path:
    """Return the folder in which a user installs packages, one folder each (need not exist)."""
    return data_folder() / "models"


def verify_files(folder: Path, files: Mapping[str, str], sha256: Mapping[str, str]) -> None:
    """Compare a package's ``files`` (name by key) with the digests in its card.

    Raises
    ------
    InputError
        A file is missing, unreadable, or not the one the card was made for.
    """
    for key, file_name in files.items():
        path = folder / file_name
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise InputError(f"{path} can't be read ({error.strerror or error}); {AGAIN}.") from error
        if digest != sha256[key]:
            raise InputError(
                f"{path} was changed or damaged: its SHA-256 is not the one in {CARD}. {AGAIN.capitalize()}."
            )
