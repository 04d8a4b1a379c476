"""A table's cells: a JSON file each, made once and all alike."""

from __future__ import annotations

import dataclasses
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.progress import Progress, silent

from .precision import FLOAT32


class Alike(Protocol):
    """What all cells of a table share."""

    def said(self) -> dict[str, Any]:
        """Return what a cell says of how it was made; all cells of a table say the same."""


AnySettings = TypeVar("AnySettings", bound=Alike)


@dataclass(frozen=True, kw_only=True)
class PhantomSettings:
    """What all cells of a table on phantoms share.

    Parameters
    ----------
    train, validation, test
        Cases of each split.
    precision, threads
        As in recipes.
    cache
        Where the phantoms lie.
    """

    PHANTOM: ClassVar[str | int]
    """The phantoms' version."""

    train: int
    validation: int
    test: int
    precision: str = FLOAT32
    cache: str = ""
    threads: int = 1

    def said(self) -> dict[str, Any]:
        """Return what a cell says of how it was made; all cells of a table say the same."""
        own = dataclasses.asdict(self) | {"phantom": self.PHANTOM}
        return {name: value for name, value in own.items() if name not in ("cache", "threads")}

    def changes(self, seed: int) -> dict[str, Any]:
        """Return what is changed in the recipe of every row."""
        return {
            "data.train": self.train,
            "data.validation": self.validation,
            "data.test": self.test,
            "data.cache": self.cache,
            "threads": self.threads,
            "precision": self.precision,
            "seed": seed,
        }


class CellTable(ABC, Generic[AnySettings]):
    """Cells in a folder, made one after another, a JSON file each.

    Parameters
    ----------
    folder
        Where the cells' files lie.
    runs
        Where checkpoints of unfinished cells lie.
    settings
        What all cells share.
    """

    def __init__(self, folder: Path, runs: Path, settings: AnySettings, progress: Progress = silent) -> None:
        self.folder, self.runs, self.settings, self.progress = folder, runs, settings, progress

    def cell(self, row: str, seed: int) -> dict[str, Any]:
        """Make a cell, or read it where it is made.

        Raises
        ------
        InputError
            It was made in another way than what is made now.
        """
        run = self.runs / cell_name(row, seed)
        path = self.folder / f"{run.name}.json"
        made = made_once(path, self.settings.said(), lambda: self.make(row, seed, run))
        shutil.rmtree(run, ignore_errors=True)
        return made

    @abstractmethod
    def make(self, row: str, seed: int, run: Path) -> dict[str, Any]:
        """Train and score a cell; ``run`` is the folder of its checkpoint until it is made."""


def cell_name(row: str, seed: int) -> str:
    """Return what the files of a cell are called."""
    return f"{row}-seed{seed}"


def read_cells(folder: Path, pattern: str = "*-seed*.json") -> list[dict[str, Any]]:
    """Return all cells that are made, or other files of a table."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(pattern))]


def made_once(
    path: Path, settings: Mapping[str, Any], make: Callable[[], Mapping[str, Any]], indent: int | None = None
) -> dict[str, Any]:
    """Read a file of a table, or make it.

    Parameters
    ----------
    path
        The file.
    settings
        How what is made now is made; the file says so in its ``settings``.
    make
        Makes the rest of its content.
    indent
        As for :func:`json.dumps`.

    Raises
    ------
    InputError
        It was made in another way than others are made now.
    """
    if not path.exists():
        content = {**make(), "settings": dict(settings)}
        write_atomically(path, json.dumps(content, indent=indent) + "\n")
        return content
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    own = made["settings"]
    if own != settings:
        names = dict.fromkeys((*settings, *own))
        apart = [name for name in names if own.get(name) != settings.get(name)]
        said = ", ".join(f"{name} {own.get(name)} and not {settings.get(name)}" for name in apart)
        raise InputError(
            f"{path} was made in another way ({said}), and a table's cells are all made alike: "
            "give another --folder, or delete it to have it made again."
        )
    return made


def rounded(values: Iterable[float], digits: int = 4) -> list[float]:
    """Return figures as a cell holds them."""
    return [round(float(value), digits) for value in values]
