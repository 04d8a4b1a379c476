"""A known lesion's scan beside the selected lesion's: looked for in the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer import wording
from lesionscope.viewer.workers import Job, Worker

if TYPE_CHECKING:
    from lesionscope.retrieval.known import KnownLesion, Neighbour
    from lesionscope.retrieval.surroundings import Shelf, Surroundings
    from lesionscope.viewer.room_state import RoomState

_opened: list[Path] = []


def remember(place: Path) -> None:
    """Keep in mind, until the program ends, that scans may lie below a place: a person opened it."""
    if place not in _opened:
        _opened.append(place)


@dataclass(frozen=True, eq=False)
class Beside:
    """A known lesion that a person chose to see beside their own.

    Parameters
    ----------
    lesion_id
        The person's own.
    neighbour
        The known one.
    note
        How far the search is, or why there is nothing to see but the bank's picture.
    scans
        The surroundings of both, once they are there.
    """

    lesion_id: str
    neighbour: Neighbour
    note: str
    scans: tuple[Surroundings, Surroundings] | None = None


class BesideDesk:
    """Looks for the scans of known lesions, one at a time, on a thread of its own.

    Not on the room's: a reading must not wait until a big folder has been looked through.

    Parameters
    ----------
    show
        Called with the field of the room's state that has changed.
    """

    def __init__(self, show: Callable[..., None]) -> None:
        self._show = show
        self._worker = Worker("lesionscope-beside")
        self._shelf: Shelf | None = None
        self._job: Job | None = None

    def open(self, state: RoomState, neighbour: Neighbour) -> None:
        """Show a neighbour of the selected lesion; what was looked for before is given up."""
        self.leave()
        volume, lesion, recalled = state.volume, state.lesion, state.known.get(neighbour.id)
        if volume is None or lesion is None:
            return
        chosen = Beside(lesion.id, neighbour, wording.LOOKING_FOR_SCAN)
        if recalled is None:
            self._show(beside=replace(chosen, note=wording.NOT_IN_BANK))
            return
        known = recalled.lesion
        self._show(beside=chosen)

        def task(cancel: CancelToken, progress: Progress) -> tuple[Surroundings, Surroundings]:
            from lesionscope.retrieval.surroundings import surroundings

            return surroundings(volume, lesion), self._find(known, progress, cancel)

        def progressed(done: int, total: int, label: str) -> None:
            if self._job is job:
                of = f" ({done}/{total})" if total else ""
                self._show(beside=replace(chosen, note=f"{label}{of}…"))

        def done(scans: tuple[Surroundings, Surroundings]) -> None:
            if self._job is job:
                note = " ".join(part for part in (wording.SCROLL_BOTH, scans[1].note) if part)
                self._show(beside=replace(chosen, note=note, scans=scans))

        def failed(sentence: str) -> None:
            if self._job is job:
                self._show(beside=replace(chosen, note=sentence))

        job = self._job = self._worker.submit(task, done=done, failed=failed, progress=progressed)

    def leave(self, *_: object) -> None:
        """Show no neighbour any more."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._show(beside=None)

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    def _find(self, known: KnownLesion, progress: Progress, cancel: CancelToken) -> Surroundings:
        """On the worker's thread: find the scan below what was opened, then below what the settings list."""
        from lesionscope.config import load
        from lesionscope.retrieval.surroundings import Shelf

        if self._shelf is None:
            self._shelf = Shelf()
        self._shelf.places = list(dict.fromkeys((*_opened, *load().studies)))
        return self._shelf.find(known, progress=progress, cancel=cancel)
