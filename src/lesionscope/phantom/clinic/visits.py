"""A clinic patient who comes twice: the same body and lesions, of which some grew, shrank, came or went."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.clinic.contents import Slices
from lesionscope.phantom.clinic.growing import Grown, known, lattice, measure
from lesionscope.phantom.clinic.lesions import ClinicLesion, Point
from lesionscope.phantom.clinic.marks import Mark, Segment, drawn
from lesionscope.phantom.clinic.painting import paint
from lesionscope.phantom.clinic.patient_scan import slices_in
from lesionscope.phantom.clinic.patients import SERIES, ClinicPatient
from lesionscope.phantom.clinic.reports import ReportSentence, write_sentence
from lesionscope.phantom.scanner import Scanner, Slab, render, scan
from lesionscope.progress import CancelToken, Progress, silent

SLAB_SLICES = 4
PLAIN = frozenset(
    f"one: {construction}"
    for construction in (
        "There is {np} {bm}.",
        "{np} {bm}.",
        "{np} is seen {bm}.",
        "{head} {bm} is present {in}.",
        "{in}, there is {head} {bm}.",
        "Within the field of view, {np} {bm} is noted.",
    )
)
"""Constructions that say nothing of earlier scans, of other findings or of the other lesions."""
BOTH_DIAMETERS = re.compile(r"\d x [\d.]+ cm")
SENTENCE_TRIES = 5000


@dataclass(frozen=True)
class Plan:
    """One visit.

    Parameters
    ----------
    name
        What it is called: part of the scan's UIDs.
    date
        Of the study, YYYYMMDD.
    sizes
        How large each lesion is, as a share of the size it was grown at; those left out aren't there.
    lying_mm, turned_degrees
        How the body lies, against its own coordinates: turned about the z axis (as seen from the feet,
        clockwise where positive), then moved, LPS mm.
    """

    name: str
    date: str
    sizes: Mapping[int, float]
    lying_mm: Point = (0.0, 0.0, 0.0)
    turned_degrees: float = 0.0

    @property
    def turn(self) -> NDArray[np.float64]:
        """Rotation matrix from the body's coordinates to the scan's."""
        c, s = np.cos(np.deg2rad(self.turned_degrees)), np.sin(np.deg2rad(self.turned_degrees))
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    def placed(self, point: Point) -> Point:
        """Return where a point of the body (LPS mm) lies in the scan."""
        x, y, z = (round(float(v), 4) for v in self.turn @ np.array(point) + np.array(self.lying_mm))
        return x, y, z


@dataclass(frozen=True, eq=False)
class Visit:
    """What a visit leaves, in the scan's own LPS mm.

    Parameters
    ----------
    plan
        The visit.
    volume
        The scan, int16.
    lesions, marks
        The lesions there are and one mark each, in the same order; ``id`` names a lesion over all visits.
    sentences
        What the report says of each.
    """

    plan: Plan
    volume: CTVolume
    lesions: tuple[ClinicLesion, ...]
    marks: tuple[Mark, ...]
    sentences: tuple[ReportSentence, ...]


def visit(
    patient: ClinicPatient,
    plan: Plan,
    geometry: Geometry,
    *,
    earlier: Visit | None = None,
    noise_hu: float = 8.0,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Visit:
    """Scan a patient and report on every lesion.

    Parameters
    ----------
    patient
        Has every lesion of every visit.
    plan
        The visit.
    geometry
        The scan's grid before it is moved as the body is; its slices stay the body's axial planes.
    earlier
        The visit that reports compare with.
    noise_hu
        Standard deviation of the scanner's noise.
    progress, cancel
        Told and asked after each slab of slices.
    """
    step = float(geometry.slice_step_mm)
    grid = (float(geometry.to_lps([0, 0, 0])[2]), step)
    grown = [_resized(patient, number, share, grid) for number, share in sorted(plan.sizes.items())]
    hand = np.random.default_rng([patient.number, 40, int(plan.date)])
    marks = []
    for one in grown:
        long, short = drawn(one.exact, one.slice_mm, hand)
        marks.append(Mark(one.lesion.id, one.slice_mm, long, short, True))

    def painted(canvas: Canvas) -> None:
        patient.body.paint(canvas)
        for one in grown:
            paint(canvas, one.lesion)

    scanner = Scanner(geometry.spacing_mm[0], step, step, "standard", noise_hu)

    def scan_slab(slab: Slab) -> NDArray[np.int16]:
        rng = np.random.default_rng([patient.number, 41, int(plan.date), slab[0]])
        return render(painted, slab[1], scanner, rng)

    title = f"Scanning a phantom patient ({plan.name})"
    turn = plan.turn
    # The scan's axes as the body has them: the grid stays where it is while the body turns.
    back = Geometry(
        geometry.size,
        geometry.spacing_mm,
        _point(turn.T @ np.array(geometry.origin_lps_mm)),
        tuple((turn.T + 0.0).ravel().tolist()),
    )
    hu = scan(scan_slab, back, SLAB_SLICES, title=title, progress=progress, cancel=cancel)
    source = Source(
        uid=f"phantom-visit-{patient.number}-{plan.name}",
        description=f"Phantom, chest, {patient.body.phase}",
        study_date=plan.date,
        study_description=f"Phantom chest CT, {plan.name}",
        series_number=SERIES,
        kernel="standard",
        patient=Patient("Phantom^Sample", "PHANTOM-SAMPLE", sex=patient.body.sex),
    )
    slices = slices_in(geometry, marks)
    here = [_placed_mark(mark, plan) for mark in marks]
    lesions = [_placed_lesion(one.lesion, plan) for one in grown]
    corner = _point(np.round(np.array(geometry.origin_lps_mm) + np.array(plan.lying_mm), 4))
    return Visit(
        plan,
        CTVolume(hu, replace(geometry, origin_lps_mm=corner), source),
        tuple(lesions),
        tuple(here),
        tuple(_sentence(patient, mark, lesions, slices, earlier, plan) for mark in here),
    )


def _resized(patient: ClinicPatient, number: int, share: float, grid: tuple[float, float]) -> Grown:
    """Return a lesion at another size, measured on this scan's slices."""
    lesion = patient.lesions[number]
    a, b, c = lesion.semi_axes_mm
    lesion = replace(
        lesion,
        semi_axes_mm=(share * a, share * b, share * c),
        looks=replace(lesion.looks, size_mm=share * lesion.looks.size_mm),
    )
    point = np.array(lesion.centroid)
    surroundings = lattice(point, lesion.looks, grid)
    patient.body.paint(surroundings)
    measured = measure(lesion, surroundings, surroundings.hu.copy())
    if measured is None:
        raise ValueError(f"lesion {number} can't be seen at {share:g} of its size")
    parts = patient.body.body_parts_at(point)
    return known(lesion, measured, parts, patient.body.phase, patient.frequencies.possible)


