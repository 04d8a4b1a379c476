"""The phantom clinic in DeepLesion's layout: table, slices, reports, mined labels, and the truth apart.

``DL_info.csv`` and ``Images_png/`` are as :mod:`lesionscope.lesions.deeplesion` says.
``reports.jsonl`` holds a sentence a line of the table, by its number from 0, and nothing that a
radiologist wouldn't have written; ``text_mined_labels_171_and_split.json`` what the miner's rules
find in them, in the form that LesaNet's authors released. Only ``truth/`` knows more: ``labels.json``
all that is true of the table's lesions, in the same form; ``patients.jsonl`` everything of every lesion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.windows import PRESETS
from lesionscope.errors import UsageError
from lesionscope.files import new_folder, write_atomically
from lesionscope.lesions.deeplesion import (
    TABLE,
    TYPES,
    UNKNOWN_TYPE,
    DeepLesionRow,
    as_written,
    measured_box,
    write_dl_info,
    write_slice,
)
from lesionscope.mining.job import mine_file
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import SPLITS as RELEASED_SPLITS
from lesionscope.phantom.clinic.cohort import sentence_row
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.lesions import ClinicLesion
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.patient_scan import MATRIX, SLAB_SLICES, scan_geometry
from lesionscope.phantom.clinic.patients import SERIES, SPLITS, ClinicPatient, whole_body
from lesionscope.phantom.clinic.wording import Split
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.scanner import Scanner, render
from lesionscope.progress import Progress, silent

REPORTS = "reports.jsonl"
MINED = "text_mined_labels_171_and_split.json"
TRUTH = Path("truth") / "patients.jsonl"
TRUE_LABELS = Path("truth") / "labels.json"
AROUND_MM = 15.0
"""Slices are given so far above and below a key slice; DeepLesion gives twice as many."""
_T, _V, _E = get_args(Split)
ALL: tuple[Split, ...] = (_T, _T, _T, _V, _T, _T, _E, _T, _T, _V, _T, _T, _T, _E, _T, _T, _V, _T, _T, _E)
"""Split of each of twenty patients in turn: 70, 15 and 15 % (Wang et al., §3)."""
OF_FAMILY = {
    "bone": "bone",
    "liver": "liver",
    "lung": "lung",
    "pleura": "lung",
    "airway": "lung",
    "kidney": "kidney",
    "wall": "soft tissue",
    "muscle": "soft tissue",
    "breast": "soft tissue",
    "thyroid": "soft tissue",
}
"""DeepLesion's type of a lesion by the family of its place; by the region it lies in for others."""
OF_REGION = (
    ("axilla", "soft tissue"),
    ("neck", "soft tissue"),
    ("groin", "soft tissue"),
    ("pelvis", "pelvis"),
    ("abdomen", "abdomen"),
    ("chest", "mediastinum"),
)
SAID = ("sentence", "bookmarks", "bookmark_lesions", "mentions")
"""What the truth holds of a sentence (see :func:`~lesionscope.phantom.clinic.cohort.sentence_row`)."""
WINDOW_OF = {"lung": "lung", "bone": "bone"}
"""Which window such a lesion is looked at in; soft tissue for others."""


@dataclass(frozen=True)
class _Job:
    number: int
    split: Split
    frequencies: str | None
    body_of: Callable[[int], Body]
    folder: Path
    around_mm: float
    matrix: int


@dataclass(frozen=True)
class _Made:
    """What is written of a patient; reports and truths of lesions still lack their lines' numbers."""

    rows: tuple[DeepLesionRow, ...]
    reports: tuple[dict[str, Any], ...]
    truth: dict[str, Any]


