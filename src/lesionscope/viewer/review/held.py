"""A review's state, the project that it rests on, and opening and closing that."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from lesionscope.errors import LesionscopeError
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session
from lesionscope.session.tally import Tally
from lesionscope.viewer.review import moves, sources, words
from lesionscope.viewer.review.state import ReviewState, Work
from lesionscope.viewer.workers import Job, Worker

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class HeldReview:
    """Holds a review's state and its project's file.

    Parameters
    ----------
    room
        Where lesions are shown, and whose label model predicts.
    graph
        The labels; the bundled ones by default.

    Attributes
    ----------
    changed
        Emitted with the new :class:`ReviewState`, after the change is on disk.
    """

    changed = Signal(ReviewState, reemission="latest-only")

    def __init__(self, room: Room, graph: LabelGraph | None = None) -> None:
        self.room, self.graph = room, graph or load_labels()
        self._state = ReviewState()
        self._session: Session | None = None
        self._opening: Job | None = None
        self._closed = False
        self._since = time.monotonic()
        self._tally = Tally()
        self.worker = Worker("lesionscope-review")

    @property
    def state(self) -> ReviewState:
        """The review now."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether the window has gone."""
        return self._closed

    def _set(self, **changes: Any) -> None:
        self._take(replace(self._state, **changes))

    def _take(self, state: ReviewState) -> None:
        if not self._closed and state != self._state:
            self._state = state
            self.changed.emit(state)

    def notify(self, sentence: str) -> None:
        """Tell the person something; the next action clears it."""
        self._set(notice=sentence)

    # -- opening --------------------------------------------------------------------------

    def open(self, source: sources.Source) -> None:
        """Open a project in the background; the one before is closed."""
        self.stop_opening()
        self.leave()
        self._set(opening=Work(words.OPENING))
        self._opening = self.worker.submit(
            source,
            done=self._begin,
            failed=lambda sentence: self._set(opening=None, notice=sentence),
            cancelled=lambda: self._set(opening=None),
            progress=lambda done, total, title: self._set(opening=Work(title, done, total)),
        )

    def stop_opening(self) -> None:
        """Open nothing after all."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    def open_project(self, path: str | Path) -> None:
        """Open a reading project that is there."""
        self.open(sources.project(Path(path)))

    def _begin(self, opened: sources.Opened) -> None:
        self._session, self._opening = opened.session, None
        self._set(
            path=opened.session.path,
            project=opened.session.state,
            read_only=opened.session.read_only,
            notes=opened.notes,
            opening=None,
        )

    # -- changes --------------------------------------------------------------------------

    def _do(self, change: Callable[[Session], SessionState]) -> SessionState | None:
        """Make one change of the project: on disk first; else say why not."""
        session = self._session
        if session is None:
            return None
        if session.read_only:
            self.notify(words.READ_ONLY)
            return None
        try:
            return change(session)
        except LesionscopeError as error:
            self.notify(str(error))
            return None

    def _refresh(self, state: ReviewState) -> None:
        """Take a state with all that follows from it."""
        state = moves.warned(moves.sighted(state), self.graph)
        if state.project is not None and state.reader:
            looked = {lesion_id for reader, lesion_id in state.looked if reader == state.reader}
            counted = self._tally.progress(state.project, state.reader, blinded=state.blinded, looked=looked)
            state = replace(state, progress=counted)
        self._take(state)

    # -- end ------------------------------------------------------------------------------

    def leave(self) -> None:
        """Close the project; another one may be opened."""
        self._let_go()
        self._close_session()
        self._tally = Tally()
        self._take(ReviewState(no_model=self._state.no_model))

    def _let_go(self) -> None:
        """Stop what is under way for the project."""

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def close(self) -> None:
        """End everything: no thread and no lock is left."""
        if not self._closed:
            self._closed = True
            self._let_go()
            self.worker.close()
            self._close_session()
