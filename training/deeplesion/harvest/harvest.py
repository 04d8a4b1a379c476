"""Mining an archive (paper 004, §2.1): every lesion that was measured or outlined, with its slices."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lesionscope.ct.scan import load, scan
from lesionscope.ct.series import SeriesInfo
from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import default_window
from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import IMAGES, TABLE, DeepLesionRow, write_dl_info, write_slice
from lesionscope.lock import WriterLock
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.report.import_sr import NOT_HERE, damage_named, import_sr, read_bounded
from lesionscope.retrieval.keys import key as key_of
from lesionscope.retrieval.keys import patient_keys, site_secret, study_key

from .axial import AxialSlices, axial_slices
from .contours import LESIONS, Measured, measured
from .documents import Document, about, documents, series_of
from .ledger import FOLDER, NUMBERS, Harvested, Ledger, split_of
from .rows import Called, row_of

PROBLEMS = "problems.csv"
AROUND_MM = 30.0
"""Slices are given so far above and below a key slice, as in DeepLesion."""


@dataclass(frozen=True)
class HarvestResult:
    """The dataset's folder, how many lesions, patients and documents it holds, what was left out."""

    folder: Path
    lesions: int
    patients: int
    documents: int
    problems: tuple[tuple[str, str, str], ...]

    @property
    def table_of_problems(self) -> Path:
        """Columns ``document`` (its SOPInstanceUID), ``item`` and ``problem``."""
        return self.folder / FOLDER / PROBLEMS


