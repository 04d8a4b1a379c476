"""``DL_info.csv`` judged row by row: a damaged table trains on its good rows, and says which aren't.

The whole file is refused only where it can't be read or lacks a column.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lesionscope.csv_files import TOO_MANY_CELLS
from lesionscope.errors import InputError, unreadable
from lesionscope.lesions.deeplesion import COLUMNS, DeepLesionRow, measured_box, read_row
from lesionscope.lesions.marking import DEFAULT_PADDING_PX

AS_MEASURED_PX = 0.01
"""A box may be so far from its diameters' extent: both are rounded to six digits."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row.

    Parameters
    ----------
    row
        Its place in the table, from 0.
    kind
        'row', 'name', 'spacing', 'range', 'box', 'duplicate', 'noisy'; of a picture 'missing', 'unreadable',
        'size'; of a patient 'split'.
    text
        A sentence for the person.
    left_out
        Whether the row can't be used; else it is only worth knowing.
    """

    row: int
    kind: str
    text: str
    left_out: bool = True


@dataclass(frozen=True)
class Table:
    """Rows that can be used, by their places in the table from 0, and what is wrong with the others."""

    rows: Mapping[int, DeepLesionRow]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        """Return how many rows there are, those that can't be used among them."""
        return 1 + max((*self.rows, *(problem.row for problem in self.problems)), default=-1)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is wrong with the rows that can't be used."""
        return tuple(problem.text for problem in self.problems if problem.left_out)

    def less(self, problems: tuple[Problem, ...]) -> Table:
        """Return the table without the rows that further problems leave out."""
        out = {problem.row for problem in problems if problem.left_out}
        rows = {number: row for number, row in self.rows.items() if number not in out}
        return Table(rows, tuple(sorted((*self.problems, *problems), key=lambda problem: problem.row)))


def read_table(path: str | Path) -> Table:
    """Read ``DL_info.csv``, each row judged by itself; possibly noisy ones are left out.

    Raises
    ------
    InputError
        The file can't be read, or lacks one of the 18 columns.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, "DeepLesion's table", error) from error
    rows: dict[int, DeepLesionRow] = {}
    problems: list[Problem] = []
    seen: dict[tuple[str, tuple[float, ...]], int] = {}
    for number, (cells, where) in enumerate(_lines(text, path)):
        try:
            row = _read(cells, where)
        except InputError as error:
            problems.append(Problem(number, "row", str(error)))
            continue
        found = [Problem(number, kind, f"{where}: {what}", out) for kind, what, out in _faults(row)]
        if (named := (cells["File_name"] or "").strip()) != row.file_name:
            what = f"{where}: File_name says {named!r}, the numbers beside it {row.file_name}."
            found.append(Problem(number, "name", what))
        first = seen.setdefault((row.file_name, row.measurement), number)
        if first != number:
            found.append(Problem(number, "duplicate", f"{where}: the same as row {first}."))
        problems += found
        if not any(problem.left_out for problem in found):
            rows[number] = row
    return Table(rows, tuple(problems))


def _lines(text: str, path: str | Path) -> Iterator[tuple[dict[str | None, str | None], str]]:
    """Yield each line's cells and where it is; where the file breaks off, a last line of nothing."""
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    except csv.Error as error:
        raise unreadable(path, "DeepLesion's table", error) from error
    if missing:
        raise InputError(f"{path} is not DeepLesion's table: it has no column {', '.join(missing)}.")
    try:
        for cells in reader:
            yield cells, f"{path}, line {reader.line_num}"
    except csv.Error as error:
        yield dict.fromkeys(COLUMNS), f"{path}, line {reader.line_num} ({error}; nothing after it was read)"


def _read(cells: dict[str | None, str | None], where: str) -> DeepLesionRow:
    if None in cells:
        raise InputError(f"{where}: {TOO_MANY_CELLS}.")
    if lacking := [name for name in COLUMNS if cells[name] is None]:
        raise InputError(f"{where}: it ends before {lacking[0]}.")
    return read_row({str(name): cell for name, cell in cells.items()}, where)


def _faults(row: DeepLesionRow) -> Iterator[tuple[str, str, bool]]:
    """Yield what is wrong with a row's values: kind, sentence, whether it can't be used."""
    across, down, step = row.spacing_mm
    if not (0 < across < math.inf and 0 < down < math.inf):
        yield "spacing", f"pixels can't be {across:g} × {down:g} mm.", True
    if not 0 < step < math.inf:
        yield "spacing", f"the distance of its slices isn't known ({step:g} mm).", False
    first, last = row.slice_range
    if not first <= row.key_slice <= last:
        what = f"its slice {row.key_slice} isn't among those given around it, {first} to {last}"
        yield "range", f"{what}: it is read without them.", False
    if row.possibly_noisy:
        yield "noisy", "DeepLesion flags it as possibly noisy.", True
    yield from _box_faults(row)


def _box_faults(row: DeepLesionRow) -> Iterator[tuple[str, str, bool]]:
    measured = np.array(measured_box(row.measurement, 0.0))
    box, size = np.array(row.box), np.array(row.image_size)
    if (measured[2:] <= measured[:2]).any():
        yield "box", "its diameters span no area.", True
    if (box[2:] <= box[:2]).any():
        yield "box", f"its box is turned inside out or empty: {row.box}.", True
    # Pixels' centres lie at 1…size, their outer edges half a pixel further.
    if (measured[:2] < 0.5).any() or (measured[2:] > size + 0.5).any():
        yield "box", f"its diameters lie outside a picture of {size[0]} × {size[1]}.", True
    reach = DEFAULT_PADDING_PX + 0.5
    if (box[:2] < 1 - reach).any() or (box[2:] > size + reach).any():
        yield "box", f"its box {row.box} lies outside a picture of {size[0]} × {size[1]}.", True
    padded = np.array(measured_box(row.measurement))
    on_picture = np.clip(padded, 1, np.tile(size, 2))
    if min(np.abs(box - padded).max(), np.abs(box - on_picture).max()) > AS_MEASURED_PX:
        yield (
            "box",
            f"its box {row.box} isn't its diameters' extent and {DEFAULT_PADDING_PX:g} pixels.",
            False,
        )