def write_deeplesion(
    out: str | Path,
    patients: int,
    *,
    split: Split | Literal["all"] = "all",
    first_patient: int = 0,
    frequencies: str | Path | None = None,
    around_mm: float = AROUND_MM,
    matrix: int = MATRIX,
    body_of: Callable[[int], Body] = whole_body,
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Write patients of the clinic in DeepLesion's layout, into a new or empty folder.

    The folder appears when everything is in it: a run that is stopped leaves nothing behind.

    Parameters
    ----------
    out
        The folder.
    patients
        How many; each has one study of one series.
    split
        'train', 'validation', 'test', or 'all' for 70, 15 and 15 % of them.
    first_patient
        Skip so many patients.
    frequencies
        A file of label frequencies in place of the bundled table.
    around_mm
        How far slices are given above and below each key slice.
    matrix
        Rows and columns of a slice.
    body_of
        Makes the body of a seed.
    workers
        Processes; the bytes don't depend on them.
    progress
        Called after each patient.

    Raises
    ------
    UsageError
        An unknown split, or a number that is too small.
    InputError
        There are files in the folder already, or the frequencies can't be read.
    LesionscopeError
        It can't be written.
    """
    if patients < 1 or workers < 1 or first_patient < 0 or not 0 <= around_mm < 1e4:
        raise UsageError(
            "Phantom DeepLesion needs 1 or more patients and workers, and a first patient and "
            "millimetres around a slice of 0 or more."
        )
    if split not in (*SPLITS, "all"):
        raise UsageError(f"There is no split named {split!r}: choose one of {', '.join(SPLITS)}, all.")
    source = None if frequencies is None else str(frequencies)
    load_frequencies(source)  # says what is wrong with the file before anything starts
    with new_folder(out) as folder:
        jobs = [
            _Job(
                number,
                ALL[number % len(ALL)] if split == "all" else split,
                source,
                body_of,
                folder,
                around_mm,
                matrix,
            )
            for number in range(first_patient, first_patient + patients)
        ]
        rows: list[DeepLesionRow] = []
        reports: list[str] = []
        true: list[frozenset[str]] = []
        truth: list[str] = []
        for done, made in enumerate(ordered(_work, jobs, workers), start=1):
            for index, report in enumerate(made.reports, start=len(rows)):
                reports.append(json.dumps({"lesion_idx": index} | report))
            bookmarked = [lesion for lesion in made.truth["lesions"] if lesion["bookmarked"]]
            for index, lesion in enumerate(bookmarked, start=len(rows)):
                lesion["lesion_idx"] = index
                true.append(frozenset(lesion["labels"]))
            truth.append(json.dumps(made.truth))
            rows.extend(made.rows)
            progress(done, patients, "Scanning phantom patients")
        write_dl_info(folder / TABLE, rows)
        write_atomically(folder / REPORTS, "".join(line + "\n" for line in reports))
        write_atomically(folder / TRUTH, "".join(line + "\n" for line in truth))
        write_atomically(folder / TRUE_LABELS, _label_file(rows, true))
        if rows:
            mine_file(folder / REPORTS, folder / MINED, form="lesanet", workers=workers)
    return Path(out)


def coarse_type(lesion: ClinicLesion) -> str:
    """Return which of DeepLesion's eight types a lesion is of."""
    by_region = next((kind for region, kind in OF_REGION if region in lesion.labels), "soft tissue")
    return OF_FAMILY.get(lesion.family, by_region)


def _label_file(rows: Sequence[DeepLesionRow], true: Sequence[frozenset[str]]) -> str:
    """Return all labels of the table's lesions in the form of LesaNet's label file."""
    terms = load_labels().core
    lists: dict[str, list[Any]] = {"term_list": list(terms)}
    for ours, released in zip(SPLITS, RELEASED_SPLITS, strict=True):
        here = [number for number, row in enumerate(rows) if row.split == ours]
        lists[f"{released}_lesion_idxs"] = here
        lists[f"{released}_relevant_labels"] = [
            [place for place, name in enumerate(terms) if name in true[number]] for number in here
        ]
        lists[f"{released}_uncertain_labels"] = [[] for _ in here]
    return json.dumps(lists) + "\n"


def _work(job: _Job) -> _Made:
    """Write a patient's slices; runs in a worker process."""
    patient = ClinicPatient(job.number, job.split, frequencies=job.frequencies, body_of=job.body_of)
    geometry = scan_geometry(patient, job.matrix)
    rng = np.random.default_rng([patient.number, 38])
    age = int(np.clip(round(rng.normal(58, 15)), 18, 92))
    rows, reports, lesions = [], [], []
    for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
        known = _truth(lesion, mark)
        if mark.bookmarked:
            row = _row(job, patient, geometry, lesion, mark, age)
            said = sentence_row(patient, mark, job.split)
            rows.append(row)
            reports.append(_report(row, mark, said))
            known |= {"file_name": row.file_name, "report": {name: said[name] for name in SAID}}
        lesions.append(known)
    if rows:
        folder = rows[0].slice_path(job.folder).parent
        folder.mkdir(parents=True)
        _write_slices(folder, patient, geometry, {n for row in rows for n in _numbers(row)})
    truth = {
        "patient": job.number + 1,
        "split": job.split,
        "seed": patient.seed,
        "phase": patient.body.phase,
        "scanner": asdict(patient.scanner),
        "geometry": geometry.as_dict(),
        "lesions": lesions,
    }
    return _Made(tuple(rows), tuple(reports), truth)


def _row(
    job: _Job, patient: ClinicPatient, geometry: Geometry, lesion: ClinicLesion, mark: Mark, age: int
) -> DeepLesionRow:
    pixel, _, _ = geometry.spacing_mm
    step, slices = geometry.slice_step_mm, geometry.size[2]
    ends = geometry.to_voxel([*mark.long, *mark.short])
    key = patient.key_slice(mark)
    half = max(1, int(job.around_mm / step + 1e-6))
    # DeepLesion counts voxels from 1.
    measurement = tuple(as_written(float(value) + 1) for value in ends[:, [2, 1]].ravel())
    kind = coarse_type(lesion)
    window = next(w for w in PRESETS if w.name == WINDOW_OF.get(kind, "soft-tissue"))
    return DeepLesionRow(
        patient=job.number + 1,
        study=1,
        series=SERIES,
        key_slice=key,
        measurement=measurement,
        box=measured_box(measurement),
        diameters_px=(mark.long_mm / pixel, mark.short_mm / pixel),
        location=patient.relative_location(mark),
        # As in the release, where only validation and test lesions have one.
        coarse_type=UNKNOWN_TYPE if job.split == "train" else TYPES.index(kind) + 1,
        possibly_noisy=False,
        slice_range=(max(1, key - half), min(slices, key + half)),
        spacing_mm=(pixel, pixel, step),
        image_size=geometry.size[:2],
        window_hu=(window.low, window.high),
        gender=patient.body.sex,
        age=age,
        split=job.split,
    )


def _numbers(row: DeepLesionRow) -> range:
    first, last = row.slice_range
    return range(first, last + 1)


def _report(row: DeepLesionRow, mark: Mark, said: dict[str, Any]) -> dict[str, Any]:
    """Return what the hospital's archive holds: the sentence, where its links point, the measurement."""
    return {
        "split": row.split,
        "file_name": row.file_name,
        "text": said["sentence"],
        "bookmarks": said["bookmarks"],
        "slice": row.key_slice,
        "long_mm": said["long_mm"],
        "short_mm": said["short_mm"],
    }


def _truth(lesion: ClinicLesion, mark: Mark) -> dict[str, Any]:
    return asdict(lesion) | {
        "direct": sorted(lesion.direct),
        "labels": sorted(lesion.labels),
        "slice_mm": mark.slice_mm,
        "long_lps_mm": mark.long,
        "short_lps_mm": mark.short,
        "bookmarked": mark.bookmarked,
        "lesion_idx": None,
    }


def _write_slices(folder: Path, patient: ClinicPatient, geometry: Geometry, numbers: set[int]) -> None:
    """Scan the slices of these numbers, in the slabs that the patient's whole scan is made of."""
    own, (ni, nj, slices) = patient.scanner, geometry.size
    pixel, step = geometry.spacing_mm[0], geometry.slice_step_mm
    scanner = Scanner(pixel, step, max(step, own.thickness_mm), own.kernel, own.noise_hu)
    for start in sorted({(slices - n) // SLAB_SLICES * SLAB_SLICES for n in numbers}):
        x, y, z = map(float, geometry.to_lps([start, 0, 0]))
        slab = Geometry((ni, nj, min(SLAB_SLICES, slices - start)), geometry.spacing_mm, (x, y, z))
        rng = np.random.default_rng([patient.number, 37, start])
        for k, hu in enumerate(render(patient.paint, slab, scanner, rng), start=start):
            if slices - k in numbers:
                write_slice(folder / f"{slices - k:03d}.png", hu)
