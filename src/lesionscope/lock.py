"""One writer at a time, on every system: SQLite's own file locks on an empty file beside.

A lock on the file itself would keep readers out too. The operating system
drops the lock when its holder dies, however it dies. The empty file is left where
it is: removing it could take it from under one who has just opened it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


class WriterLock:
    """The right to write a file, held until :meth:`release`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def acquire(cls, path: Path) -> WriterLock | None:
        """Take the lock for the file ``path``; ``None`` where another holds it.

        Raises
        ------
        sqlite3.OperationalError
            The lock file can't be made or locked: a read-only folder, say.
        """
        connection = sqlite3.connect(
            path.with_name(path.name + "-lock"), timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=MEMORY")  # nothing is ever written: no second file
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return None
            raise
        return cls(connection)

    def release(self) -> None:
        """Give it back; safe more than once."""
        self._connection.close()
