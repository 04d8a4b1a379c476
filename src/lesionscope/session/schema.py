"""The session file: its tables, its version, and how it is opened and checked.

A file holds ``meta``, an append-only log of steps ``edits``, and immutable ``readings`` and
``outlines``; what a step decided, imported, compared or noted stands in ``decisions``,
``studies``, ``mined``, ``visits`` and ``report_notes``. Rows are inserted and never changed or
deleted. It is the session of one CT series (``meta``: ``series_uid``), or a reading project of many
studies (``project``).

Version 2 says of each reading which task it was for; in version 1 all were for pathology.
Version 3 adds decisions and projects, version 4 outlines, version 5 visits, version 6 what people
chose for the report. An older file is copied before it is brought up to date (``opening.py``);
opened read-only it is read as it is.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from lesionscope.errors import InputError
from lesionscope.session.decisions import now

VERSION = 6
APPLICATION_ID = 0x4C53_4331
"""``LSC1`` in the file's header (PRAGMA application_id): the file is ours."""

metadata = MetaData()
meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
edits = Table(
    "edits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lesion_id", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
)
readings = Table(
    "readings",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("id", Text, nullable=False, unique=True),
    Column("lesion_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("task", Text, nullable=False, server_default="pathology"),
    Column("body", Text, nullable=False),
)
Index("readings_by_mark", readings.c.lesion_id, readings.c.fingerprint, readings.c.seq)
decisions = Table(
    "decisions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("lesion_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reader", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("replaces", Text),
    Column("seen", Text, nullable=False),
    Column("seconds", Float),
    Column("bulk", Integer, nullable=False),
)
studies = Table(
    "studies",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("id", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("series_uid", Text, nullable=False),
)
mined = Table(
    "mined",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("id", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("split", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("body", Text, nullable=False),
)
outlines = Table(
    "outlines",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("lesion_id", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("body", Text, nullable=False),
)
visits = Table(
    "visits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("series_uid", Text, nullable=False),
    Column("date", Text, nullable=False),
    Column("body", Text, nullable=False),
)
notes = Table(
    "report_notes",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("step", Integer, nullable=False, index=True),
    Column("lesion_id", Text, nullable=False),
    Column("body", Text, nullable=False),
)
ADDED = {3: (decisions, studies, mined), 4: (outlines,), 5: (visits,), 6: (notes,)}
"""The tables that a version added; those of versions 3, 5 and 6 hold rows of a step, in order."""


class DamagedFile(Exception):
    """The file can't be read as a database; ``str()`` says what SQLite found."""


def use_write_ahead_log(engine: Engine) -> None:
    """Switch a checked file to SQLite's write-ahead log: one flush a change instead of four.

    Where the file system can't do it, or another window is reading just now, the
    rollback journal stays, which is as safe and slower. Closing folds the log back
    into the one file.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
    finally:
        connection.close()


def prepare(connection: Connection, path: Path, series_uid: str | None, *, read_only: bool) -> int:
    """Check an opened file and, where it is new, make its tables; return the file's version.

    Without a ``series_uid`` it is a reading project.

    Raises
    ------
    DamagedFile
        SQLite finds it malformed.
    InputError
        Another program's file, a newer version, another series, a project where a session was
        expected or the other way round, or nothing to read.
    """
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    tables = inspect(connection).get_table_names()
    if not tables and version == 0 and application == 0:
        if read_only:
            raise InputError(f"{path} holds no session yet: open it for writing first.")
        _create(connection, series_uid)
        return VERSION
    if application != APPLICATION_ID:
        raise InputError(f"{path} is a database of another program: choose a Lesionscope session file.")
    if version > VERSION:
        raise InputError(
            f"{path} was written by a newer Lesionscope (file version {version}, this one knows {VERSION}): "
            "update Lesionscope to open it; the file was left as it is."
        )
    problems = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if problems != "ok":
        raise DamagedFile(str(problems))
    if not set(metadata.tables) - {table.name for table in later(version)} <= set(tables):
        raise DamagedFile("a table is missing")
    known = connection.execute(select(meta.c.key, meta.c.value)).all()
    _check_kind({row.key: row.value for row in known}, path, series_uid)
    return int(version)


def _check_kind(known: Mapping[str, str], path: Path, series_uid: str | None) -> None:
    if "series_uid" not in known and "project" not in known:
        raise DamagedFile("the series is missing")
    if series_uid is None and "project" not in known:
        raise InputError(f"{path} is the session of one CT series: choose a reading project, or a new name.")
    if series_uid is not None and "project" in known:
        raise InputError(f"{path} is a reading project: choose the session file of this series.")
    if series_uid is not None and known["series_uid"] != series_uid:
        raise InputError(
            f"{path} belongs to another CT series: choose the session file of this series, or a new name."
        )


def upgrade(connection: Connection, version: int) -> None:
    """Bring a checked file of an older version up to date; all or nothing with the transaction."""
    if version < 2:
        connection.exec_driver_sql("ALTER TABLE readings ADD COLUMN task TEXT NOT NULL DEFAULT 'pathology'")
    metadata.create_all(connection, tables=later(version))
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def later(version: int) -> list[Table]:
    """Return the tables that versions after one have added."""
    return [table for added, tables in ADDED.items() if added > version for table in tables]


def _create(connection: Connection, series_uid: str | None) -> None:
    metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
    kind = ("project", str(uuid.uuid4())) if series_uid is None else ("series_uid", series_uid)
    connection.execute(
        insert(meta), [{"key": key, "value": value} for key, value in (kind, ("created", now()))]
    )
