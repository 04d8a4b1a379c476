"""The sample study: a phantom chest, made when it is first asked for and kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.progress import CancelToken, Progress

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume

TITLE = "Opening the phantom chest…"


@dataclass(frozen=True)
class KnownLesion:
    """A lesion that was put into the phantom: its class, centre and diameters."""

    name: str
    centroid_lps_mm: Point
    long: Diameter
    short: Diameter


@dataclass(frozen=True)
class Sample:
    """The sample as read, as shown, and what is known of it."""

    volume: CTVolume
    shown: CTVolume
    lesions: tuple[KnownLesion, ...]


def phantom_sample() -> Sample:
    """Open the chest behind a progress window, making it where it isn't there yet.

    Raises
    ------
    Cancelled
        The person pressed Cancel.
    LesionscopeError
        It can't be kept on disk.
    """
    from lesionscope.viewer.busy import with_progress

    return with_progress(TITLE, _open)


def _open(progress: Progress, cancel: CancelToken) -> Sample:
    from lesionscope.ct.display import display_volume
    from lesionscope.ct.scan import open_ct
    from lesionscope.sample_data import SERIES, TRUTH, phantom_chest

    folder = phantom_chest(progress=progress, cancel=cancel)
    volume = open_ct(folder / SERIES, progress=progress, cancel=cancel)
    truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    lesions = tuple(
        KnownLesion(
            entry["name"],
            _point(entry["centroid_lps_mm"]),
            _diameter(entry["long_lps_mm"]),
            _diameter(entry["short_lps_mm"]),
        )
        for entry in truth["lesions"]
    )
    return Sample(volume, display_volume(volume), lesions)


def _point(values: list[float]) -> Point:
    x, y, z = values
    return (x, y, z)


def _diameter(values: list[float]) -> Diameter:
    return Diameter(_point(values[:3]), _point(values[3:]))
