"""A reading session on disk: one SQLite file, written before anyone sees a change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.inference.reading import Reading
from lesionscope.lock import WriterLock
from lesionscope.session import opening, rows, schema
from lesionscope.session.commands import AddReading, Command, KeepOutline
from lesionscope.session.history import Entry
from lesionscope.session.outline import KeptOutline
from lesionscope.session.paths import default_path
from lesionscope.session.state import SessionState

__all__ = ["Session", "default_path"]

Subscriber = Callable[[SessionState], None]
_log = logging.getLogger(__name__)


class Session:
    """Lesions, readings and decisions of one CT series, or a reading project of many studies.

    Open it with :meth:`Session.open`.

    Every change goes through :meth:`apply`, :meth:`undo` or :meth:`redo`: it is
    durable on disk before they return and before subscribers hear of it. When the
    disk refuses, they raise and the state is as it was. Safe from any thread;
    subscribers are called in the thread that made the change.

    Attributes
    ----------
    path
        The session file.
    read_only
        Whether changes are refused.
    notices
        Sentences for the person about how it was opened: why it is read-only, or
        what became of a damaged file.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        contents: opening.Contents,
        lock: WriterLock | None,
        notices: tuple[str, ...],
    ) -> None:
        self.path = path
        self.read_only = lock is None
        self.notices = notices
        self._engine = engine
        self._writer = lock
        self._history, self._readings, self._outlines, self._revision = contents
        self._guard = threading.RLock()
        self._subscribers: list[Subscriber] = []
        self._closed = False
        self._state = self._snapshot()

    @classmethod
    def open(cls, path: str | Path, *, series_uid: str | None = None, read_only: bool = False) -> Session:
        """Open the session file of a series, or make it; without a series, a reading project.

        Where another window has it open for writing, or the folder can't be
        written, an existing file opens read-only and ``notices`` says so. A
        damaged file is renamed and kept, and a new session is begun.

        Raises
        ------
        InputError
            A newer file, another program's file for a project (which is left as it is), a folder, one of
            another series, or a project where a session was expected or the other way round.
        LesionscopeError
            The file can't be made or read.
        """
        path = Path(path)
        if series_uid is None:  # a person named it; a series' session lies where we put it
            opening.check_ours(path)
        notices: list[str] = []
        lock: WriterLock | None = None
        if not read_only:
            lock = opening.writer_lock(path, notices)
        try:
            try:
                engine, contents = opening.load(path, series_uid, read_only=lock is None)
            except schema.DamagedFile as damage:
                if lock is None:
                    raise InputError(
                        f"{path} is damaged ({damage}) and was left as it is: "
                        "open it for writing to have it kept aside and begin a new session."
                    ) from damage
                kept = opening.keep_aside(path)
                notices.append(
                    f"{path.name} is damaged ({damage}): it was kept as {kept.name} and a new session was "
                    "begun; restore the file from a backup if you need what it held."
                )
                engine, contents = opening.load(path, series_uid, read_only=False)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(path, engine, contents, lock, tuple(notices))

    @property
    def state(self) -> SessionState:
        """What the session holds now."""
        return self._state

    def apply(self, command: Command) -> SessionState:
        """Make a change durable, then return the new state.

        A command that changes nothing returns the state as it was, without an
        undo step; so does a reading or an outline for a lesion that has gone.

        Raises
        ------
        UsageError
            The command doesn't fit (a lesion changed that isn't there).
        InputError
            A text in it can't be kept.
        LesionscopeError
            The session is read-only or closed, or the disk refused.
        """
        with self._guard:
            self._check_writable()
            if isinstance(command, AddReading):
                changed = self._keep_reading(command.reading)
            elif isinstance(command, KeepOutline):
                changed = self._keep_outline(command.outline)
            else:
                changed = self._keep_entry(self._history.plan(command))
        if changed:
            self._publish()
        return self._state

    def undo(self) -> SessionState:
        """Take back the last step; without one, nothing happens. Raises as :meth:`apply`."""
        return self._travel(lambda: self._history.plan_undo())

    def redo(self) -> SessionState:
        """Repeat the step last undone; without one, nothing happens. Raises as :meth:`apply`."""
        return self._travel(lambda: self._history.plan_redo())

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call ``callback`` with the new state after each change; returns how to stop it."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def close(self) -> None:
        """Let go of the file; safe more than once. The last state stays readable."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            self._subscribers.clear()
            self._engine.dispose()
            if self._writer is not None:
                self._writer.release()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _travel(self, plan: Callable[[], Entry | None]) -> SessionState:
        with self._guard:
            self._check_writable()
            changed = self._keep_entry(plan())
        if changed:
            self._publish()
        return self._state

    def _keep_entry(self, entry: Entry | None) -> bool:
        if entry is None:
            return False
        with self._writing() as connection:
            rows.write_step(connection, entry)
        imported = self._history.mined
        self._history.record(entry)
        # Decisions leave all else as it is: thousands of lesions need not be gone through for one.
        self._changed(marks=bool(entry.lesion_id) or self._history.mined is not imported)
        return True

    def _keep_reading(self, reading: Reading) -> bool:
        if reading.lesion_id not in self._history or self._readings.holds(reading):
            return False
        with self._writing() as connection:
            rows.write_reading(connection, reading)
        self._readings.add(reading)
        self._changed()
        return True

    def _keep_outline(self, outline: KeptOutline) -> bool:
        mark = outline.lesion_id, outline.fingerprint
        if outline.lesion_id not in self._history or self._outlines.get(mark) == outline:
            return False
        with self._writing() as connection:
            rows.write_outline(connection, outline)
        self._outlines[mark] = outline
        self._changed()
        return True

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give a transaction; it is on disk when the block is left."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise LesionscopeError(
                f"The session file {self.path} could not be written ({error.orig}), so the change was not "
                "made: free some space or make the file writable, and try again."
            ) from error
        except UnicodeEncodeError as error:
            raise InputError(
                f"A text holds half a character ({error.object[error.start : error.end]!a}), which can't be "
                "kept, so the change was not made: write the text anew."
            ) from error

    def _changed(self, *, marks: bool = True) -> None:
        self._revision += 1
        self._state = self._snapshot() if marks else self._decided(self._state)

    def _snapshot(self) -> SessionState:
        history = self._history
        lesions = history.lesions
        read = chain(lesions, (mined.lesion for mined in history.mined.values()))
        shown = [reading for lesion in read for reading in self._readings.shown(lesion)]
        state = SessionState(
            lesions=lesions,
            readings=MappingProxyType({(reading.lesion_id, reading.task): reading for reading in shown}),
            mined=MappingProxyType(history.mined),
            studies=MappingProxyType(history.studies),
            outlines=MappingProxyType(
                {
                    lesion.id: kept
                    for lesion in lesions
                    if (kept := self._outlines.get((lesion.id, lesion.fingerprint))) is not None
                }
            ),
        )
        return self._decided(state)

    def _decided(self, state: SessionState) -> SessionState:
        """Bring decisions, and what goes with every step, up to date in a state."""
        return replace(
            state,
            undo_title=self._history.undo_title,
            redo_title=self._history.redo_title,
            undo_reader=self._history.undo_reader,
            redo_reader=self._history.redo_reader,
            revision=self._revision,
            decisions=self._history.decisions,
            decided=MappingProxyType(dict(self._history.decided)),
            unveiled=MappingProxyType(dict(self._history.unveiled)),
            visits=MappingProxyType(self._history.visits),
            notes=MappingProxyType(self._history.notes),
        )

    def _publish(self) -> None:
        for callback in tuple(self._subscribers):
            try:
                # The newest state, also where an earlier listener has just made another change.
                callback(self._state)
            except Exception:
                # The change is on disk: one listener's fault must neither deny it nor keep it from others.
                _log.exception("A listener failed on a change of the session.")

    def _check_writable(self) -> None:
        if self._closed:
            raise LesionscopeError("The session is closed, so the change was not made: open the CT again.")
        if self.read_only:
            raise LesionscopeError(
                "The session is open read-only, so the change was not made: "
                "close it in the other window (or make its folder writable) and open it again."
            )
