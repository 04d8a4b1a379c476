"""A CSV manifest of real lesions: volumes, centroids (LPS mm) and classes → 64³ cubes.

Columns: ``path`` (a DICOM folder or file, NIfTI, NRRD, MHA; relative to the CSV
file), ``x``, ``y``, ``z`` (centroid, LPS mm), ``leaf`` (a leaf tag of the tree),
and optionally ``subset`` (0–4), ``split`` (train, validation or test),
``series_uid`` (where a folder holds several series) and ``patient`` (lesions of one
patient stay in one subset; one spelling a patient). Cells are separated by commas, semicolons or tabs;
names may be in capitals; other columns are not read.
A table that is all of one split, as ``lesionscope phantom radpath`` writes it, is
dealt out like one without.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.csv_files import TOO_MANY_CELLS, read_csv
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError, unreadable
from lesionscope.files import write_atomically
from lesionscope.lesions.lesion import Point
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..kept import states
from ..torn import torn

SIDE = 64
SUBSETS = 5
REQUIRED = ("path", "x", "y", "z", "leaf")
OPTIONAL = ("subset", "split", "series_uid", "patient")
SPLITS = ("train", "validation", "test")
_PATIENTS = re.compile(
    r"(?:patient|subject)|.*\b(?:patient|subject|participant|person|pat|pid|mrn|medical record)(?:s|id)?\b"
)
"""Names of columns that may tell patients apart, from their beginning; with spaces for underscores."""
DETACHED = (".mhd", ".nhdr")
"""Headers whose voxels lie in another file, by custom of the same name."""


@dataclass(frozen=True)
class Row:
    """One lesion of a manifest; ``number`` is its line in the file (the header is line 1)."""

    number: int
    path: Path
    centroid_lps_mm: Point
    leaf: str
    subset: int | None = None
    series_uid: str | None = None
    patient: str = ""
    split: str | None = None


def read_manifest(path: str | Path, tree: PathologyTree) -> tuple[Row, ...]:
    """Read and check a manifest.

    Raises
    ------
    InputError
        Not readable, a column is missing or can be mistaken for 'patient', a row
        holds something wrong, a lesion comes twice, a patient is spelled in two ways
        or in two splits: the sentence names it.
    """
    path = Path(path)
    what = "a manifest (CSV)"
    reader = read_csv(path, what)
    columns = reader.fieldnames or ()
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}; a manifest has "
            f"{', '.join(REQUIRED)} and may have {', '.join(OPTIONAL)}."
        )
    _refuse_mistakable(path, columns)
    try:
        rows = tuple(_row(path, reader.line_num, record, tree) for record in reader)
    except csv.Error as error:
        raise unreadable(path, what, error) from error
    if not rows:
        raise InputError(f"{path} lists no lesion; add a row for each.")
    for name in ("subset", "split", "patient"):
        given = [getattr(row, name) not in (None, "") for row in rows]
        if any(given) and not all(given):
            bare = rows[given.index(False)].number
            raise InputError(f"{path}, row {bare}: '{name}' is empty; give it in every row or in none.")
    _refuse_repeated(path, rows)
    _refuse_spellings(path, rows)
    if _is_split(rows):
        if rows[0].subset is not None:
            raise InputError(f"{path} has both 'subset' and 'split': give one of them.")
        _refuse_torn(rows, [row.split for row in rows], str(path), "splits")
    return rows


def _refuse_mistakable(path: Path, columns: Sequence[str]) -> None:
    """Refuse a column given twice, or one that tells patients apart under another name."""
    twice = [name for name in (*REQUIRED, *OPTIONAL) if columns.count(name) > 1]
    if twice:
        raise InputError(f"{path} has the column '{twice[0]}' twice: keep one of them.")
    alike = [name for name in columns if _PATIENTS.match(name.replace("_", " "))]
    if alike and "patient" not in columns:
        raise InputError(
            f"{path} has a column '{alike[0]}' but none named 'patient': name the one that tells patients "
            "apart 'patient', so that no patient is both learnt from and tested on."
        )


def _refuse_repeated(path: Path, rows: Sequence[Row]) -> None:
    """Refuse a lesion given twice: it would count twice, or be of two classes."""
    there: dict[tuple[Path, Point], list[Row]] = {}
    for row in rows:
        same = there.setdefault((row.path, row.centroid_lps_mm), [])
        for first in same:
            # Without a UID the file holds one series, whichever that is.
            if None not in (first.series_uid, row.series_uid) and first.series_uid != row.series_uid:
                continue
            classes = "" if first.leaf == row.leaf else f", once {first.leaf} and once {row.leaf}"
            raise InputError(
                f"{path}, rows {first.number} and {row.number}: they are one lesion{classes}; leave one row."
            )
        same.append(row)


def _refuse_spellings(path: Path, rows: Sequence[Row]) -> None:
    """Refuse patients that may be one: a spreadsheet changes 007 to 7, and typists change capitals."""
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(_unspelled(row.patient), row)
        if other.patient != row.patient:
            raise InputError(
                f"{path}, rows {other.number} and {row.number}: their patients differ in nothing but "
                "capitals, spaces, zeros at the front or a '.0'; write one patient in one way, and tell two "
                "apart by more than that."
            )


def _unspelled(patient: str) -> str:
    """Return a patient's name or number less what spreadsheets and typists change in it."""
    text = " ".join(unicodedata.normalize("NFKC", patient).casefold().split())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"(\d)\.0+$", r"\1", text))


