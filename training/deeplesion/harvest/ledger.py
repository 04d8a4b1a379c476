"""What a harvest has done so far: a file a document, and the numbers that stand for patients.

Patients, studies and series are known here by keys under the site's secret alone (``retrieval/keys.py``).
Each file is written whole or not at all, so a harvest that is stopped goes on with the next document.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import SPLITS, DeepLesionRow

from ..dataset import SHARES

FOLDER = "harvest"
NUMBERS = "numbers.json"
DONE = "documents"
_NUMBERS_LOST = "bring it back from a copy, or harvest into a new folder"
_TUPLES = tuple(
    field.name for field in dataclasses.fields(DeepLesionRow) if str(field.type).startswith("tuple")
)


@dataclass(frozen=True)
class Harvested:
    """What a document gave.

    Parameters
    ----------
    uid
        Its SOPInstanceUID.
    rows
        Its lesions.
    problems
        Which item of it (or "" for the whole) was left out, and why.
    """

    uid: str
    rows: tuple[DeepLesionRow, ...]
    problems: tuple[tuple[str, str], ...]


class Ledger:
    """The ledger of a dataset's folder.

    Parameters
    ----------
    root
        The dataset.
    asked
        What was asked for; another harvest into the same folder must ask the same.

    Raises
    ------
    InputError
        It was begun with another request, or its numbers are damaged.
    """

    def __init__(self, root: Path, asked: Mapping[str, Any]) -> None:
        self.folder = root / FOLDER
        self.asked = dict(asked)
        self._numbers: dict[str, int] = {}
        path = self.folder / NUMBERS
        if path.is_file():
            held = _read(path, _NUMBERS_LOST)
            if held.get("asked") != self.asked:
                raise InputError(
                    f"{root} was begun with other settings ({json.dumps(held.get('asked'))}): use those, or "
                    "choose another folder."
                )
            try:
                self._numbers = {str(key): int(number) for key, number in held["numbers"].items()}
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InputError(f"{path} is damaged: {_NUMBERS_LOST}.") from error
        else:
            self._save()

    def knows(self, patient: str) -> bool:
        """Whether a patient, known by the key, has a number."""
        return patient in self._numbers

    def number(self, *keys: str) -> int:
        """Return the running number, from 1, of what the last key means within those before it."""
        name = "/".join(keys)
        if name not in self._numbers:
            above = "/".join(keys[:-1])
            beside = [n for other, n in self._numbers.items() if other.rpartition("/")[0] == above]
            self._numbers[name] = max(beside, default=0) + 1
            self._save()
        return self._numbers[name]

    def done(self, key: str) -> bool:
        """Whether a document, known by its key, has been gone through."""
        return self._path(key).is_file()

    def add(self, key: str, harvested: Harvested) -> None:
        """Keep what a document gave."""
        write_atomically(self._path(key), json.dumps(dataclasses.asdict(harvested)) + "\n")

    def all(self) -> Iterator[Harvested]:
        """Yield what every document gave, in the order of their keys."""
        for path in sorted((self.folder / DONE).glob("*.json")):
            held = _read(path)
            try:
                rows = tuple(_row(row) for row in held["rows"])
                yield Harvested(held["uid"], rows, tuple((item, text) for item, text in held["problems"]))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InputError(f"{path} is damaged: delete it, and harvest again.") from error

    def _path(self, key: str) -> Path:
        return self.folder / DONE / f"{key}.json"

    def _save(self) -> None:
        content = {"asked": self.asked, "numbers": self._numbers}
        write_atomically(self.folder / NUMBERS, json.dumps(content, indent=0) + "\n")


def _row(held: Mapping[str, Any]) -> DeepLesionRow:
    values: dict[str, Any] = {k: tuple(v) if k in _TUPLES else v for k, v in held.items()}
    return DeepLesionRow(**values)


def split_of(patient_key: str) -> str:
    """Return the split of a patient: 70, 15 and 15 % of all keys, and for ever the same of one."""
    at = int(patient_key[:12], 16) / 16**12
    return SPLITS[0] if at < SHARES[0] else SPLITS[1] if at < SHARES[0] + SHARES[1] else SPLITS[2]


def _read(path: Path, remedy: str = "delete it, and harvest again") -> dict[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(held, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read: {remedy}.") from error
    return held
