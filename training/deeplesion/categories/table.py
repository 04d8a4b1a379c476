"""``categories.csv``: the category of each lesion of a table, as a detector learns it.

Columns ``lesion`` (its row of ``DL_info.csv``, from 0), ``file_name`` (as that row has it) and ``category``
(from 0).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lesionscope.errors import InputError
from lesionscope.files import write_atomically

from ..table import Table
from .agreement import Labels
from .crops import Crops

CATEGORIES = "categories.csv"
COLUMNS = ("lesion", "file_name", "category")


def write_categories(path: Path, crops: Crops, categories: Labels) -> Path:
    """Write the category of each lesion, in the table's order."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    lines.writerows(zip(crops.numbers.tolist(), crops.names, categories.tolist(), strict=True))
    return write_atomically(path, text.getvalue())


def read_categories(path: str | Path, table: Table) -> dict[int, int]:
    """Read the categories of a table's lesions, by their places in it.

    Raises
    ------
    InputError
        The file can't be read, was made for another table, or lacks a lesion that can be trained on.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            lines = [(int(c["lesion"]), c["file_name"], int(c["category"])) for c in csv.DictReader(stream)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} can't be read as categories of lesions ({error}).") from error
    found: dict[int, int] = {}
    for number, name, category in lines:
        row = table.rows.get(number)
        if row is not None and row.file_name != name:
            raise InputError(
                f"{path} was made for another table: lesion {number} is on {name}, here on {row.file_name}."
            )
        if category < 0:
            raise InputError(
                f"{path} can't be read as categories of lesions: lesion {number} has {category}."
            )
        found[number] = category
    if lacking := [number for number in table.rows if number not in found]:
        raise InputError(
            f"{path} lacks {len(lacking)} of the table's lesions (the first is {lacking[0]}): make it again "
            "with `lesionscope train deeplesion-categories`."
        )
    return {number: found[number] for number in table.rows}