def _is_split(rows: Sequence[Row]) -> bool:
    """Whether a manifest says itself which rows are trained on."""
    return len({row.split for row in rows}) > 1


def _refuse_torn(rows: Sequence[Row], parts: Sequence[object], where: str, called: str) -> None:
    """Refuse lesions of one patient (of one file, where patients aren't given) in two parts."""
    for first, second in torn((_whose(row), part) for row, part in zip(rows, parts, strict=True)):
        what = "patient" if rows[first].patient else "file"
        raise InputError(
            f"{where}, rows {rows[first].number} and {rows[second].number}: lesions of one {what} are in the "
            f"{called} {parts[first]} and {parts[second]}; put all of them into one."
        )


def _whose(row: Row) -> str:
    return row.patient or str(row.path)


def _row(manifest: Path, number: int, record: dict[str, str | None], tree: PathologyTree) -> Row:
    """Check one record."""
    values = {key: (value or "").strip() for key, value in record.items() if isinstance(key, str)}
    where = f"{manifest}, row {number}"
    if None in record:
        raise InputError(f"{where}: {TOO_MANY_CELLS}.")
    for name in REQUIRED:
        if not values[name]:
            raise InputError(f"{where}: '{name}' is empty.")
    if values["leaf"] not in tree.leaves:
        raise InputError(
            f"{where}: '{values['leaf']}' is no leaf of {tree.title}; choose one of {', '.join(tree.leaves)}."
        )
    try:
        x, y, z = (float(values[name]) for name in ("x", "y", "z"))
    except ValueError as error:
        raise InputError(f"{where}: x, y and z must be numbers (LPS mm), decimals after a point.") from error
    if not all(math.isfinite(v) for v in (x, y, z)):
        raise InputError(f"{where}: x, y and z must be finite numbers (LPS mm).")
    subset = values.get("subset") or None
    if subset is not None and subset not in {str(i) for i in range(SUBSETS)}:
        raise InputError(f"{where}: 'subset' must be one of 0 to {SUBSETS - 1}, not '{subset}'.")
    split = values.get("split") or None
    if split is not None and split not in SPLITS:
        raise InputError(f"{where}: 'split' must be {', '.join(SPLITS)}, not '{split}'.")
    return Row(
        number,
        (manifest.parent / values["path"]).resolve(),
        (x, y, z),
        values["leaf"],
        None if subset is None else int(subset),
        values.get("series_uid") or None,
        values.get("patient", ""),
        split,
    )


def rows_of(rows: Sequence[Row], split: str, wanted: Sequence[int], seed: int = 0) -> list[Row]:
    """Return the rows of a split: those that the manifest names, else those of the ``wanted`` subsets.

    Raises
    ------
    InputError
        See :func:`subsets`.
    """
    if _is_split(rows):
        return [row for row in rows if row.split == split]
    inside = np.isin(subsets(rows, seed), list(wanted))
    return [row for row, take in zip(rows, inside, strict=True) if take]


