"""DeepLesion's files: the table of bookmarked lesions (``DL_info.csv``) and its 16-bit slices.

K. Yan et al., *DeepLesion* (J. Med. Imaging 2018), as released: pixels are counted from 1 and lie
at whole numbers, rows run to the patient's back, columns to the left, and slices are numbered from
the head to the feet; boxes are the extent of the diameters' end points and 5 pixels more. A slice is
``Images_png/<patient>_<study>_<series>/<slice>.png`` and holds HU + 32768.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError, UsageError, unreadable
from lesionscope.files import write_atomically
from lesionscope.lesions.marking import DEFAULT_PADDING_PX, box_around

COLUMNS = (
    "File_name", "Patient_index", "Study_index", "Series_ID", "Key_slice_index",
    "Measurement_coordinates", "Bounding_boxes", "Lesion_diameters_Pixel_", "Normalized_lesion_location",
    "Coarse_lesion_type", "Possibly_noisy", "Slice_range", "Spacing_mm_px_", "Image_size",
    "DICOM_windows", "Patient_gender", "Patient_age", "Train_Val_Test",
)  # fmt: skip
TABLE = "DL_info.csv"
IMAGES = "Images_png"
HU_OFFSET = 32768
SPLITS = ("train", "validation", "test")
"""What 1, 2 and 3 in ``Train_Val_Test`` mean."""
UNKNOWN_TYPE = -1
TYPES = ("bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft tissue", "pelvis")
"""What 1…8 in ``Coarse_lesion_type`` mean; -1 where nobody said."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Slices:
    """The slices that are given around a lesion.

    Parameters
    ----------
    folder
        Name of the folder of its scan's slices.
    key, first, last
        Numbers of its own slice and of those at the ends; they grow towards the feet.
    spacing_mm
        Along x, y, and between slices. The last is 0, negative or NaN where it isn't known.
    """

    folder: str
    key: int
    first: int
    last: int
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True)
class DeepLesionRow:
    """One bookmarked lesion, as its line of ``DL_info.csv`` has it.

    Parameters
    ----------
    patient, study, series
        Numbers of its scan.
    key_slice
        Number of the slice it was measured on.
    measurement
        x, y of the long diameter's ends, then of the short one's; pixels from 1.
    box
        x0, y0, x1, y1; pixels from 1.
    diameters_px
        Long, short.
    location
        Its centre relative to the body, 0…1: from the right, the front and the head.
    coarse_type
        1…8 (:data:`TYPES`), or -1.
    possibly_noisy
        Whether its annotation is in doubt.
    slice_range
        First and last number of the slices that are given around it.
    spacing_mm
        Along x, y, and between slices. The last is 0, negative or NaN where it isn't known.
    image_size
        Columns, rows.
    window_hu
        HU shown black and white.
    gender
        "F", "M" or "".
    age
        Years, or ``None``.
    split
        'train', 'validation' or 'test'.
    """

    patient: int
    study: int
    series: int
    key_slice: int
    measurement: tuple[float, ...]
    box: tuple[float, ...]
    diameters_px: tuple[float, ...]
    location: tuple[float, ...]
    coarse_type: int
    possibly_noisy: bool
    slice_range: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    image_size: tuple[int, ...]
    window_hu: tuple[float, ...]
    gender: str
    age: int | None
    split: str

    @property
    def folder(self) -> str:
        """Name of the folder of its scan's slices."""
        return f"{self.patient:06d}_{self.study:02d}_{self.series:02d}"

    @property
    def file_name(self) -> str:
        """The table's name for its key slice."""
        return f"{self.folder}_{self.key_slice:03d}.png"

    def slice_path(self, root: str | Path, number: int | None = None) -> Path:
        """Return where a slice of its scan lies below DeepLesion's folder, its key slice by default."""
        chosen = self.key_slice if number is None else number
        return Path(root) / IMAGES / self.folder / f"{chosen:03d}.png"


def measured_box(
    measurement: Iterable[float], padding: float = DEFAULT_PADDING_PX
) -> tuple[float, float, float, float]:
    """Return DeepLesion's box of diameters: x0, y0, x1, y1 in the same pixels as their end points."""
    low, high = box_around(np.reshape(list(measurement), (-1, 2)), padding)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def read_dl_info(path: str | Path) -> tuple[DeepLesionRow, ...]:
    """Read a table in the form of ``DL_info.csv``; columns may come in any order, and more of them.

    Rows keep their places: label files count them from 0.

    Raises
    ------
    InputError
        The file can't be read, lacks a column, or a line holds what it can't; the sentence names it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, "DeepLesion's table", error) from error
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path} is not DeepLesion's table: it has no column {', '.join(missing)}.")
        return tuple(read_row(cells, f"{path}, line {reader.line_num}") for cells in reader)
    except csv.Error as error:
        raise unreadable(path, "DeepLesion's table", error) from error


def write_dl_info(path: str | Path, rows: Iterable[DeepLesionRow]) -> Path:
    """Write a table in the form of ``DL_info.csv``, whole or not at all; numbers have six digits."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    table.writerows(_cells(row) for row in rows)
    return write_atomically(path, text.getvalue())


