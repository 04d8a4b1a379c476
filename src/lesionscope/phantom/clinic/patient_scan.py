"""A clinic patient's whole-body scan: the volume, and what is known of its lesions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.phantom.clinic.cohort import sentence_row
from lesionscope.phantom.clinic.contents import Slices
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.patients import SERIES, ClinicPatient
from lesionscope.phantom.clinic.wording import Split
from lesionscope.phantom.scanner import Scanner, Slab, render, scan
from lesionscope.progress import CancelToken, Progress, silent

SLAB_SLICES = 4
BODY_PART = "NECKCHESTABDPELV"
"""Neck, chest, abdomen and pelvis (PS3.16 table L-1)."""
MATRIX = 512
"""Rows and columns of a slice."""


@lru_cache(maxsize=1)
def _patient(seed: int, split: Split) -> ClinicPatient:
    return ClinicPatient(seed, split)


def _scan_slab(seed: int, split: Split, scanner: Scanner, slab: Slab) -> NDArray[np.int16]:
    patient, (start, grid) = _patient(seed, split), slab
    return render(patient.paint, grid, scanner, np.random.default_rng([patient.number, 37, start]))


def scan_geometry(patient: ClinicPatient, matrix: int = MATRIX, step_mm: float | None = None) -> Geometry:
    """Return the grid of a patient's scan: body and marks in ``matrix``² pixels, the table's step."""
    low, high = np.array(patient.body.bounds[0]), np.array(patient.body.bounds[1])
    bottom, step, slices = patient.slices(step_mm)
    pixel = round(float((high - low)[:2].max()) / (matrix - 2), 4)
    corner = (low + high)[:2] / 2 - pixel * (matrix - 1) / 2
    origin = (round(float(corner[0]), 3), round(float(corner[1]), 3), bottom)
    return Geometry((matrix, matrix, slices), (pixel, pixel, step), origin, slice_thickness_mm=step)


def patient_scan(
    seed: int,
    split: Split = "train",
    *,
    matrix: int = MATRIX,
    step_mm: float | None = None,
    workers: int = 1,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[CTVolume, tuple[dict[str, Any], ...]]:
    """Scan a patient of the clinic from neck to thighs.

    Parameters
    ----------
    seed, split
        The patient.
    matrix
        Pixels along each side of a slice.
    step_mm
        Between slices; the patient's own protocol unless given.
    workers
        Processes; the bytes don't depend on them.
    progress, cancel
        Told and asked after each slab of slices.

    Returns
    -------
    tuple
        The volume (int16, axes along +x, +y, +z), and for each lesion its labels, centroid and
        diameters (LPS mm), and where it is bookmarked what the report says.
    """
    patient = _patient(seed, split)
    own = patient.scanner
    geometry = scan_geometry(patient, matrix, step_mm)
    step = float(geometry.slice_step_mm)
    scanner = Scanner(geometry.spacing_mm[0], step, max(step, own.thickness_mm), own.kernel, own.noise_hu)
    hu = scan(
        partial(_scan_slab, seed, split, scanner),
        geometry,
        SLAB_SLICES,
        title="Scanning a phantom patient",
        workers=workers,
        progress=progress,
        cancel=cancel,
    )
    source = Source(
        uid=f"phantom-patient-{split}-{seed}",
        description=f"Phantom, whole body, {patient.body.phase}",
        study_description="Phantom whole-body CT",
        study_date="20200101",
        series_number=SERIES,
        kernel=own.kernel,
        patient=Patient("Phantom^Lesionscope", f"PHANTOM-{split}-{seed}", sex=patient.body.sex),
    )
    return CTVolume(hu, geometry, source), tuple(_truth(patient, split, slices_in(geometry, patient.marks)))


def slices_in(geometry: Geometry, marks: Sequence[Mark]) -> Slices:
    """Return the marks' slices as a written series numbers them: from 1, along the volume."""
    return Slices(
        SERIES, {mark.lesion: 1 + round(float(geometry.to_voxel(mark.long[0])[0])) for mark in marks}
    )


def _truth(patient: ClinicPatient, split: Split, slices: Slices) -> list[dict[str, Any]]:
    known = []
    for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
        entry: dict[str, Any] = {
            "id": lesion.id,
            "centroid_lps_mm": [round(float(v), 3) for v in lesion.centroid],
            "long_lps_mm": np.round(mark.long, 3).tolist(),
            "short_lps_mm": np.round(mark.short, 3).tolist(),
            "labels": sorted(lesion.labels),
            "bookmarked": mark.bookmarked,
        }
        if mark.bookmarked:
            entry["report"] = sentence_row(patient, mark, split, slices)
        known.append(entry)
    return known