def subsets(rows: Sequence[Row], seed: int = 0) -> NDArray[np.int64]:
    """Subset 0–4 of each row: as given, else five equal ones stratified by class (§2.1).

    "Each subset retains roughly the same proportion for each disease as the entire
    dataset." Rows of one patient go together (by ``patient``, else by file), placed
    largest groups first where their classes are rarest.

    Raises
    ------
    InputError
        Subsets are given, and a patient is in two of them.
    """
    if all(row.subset is not None for row in rows):
        _refuse_torn(rows, [row.subset for row in rows], "The manifest", "subsets")
        return np.array([row.subset for row in rows], dtype=np.int64)
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(_whose(row), []).append(index)
    leaves = sorted({row.leaf for row in rows})
    counts = np.zeros((SUBSETS, len(leaves)))
    assigned = np.zeros(len(rows), dtype=np.int64)
    keys = sorted(groups)
    order = np.random.default_rng(seed).permutation(len(keys))
    for key in sorted((keys[i] for i in order), key=lambda k: -len(groups[k])):
        mine = np.bincount([leaves.index(rows[i].leaf) for i in groups[key]], minlength=len(leaves))
        # The subset that holds the least of this group's classes, then the least of all.
        best = min(range(SUBSETS), key=lambda s: (float(counts[s] @ mine), float(counts[s].sum())))
        counts[best] += mine
        assigned[groups[key]] = best
    return assigned


def read_cubes(
    rows: Sequence[Row],
    cache: Path,
    *,
    spacing_mm: float = 1.0,
    opener: Callable[[Path, str | None], CTVolume] | None = None,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> NDArray[np.int16]:
    """Cut a 64³ cube of HU around every centroid, int16 ``(n, 64, 64, 64)``, (z, y, x) in LPS.

    Each volume is opened once; cubes are kept in ``cache`` under a digest of
    what made them, so that a second run (or one after a kill) reads them back.

    Raises
    ------
    InputError
        A volume can't be read, isn't in Hounsfield units or doesn't hold the centroid:
        the sentence names the row.
    """
    from lesionscope.ct.crops import crop
    from lesionscope.inference.scope import impossible

    opener = _open if opener is None else opener
    cubes = np.empty((len(rows), SIDE, SIDE, SIDE), dtype=np.int16)
    pending: dict[tuple[Path, str | None], list[int]] = {}
    done = 0
    states = {path: _state(path) for path in {row.path for row in rows}}
    files = [cache / f"{_digest(row, spacing_mm, states[row.path])}.npy" for row in rows]
    for index, row in enumerate(rows):
        if files[index].is_file():
            cubes[index] = np.load(files[index], allow_pickle=False)
            done += 1
        else:
            pending.setdefault((row.path, row.series_uid), []).append(index)
    for (path, series_uid), indices in pending.items():
        if cancel is not None:
            cancel.check()
        progress(done, len(rows), "Reading volumes")
        first = rows[indices[0]]
        try:
            volume = opener(path, series_uid)
        except InputError as error:
            raise InputError(f"Row {first.number} of the manifest: {error}") from error
        for index in indices:
            row = rows[index]
            if not volume.geometry.contains(row.centroid_lps_mm):
                raise InputError(
                    f"Row {row.number} of the manifest: the centroid {row.centroid_lps_mm} (LPS mm) lies "
                    f"outside the volume {path}; check its signs (LPS: x to the left, y to the back)."
                )
            if refused := impossible(volume, lesion_from_click(row.centroid_lps_mm)):
                raise InputError(f"Row {row.number} of the manifest, {path}: {refused}")
            cube = crop(volume, row.centroid_lps_mm, shape=(SIDE, SIDE, SIDE), spacing_mm=spacing_mm)
            cubes[index] = np.clip(np.rint(cube), -32768, 32767).astype(np.int16)
            _save(files[index], cubes[index])
            done += 1
    progress(done, len(rows), "Reading volumes")
    return cubes


def _open(path: Path, series_uid: str | None) -> CTVolume:
    from lesionscope.ct.scan import open_ct

    return open_ct(path, series_uid)


def _save(path: Path, cube: NDArray[np.int16]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, cube, allow_pickle=False)
    write_atomically(path, buffer.getvalue(), private=True)


def _state(path: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file that a volume may be read from."""
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    elif path.suffix.lower() in DETACHED:
        files = [file for file in sorted(path.parent.iterdir()) if file.stem == path.stem]
    else:
        files = [path] if path.is_file() else []
    return states(path.parent, (file.relative_to(path.parent) for file in files))


def _digest(row: Row, spacing_mm: float, state: list[tuple[str, int, int]]) -> str:
    """Digest of what fixes a row's cube: the files, their sizes and times, the centroid, the grid."""
    parts = [str(row.path), state, row.series_uid, row.centroid_lps_mm, spacing_mm, SIDE]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
