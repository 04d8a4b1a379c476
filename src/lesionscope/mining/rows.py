"""Sentences from a file, one at a time: CSV, TSV, JSON lines, a JSON list, or a sentence a line.

A row that can't be used is reported by its line, and the rows after it are read. Text is handed
on exactly as the file has it: offsets into it must hold there too.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from lesionscope.errors import InputError, UsageError
from lesionscope.mining.journal import Journal
from lesionscope.mining.lines import LONGEST, Piece, Source, elements, lines

TEXT_COLUMNS = ("text", "sentence", "sentence_text", "report_text", "report", "findings", "impression")
"""Names of the column that holds the sentence, the likeliest first."""
SURE = TEXT_COLUMNS[:4]
"""Those that no sentence begins with: they tell a table whose file name doesn't."""
ID_COLUMNS = ("id", "row_id", "sentence_id", "lesion_idx", "lesion_id")
SPLIT_COLUMNS = ("split", "train_val_test")
_DELIMITERS = {".csv": ",;\t|", ".tsv": "\t", ".tab": "\t"}
_JSON = (".jsonl", ".ndjson", ".jsonlines", ".json")
_LINES = (".txt", ".text")
_SAID = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_NAME = re.compile(r"[^\W\d][\w .\-/()#:%]{0,39}")


class Row(NamedTuple):
    """One sentence of a file."""

    line: int
    """1-based physical line that the row starts on."""
    id: str | int | float
    """As the file has it; else the row's 1-based number (in plain text and JSON lines, the line's)."""
    text: str
    lesion_idx: Any = None
    """Row of ``DL_info.csv``, counted from 0, as the file has it."""
    split: Any = None


class _Columns(NamedTuple):
    """Which names hold what; ``None`` where nothing does."""

    text: str | None
    id: str | None
    lesion: str | None
    split: str | None


class _Line(NamedTuple):
    number: int
    text: str
    problem: str | None


def read_rows(
    source: Source, journal: Journal, text_column: str | None = None, id_column: str | None = None
) -> Iterator[Row]:
    """Yield the usable rows of a file in order; what is wrong with the others goes to the journal.

    Parameters
    ----------
    source
        An open file. Its suffix says which form it has, else its first line does.
    journal
        Hears of rows left out, lines that weren't UTF-8, and where a file breaks off.
    text_column, id_column
        Names to use instead of the usual ones; upper and lower case don't matter.

    Raises
    ------
    InputError
        A table has no such column.
    UsageError
        A column was asked of plain text.
    """
    if source.wide is not None:
        journal.note(f"read as {source.wide.upper()}")
    form = _form(source, journal, text_column)
    if form == _TEXT and (text_column is not None or id_column is not None):
        raise UsageError(f"{source.name} is plain text, a sentence a line: it has no columns to name.")
    decoded = _decoded(elements(source) if form == _LIST else lines(source), source, journal)
    if form == _TEXT:
        yield from _sentences(decoded, journal)
    elif form in (_LIST, _OBJECTS):
        yield from _objects(decoded, journal, text_column, id_column, 1 if form == _LIST else None)
    else:
        yield from _table(decoded, form, journal, text_column, id_column)
    if source.broken is not None:
        journal.note(f"{source.broken}; the rows after that are missing")


_TEXT, _OBJECTS, _LIST = "text", "objects", "list"


def _form(source: Source, journal: Journal, text_column: str | None) -> str:
    """Return one of the forms above, or what parts the columns of a table."""
    if source.suffix in _LINES:
        return _TEXT
    head = source.head.lstrip()
    first_line = source.decode(re.split(rb"[\r\n]", head, maxsplit=1)[0])[0]
    if source.suffix in _DELIMITERS:
        among = _DELIMITERS[source.suffix]
        delimiter = _delimiter(first_line, among, text_column, TEXT_COLUMNS) or among[0]
        if delimiter != among[0]:
            journal.note(f"its columns are parted by {_SAID[delimiter]}")
        return delimiter
    opened = re.match(rb"\[\s*[{\]]|\{\s*[\"}]", head)
    if head.startswith(b"[") and (opened is not None or source.suffix == ".json"):
        return _LIST
    if opened is not None or source.suffix in _JSON:
        return _OBJECTS
    sniffed = _delimiter(first_line, "\t,;|", text_column, SURE)
    if sniffed is None:
        return _TEXT
    journal.note(f"read as a table whose columns are parted by {_SAID[sniffed]}")
    return sniffed


