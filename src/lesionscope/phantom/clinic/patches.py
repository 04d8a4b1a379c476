"""What a network sees of a marked lesion, straight from the implicit patient.

Only the slices that a patch needs are painted, on the scan's own slice positions, so no volume is
ever rendered. A patch holds three slices 2 mm apart, 120 × 120 pixels of 1 mm, around the box's centre
(LesaNet, §5: K. Yan et al., CVPR 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas, Field
from lesionscope.phantom.clinic.lesions import ClinicLesion
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.painting import paint as paint_lesion
from lesionscope.phantom.clinic.painting import reach_mm
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.phantom.scanner import blur, noise

SIZE = 120
OFFSETS_MM = (-2.0, 0.0, 2.0)
FINE_STEP_MM = 1.8
"""A slice thicker than this is the mean of several thinner painted ones."""
PADDING_PX = 5.0
"""DeepLesion's boxes are so many of the scan's pixels wider than the diameters on each side."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Slices around a lesion.

    Parameters
    ----------
    hu
        int16 ``(slices, rows, columns)``; the first slice is the lowest, rows run to the back (+y),
        columns to the patient's left (+x).
    origin_lps_mm
        Centre of the first voxel.
    spacing_mm
        Along x, y and z.
    box
        The lesion's box in the patch: first and last column and row (x0, y0, x1, y1), fractions of
        a pixel, padded as DeepLesion's.
    """

    hu: NDArray[np.int16]
    origin_lps_mm: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    box: tuple[float, float, float, float]


def patch(
    patient: ClinicPatient,
    mark: Mark,
    *,
    size: int = SIZE,
    offsets_mm: Sequence[float] = OFFSETS_MM,
    pixel_mm: float = 1.0,
    lesions: Sequence[ClinicLesion] | None = None,
    noisy: bool = True,
) -> Patch:
    """Scan the surroundings of a mark.

    Parameters
    ----------
    patient, mark
        The patient and one of their marks.
    size
        Pixels a side.
    offsets_mm
        Where slices lie relative to the key slice, evenly spaced; linear between the scan's slices.
    pixel_mm
        Size of a pixel.
    lesions
        Lesions to paint in place of all of the patient's: ``()`` leaves the body alone.
    noisy
        Whether the scanner adds noise.
    """
    scanner = patient.scanner
    x0, y0, x1, y1 = mark.box(PADDING_PX * scanner.pixel_mm)
    half = 0.5 * (size - 1) * pixel_mm
    # The box's centre, rounded to a whole pixel of the patch.
    left = round((0.5 * (x0 + x1) - half) / pixel_mm) * pixel_mm
    top = round((0.5 * (y0 + y1) - half) / pixel_mm) * pixel_mm
    step = scanner.slice_step_mm
    shifts = [offset / step for offset in offsets_mm]
    needed = sorted(
        {k for shift in shifts for k in (int(np.floor(shift + 1e-6)), int(np.ceil(shift - 1e-6)))}
    )
    painted = patient.lesions if lesions is None else lesions
    slices = _scan(patient, mark.slice_mm, needed, (left, top, size, pixel_mm), painted, noisy, mark.lesion)
    planes = []
    for shift in shifts:
        low = int(np.floor(shift + 1e-6))
        high = int(np.ceil(shift - 1e-6))
        t = np.float32(shift - low) if high > low else np.float32(0)
        planes.append((1 - t) * slices[low] + t * slices[high])
    hu = np.rint(np.clip(np.stack(planes), -1024, 3071)).astype(np.int16)
    between = float(offsets_mm[1] - offsets_mm[0]) if len(offsets_mm) > 1 else step
    return Patch(
        hu,
        (left, top, mark.slice_mm + float(offsets_mm[0])),
        (pixel_mm, pixel_mm, between),
        ((x0 - left) / pixel_mm, (y0 - top) / pixel_mm, (x1 - left) / pixel_mm, (y1 - top) / pixel_mm),
    )


def _scan(
    patient: ClinicPatient,
    key_mm: float,
    needed: Sequence[int],
    window: tuple[float, float, int, float],
    lesions: Sequence[ClinicLesion],
    noisy: bool,
    number: int,
) -> dict[int, Field]:
    """Scan single slices of a patient: how many steps from the key slice → HU."""
    scanner = patient.scanner
    left, top, size, pixel = window
    step, thickness = scanner.slice_step_mm, scanner.thickness_mm
    m = max(1, round(thickness / FINE_STEP_MM))
    result: dict[int, Field] = {}
    rng = np.random.default_rng([patient.number, 25, number])
    for first, count, stride in runs(needed):
        # Sub-slices are even over a run only where slices neither overlap nor skip.
        even = stride == 1 and abs(thickness - step) < 1e-6
        groups = (
            [(first, count)]
            if even or m == 1
            else [(k, 1) for k in range(first, first + count * stride, stride)]
        )
        for start, many in groups:
            between = stride * step if m == 1 else thickness / m
            lowest = key_mm + start * step - (0.5 * (m - 1) / m * thickness if m > 1 else 0.0)
            geometry = Geometry(
                (size, size, many * m), (pixel, pixel, max(between, 0.1)), (left, top, lowest)
            )
            canvas = Canvas(geometry)
            patient.body.paint(canvas)
            for lesion in lesions:
                _paint_near(canvas, lesion)
            hu = canvas.hu.reshape(many, m, size, size).mean(axis=1)
            for index in range(many):
                result[start + index * (stride if m == 1 else 1)] = hu[index]
    flat = Geometry((size, size, 1), (pixel, pixel, step), (left, top, key_mm))
    for k in sorted(result):
        smooth = blur(result[k][None], flat, scanner)
        if noisy:
            smooth += noise(smooth.shape, flat, scanner, rng)
        result[k] = smooth[0]
    return result


def _paint_near(canvas: Canvas, lesion: ClinicLesion) -> None:
    reach = reach_mm(lesion)
    centre = np.array(lesion.centroid)
    if np.all(centre + reach >= canvas.low) and np.all(centre - reach <= canvas.high):
        paint_lesion(canvas, lesion)


def runs(numbers: Sequence[int]) -> list[tuple[int, int, int]]:
    """Split rising numbers into even runs: first, count, stride."""
    result: list[tuple[int, int, int]] = []
    rest = list(numbers)
    while rest:
        stride = rest[1] - rest[0] if len(rest) > 1 else 1
        count = 1
        while count < len(rest) and rest[count] - rest[count - 1] == stride:
            count += 1
        result.append((rest[0], count, stride))
        rest = rest[count:]
    return result
