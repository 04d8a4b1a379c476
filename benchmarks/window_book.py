"""What a script did to a session, written down beside it, and the session file read against that."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lesionscope.lesions.lesion import Lesion, Point
from lesionscope.session.store import Session

Ends = tuple[Point, Point]
WITHIN_MM = 0.6
"""A pixel's edge on the canvas, at the zoom that a whole scan fits with."""


@dataclass(frozen=True)
class Mark:
    """A lesion as the script left it; what it didn't choose is ``None``."""

    number: int
    centre: Point | None = None
    long: Ends | None = None
    short: Ends | None = None


@dataclass
class Book:
    """The log's kinds in order, and what is marked after each step; a project has no series."""

    series_uid: str | None = None
    kinds: list[str] = field(default_factory=list)
    _done: list[tuple[Mark, ...]] = field(default_factory=lambda: [()])
    _undone: list[tuple[Mark, ...]] = field(default_factory=list)
    _last: int = 0
    read: bool = False
    """Whether the script waited until both models had answered for each lesion as it is."""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is marked now."""
        return self._done[-1]

    @property
    def steps(self) -> int:
        """How many steps can be undone."""
        return len(self._done) - 1

    @property
    def undone(self) -> int:
        """How many steps can be redone."""
        return len(self._undone)

    def step(self, kind: str, marks: tuple[Mark, ...] | None = None) -> None:
        """Write a step down; without marks they stay as they were."""
        self.kinds.append(kind)
        self._done.append(self.marks if marks is None else marks)
        self._undone.clear()
        self.read = False

    def add(self, **known: Point | Ends) -> int:
        """Write a new lesion down; return its number."""
        self._last += 1
        self.step("add", (*self.marks, Mark(self._last, **known)))
        return self._last

    def change(self, number: int, **known: Point | Ends | None) -> None:
        """Write a changed lesion down."""
        self.step("replace", tuple(replace(m, **known) if m.number == number else m for m in self.marks))

    def remove(self, number: int) -> None:
        """Write a deleted lesion down."""
        self.step("remove", tuple(mark for mark in self.marks if mark.number != number))

    def turn(self, kind: Literal["undo", "redo"]) -> None:
        """Write an undo or a redo down."""
        source, target = (self._done, self._undone) if kind == "undo" else (self._undone, self._done)
        target.append(source.pop())
        self.kinds.append(kind)
        self.read = False

    def differences(self, path: Path) -> list[str]:
        """Say what a session file holds that the script didn't do, or the other way round."""
        if not path.is_file():
            return [f"{path.name} is missing"] if self.kinds else []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            kinds = [kind for (kind,) in connection.execute("select kind from edits order by seq")]
        finally:
            connection.close()
        found = [] if kinds == self.kinds else [f"{path.name}: {kinds} logged, {self.kinds} done"]
        with Session.open(path, series_uid=self.series_uid, read_only=True) as session:
            state = session.state
        lesions = {lesion.number: lesion for lesion in state.lesions}
        if sorted(lesions) != sorted(mark.number for mark in self.marks):
            return [*found, f"{path.name}: lesions {sorted(lesions)}, {self.marks} marked"]
        for mark in self.marks:
            lesion = lesions[mark.number]
            found += [f"{path.name}, lesion {mark.number}: {one}" for one in _unlike(mark, lesion)]
            for task in ("pathology", "labels") if self.read else ():
                if state.reading(lesion.id, task) is None or state.is_stale(lesion.id, task):
                    found.append(f"{path.name}, lesion {mark.number}: no reading of its {task} as it is")
        return found


def _unlike(mark: Mark, lesion: Lesion) -> list[str]:
    """Say in what a lesion on disk differs from what the script marked."""
    found = []
    if mark.centre is not None and not _near(mark.centre, lesion.centroid_lps_mm):
        found.append(f"at {lesion.centroid_lps_mm}, {mark.centre} was clicked")
    for name in ("long", "short"):
        drawn, kept = getattr(mark, name), getattr(lesion, name)
        if drawn is None:
            continue
        ends = None if kept is None else (kept.start_lps_mm, kept.end_lps_mm)
        if ends is None or not all(_near(a, b) for a, b in zip(drawn, ends, strict=True)):
            found.append(f"{name} {ends}, {drawn} was drawn")
    return found


def _near(one: Point, other: Point) -> bool:
    return bool(np.abs(np.subtract(one, other)).max() <= WITHIN_MM)
