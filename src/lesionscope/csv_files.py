"""Tables that people make in a spreadsheet: commas, semicolons or tabs between cells, names in any case."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lesionscope.errors import unreadable

TOO_MANY_CELLS = "it has more cells than the table has columns"
"""What is wrong with a row of any table whose cells can't be told apart."""


def read_csv(path: Path, what: str) -> csv.DictReader[str]:
    """Return a table's rows by its columns' names, which are stripped and casefolded.

    Reading on may raise ``csv.Error``.

    Parameters
    ----------
    path
        The file, in UTF-8.
    what
        What it is to be read as, with its article, for the error.

    Raises
    ------
    InputError
        It can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, what, error) from error
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    try:
        reader.fieldnames = [name.strip().casefold() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise unreadable(path, what, error) from error
    return reader
