"""The sample studies: two visits of a small patient that ships, and phantoms made when first asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.progress import CancelToken, Progress

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume

TITLE = "Opening the phantom chest…"
VISIT_TITLE = "Opening the sample patient…"
BODY_TITLE = "Opening the whole-body phantom…"


@dataclass(frozen=True)
class KnownLesion:
    """A lesion that was put into the phantom: its class, centre and diameters."""

    name: str
    centroid_lps_mm: Point
    long: Diameter
    short: Diameter


@dataclass(frozen=True)
class Sample:
    """A sample as read, as shown, and the lesions that were put into it where they are asked for."""

    volume: CTVolume
    shown: CTVolume
    lesions: tuple[KnownLesion, ...] = ()


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


def patient_sample(visit: str) -> Sample:
    """Open a visit of the small patient that ships behind a progress window.

    Parameters
    ----------
    visit
        One of :data:`lesionscope.sample_data.VISITS`.

    Raises
    ------
    Cancelled
        The person pressed Cancel.
    LesionscopeError
        The installation lacks it.
    """
    from lesionscope.sample_data import sample_visit
    from lesionscope.viewer.busy import with_progress

    def work(progress: Progress, cancel: CancelToken) -> Sample:
        return _sample(sample_visit(visit), progress, cancel)

    return with_progress(VISIT_TITLE, work)


def body_sample() -> Sample:
    """Open the whole-body patient behind a progress window; raises as :func:`phantom_sample` does."""
    from lesionscope.sample_data import whole_body
    from lesionscope.viewer.busy import with_progress

    def work(progress: Progress, cancel: CancelToken) -> Sample:
        return _sample(whole_body(progress=progress, cancel=cancel), progress, cancel)

    return with_progress(BODY_TITLE, work)


def _sample(folder: Path, progress: Progress, cancel: CancelToken) -> Sample:
    from lesionscope.ct.display import display_volume
    from lesionscope.ct.scan import open_ct
    from lesionscope.sample_data import SERIES

    volume = open_ct(folder / SERIES, progress=progress, cancel=cancel)
    return Sample(volume, display_volume(volume))


def _open(progress: Progress, cancel: CancelToken) -> Sample:
    from lesionscope.sample_data import TRUTH, phantom_chest

    folder = phantom_chest(progress=progress, cancel=cancel)
    sample = _sample(folder, progress, cancel)
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
    return replace(sample, lesions=lesions)


def _point(values: list[float]) -> Point:
    x, y, z = values
    return (x, y, z)


def _diameter(values: list[float]) -> Diameter:
    return Diameter(_point(values[:3]), _point(values[3:]))
