"""Opening a session file: who may write it, what it holds, and what becomes of a damaged one."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from lesionscope.database import engine_for, uri_of
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.files import write_atomically
from lesionscope.lesions.lesion import Lesion
from lesionscope.lock import WriterLock
from lesionscope.session import codec, rows, schema
from lesionscope.session.history import Entry, History, KeptReadings
from lesionscope.session.outline import KeptOutline

Outlines = dict[tuple[str, str], KeptOutline]
"""By lesion and fingerprint."""
Contents = tuple[History, KeptReadings, Outlines, int]
"""The log, the readings, the outlines, and how many changes they are together."""
Loaded = tuple[Engine, Contents]


def check_ours(path: Path) -> None:
    """Refuse what can't become a session file, before anything is made or moved beside it.

    Raises
    ------
    InputError
        A folder, a file that no Lesionscope wrote, or a name that the disk doesn't take.
    LesionscopeError
        The file can't be read.
    """
    try:
        folder, new = path.is_dir(), not path.exists() or (path.is_file() and not path.stat().st_size)
    except OSError as error:
        raise InputError(f"{path} can't be used ({error.strerror}): choose another name.") from error
    if folder:
        raise InputError(f"{path} is a folder: name the session file in it, or a new one.")
    if not new and not is_ours(path):
        raise InputError(
            f"{path} is a file of another program, and was left as it is: choose a Lesionscope session file, "
            "or a new name."
        )


def is_ours(path: Path) -> bool:
    """Whether a file that is there is a session file, whole or damaged: its header says so, or was wiped.

    Raises
    ------
    LesionscopeError
        It can't be read.
    """
    try:
        # Through SQLite: POSIX drops a process's locks on a file when any handle to it closes.
        connection = sqlite3.connect(uri_of(path, read_only=True, immutable=True), uri=True)
        try:
            return bool(connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,))
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        raise LesionscopeError(_cannot_open(path, error)) from error
    except sqlite3.DatabaseError:
        pass  # no database, or no longer one: nobody can have it open as one
    try:
        with path.open("rb") as stream:
            head = stream.read(100)
    except OSError as error:
        raise LesionscopeError(_cannot_open(path, error)) from error
    return head[68:72] == schema.APPLICATION_ID.to_bytes(4, "big") or not any(head)


def writer_lock(path: Path, notices: list[str]) -> WriterLock | None:
    """Take the writer's lock; where an existing file must do without it, add a notice."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Asked without opening it: POSIX drops a process's locks on a file when any handle to it closes.
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError("the file is read-only")
        lock = WriterLock.acquire(path)
    except (OSError, sqlite3.Error) as error:
        if not _is_file(path):
            raise LesionscopeError(
                f"The session file {path} could not be made ({error}): choose a folder that can be written."
            ) from error
        notices.append(
            f"{path} can't be written ({error}), so the session is open read-only: "
            "make it and its folder writable and open it again to make changes."
        )
        return None
    if lock is None:
        if not _is_file(path):
            raise LesionscopeError(
                f"{path} is just being made in another window: wait a moment and open it again."
            )
        notices.append(
            "This session is open in another window, so it is read-only here: "
            "close it there and open it again to make changes."
        )
    return lock


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def load(path: Path, series_uid: str | None, *, read_only: bool) -> Loaded:
    """Open, check and replay a session file."""
    try:
        return _load_as(path, series_uid, read_only=read_only, immutable=False)
    except LesionscopeError:
        wal = path.with_name(path.name + "-wal")
        if not read_only or os.access(path.parent, os.W_OK) or (wal.exists() and wal.stat().st_size):
            raise
        # SQLite wants a side file even to read; in a folder without writers it isn't needed.
        return _load_as(path, series_uid, read_only=True, immutable=True)


def _load_as(path: Path, series_uid: str | None, *, read_only: bool, immutable: bool) -> Loaded:
    engine = engine_for(path, read_only=read_only, immutable=immutable)
    try:
        with engine.begin() as connection:
            version = schema.prepare(connection, path, series_uid, read_only=read_only)
            if version < schema.VERSION and not read_only:
                _copy_aside(connection, path, version)
                schema.upgrade(connection, version)
                version = schema.VERSION
            contents = _replay(connection, version)
        if not read_only:
            schema.use_write_ahead_log(engine)
        return engine, contents
    except DBAPIError as error:
        engine.dispose()
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise schema.DamagedFile(str(error.orig)) from error
        raise LesionscopeError(_cannot_open(path, error.orig)) from error
    except sqlite3.Error as error:
        engine.dispose()
        raise LesionscopeError(_cannot_open(path, error)) from error
    except BaseException:
        engine.dispose()
        raise


def _cannot_open(path: Path, reason: object) -> str:
    return (
        f"The session file {path} could not be opened ({reason}): check that it and its folder can "
        "be read and written, and try again."
    )


def _copy_aside(connection: Connection, path: Path, version: int) -> None:
    """Leave a copy of a file as an older Lesionscope wrote it, and can read it, beside it."""
    copy = path.with_name(f"{path.stem}.version-{version}{path.suffix}")
    if copy.exists():
        return
    try:
        write_atomically(copy, connection.connection.dbapi_connection.serialize())  # type: ignore[union-attr]
    except LesionscopeError as error:
        raise LesionscopeError(
            f"{path} was written by an older Lesionscope, and no copy of it could be made before it is "
            f"brought up to date: {error}"
        ) from error


def _replay(connection: Connection, version: int) -> Contents:
    history, readings = History(), KeptReadings()
    log = connection.execute(select(schema.edits).order_by(schema.edits.c.seq)).all()
    of_one = [schema.readings.c.lesion_id, schema.readings.c.fingerprint]
    if version > 1:
        of_one.append(schema.readings.c.task)
    latest = select(func.max(schema.readings.c.seq)).group_by(*of_one)
    bodies = connection.scalars(
        select(schema.readings.c.body)
        .where(schema.readings.c.seq.in_(latest.scalar_subquery()))
        .order_by(schema.readings.c.seq)
    ).all()
    identifiers = connection.scalars(select(schema.readings.c.id)).all()
    try:
        more = rows.steps(connection, version)
        outlines = rows.outlines(connection) if version > 3 else []
        for row in log:
            marks = Entry(row.kind, row.lesion_id, _lesion(row.before), _lesion(row.after))
            history.record(replace(marks, **more[row.seq]) if row.seq in more else marks)
        for body in bodies:
            readings.add(codec.reading_from_dict(codec.from_text(body)))
    except (ValueError, TypeError, KeyError) as error:
        raise schema.DamagedFile(f"its log makes no sense: {error}") from error
    readings.know(list(identifiers))
    kept = {(outline.lesion_id, outline.fingerprint): outline for outline in outlines}
    return history, readings, kept, len(log) + len(identifiers) + len(outlines)


def _lesion(text: str | None) -> Lesion | None:
    return None if text is None else codec.lesion_from_dict(codec.from_text(text))


def keep_aside(path: Path) -> Path:
    """Rename a damaged file, and the journal that belongs to it, so that nothing of it is lost."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    try:
        for ending in ("-journal", "-wal", "-shm", ""):
            beside = path.with_name(path.name + ending)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + ending))
    except OSError as error:
        raise LesionscopeError(
            f"{path} is damaged and could not be kept aside ({error}): move it away and open the CT again."
        ) from error
    return kept
