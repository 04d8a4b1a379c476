"""What became of each case of a list, a line of JSON each, on the disk before the next case begins.

Killed at any moment, the journal holds every case that was finished; half a line at its end is cut off
when it is opened again. The last line on a case counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.lock import WriterLock

VERSION = 1
Status = Literal["ok", "refused", "error"]


@dataclass(frozen=True)
class Outcome:
    """What became of one case.

    Parameters
    ----------
    case
        Its id.
    line
        Its line in the list.
    asked
        A digest of what was asked; another one is another question.
    status
        'ok' where a model answered, 'refused' where none would, 'error' where it couldn't be read.
    message
        The reason, where there is one.
    seconds
        How long it took.
    series_uid
        Which series was read.
    notice
        What the models are for.
    lesion
        The lesion's part of the report (see :func:`~lesionscope.report.document.lesion_entry`).
    """

    case: str
    line: int
    asked: str
    status: Status
    message: str = ""
    seconds: float = 0.0
    series_uid: str = ""
    notice: str = ""
    lesion: Mapping[str, Any] = field(default_factory=dict)


class CaseJournal:
    """An open journal; one process at a time has it.

    Parameters
    ----------
    path
        The file; made where it isn't there.
    models
        What reads the cases: a digest of each package by task. A journal goes on with the same ones only.

    Attributes
    ----------
    outcomes
        The last outcome of each case, by id.

    Raises
    ------
    InputError
        It was begun with other models, by a newer version, or is no journal.
    LesionscopeError
        Another process has it, or it can't be written.
    """

    def __init__(self, path: Path, models: Mapping[str, str | None]) -> None:
        self.path = path
        self.outcomes: dict[str, Outcome] = {}
        head = {"journal": "lesionscope cases", "version": VERSION, "models": dict(models)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = WriterLock.acquire(path)
            if lock is None:
                raise LesionscopeError(
                    f"Another process is reading cases into {path.parent}: wait until it has ended, or "
                    "choose another folder."
                )
            self._lock = lock
            try:
                # Nothing is held back: what a full disk refused must not be tried again in closing.
                self._stream = path.open("a+b", buffering=0)
                try:
                    self._go_on(head)
                except BaseException:
                    self._stream.close()
                    raise
            except BaseException:
                lock.release()
                raise
        except (OSError, sqlite3.Error) as error:
            why = getattr(error, "strerror", None) or error
            raise LesionscopeError(f"{path} can't be written ({why}): choose another folder.") from error

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome; it is on the disk when this returns.

        Raises
        ------
        LesionscopeError
            The disk is full…
        """
        self._write(asdict(outcome))
        self.outcomes[outcome.case] = outcome

    def close(self) -> None:
        """Let go of the file."""
        try:
            with contextlib.suppress(OSError):  # every line is on the disk already
                self._stream.close()
        finally:
            self._lock.release()

    def __enter__(self) -> CaseJournal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _go_on(self, head: Mapping[str, Any]) -> None:
        self._stream.seek(0)
        content = self._stream.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._stream.truncate(whole)
        lines = content[:whole].splitlines()
        if not lines:
            self._write(head)
            return
        try:
            begun = json.loads(lines[0])
            if begun["journal"] != head["journal"]:
                raise ValueError("it is no journal of cases")
            if begun["version"] > VERSION:
                raise InputError(f"{self.path} was written by a newer Lesionscope: update it to go on.")
            if begun["models"] != head["models"]:
                raise InputError(
                    f"{self.path.parent} was begun with other models: use those, or choose another folder."
                )
            for line in lines[1:]:
                outcome = Outcome(**json.loads(line))
                self.outcomes[outcome.case] = outcome
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{self.path} is damaged ({error}): choose another folder.") from error

    def _write(self, content: Mapping[str, Any]) -> None:
        line = json.dumps(content, allow_nan=False).encode("ascii")
        left = memoryview(line + b"\n")
        try:
            while left:
                left = left[self._stream.write(left) :]
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise LesionscopeError(
                f"{self.path} could not be written ({error.strerror or error}): free some space and run the "
                "same command again; what was read before is kept."
            ) from error