def harvest(
    archive: str | Path,
    out: str | Path,
    *,
    around_mm: float = AROUND_MM,
    regions: str = LESIONS,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> HarvestResult:
    """Make a dataset in DeepLesion's layout of an archive, or go on with one.

    ``out`` then holds ``DL_info.csv`` and ``Images_png/``, without names, dates or UIDs, and apart from them
    ``harvest/``, which is for the site alone: the UIDs of documents, what was left out of each and why, and
    the numbers of patients under keys. A patient's split follows from the key, so that it stays the same
    however the archive grows.

    Parameters
    ----------
    archive
        A folder with images, structured reports and RT structure sets, in any order.
    out
        The dataset.
    around_mm
        How far slices are given above and below each key slice.
    regions
        A regular expression that finds lesions among the names of outlined regions, and one of the person's
        own whatever their types; gross tumour volumes are lesions anyhow.
    progress, cancel
        Told and asked after each document.

    Raises
    ------
    UsageError
        ``around_mm`` or ``regions`` make no sense.
    InputError
        The archive can't be read, ``out`` was begun with other settings, or holds a dataset that no harvest
        made.
    LesionscopeError
        Another process harvests into ``out``, or it can't be written.
    Cancelled
        The person asked to stop.
    """
    root, out = Path(archive), Path(out)
    if not 0 <= around_mm < 1e4:
        raise UsageError("Slices around a lesion are given for 0 mm or more.")
    try:
        lesions = re.compile(regions, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"{regions!r} is no regular expression ({error}): mend --regions.") from error
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give one with images, reports and structure sets.")
    _refuse_foreign(out)
    lock = _lock(out)
    try:
        ledger = Ledger(out, {"around_mm": around_mm, "regions": regions})
        found = scan(root, progress=progress, cancel=cancel)
        listed = documents(found, root)
        work = _Harvest(found.series, out, ledger, around_mm, lesions)
        for number, document in enumerate(listed, start=1):
            if cancel is not None:
                cancel.check()
            name = key_of(work.secret, "document", document.uid)
            if not ledger.done(name):
                ledger.add(name, work.gather(document))
            progress(number, len(listed), "Gathering lesions")
        return _written(out, ledger)
    finally:
        lock.release()


class _Harvest:
    """Goes through documents; the last scan stays in memory, since several often tell of one."""

    def __init__(
        self,
        series: tuple[SeriesInfo, ...],
        out: Path,
        ledger: Ledger,
        around_mm: float,
        regions: re.Pattern[str],
    ) -> None:
        self.series, self.out, self.ledger = series, out, ledger
        self.around_mm, self.regions = around_mm, regions
        self.secret = site_secret()
        self._loaded: tuple[str, AxialSlices, Called] | None = None

    def gather(self, document: Document) -> Harvested:
        """Return what a document gives; its slices are on the disk by then."""
        rows: list[DeepLesionRow] = []
        problems: list[tuple[str, str]] = []
        try:
            uids = about(document)
            chosen = series_of(uids, self.series)
            if not chosen:
                raise InputError(
                    "None of the images that it refers to is in the archive: it was left out."
                    if uids
                    else "It refers to no images: it was left out."
                )
            by_scan = []
            for series in chosen:
                told = list(self._told(document, series))
                by_scan.append((sum(isinstance(one, Measured) for one in told), told))
                rows += self._rows(told, problems)
            problems += _nowhere(by_scan)
            if not rows and not problems:
                raise InputError("It tells of no lesion, or breaks off before one.")
        except InputError as error:
            problems.append(("", document.told(error)))
        return Harvested(document.uid, tuple(rows), tuple(problems))

    def _told(self, document: Document, series: SeriesInfo) -> Iterator[Measured | tuple[str, str]]:
        """Yield the lesions that a document tells of on a scan, and what of it can't be used."""
        slices = self._open(series)[0]
        volume = slices.volume
        if document.structures:
            with damage_named(document.path):
                yield from measured(read_bounded(document.path), volume, self.regions)
            return
        imported = import_sr(document.path, volume)
        for number, lesion in enumerate(imported.lesions, start=1):
            item = f"lesion {number}"
            if lesion.long is None:
                yield item, "It has a place but no diameters: it was left out."
            else:
                yield Measured(item, lesion.long, lesion.short)
        for note in imported.notes:
            yield "", note

    def _open(self, series: SeriesInfo) -> tuple[AxialSlices, Called]:
        if self._loaded is None or self._loaded[0] != series.uid:
            if any(finding.code == "not-hu" for finding in series.findings):
                raise InputError("The images that it refers to hold no Hounsfield units: it was left out.")
            volume = load(series)
            self._loaded = series.uid, axial_slices(volume), self._called(volume)
        return self._loaded[1], self._loaded[2]

    def _called(self, volume: CTVolume) -> Called:
        source = volume.source
        # Whom an earlier version knew by the name's own spelling keeps number and split.
        keys = patient_keys(self.secret, source)
        patient = next((one for one in reversed(keys) if self.ledger.knows(one)), keys[0])
        study = study_key(self.secret, source)
        series = key_of(self.secret, "series", f"{source.uid}/{_content(volume)}")
        number = self.ledger.number
        return Called(
            number(patient),
            number(patient, study),
            number(patient, study, series),
            split_of(patient),
            default_window(volume),
        )

    def _rows(
        self, told: list[Measured | tuple[str, str]], problems: list[tuple[str, str]]
    ) -> Iterator[DeepLesionRow]:
        assert self._loaded is not None
        _, slices, called = self._loaded
        for one in told:
            if not isinstance(one, Measured):
                if one[1] != NOT_HERE:
                    problems.append(one)
                continue
            try:
                row = row_of(one, slices, called, self.around_mm)
            except InputError as error:
                problems.append((one.item, str(error)))
                continue
            self._write(row, slices)
            yield row

    def _write(self, row: DeepLesionRow, slices: AxialSlices) -> None:
        first, last = row.slice_range
        for number in range(first, last + 1):
            path = row.slice_path(self.out, number)
            if not path.is_file():
                buffer = io.BytesIO()
                write_slice(buffer, slices.hu(number))
                write_atomically(path, buffer.getvalue())


def _content(volume: CTVolume) -> str:
    """Return a digest of a scan's slices and where they lie.

    A series that got slices since, or others, has a number of its own: slices are counted from the head, so
    that the files of those that were gathered before would not be its.
    """
    whole = hashlib.sha256(repr(volume.geometry).encode())
    whole.update(np.ascontiguousarray(volume.hu).data)
    return whole.hexdigest()


def _nowhere(told: list[tuple[int, list[Measured | tuple[str, str]]]]) -> list[tuple[str, str]]:
    """Return a problem for each measurement that lies on none of a document's scans.

    A report on two scans is read on either, and says each time what lies on the other.
    """
    missing = [sum(one == ("", NOT_HERE) for one in items) for _, items in told]
    here = [len(items) - absent for (_, items), absent in zip(told, missing, strict=True)]
    lost = missing[0] + here[0] - sum(here) if told else 0
    return [("", NOT_HERE)] * max(lost, 0)


def _written(out: Path, ledger: Ledger) -> HarvestResult:
    """Write the table of lesions and that of problems."""
    rows: dict[tuple[str, tuple[float, ...]], DeepLesionRow] = {}
    problems: list[tuple[str, str, str]] = []
    count = 0
    for one in ledger.all():
        count += 1
        problems += [(one.uid, item, text) for item, text in one.problems]
        for row in one.rows:
            # A report may come twice, as a draft and as it was signed.
            if rows.setdefault((row.file_name, row.measurement), row) is not row:
                problems.append((one.uid, "", f"A lesion on {row.file_name} was harvested before."))
    ordered = sorted(rows.values(), key=lambda row: (row.file_name, row.measurement))
    if ordered or not (out / TABLE).exists():  # nothing takes no table's place
        write_dl_info(out / TABLE, ordered)
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([("document", "item", "problem"), *problems])
    write_atomically(out / FOLDER / PROBLEMS, text.getvalue())
    return HarvestResult(out, len(rows), len({row.patient for row in ordered}), count, tuple(problems))


def _refuse_foreign(out: Path) -> None:
    """Refuse a dataset whose numbers are not ours: its pictures would be taken for those of our patients."""
    held = [name for name in (TABLE, IMAGES) if (out / name).exists()]
    if held and not (out / FOLDER / NUMBERS).is_file():
        raise InputError(
            f"{out} holds {held[0]}, but no {FOLDER}/{NUMBERS}, which says whose its pictures are: give a "
            f"new folder, or bring {FOLDER}/ back if it was taken away."
        )


def _lock(out: Path) -> WriterLock:
    try:
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
        lock = WriterLock.acquire(out / FOLDER / PROBLEMS)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise LesionscopeError(f"{out} can't be written ({why}): choose another folder.") from error
    if lock is None:
        raise LesionscopeError(f"Another process harvests into {out}: wait until it has ended.")
    return lock
