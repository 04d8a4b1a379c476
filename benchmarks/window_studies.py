"""Studies to read in a window: the bundled patient's visits under UIDs of their own, written when wanted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from lesionscope import sample_data
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.lesions.lesion import Point
from lesionscope.phantom.dicom_series import write_series

DATES = {"baseline": "20200101", "follow-up": "20200401"}
NOISE_HU = 4.0
PATIENTS, MATRIX = 3, 192


@dataclass(frozen=True)
class Study:
    """A series on disk and what is known to be in it: ends of long and short diameters, LPS mm."""

    folder: Path
    diameters: tuple[tuple[tuple[Point, Point], tuple[Point, Point]], ...]


@cache
def visit(name: str) -> CTVolume:
    """Open a visit of the bundled patient."""
    return open_ct(Path(sample_data.__file__).parent / name / "dicom")


def _marks(name: str) -> tuple[tuple[tuple[Point, Point], tuple[Point, Point]], ...]:
    path = Path(sample_data.__file__).parent / name / "marks.json"
    return tuple(
        (
            tuple(map(tuple, mark["long_lps_mm"])),
            tuple(map(tuple, mark["short_lps_mm"])),
        )
        for mark in json.loads(path.read_text(encoding="utf-8"))
    )


@contextmanager
def study(place: Path, number: int, name: str = "baseline") -> Iterator[Study]:
    """Write a visit under a UID of its own, with noise of its own, below ``place``; gone afterwards."""
    original = visit(name)
    noise = np.random.default_rng(number).normal(0, NOISE_HU, original.hu.shape[1:])
    volume = CTVolume(
        (original.hu + np.rint(noise)).astype(np.int16),
        original.geometry,
        replace(original.source, uid=f"window {number} {name}"),
    )
    folder = place / f"{name}-{number}"
    who = f"P{number:04d}"
    write_series(volume, folder, patient_name=who, patient_id=who, study_date=DATES[name])
    try:
        yield Study(folder, _marks(name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clinic(place: Path) -> Path:
    """Return a small phantom clinic in DeepLesion's layout, made below ``place`` at the first call."""
    from lesionscope.phantom.clinic.blocks import BlockBody
    from lesionscope.phantom.clinic.deeplesion import write_deeplesion

    folder = place / "clinic"
    if not folder.is_dir():
        write_deeplesion(folder, PATIENTS, around_mm=6.0, matrix=MATRIX, body_of=BlockBody, workers=1)
    return folder


def big_study(slices: int, side: int = 512) -> tuple[CTVolume, Point]:
    """Return the bundled patient on a finer grid, nearest voxels, and the middle of a lesion, LPS mm."""
    original = visit("baseline")
    size = (side, side, slices)
    hu = original.hu
    for axis, wanted in enumerate(size[::-1]):
        hu = hu.take(np.linspace(0, hu.shape[axis] - 1, wanted).round().astype(int), axis)
    old = original.geometry
    spacing = tuple(mm * (n - 1) / (m - 1) for mm, n, m in zip(_steps(old), old.size, size, strict=True))
    geometry = Geometry(size, spacing, old.origin_lps_mm, old.direction)
    (start, end), _ = _marks("baseline")[0]
    x, y, z = ((a + b) / 2 for a, b in zip(start, end, strict=True))
    return CTVolume(np.ascontiguousarray(hu), geometry, Source(f"window {slices}")), (x, y, z)


def _steps(geometry: Geometry) -> tuple[float, float, float]:
    x, y, _ = geometry.spacing_mm
    return (x, y, geometry.slice_step_mm)
