"""Key slices of the phantom clinic, with everything that shows on them; made by several processes, kept.

A slice is scanned on the grid that ``lesionscope phantom deeplesion`` writes, with the two neighbours
that a detector sees. Slices are kept patient by patient in blocks, so a run that is stopped loses one
block at most, and more slices cost only those that aren't there yet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.outlines import diameters, main_part, outline
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.phantom.canvas import Canvas, Field
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.painting import paint as paint_lesion
from lesionscope.phantom.clinic.patient_scan import MATRIX, scan_geometry
from lesionscope.phantom.clinic.patients import VERSION, ClinicPatient, whole_body
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.scanner import Scanner, render
from lesionscope.phantom.stored import write_array
from lesionscope.progress import CancelToken, Progress, silent

from .categories.truth import coarse_truth

FORMAT = 1
PATIENTS = 16
"""Patients a block."""
AIR_PX = 4
"""Rows of air that are scanned before and behind the body; those further out hold :data:`AIR_HU`."""
AIR_HU = -1000
SHORTEST_MM = 3.0
"""A lesion shows on another's key slice where it is so long there."""
Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shown:
    """A lesion that a slice shows.

    Parameters
    ----------
    lesion
        Its number in its patient.
    extent
        Of its diameters' ends on this slice: x0, y0, x1, y1 in pixels from 0.
    category
        Of :data:`~.categories.truth.KINDS`.
    bookmarked
        Whether it was bookmarked on this very slice.
    """

    lesion: int
    extent: Extent
    category: int
    bookmarked: bool


@dataclass(frozen=True, eq=False)
class PhantomSlice:
    """A key slice: its patient, its number (from 1 at the head), what it shows, HU ``(3, rows, columns)``."""

    patient: int
    number: int
    shown: tuple[Shown, ...]
    hu: NDArray[np.int16]


@dataclass(frozen=True)
class Source:
    """Which phantoms: their split, what makes their bodies, pixels a side of a slice."""

    split: str
    body_of: Callable[[int], Body] = whole_body
    matrix: int = MATRIX

    def key(self) -> str:
        """Return what tells these phantoms' files from others'."""
        neighbour = DetectorInput().neighbour_mm
        maker = (self.body_of.__module__, self.body_of.__qualname__)
        told = (FORMAT, VERSION, maker, self.split, self.matrix, neighbour, PATIENTS)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Job:
    source: Source
    block: int
    cache: Path

    @property
    def path(self) -> Path:
        """The block's array; its table lies beside it."""
        return self.cache / f"slices-{self.source.split}-{self.source.key()}-{self.block:05d}.npy"


