"""Finding model packages: the user's folder, the bundled ones, or a path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionscope.errors import InputError
from lesionscope.models.package import BUNDLED as BUNDLED
from lesionscope.models.package import CARD, ModelPackage, open_package, task_of, user_folder

OTHERS = ("labels", "relation", "detection", "chest-xray")
"""Tasks whose packages have a form of their own: see ``label_package.py`` and its like."""
DEFAULTS = {"pathology": "radpath-demo"}
"""The package that answers where none is named, by task."""


@dataclass(frozen=True)
class Survey:
    """What the folders hold: packages that open, and a sentence for each that doesn't."""

    packages: tuple[ModelPackage, ...]
    problems: tuple[str, ...]


def survey(task: str | None = None, folders: Sequence[Path] | None = None) -> Survey:
    """Look through folders of packages; by default the user's, then the bundled ones.

    Packages of :data:`OTHERS` are passed over.
    """
    found: list[ModelPackage] = []
    problems: list[str] = []
    for folder in (user_folder(), BUNDLED) if folders is None else folders:
        if not folder.is_dir():
            continue
        for candidate in sorted(folder.iterdir()):
            if not (candidate / CARD).is_file() or task_of(candidate) in OTHERS:
                continue
            try:
                package = open_package(candidate)
            except InputError as error:
                problems.append(str(error))
                continue
            if task is None or package.card.task == task:
                found.append(package)
    return Survey(tuple(found), tuple(problems))


def packages(task: str | None = None, folders: Sequence[Path] | None = None) -> tuple[ModelPackage, ...]:
    """Return the packages for a task (all by default) that open, the user's first."""
    return survey(task, folders).packages


def find(
    name_or_path: str | Path | None = None,
    task: str = "pathology",
    folders: Sequence[Path] | None = None,
) -> ModelPackage:
    """Return one package: by name, by path, or the task's default.

    A user's package hides a bundled one of the same name.

    Raises
    ------
    InputError
        There is none, or it can't be opened; the sentence lists the names there are.
    """
    if name_or_path is not None and _is_path(name_or_path):
        package = open_package(name_or_path)
        if package.card.task != task:
            raise InputError(
                f"{name_or_path} is a package for the task '{package.card.task}', not '{task}': "
                "choose one for that."
            )
        return package
    seen = survey(task, folders)
    wanted = DEFAULTS.get(task) if name_or_path is None else str(name_or_path)
    for package in seen.packages:
        if package.name == wanted:
            return package
    names = ", ".join(dict.fromkeys(package.name for package in seen.packages)) or "none"
    trouble = "".join(f" Not usable: {problem}" for problem in seen.problems)
    raise InputError(
        f"There is no {task} model named '{wanted}'; installed: {names}. "
        f"Give one of these names or the path of a package folder.{trouble}"
    )


def _is_path(name_or_path: str | Path) -> bool:
    """Whether a request means a folder rather than a name."""
    text = str(name_or_path)
    separators = {os.sep, os.altsep or os.sep, "/"}
    return isinstance(name_or_path, Path) or any(s in text for s in separators) or Path(text, CARD).is_file()
