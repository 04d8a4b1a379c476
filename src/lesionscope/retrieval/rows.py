"""Rows of a bank's table file, in and out, and what is said when that fails."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, insert, select
from sqlalchemy.exc import DBAPIError

from lesionscope.database import engine_for
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.lock import WriterLock
from lesionscope.retrieval import schema
from lesionscope.retrieval.known import KnownLesion, Origin
from lesionscope.retrieval.thumbnails import pack


def write_rows(
    connection: Connection,
    first: int,
    known: Sequence[KnownLesion],
    vectors: NDArray[np.float32],
    given: Collection[str],
) -> None:
    """Add rows for lesions whose embeddings lie from place ``first`` on."""
    rows = range(first, first + len(known))
    pairs = list(zip(rows, known, strict=True))
    connection.execute(insert(schema.lesions), [_cells(row, lesion) for row, lesion in pairs])
    numbers = _numbers(connection, {label for lesion in known for label in lesion.labels})
    labelled = [
        {"number": numbers[label], "row": row}
        for row, lesion in pairs
        for label in dict.fromkeys(lesion.labels)
    ]
    if labelled:
        connection.execute(insert(schema.labels), labelled)
    digest = hashlib.sha256(vectors.tobytes()).hexdigest()
    connection.execute(insert(schema.appends), {"first": first, "count": len(known), "sha256": digest})
    if given:
        rows_given = [{"digest": one} for one in sorted(given)]
        connection.execute(insert(schema.given).prefix_with("OR IGNORE"), rows_given)


def records(
    connection: Connection, folder: Path, rows: Sequence[int]
) -> list[tuple[Row[Any], tuple[str, ...]]]:
    """Return each row with its labels, in the order asked.

    Raises
    ------
    InputError
        One is missing.
    """
    table = schema.lesions
    known = {record.row: record for record in connection.execute(select(table).where(table.c.row.in_(rows)))}
    labels: dict[int, list[str]] = {row: [] for row in rows}
    named = select(schema.names.c.label, schema.labels.c.row).join(schema.labels)
    for label, row in connection.execute(
        named.where(schema.labels.c.row.in_(rows)).order_by(schema.names.c.label)
    ):
        labels[row].append(label)
    if missing := [row for row in rows if row not in known]:
        raise InputError(damaged(folder, f"row {missing[0]} is missing"))
    return [(known[row], tuple(labels[row])) for row in rows]


def take_lock(path: Path) -> WriterLock:
    """Take the right to append.

    Raises
    ------
    LesionscopeError
        Another process has it, or the folder can't be written.
    """
    try:
        lock = WriterLock.acquire(path)
    except sqlite3.Error as error:
        raise LesionscopeError(f"{path.parent} can't be written ({error}): choose another folder.") from error
    if lock is None:
        raise LesionscopeError(
            f"Another process is adding lesions to {path.parent}: wait until it has ended, and try again."
        )
    return lock


def roll_back_killed(path: Path) -> None:
    """Undo what a process that was killed had half written, which SQLite can't where it may only read.

    A journal that belongs to a process at work is left alone.
    """
    if not path.with_name(path.name + "-journal").exists() or not os.access(path, os.W_OK):
        return
    engine = engine_for(path, read_only=False)
    try:
        with engine.begin():
            pass
    finally:
        engine.dispose()


def write_behind(path: Path, offset: int, data: bytes) -> None:
    """Write bytes at a place of an existing file, and have them on the disk."""
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def plain_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise InputError(damaged(folder, str(error.orig))) from error
        raise LesionscopeError(
            f"{folder} could not be read or written ({error.orig}): check its permissions and the space left."
        ) from error
    except sqlite3.Error as error:
        raise LesionscopeError(f"{folder} could not be opened ({error}): check its permissions.") from error


def damaged(folder: Path, what: str) -> str:
    """Say that a bank is damaged and what to do."""
    return f"The bank {folder} is damaged ({what}): put back a copy of it, or build it again."


def origin_of(record: Row[Any]) -> Origin:
    """Return where a row's lesion can be seen."""
    place = None if record.x_lps_mm is None else (record.x_lps_mm, record.y_lps_mm, record.z_lps_mm)
    return Origin(record.reference, record.series_uid, place)


def _numbers(connection: Connection, wanted: set[str]) -> dict[str, int]:
    """Return the number of each label, with new ones for those that the bank did not have."""
    table = schema.names
    numbers = {label: int(number) for number, label in connection.execute(select(table))}
    new = [
        {"number": len(numbers) + place, "label": label}
        for place, label in enumerate(sorted(wanted - set(numbers)))
    ]
    if new:
        connection.execute(insert(table), new)
    return numbers | {str(one["label"]): int(str(one["number"])) for one in new}


def _cells(row: int, lesion: KnownLesion) -> dict[str, Any]:
    x0, y0, x1, y1 = map(float, lesion.box)
    x, y, z = lesion.origin.centroid_lps_mm or (None, None, None)
    return {
        "row": row,
        "id": lesion.id,
        "sentence": lesion.sentence,
        "thumbnail": pack(lesion.thumbnail),
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "patient_key": lesion.patient_key,
        "study_key": lesion.study_key,
        "reference": lesion.origin.reference,
        "series_uid": lesion.origin.series_uid,
        "x_lps_mm": x,
        "y_lps_mm": y,
        "z_lps_mm": z,
        "long_mm": lesion.long_mm,
        "short_mm": lesion.short_mm,
    }