def _decoded(pieces: Iterable[Piece], source: Source, journal: Journal) -> Iterator[_Line]:
    for number, raw in pieces:
        if raw is None:
            yield _Line(number, "", f"it is longer than {LONGEST:,} bytes")
            continue
        text, taken_for = source.decode(raw)
        if taken_for is not None:
            journal.odd_encoding(number, taken_for)
        yield _Line(number, text, "it holds NUL bytes" if "\0" in text else None)


# --- a sentence a line -------------------------------------------------------------------------


def _sentences(decoded: Iterable[_Line], journal: Journal) -> Iterator[Row]:
    for number, raw, problem in decoded:
        if problem is not None:
            journal.leave_out(number, problem)
            continue
        text = raw.rstrip("\r\n")
        if text.strip():
            yield Row(number, number, text)
        else:
            journal.blank += 1


# --- JSON --------------------------------------------------------------------------------------


def _objects(
    decoded: Iterable[_Line],
    journal: Journal,
    text_column: str | None,
    id_column: str | None,
    first: int | None,
) -> Iterator[Row]:
    """Yield rows of JSON objects; ``first`` numbers them, or ``None`` numbers them as their lines."""
    for count, (number, raw, problem) in enumerate(decoded):
        if problem is not None:
            journal.leave_out(number, problem)
            continue
        if not raw.strip():
            journal.blank += 1
            continue
        try:
            content = json.loads(raw, parse_constant=_no_such_number)
        except (ValueError, RecursionError):
            journal.leave_out(number, "it is not JSON")
            continue
        if not isinstance(content, dict):
            journal.leave_out(number, 'it is JSON but no object, such as {"id": 1, "text": "…"}')
            continue
        columns = _json_columns(tuple(content), text_column, id_column)
        reason = _wrong_object(content, columns, text_column, id_column)
        if reason is not None:
            journal.leave_out(number, reason)
            continue
        own = content.get(columns.id)
        yield Row(
            number,
            (number if first is None else first + count) if own in (None, "") else own,
            content[columns.text],
            content.get(columns.lesion),
            content.get(columns.split),
        )


def _wrong_object(
    content: Mapping[Any, Any], columns: _Columns, text_column: str | None, id_column: str | None
) -> str | None:
    if columns.text is None:
        return f"it has no {text_column or 'text'!r}"
    text = content[columns.text]
    if text is None or (isinstance(text, str) and not text.strip()):
        return "its text is empty"
    if not isinstance(text, str):
        return f"its text is {_kind(text)}, not a string"
    if id_column is not None and columns.id is None:
        return f"it has no {id_column!r}"
    own = content.get(columns.id)
    if isinstance(own, bool | list | dict):
        return f"its id is {_kind(own)}, not a string or a number"
    if isinstance(own, float) and not math.isfinite(own):
        return "its id is a number without end"
    return None


@lru_cache(maxsize=64)
def _json_columns(names: tuple[str, ...], text_column: str | None, id_column: str | None) -> _Columns:
    return _columns(names, text_column, id_column)