def read_sentences(path: str | Path) -> dict[int, tuple[str, str]]:
    """Read reports' sentences: JSON lines of ``lesion_idx`` (a row, from 0), ``text``, and perhaps ``id``.

    Several sentences of one lesion are joined, in their order, as what is mined of them is; blank lines
    are passed over.

    Returns
    -------
    dict
        Row to (id, text); the id is the row's number where none is given.

    Raises
    ------
    InputError
        The file can't be read, or a line isn't one; the sentence names it.
    """
    try:
        content = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, "sentences of lesions", error) from error
    found: dict[int, tuple[dict[str, None], dict[str, None]]] = {}  # ids and texts, each once
    # Not splitlines(): JSON's strings may hold signs at which that would break a line too.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            row, text = _whole(str(said["lesion_idx"])), said["text"]
            identifier = str(row if said.get("id") is None else said["id"])
            if row < 0 or not isinstance(text, str):
                raise ValueError("lesion_idx must be a row from 0, and text a text")
            (identifier + text).encode()  # half a surrogate pair can't be kept
        except KeyError as error:
            raise InputError(f"{path}, line {number}: a sentence of a lesion needs {error}.") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(
                f"{path}, line {number}, can't be read as a sentence of a lesion ({error}): mend it, or take "
                "it out."
            ) from error
        ids, texts = found.setdefault(row, ({}, {}))
        ids[identifier] = texts[text] = None
    return {row: ("; ".join(ids), " ".join(texts)) for row, (ids, texts) in found.items()}


def read_slice(path: str | Path) -> NDArray[np.int16]:
    """Read a slice: HU, int16 ``(rows, columns)``.

    Raises
    ------
    InputError
        It can't be read, or isn't a 16-bit grey PNG.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if not image.mode.startswith("I"):
                raise InputError(f"{path} is not a slice of DeepLesion's: it is no 16-bit grey image.")
            stored = np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise unreadable(path, "a slice of DeepLesion's", error) from error
    return (stored.astype(np.int32) - HU_OFFSET).astype(np.int16)


def write_slice(path: str | Path | IO[bytes], hu: NDArray[np.int16]) -> None:
    """Write HU ``(rows, columns)`` as a slice, to a path or an open file."""
    from PIL import Image

    stored = (hu.astype(np.int32) + HU_OFFSET).astype(np.uint16)
    Image.fromarray(stored).save(path, format="PNG", compress_level=4)


def read_row(cells: Mapping[str, str | None], where: str) -> DeepLesionRow:
    """Read one line of the table.

    Parameters
    ----------
    cells
        What stands in each of :data:`COLUMNS`; ``None`` where the line ends before it.
    where
        How errors name the line.

    Raises
    ------
    InputError
        A cell holds what it can't; the sentence names line and column.
    """

    def several(column: str, count: int, kind: Callable[[str], Value], what: str) -> tuple[Value, ...]:
        said = cells[column] or ""
        try:
            values = tuple(kind(part) for part in said.split(","))
        except ValueError:
            values = ()
        if len(values) != count:
            raise InputError(f"{where}: {column} must be {what}, not {said!r}.")
        return values

    def finite(column: str, count: int) -> tuple[float, ...]:
        return several(column, count, _finite, f"{count} numbers with commas between them")

    def whole(column: str, allowed: Callable[[int], bool] = lambda value: value >= 0) -> int:
        (value,) = several(column, 1, _whole, "a whole number")
        if not allowed(value):
            raise InputError(f"{where}: {column} can't be {value}.")
        return value

    age = (cells["Patient_age"] or "").strip()
    first, last = several("Slice_range", 2, _whole, "two whole numbers with a comma between them")
    if last < first:
        raise InputError(f"{where}: Slice_range ends before it begins, at {first} and {last}.")
    return DeepLesionRow(
        patient=whole("Patient_index"),
        study=whole("Study_index"),
        series=whole("Series_ID"),
        key_slice=whole("Key_slice_index"),
        measurement=finite("Measurement_coordinates", 8),
        box=finite("Bounding_boxes", 4),
        diameters_px=finite("Lesion_diameters_Pixel_", 2),
        location=finite("Normalized_lesion_location", 3),
        coarse_type=whole(
            "Coarse_lesion_type", lambda value: value == UNKNOWN_TYPE or 1 <= value <= len(TYPES)
        ),
        possibly_noisy=bool(whole("Possibly_noisy", lambda value: value in (0, 1))),
        slice_range=(first, last),
        spacing_mm=several("Spacing_mm_px_", 3, float, "3 numbers with commas between them"),
        image_size=several("Image_size", 2, _whole, "two whole numbers with a comma between them"),
        window_hu=finite("DICOM_windows", 2),
        gender=(cells["Patient_gender"] or "").strip(),
        age=None if age.casefold() in ("", "nan") else whole("Patient_age"),
        split=SPLITS[whole("Train_Val_Test", lambda value: 1 <= value <= len(SPLITS)) - 1],
    )


def _cells(row: DeepLesionRow) -> tuple[str | int, ...]:
    if row.split not in SPLITS:
        raise UsageError(f"DeepLesion has no split {row.split!r}: use {', '.join(SPLITS)}.")
    return (
        row.file_name,
        row.patient,
        row.study,
        row.series,
        row.key_slice,
        _joined(row.measurement),
        _joined(row.box),
        _joined(row.diameters_px),
        _joined(row.location),
        row.coarse_type,
        int(row.possibly_noisy),
        _joined(row.slice_range),
        _joined(row.spacing_mm),
        _joined(row.image_size),
        _joined(row.window_hu),
        row.gender,
        "" if row.age is None else row.age,
        SPLITS.index(row.split) + 1,
    )


def as_written(value: float) -> float:
    """Return a number as the table keeps it: six digits."""
    return float(f"{value:.6g}")


def _joined(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    value = float(text)
    if not value.is_integer():
        raise ValueError(text)
    return int(value)
