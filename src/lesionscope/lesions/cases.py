"""A table of lesions to read: one row a lesion, by the file of its CT and its marks.

Columns: ``path`` (a file, folder or zip; relative to the table), ``click`` ("x, y, z", LPS mm) or ``long``
and perhaps ``short`` ("x1, y1, z1, x2, y2, z2"); where wanted ``id``, ``series`` (its UID), and for a bank
of known lesions ``labels`` (with semicolons between) and ``sentence``. Cells are separated by commas,
semicolons or tabs.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lesionscope.csv_files import TOO_MANY_CELLS, read_csv
from lesionscope.errors import InputError

MARKS = {"click": 3, "long": 6, "short": 6}
"""Numbers in the cell of each kind of mark."""
COLUMNS = ("path", *MARKS, "id", "series", "labels", "sentence")


@dataclass(frozen=True)
class Case:
    """One row.

    ``id`` is the row's own, or its number from 1. ``problem`` says why it can't be read, or is "".
    ``more`` holds the further columns that were asked for, "" where the table has none.
    """

    line: int
    id: str
    path: Path
    series: str | None = None
    marks: Mapping[str, tuple[float, ...]] | None = None
    labels: tuple[str, ...] = ()
    sentence: str = ""
    problem: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


def read_cases(path: str | Path, *, more: tuple[str, ...] = ()) -> tuple[Case, ...]:
    """Read a table of lesions; a row that can't be used has a ``problem``, and the others stand.

    ``more`` names columns that it may have besides.

    Raises
    ------
    InputError
        The file can't be read, lacks the column of paths, has one that isn't known or comes twice, or
        holds no row.
    """
    path = Path(path)
    reader = read_csv(path, "a table of lesions")
    names = reader.fieldnames or ()
    try:
        if "path" not in names or not {"click", "long"} & set(names):
            raise InputError(f"{path} lists no lesions: it needs a column 'path', and 'click' or 'long'.")
        known = tuple(dict.fromkeys(COLUMNS + more))
        if "" in names:
            raise InputError(
                f"{path} has a column without a name: name it, or take it out with the separator that "
                "begins it, in every line."
            )
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise InputError(f"{path} has more than one column '{twice[0]}': leave one.")
        if strange := [name for name in names if name not in known]:
            raise InputError(f"{path} has a column '{strange[0]}': the columns are {', '.join(known)}.")
        cases: list[Case] = []
        lines: dict[str, int] = {}
        for number, cells in enumerate(reader, start=1):
            case = _case(cells, number, reader.line_num, path.parent, more)
            if case.id in lines:
                problem = f"its id was given already, on line {lines[case.id]}"
                case = Case(case.line, f"{case.id} (line {case.line})", case.path, problem=problem)
            lines[case.id] = case.line
            cases.append(case)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from error
    if not cases:
        raise InputError(f"{path} holds no lesion: give it a row at least.")
    return tuple(cases)


def _case(
    cells: Mapping[str, str | None], number: int, line: int, folder: Path, more: tuple[str, ...]
) -> Case:
    said = {name: (cells.get(name) or "").strip() for name in COLUMNS}
    name, path = said["id"] or str(number), folder / said["path"]
    if None in cells:
        return Case(line, name, path, problem=TOO_MANY_CELLS)
    if not said["path"]:
        return Case(line, name, path, problem="it names no path")
    marks = {}
    for kind, count in MARKS.items():
        if said[kind]:
            values = _numbers(said[kind])
            if len(values) != count:
                return Case(line, name, path, problem=f"its '{kind}' is not {count} numbers, LPS mm")
            marks[kind] = values
    if "long" not in marks and ("click" not in marks or "short" in marks):
        return Case(line, name, path, problem="it needs a 'click', or a 'long' diameter")
    labels = tuple(filter(None, (label.strip() for label in said["labels"].split(";"))))
    further = {column: (cells.get(column) or "").strip() for column in more}
    return Case(line, name, path, said["series"] or None, marks, labels, said["sentence"], more=further)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in re.split(r"[\s,;]+", text.strip("()[] ")))
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()
