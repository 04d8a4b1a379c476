"""A whole phantom chest as one CT volume, with known lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.chest import Chest
from lesionscope.phantom.latents import LungLesion, draw_lesion
from lesionscope.phantom.lung_lesions import REACH_MM, Placed, paint_lesion
from lesionscope.phantom.placement import place
from lesionscope.phantom.scanner import Scanner, Slab, render, scan
from lesionscope.progress import CancelToken, Progress, silent

SLAB_SLICES = 8
APART_MM = 2 * REACH_MM + 10.0
"""Centres of two lesions lie at least this far apart: each stays alone in its cube."""


@dataclass(frozen=True)
class PhantomTruth:
    """What is known of one lesion: class, looks, centre and its axial diameters (LPS mm)."""

    leaf: str
    looks: LungLesion
    centroid_lps_mm: Point
    long: Diameter
    short: Diameter


def chest_volume(
    seed: int,
    spacing_mm: tuple[float, float, float] = (0.8, 0.8, 2.0),
    leaves: tuple[str, ...] = ("H4a", "H3b", "H4b"),
    *,
    noise_hu: float = 14.0,
    kernel: str = "standard",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[CTVolume, tuple[PhantomTruth, ...]]:
    """Scan a whole chest.

    Parameters
    ----------
    seed
        The patient.
    spacing_mm
        Along x, y and z; slices are as thick as their step.
    leaves
        Class of each lesion; they alternate between the lungs.
    noise_hu, kernel
        The scanner's (see :class:`~lesionscope.phantom.scanner.Scanner`).
    progress, cancel
        Told and asked after each slab of slices.

    Returns
    -------
    tuple
        The volume (int16, axes along +x, +y, +z), and one truth a lesion.
    """
    chest = Chest(seed)
    placed = place_all(chest, leaves, np.random.default_rng([seed, 11]))
    geometry = chest_geometry(chest, spacing_mm)
    scanner = Scanner(spacing_mm[0], spacing_mm[2], spacing_mm[2], kernel, noise_hu)

    def paint(canvas: Canvas) -> None:
        lung = chest.paint(canvas)
        for one in placed:
            paint_lesion(canvas, one, lung)

    def scan_slab(slab: Slab) -> NDArray[np.int16]:
        start, grid = slab
        return render(paint, grid, scanner, np.random.default_rng([seed, 12, start]))

    title = "Scanning a phantom chest"
    hu = scan(scan_slab, geometry, SLAB_SLICES, title=title, progress=progress, cancel=cancel)
    source = Source(
        uid=f"phantom-chest-{seed}",
        description=chest.title,
        study_description="Phantom chest CT",
        study_date="20200101",
        series_number=1,
        kernel=kernel,
        patient=Patient(name="Phantom^Lesionscope", patient_id=f"PHANTOM-{seed}"),
    )
    truth = tuple(
        PhantomTruth(leaf, one.lesion, one.centre, *diameters(chest, one))
        for leaf, one in zip(leaves, placed, strict=True)
    )
    return CTVolume(hu, geometry, source), truth


def chest_geometry(chest: Chest, spacing_mm: tuple[float, float, float]) -> Geometry:
    """Return the grid that covers a chest."""
    low, high = chest.bounds
    size = [int(np.ceil((b - a) / step)) for a, b, step in zip(low, high, spacing_mm, strict=True)]
    return Geometry((size[0], size[1], size[2]), spacing_mm, low, slice_thickness_mm=spacing_mm[2])


def place_all(chest: Chest, leaves: tuple[str, ...], rng: np.random.Generator) -> tuple[Placed, ...]:
    """Draw lesions and put them apart from each other, right and left in turn."""
    placed: list[Placed] = []
    for number, leaf in enumerate(leaves):
        lesion = draw_lesion(rng, leaf)
        apart = APART_MM
        while True:
            one = place(chest, lesion, rng, side=-1 if number % 2 == 0 else 1)
            gaps = [np.linalg.norm(np.subtract(one.centre, other.centre)) for other in placed]
            if not gaps or min(gaps) >= apart:
                break
            apart *= 0.97
        placed.append(one)
    return tuple(placed)


def diameters(chest: Chest, placed: Placed, pixel_mm: float = 0.5) -> tuple[Diameter, Diameter]:
    """Measure a lesion's body in the axial plane through its centre, as RECIST 1.1 does.

    Returns
    -------
    tuple
        The longest diameter, and the longest chord perpendicular to it.
    """
    count = int(2 * REACH_MM / pixel_mm) + 1
    x, y, z = placed.centre
    geometry = Geometry((count, count, 1), (pixel_mm, pixel_mm, 1.0), (x - REACH_MM, y - REACH_MM, z))
    canvas = Canvas(geometry)
    inside = paint_lesion(canvas, placed, chest.paint(canvas))[0] > 0.5
    rows, columns = np.nonzero(inside & ~_eroded(inside))
    points = np.stack([columns, rows], axis=1) * pixel_mm + np.array([x - REACH_MM, y - REACH_MM])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    a, b = np.unravel_index(int(gaps.argmax()), gaps.shape)
    along = (points[b] - points[a]) / max(float(gaps[a, b]), 1e-9)
    across = np.array([-along[1], along[0]])
    rows, columns = np.nonzero(inside)
    filled = np.stack([columns, rows], axis=1) * pixel_mm + np.array([x - REACH_MM, y - REACH_MM])
    station = np.round((filled - points[a]) @ along / pixel_mm).astype(int)
    height = (filled - points[a]) @ across
    best, chord = -1.0, (0.0, 0.0, 0.0)
    for value in np.unique(station):
        here = height[station == value]
        if float(np.ptp(here)) > best:
            best = float(np.ptp(here))
            chord = (float(value * pixel_mm), float(here.min()), float(here.max()))

    def point(p: NDArray[np.float64]) -> Point:
        return float(p[0]), float(p[1]), z

    foot = points[a] + along * chord[0]
    return (
        Diameter(point(points[a]), point(points[b])),
        Diameter(point(foot + across * chord[1]), point(foot + across * chord[2])),
    )


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without its outermost voxels."""
    padded = np.pad(mask, 1)
    return np.asarray(
        padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    )
