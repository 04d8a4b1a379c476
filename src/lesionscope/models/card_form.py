"""What the card of every model package says, and reading one strictly.

``card.json`` is read strictly: a missing, unknown or ill-typed entry is refused
with a sentence that names the file and the entry, because a half-understood card
would give wrong numbers that look right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from lesionscope.errors import InputError

AGAIN = "install the model package again"
"""What helps against a damaged package."""
TASKS = ("pathology", "labels", "relation", "detection", "chest-xray")
"""What models here answer, in the order in which they are listed."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What every card says; each task's card adds what is its own.

    Parameters
    ----------
    name, version
        Which package it is.
    task
        What the model answers, in a word; it decides which class reads the card.
    title, demonstration, intended_use, limits, licence
        What people must know before they use it.
    training_data, metrics
        What it learnt from, and what it reaches.
    sha256
        Digests of the package's other files, by key.
    """

    name: str
    version: str
    task: str
    title: str
    demonstration: bool
    intended_use: str
    limits: tuple[str, ...]
    training_data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str
    sha256: Mapping[str, str]

    @property
    def called(self) -> str:
        """Name and version, as windows, readings and reports give them."""
        return f"{self.name} {self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``card.json``."""
        entries = {one.name: getattr(self, one.name) for one in fields(self)}
        return {key: part.as_dict() if hasattr(part, "as_dict") else part for key, part in entries.items()}

    def as_json(self) -> str:
        """Return ``card.json``'s text; refuses numbers that JSON has no word for (NaN)."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class Section:
    """One JSON object of a card, read key by key with errors that name the place."""

    def __init__(self, data: object, origin: str, where: str = "") -> None:
        self.origin, self.where = origin, where
        self.place = f"{origin}: {where}" if where else origin
        if not isinstance(data, Mapping):
            raise InputError(f"{self.place} must be a JSON object; {AGAIN}.")
        self.data = data

    def refuse(self, key: str, wanted: str) -> InputError:
        """Return the error for an entry that isn't what is wanted."""
        return InputError(f"{self.place}: the entry '{key}' must be {wanted}; {AGAIN}.")

    def only(self, known: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Refuse missing and unknown entries; those of ``optional`` may be there or not."""
        needed = set(known) - set(optional)
        missing, unknown = needed - set(self.data), set(self.data) - needed - set(optional)
        if missing:
            raise InputError(f"{self.place} lacks {', '.join(sorted(missing))}; {AGAIN}.")
        if unknown:
            raise InputError(
                f"{self.place} has entries this version does not know ({', '.join(sorted(unknown))}); "
                "update Lesionscope or use another model package."
            )

    def section(self, key: str, known: Iterable[str]) -> Section:
        """Return an entry that must be a JSON object with these entries."""
        inner = Section(self.data[key], self.origin, " → ".join(filter(None, (self.where, f"'{key}'"))))
        inner.only(known)
        return inner

    def text(self, key: str) -> str:
        """Return an entry that must be a text with something in it."""
        value = self.data[key]
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, "a text")
        return value

    def truth(self, key: str) -> bool:
        """Return an entry that must be true or false."""
        value = self.data[key]
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def number(self, key: str) -> float:
        """Return an entry that must be a finite number."""
        return self.numbers(key, wrapped=[self.data[key]])[0]

    def whole(self, key: str) -> int:
        """Return an entry that must be a whole number."""
        value = self.data[key]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse(key, "a whole number")
        return value

    def numbers(self, key: str, count: int | None = None, wrapped: object = None) -> tuple[float, ...]:
        """Return an entry that must be a list of finite numbers, ``count`` of them where given."""
        values = self.data[key] if wrapped is None else wrapped
        wanted = "a finite number" if wrapped is not None else f"a list of {count or ''} finite numbers"
        if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
            raise self.refuse(key, wanted)
        for value in values:
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise self.refuse(key, wanted)
        return tuple(float(value) for value in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an entry that must be a list of texts."""
        values = self.data[key]
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise self.refuse(key, "a list of texts")
        return tuple(values)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return an entry that must be a JSON object."""
        value = self.data[key]
        if not isinstance(value, Mapping):
            raise self.refuse(key, "a JSON object")
        return value


def open_card(
    data: object, origin: str, kind: type[ModelCard], task: str, optional: Iterable[str] = ()
) -> Section:
    """Return a card's entries: those of ``kind``, for its task.

    Raises
    ------
    InputError
        The card is another task's, or an entry is missing or unknown.
    """
    top = Section(data, origin)
    given = top.data.get("task")
    if given not in TASKS:
        raise InputError(
            f"{origin} names no task that this version knows ({', '.join(TASKS)}); "
            "update Lesionscope or use another model package."
        )
    if given != task:
        raise InputError(
            f"{origin} is of a package for the task '{given}', not '{task}': choose one for that task."
        )
    top.only((one.name for one in fields(kind)), optional)
    return top


def common_entries(top: Section, files: Iterable[str]) -> dict[str, Any]:
    """Read what every card says; ``files`` are the keys of its ``sha256`` section.

    Raises
    ------
    InputError
        An entry is ill-typed.
    """
    sha256 = top.section("sha256", files)
    return {
        "name": top.text("name"),
        "version": top.text("version"),
        "task": top.text("task"),
        "title": top.text("title"),
        "demonstration": top.truth("demonstration"),
        "intended_use": top.text("intended_use"),
        "limits": top.texts("limits"),
        "training_data": top.mapping("training_data"),
        "metrics": top.mapping("metrics"),
        "licence": top.text("licence"),
        "sha256": {key: sha256.text(key) for key in sha256.data},
    }