def _no_such_number(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"


# --- tables ------------------------------------------------------------------------------------


def _table(
    decoded: Iterator[_Line],
    delimiter: str,
    journal: Journal,
    text_column: str | None,
    id_column: str | None,
) -> Iterator[Row]:
    header: list[str] | None = None
    number = 0
    for line, cells, problem in _records(decoded, delimiter, journal):
        if header is None:
            if problem is not None:
                raise InputError(
                    f"{journal.name}, line {line}: the line of column names can't be read: {problem}."
                )
            header = cells
            columns = _columns(header, text_column, id_column)
            _check_header(header, columns, journal, text_column, id_column)
            places = {name: header.index(name) for name in columns if name is not None}
            text_at, id_at = places[str(columns.text)], places.get(columns.id or "")
            lesion_at, split_at = places.get(columns.lesion or ""), places.get(columns.split or "")
            continue
        number += 1
        if problem is None and len(cells) != len(header):
            problem = f"it has {len(cells)} columns, not {len(header)}"
        if problem is None and not cells[text_at].strip():
            problem = "its text is empty"
        if problem is not None:
            journal.leave_out(line, problem)
            continue
        yield Row(
            line,
            (cells[id_at] if id_at is not None else "") or number,
            cells[text_at],
            None if lesion_at is None else cells[lesion_at],
            None if split_at is None else cells[split_at],
        )


def _records(
    decoded: Iterator[_Line], delimiter: str, journal: Journal
) -> Iterator[tuple[int, list[str], str | None]]:
    """Yield (line, cells, problem) for each record of RFC 4180, and start anew after a bad one.

    A quote that isn't closed would swallow the rows after it. So a record that doesn't hold up is
    given up at its first line, and reading goes on with the next one.
    """
    if csv.field_size_limit() < LONGEST:
        csv.field_size_limit(LONGEST)
    again: deque[_Line] = deque()

    def following() -> _Line | None:
        return again.popleft() if again else next(decoded, None)

    while (first := following()) is not None:
        if first.problem is None and not first.text.strip("\r\n"):
            journal.blank += 1
            continue
        if '"' not in first.text:
            yield first.number, first.text.rstrip("\r\n").split(delimiter), first.problem
            continue
        taken = [first]

        def feed(taken: list[_Line] = taken) -> Iterator[str]:
            size = 0
            line: _Line | None = taken[0]
            while line is not None and size + len(line.text) <= LONGEST:
                size += len(line.text)
                yield line.text
                line = following()
                if line is not None:
                    taken.append(line)

        try:
            cells = next(csv.reader(feed(), delimiter=delimiter, strict=True))
        except csv.Error:
            again.extendleft(reversed(taken[1:]))
            if delimiter == "\t":
                # Tab-separated values need no quotation marks (IANA): these belong to the text.
                yield first.number, first.text.rstrip("\r\n").split(delimiter), first.problem
            else:
                yield first.number, [], first.problem or "its quotation marks don't pair up"
        else:
            yield first.number, cells, next((line.problem for line in taken if line.problem), None)


def _columns(names: Sequence[str], text_column: str | None, id_column: str | None) -> _Columns:
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)

    def named(wanted: str | None, usual: Sequence[str]) -> str | None:
        if wanted is not None:
            return wanted if wanted in names else plain.get(_plain(wanted))
        return next((plain[name] for name in usual if name in plain), None)

    return _Columns(
        named(text_column, TEXT_COLUMNS),
        named(id_column, ID_COLUMNS),
        plain.get("lesion_idx"),
        named(None, SPLIT_COLUMNS),
    )


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _check_header(
    header: Sequence[str],
    columns: _Columns,
    journal: Journal,
    text_column: str | None,
    id_column: str | None,
) -> None:
    for column, wanted, option in (
        (columns.text, text_column, "--text-column"),
        (columns.id, id_column, "--id-column"),
    ):
        if column is None and (wanted is not None or option == "--text-column"):
            raise InputError(
                f"{journal.name} has no column {wanted or ' or '.join(TEXT_COLUMNS[:2])!r}: "
                f"{_found(header)}; name the right one with {option}."
            )
        if column is not None and sum(name == column for name in header) > 1:
            journal.note(f"several of its columns have the name {column!r}; the first is used")


def _found(header: Sequence[str]) -> str:
    """Name the columns, unless the first line is no header: then it holds what a report says."""
    names = [name.strip() for name in header]
    if all(_NAME.fullmatch(name) and len(name.split()) <= 4 for name in names if name) and any(names):
        return "its columns are " + ", ".join(names)
    return "its first line doesn't look like column names"


def _delimiter(line: str, among: str, text_column: str | None, usual: Sequence[str]) -> str | None:
    """Return the delimiter with which the first line names a text column among others."""
    for delimiter in among:
        cells = [_plain(cell.strip().strip('"')) for cell in line.split(delimiter)]
        wanted = usual if text_column is None else (_plain(text_column),)
        if len(cells) > 1 and not set(cells).isdisjoint(wanted):
            return delimiter
    return None