def _sentence(
    patient: ClinicPatient,
    mark: Mark,
    lesions: list[ClinicLesion],
    slices: Slices,
    earlier: Visit | None,
    plan: Plan,
) -> ReportSentence:
    """Write a plain sentence with both diameters, and compare it with the earlier visit as that was."""
    target = next(lesion for lesion in lesions if lesion.id == mark.lesion)
    target = replace(target, long_mm=mark.long_mm, short_mm=mark.short_mm)  # as they were drawn
    others = [lesion for lesion in lesions if lesion.id != mark.lesion]
    rng = np.random.default_rng([patient.number, 42, mark.lesion, int(plan.date)])
    for _ in range(SENTENCE_TRIES):
        said = write_sentence(target, others, rng, "train", slices)
        words = re.findall(r"[a-z]{4,}", said.text)
        if (
            PLAIN.issuperset(said.constructions)
            and BOTH_DIAMETERS.search(said.text)
            and len(words) == len(set(words))
        ):
            break
    else:
        raise ValueError(f"no plain sentence was found for lesion {mark.lesion}")
    if earlier is None:
        return said
    before = {one.lesion: one for one in earlier.marks}.get(mark.lesion)
    if before is None:
        change = "new since the prior exam"
    else:
        change = f"previously {before.long_mm / 10:.1f} x {before.short_mm / 10:.1f} cm"
    return replace(said, text=f"{said.text.removesuffix('.')}, {change}.")


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = map(float, values)
    return x, y, z


def _placed_lesion(lesion: ClinicLesion, plan: Plan) -> ClinicLesion:
    axes = np.reshape(lesion.rotation, (3, 3)) @ plan.turn.T
    return replace(
        lesion,
        centroid=plan.placed(lesion.centroid),
        rotation=tuple(axes.ravel().tolist()),
        outward=_point(plan.turn @ np.array(lesion.outward)),
    )


def _placed_mark(mark: Mark, plan: Plan) -> Mark:
    def line(ends: Segment) -> Segment:
        return plan.placed(ends[0]), plan.placed(ends[1])

    return replace(
        mark, slice_mm=mark.slice_mm + plan.lying_mm[2], long=line(mark.long), short=line(mark.short)
    )
