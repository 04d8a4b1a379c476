"""SQLite files of ours: how one is opened, whoever keeps what in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

BUSY_TIMEOUT_S = 5.0


def uri_of(path: Path, *, read_only: bool, immutable: bool = False) -> str:
    """Return how SQLite is asked for a file (sqlite.org/uri.html)."""
    uri = path.resolve().as_uri()
    if not uri.startswith("file:///"):  # a Windows share: SQLite takes no host name in a URI
        uri = uri.replace("file://", "file:////", 1)
    return f"{uri}?mode={'ro' if read_only else 'rwc'}" + ("&immutable=1" if immutable else "")


def engine_for(path: Path, *, read_only: bool, immutable: bool = False) -> Engine:
    """Return an engine with one connection to the file, made where it is missing unless read-only.

    ``synchronous=EXTRA``: a commit has reached the disk before it returns, whatever
    the journal (sqlite.org/pragma.html). ``immutable`` reads without locks or
    side files, for folders where nobody can write.
    """
    uri = uri_of(path, read_only=read_only, immutable=immutable)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            if not read_only:
                connection.execute("PRAGMA synchronous=EXTRA")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=StaticPool)

    # The driver's own transactions leave out DDL: begin them by hand, as its documentation advises.
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
