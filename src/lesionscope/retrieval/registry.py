"""Finding banks of known lesions: the user's folder, the bundled ones, or a path."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from lesionscope.config import data_folder
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.retrieval.bank import TABLES, Bank

BUNDLED = Path(__file__).parent / "banks"


def user_folder() -> Path:
    """Return the folder in which a user keeps banks, one folder each (need not exist)."""
    return data_folder() / "banks"


def bank_folder(name_or_path: str | Path) -> Path:
    """Return a bank's folder: by path, or by name, the user's before the bundled.

    Raises
    ------
    InputError
        There is none.
    """
    for folder in (Path(name_or_path), user_folder() / name_or_path, BUNDLED / name_or_path):
        if (folder / TABLES).is_file():
            return folder
    names = ", ".join(folder.name for folder in _folders(None)) or "none"
    raise InputError(
        f"There is no bank of known lesions named '{name_or_path}'; there are: {names}. "
        "Give one of these names or the path of a bank's folder."
    )


def bank_for(package_sha256: str, folders: Sequence[Path] | None = None) -> Bank | None:
    """Open the first bank that holds a package's embeddings, the user's before the bundled; or none.

    A bank that can't be opened, or is another package's, is passed over.
    """
    for folder in _folders(folders):
        with contextlib.suppress(LesionscopeError):
            return Bank.open(folder, package_sha256)
    return None


def _folders(folders: Sequence[Path] | None) -> list[Path]:
    found = []
    for parent in (user_folder(), BUNDLED) if folders is None else folders:
        if parent.is_dir():
            found += [folder for folder in sorted(parent.iterdir()) if (folder / TABLES).is_file()]
    return found
