"""Finding banks of known lesions: the user's folder, the bundled ones, or a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionscope.config import data_folder
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.retrieval.bank import TABLES, Bank, OtherBank
from lesionscope.retrieval.banks import Banks

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
    names = ", ".join(folder.name for folder in bank_folders()) or "none"
    raise InputError(
        f"There is no bank of known lesions named '{name_or_path}'; there are: {names}. "
        "Give one of these names or the path of a bank's folder."
    )


@dataclass(frozen=True, eq=False)
class BanksFound:
    """The banks of a package, or ``None``; and a sentence for each that could not be opened."""

    banks: Banks | None
    problems: tuple[str, ...] = ()


def banks_for(package_sha256: str, folders: Sequence[Path] | None = None) -> BanksFound:
    """Open the banks that hold a package's embeddings: all of the user's, else the bundled ones.

    Banks of other packages are passed over, and empty ones.
    """
    problems = []
    for parent in (user_folder(), BUNDLED) if folders is None else folders:
        opened = []
        for folder in bank_folders([parent]):
            try:
                bank = Bank.open(folder, package_sha256)
            except OtherBank:
                continue
            except LesionscopeError:
                problems.append(
                    f"The bank of known lesions '{folder.name}' can't be opened, so it was not asked for "
                    "similar lesions: 'lesionscope doctor' says why."
                )
                continue
            if len(bank):
                opened.append(bank)
            else:
                bank.close()
        if opened:
            return BanksFound(Banks(opened), tuple(problems))
    return BanksFound(None, tuple(problems))


def bank_folders(folders: Sequence[Path] | None = None) -> list[Path]:
    """Return the folders of all banks, the user's first."""
    found = []
    for parent in (user_folder(), BUNDLED) if folders is None else folders:
        if parent.is_dir():
            found += [folder for folder in sorted(parent.iterdir()) if (folder / TABLES).is_file()]
    return found
