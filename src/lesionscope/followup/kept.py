"""A comparison's choices on disk: one small JSON file for two series, with all steps for undo.

Every change is on disk before :meth:`KeptChoices.record` returns. Only choices are kept: the
studies' marks lie in their own sessions.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from pathlib import Path
from typing import Any

from lesionscope.config import data_folder
from lesionscope.errors import LesionscopeError
from lesionscope.files import write_atomically
from lesionscope.followup.comparison import Choices
from lesionscope.followup.pairing import Pair, Pairing, Verdict
from lesionscope.followup.response import Seen
from lesionscope.followup.sites import Site
from lesionscope.lock import WriterLock

VERSION = 1
MOST_STEPS = 500
"""Older steps can't be undone any more."""


def default_path(baseline_uid: str, followup_uid: str) -> Path:
    """Return the file of two series; its name is a digest that tells nothing."""
    both = "\n".join((baseline_uid, followup_uid)).encode("utf-8", "surrogatepass")
    return data_folder() / "comparisons" / f"{hashlib.sha256(both).hexdigest()[:32]}.json"


def choices_to_dict(choices: Choices) -> dict[str, Any]:
    """Return choices as JSON values."""
    return {
        "pairs": [
            {
                "baseline": pair.baseline,
                "followup": pair.followup,
                "distance_mm": pair.distance_mm if math.isfinite(pair.distance_mm) else None,
                "confidence": pair.confidence,
                "verdict": str(pair.verdict),
            }
            for pair in choices.pairing.pairs
        ],
        "targets": None if choices.targets is None else list(choices.targets),
        "sites": {id: [site.organ, site.node] for id, site in choices.sites.items()},
        "fates": {id: str(fate) for id, fate in choices.fates.items()},
        "news": dict(choices.news),
    }


def choices_from_dict(data: Any) -> Choices:
    """Return the choices that :func:`choices_to_dict` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        The values are no choices.
    """
    pairs = tuple(
        Pair(
            str(one["baseline"]),
            str(one["followup"]),
            math.inf if one["distance_mm"] is None else float(one["distance_mm"]),
            float(one["confidence"]),
            Verdict(one["verdict"]),
        )
        for one in data["pairs"]
    )
    return Choices(
        Pairing(pairs),
        None if data["targets"] is None else tuple(map(str, data["targets"])),
        {str(id): Site(str(organ), bool(node)) for id, (organ, node) in data["sites"].items()},
        {str(id): Seen(fate) for id, fate in data["fates"].items()},
        {str(id): bool(new) for id, new in data["news"].items()},
    )


class KeptChoices:
    """The choices of one comparison, each step durable and undoable, across restarts too.

    Parameters
    ----------
    path
        The file; made with the first change.

    Raises
    ------
    LesionscopeError
        The file is damaged, of a newer version, or its folder can't be made.

    Attributes
    ----------
    notice
        Why it is read-only, for the person; empty where it isn't.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice = ""
        self._steps, self._place = [Choices()], 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = WriterLock.acquire(path)
        except (OSError, sqlite3.Error) as error:
            raise LesionscopeError(
                f"Comparisons can't be kept in {path.parent} ({error}): make the folder writable."
            ) from error
        if self._lock is None:
            self.notice = "These studies are compared in another window, so the comparison is read-only here."
        try:
            if path.is_file():
                self._read()
        except BaseException:
            self.close()
            raise

    @property
    def choices(self) -> Choices:
        """The choices now."""
        return self._steps[self._place]

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to repeat."""
        return self._place < len(self._steps) - 1

    def record(self, choices: Choices) -> Choices:
        """Keep new choices as one step; the same ones again are none.

        Raises
        ------
        LesionscopeError
            It is read-only, or the disk refused; then nothing has changed.
        """
        if choices != self.choices:
            steps = [*self._steps[: self._place + 1], choices][-MOST_STEPS:]
            self._write(steps, len(steps) - 1)
        return self.choices

    def undo(self) -> Choices:
        """Take back the last step; raises as :meth:`record`."""
        if self.can_undo:
            self._write(self._steps, self._place - 1)
        return self.choices

    def redo(self) -> Choices:
        """Repeat the step last undone; raises as :meth:`record`."""
        if self.can_redo:
            self._write(self._steps, self._place + 1)
        return self.choices

    def close(self) -> None:
        """Let go of the file."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _write(self, steps: list[Choices], place: int) -> None:
        if self._lock is None:
            raise LesionscopeError(self.notice or "The comparison is closed: open it again.")
        content = {"version": VERSION, "place": place, "steps": [choices_to_dict(step) for step in steps]}
        write_atomically(self.path, json.dumps(content, allow_nan=False))
        self._steps, self._place = steps, place

    def _read(self) -> None:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["version"] > VERSION:
                raise LesionscopeError(f"{self.path} was written by a newer Lesionscope: update to open it.")
            steps, place = [choices_from_dict(step) for step in content["steps"]], int(content["place"])
            if not 0 <= place < len(steps):
                raise ValueError("the place lies beyond the steps")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LesionscopeError(
                f"{self.path} is damaged ({error}): move it away to begin this comparison anew."
            ) from error
        self._steps, self._place = steps, place
