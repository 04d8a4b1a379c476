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

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.config import data_folder
from lesionscope.errors import InputError
from lesionscope.models.card import Card, card_from_dict
from lesionscope.models.card_form import AGAIN, TASKS, ModelCard
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
        for key, wanted in self.card.sha256.items():
            path = self.folder / self.files[key]
            try:
                digest = sha256_of(path)
            except OSError as error:
                raise InputError(f"{path} can't be read ({error.strerror or error}); {AGAIN}.") from error
            if digest != wanted:
                raise InputError(
                    f"{path} was changed or damaged: its SHA-256 is not the one in {CARD}. "
                    f"{AGAIN.capitalize()}."
                )


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


def opened(
    folder: str | Path, kind: type[AnyPackage], card_from_dict: Callable[[object, str], Any]
) -> AnyPackage:
    """Open a package folder: read its card, check that the files are there which it has digests of.

    Raises
    ------
    InputError
        No folder, no card, a card that can't be understood, a missing file.
    """
    folder = Path(folder)
    path = folder / CARD
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(
            f"{folder} is not a model package: its {CARD} can't be read ({reason}). "
            f"A package is a folder with {CARD}, {', '.join(kind.files.values())}."
        ) from error
    try:
        data: object = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); {AGAIN}.") from error
    package = kind(folder, card_from_dict(data, str(path)))
    for key in package.card.sha256:
        if not (folder / kind.files[key]).is_file():
            raise InputError(f"{folder} lacks {kind.files[key]}; {AGAIN}.")
    return package


def open_package(folder: str | Path) -> ModelPackage:
    """Open a pathology model's package folder; raises as :func:`opened`."""
    return opened(folder, ModelPackage, card_from_dict)


def user_folder() -> Path:
    """Return the folder in which a user installs packages, one folder each (need not exist)."""
    return data_folder() / "models"


def said_of(folder: Path, key: str) -> object:
    """Return what a folder's card says under a key, whatever else is wrong with it; ``None``: nothing."""
    try:
        data = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data.get(key) if isinstance(data, dict) else None


def package_folders(task: str | None, folders: Sequence[Path] | None = None) -> Iterator[Path]:
    """Give the folders of a task's packages: by default the user's, then the bundled ones.

    ``None`` gives those whose cards name none of :data:`TASKS` or can't be read.
    """
    for folder in (user_folder(), BUNDLED) if folders is None else folders:
        for candidate in sorted(folder.iterdir()) if folder.is_dir() else ():
            if (candidate / CARD).is_file():
                given = said_of(candidate, "task")
                if (given if given in TASKS else None) == task:
                    yield candidate


def meant_folder(
    name_or_path: str | Path, tasks: Sequence[str | None], folders: Sequence[Path] | None = None
) -> Path | None:
    """Return the folder that a path or a name means; ``None``: there is none.

    A name is a folder's or that on its card, in this order. The user's packages go before bundled
    ones, whether they open or not: what is wrong with one is for whoever opens it to say.

    Parameters
    ----------
    name_or_path
        Which.
    tasks
        Whose packages a name may mean; see :func:`package_folders`.
    folders
        Where names are looked for, by default the user's folder and the bundled one.
    """
    if _is_path(name_or_path):
        return Path(name_or_path)
    for place in (user_folder(), BUNDLED) if folders is None else folders:
        there = [folder for task in tasks for folder in package_folders(task, [place])]
        by_folder = (folder for folder in there if folder.name == name_or_path)
        by_card = (folder for folder in there if said_of(folder, "name") == name_or_path)
        if (found := next(chain(by_folder, by_card), None)) is not None:
            return found
    return None


def _is_path(name_or_path: str | Path) -> bool:
    """Whether a request means a folder rather than a name."""
    text = str(name_or_path)
    separators = {os.sep, os.altsep or os.sep, "/"}
    return isinstance(name_or_path, Path) or any(s in text for s in separators) or Path(text, CARD).is_file()


@dataclass(frozen=True)
class Survey(Generic[AnyPackage]):
    """What folders hold: packages that open, and a sentence for each that doesn't."""

    packages: tuple[AnyPackage, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Kind(Generic[AnyPackage]):
    """The packages of one task: how they are opened, and where they are found.

    Parameters
    ----------
    task
        What their models answer.
    called
        What such a model is called.
    opener
        Opens a folder.
    default
        Name of the package that answers where none is named; empty: none does.
    """

    task: str
    called: str
    opener: Callable[[str | Path], AnyPackage]
    default: str = ""

    def survey(self, folders: Sequence[Path] | None = None) -> Survey[AnyPackage]:
        """Look through folders of packages; by default the user's, then the bundled ones.

        A card that can't be read may be one of these, so it counts among the problems.
        """
        found, problems = [], []
        for folder in (*package_folders(self.task, folders), *package_folders(None, folders)):
            try:
                found.append(self.opener(folder))
            except InputError as error:
                problems.append(str(error))
        return Survey(tuple(found), tuple(problems))

    def folder(self, name_or_path: str | Path | None = None, folders: Sequence[Path] | None = None) -> Path:
        """Return a package's folder: by path, by name (see :func:`meant_folder`), or the default's.

        Raises
        ------
        InputError
            There is none; the sentence lists the names there are.
        """
        wanted = self.default if name_or_path is None else name_or_path
        for tasks in ((self.task, None), TASKS):  # of another task: whoever opens it says so
            if (folder := meant_folder(wanted, tasks, folders)) is not None:
                return folder
        raise no_such(self.called, wanted, [self.survey(folders)])

    def find(
        self, name_or_path: str | Path | None = None, folders: Sequence[Path] | None = None
    ) -> AnyPackage:
        """Return one package, opened; which is as for :meth:`folder`.

        Raises
        ------
        InputError
            There is none, or it can't be opened.
        """
        return self.opener(self.folder(name_or_path, folders))

    def usual(self) -> AnyPackage | None:
        """Return the default package, else the first that opens; ``None``: none is installed.

        Raises
        ------
        InputError
            The one that is the default's namesake can't be opened, or none that is there can.
        """
        if (folder := meant_folder(self.default, (self.task, None))) is not None:
            return self.opener(folder)
        there = self.survey()
        if there.problems and not there.packages:
            raise InputError(f"No {self.called} can be used: {' '.join(there.problems)}")
        return next(iter(there.packages), None)


def no_such(called: str, wanted: str | Path, surveys: Sequence[Survey[Any]]) -> InputError:
    """Return the error for a name that no package has, with the names and the troubles there are."""
    names = dict.fromkeys(package.name for survey in surveys for package in survey.packages)
    problems = dict.fromkeys(problem for survey in surveys for problem in survey.problems)
    return InputError(
        f"There is no {called} named '{wanted}'; installed: {', '.join(names) or 'none'}. "
        "Give one of these names or the path of a package folder."
        + "".join(f" Not usable: {problem}" for problem in problems)
    )
