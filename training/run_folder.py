"""A run's folder: ``metrics.json`` and ``package/``, whatever was trained."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.models.package import CARD, OpenedPackage

METRICS = "metrics.json"
PACKAGE = "package"
AnyPackage = TypeVar("AnyPackage", bound=OpenedPackage[Any])


@dataclass(frozen=True)
class TrainingResult(Generic[AnyPackage]):
    """Where a run left its files, and its metrics as ``metrics.json`` has them."""

    out: Path
    package: AnyPackage
    metrics: dict[str, Any]


def write_metrics(out: Path, content: Mapping[str, Any]) -> None:
    """Write ``metrics.json``; refuses numbers that JSON has no word for (NaN)."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(out / METRICS, text + "\n")


def read_metrics(out: Path) -> dict[str, Any]:
    """Read ``metrics.json``."""
    content: dict[str, Any] = json.loads((out / METRICS).read_text(encoding="utf-8"))
    return content


def open_checkpoint(checkpoint: Path, open_package: Callable[[Path], AnyPackage]) -> AnyPackage:
    """Open a package folder, or the package of a run's folder (or of a file in it), and verify it.

    Raises
    ------
    InputError
        There is no package, or it can't be used.
    """
    folder = checkpoint.parent if checkpoint.is_file() else checkpoint
    for candidate in (folder, folder / PACKAGE):
        if (candidate / CARD).is_file():
            package = open_package(candidate)
            package.verify()
            return package
    raise InputError(
        f"{checkpoint} is neither a model package nor the folder of a finished run: "
        "give a folder with card.json, or the --out folder of 'lesionscope train'."
    )


def note_test(package: OpenedPackage[Any], figures: Mapping[str, Any]) -> None:
    """Write what a test came to into a package's card."""
    card = dataclasses.replace(package.card, metrics={**package.card.metrics, "test": dict(figures)})
    write_atomically(package.folder / CARD, card.as_json())