def phantom_slices(
    source: Source,
    count: int,
    cache: Path,
    *,
    workers: int = 2,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> list[PhantomSlice]:
    """Return the first ``count`` key slices of a split, HU mapped from disk.

    Parameters
    ----------
    source
        Which phantoms.
    count
        How many slices.
    cache
        The folder that keeps them.
    workers
        Processes; the bytes don't depend on them.
    progress, cancel
        Told and asked after each block of patients.

    Raises
    ------
    InputError
        What is kept can't be read.
    Cancelled
        The person asked to stop.
    """
    found: list[PhantomSlice] = []
    first = 0
    while len(found) < count:
        # A patient has a bookmarked slice at least, and about three. What is kept needs no processes.
        blocks = max(1, -(-(count - len(found)) // (3 * PATIENTS)))
        jobs = [_Job(source, block, cache) for block in range(first, first + blocks)]
        kept = next((place for place, job in enumerate(jobs) if not _is_kept(job)), blocks)
        jobs = jobs[:kept] or jobs
        for path in ordered(_kept, jobs, 1 if kept else workers):
            if cancel is not None:
                cancel.check()
            found += _read(path)
            progress(min(len(found), count), count, f"Scanning phantom slices ({source.split})")
        first += len(jobs)
    return found[:count]


def slices_of(patient: ClinicPatient, matrix: int = MATRIX) -> Iterator[PhantomSlice]:
    """Scan a patient's bookmarked key slices, from the head to the feet."""
    geometry = scan_geometry(patient, matrix)
    wanted = sorted({patient.key_slice(mark) for mark in patient.marks if mark.bookmarked})
    away = DetectorInput().slices_away(geometry.slice_step_mm)
    for number in wanted:
        hu, masks = _scanned(patient, geometry, number)
        around = [
            _scanned(patient, geometry, other)[0] if 1 <= other <= geometry.size[2] else hu
            for other in (number - away, number + away)
        ]
        shown = tuple(_shown(patient, geometry, number, masks))
        yield PhantomSlice(patient.seed, number, shown, np.stack([around[0], hu, around[1]]))


def _scanned(
    patient: ClinicPatient, geometry: Geometry, number: int
) -> tuple[NDArray[np.int16], dict[int, Field]]:
    """Scan one slice; return its HU, and each lesion's share of its pixels where it touches the slice."""
    own, (ni, nj, slices) = patient.scanner, geometry.size
    pixel, step = geometry.spacing_mm[0], geometry.slice_step_mm
    thickness = max(step, own.thickness_mm)
    # Only rows that the body reaches: the air before and behind it needs no painting.
    ends = [patient.body.bounds[0][1], patient.body.bounds[1][1]]
    top, bottom = (round((end - geometry.origin_lps_mm[1]) / pixel) for end in ends)
    rows = slice(max(0, top - AIR_PX), min(nj, bottom + AIR_PX))
    x, y, z = map(float, geometry.to_lps([slices - number, rows.start, 0]))
    grid = Geometry((ni, rows.stop - rows.start, 1), (pixel, pixel, thickness), (x, y, z))
    masks: dict[int, Field] = {}

    def paint(canvas: Canvas) -> None:
        patient.body.paint(canvas)
        for lesion in patient.lesions:
            mask = paint_lesion(canvas, lesion)
            if mask is not None:
                masks[lesion.id] = np.zeros((nj, ni), dtype=np.float32)
                masks[lesion.id][rows] = mask.mean(axis=0)

    rng = np.random.default_rng([patient.number, 39, number])
    scanner = Scanner(pixel, step, thickness, own.kernel, own.noise_hu)
    hu = np.full((nj, ni), AIR_HU, dtype=np.int16)
    hu[rows] = render(paint, grid, scanner, rng)[0]
    return hu, masks


def _shown(
    patient: ClinicPatient, geometry: Geometry, number: int, masks: dict[int, Field]
) -> Iterator[Shown]:
    """Yield what a slice shows: lesions marked on it, and others that reach into it."""
    for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
        marked = patient.key_slice(mark) == number
        ends = _marked(mark) if marked else _section(masks.get(lesion.id), geometry)
        if ends is None:
            continue
        corner = np.array(geometry.origin_lps_mm[:2])
        pixels = (ends - corner) / geometry.spacing_mm[0]
        (x0, y0), (x1, y1) = pixels.min(axis=0).tolist(), pixels.max(axis=0).tolist()
        bookmarked = mark.bookmarked and marked
        yield Shown(lesion.id, (x0, y0, x1, y1), coarse_truth(lesion.family, lesion.labels), bookmarked)


def _marked(mark: Mark) -> NDArray[np.float64]:
    return np.array([*mark.long, *mark.short])[:, :2]


def _section(share: Field | None, geometry: Geometry) -> NDArray[np.float64] | None:
    """Return the ends of a section's diameters, mm ``(4, 2)``; ``None`` where it is too short to show."""
    if share is None or not (share > 0.5).any():
        return None
    ni, nj, _ = geometry.size
    pixel, (x, y, _) = geometry.spacing_mm[0], geometry.origin_lps_mm
    part = main_part(share)
    columns, rows = (np.arange(count, dtype=np.float64) * pixel for count in (ni, nj))
    exact = diameters(outline(part, x + columns, y + rows))
    return np.concatenate([exact.long, exact.short]) if exact.long_mm >= SHORTEST_MM else None


def _is_kept(job: _Job) -> bool:
    """Whether a block is there; its table is written last."""
    return job.path.is_file() and job.path.with_suffix(".json").is_file()


def _kept(job: _Job) -> Path:
    """Make a block of patients where it isn't kept yet; runs in a worker process."""
    source, path = job.source, job.path
    if not _is_kept(job):
        first = job.block * PATIENTS
        patients = (
            ClinicPatient(seed, source.split, body_of=source.body_of)
            for seed in range(first, first + PATIENTS)
        )
        made = [one for patient in patients for one in slices_of(patient, source.matrix)]
        shape = (len(made), 3, source.matrix, source.matrix)
        write_array(path, shape, np.int16, partial(_fill, made))
        known = json.dumps([_known(one) for one in made])
        write_atomically(path.with_suffix(".json"), known)
    return path


def _fill(made: list[PhantomSlice], hu: NDArray[np.int16]) -> None:
    for place, one in enumerate(made):
        hu[place] = one.hu


def _known(one: PhantomSlice) -> dict[str, Any]:
    shown = [[s.lesion, [round(v, 3) for v in s.extent], s.category, s.bookmarked] for s in one.shown]
    return {"patient": one.patient, "number": one.number, "shown": shown}


def _read(path: Path) -> list[PhantomSlice]:
    try:
        hu = np.load(path, mmap_mode="r")
        known = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return [
            PhantomSlice(
                one["patient"],
                one["number"],
                tuple(
                    Shown(lesion, tuple(ends), kind, marked) for lesion, ends, kind, marked in one["shown"]
                ),
                pixels,
            )
            for one, pixels in zip(known, hu, strict=True)
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"The kept slices {path} can't be used ({error}): delete them.") from error
