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
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Point
from lesionscope.phantom.dicom_series import write_series

DATES = {"baseline": "20200101", "follow-up": "20200401"}
NOISE_HU = 4.0


@dataclass(frozen=True)
class Study:
    """A series on disk and what is known to be in it: ends of long and short diameters, LPS mm."""

    folder: Path
    diameters: tuple[tuple[tuple[Point, Point], tuple[Point, Point]], ...]


@cache
def _visit(visit: str) -> CTVolume:
    return open_ct(Path(sample_data.__file__).parent / visit / "dicom")


def _marks(visit: str) -> tuple[tuple[tuple[Point, Point], tuple[Point, Point]], ...]:
    path = Path(sample_data.__file__).parent / visit / "marks.json"
    return tuple(
        (
            tuple(map(tuple, mark["long_lps_mm"])),
            tuple(map(tuple, mark["short_lps_mm"])),
        )
        for mark in json.loads(path.read_text(encoding="utf-8"))
    )


@contextmanager
def study(place: Path, number: int, visit: str = "baseline") -> Iterator[Study]:
    """Write a visit under a UID of its own, with noise of its own, below ``place``; gone afterwards."""
    original = _visit(visit)
    noise = np.random.default_rng(number).normal(0, NOISE_HU, original.hu.shape[1:])
    volume = CTVolume(
        (original.hu + np.rint(noise)).astype(np.int16),
        original.geometry,
        replace(original.source, uid=f"window {number} {visit}"),
    )
    folder = place / f"{visit}-{number}"
    who = f"P{number:04d}"
    write_series(volume, folder, patient_name=who, patient_id=who, study_date=DATES[visit])
    try:
        yield Study(folder, _marks(visit))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
