"""Small ready-made data: synthetic patients for a first look. No Qt in here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope import config
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.files import new_folder, write_atomically
from lesionscope.progress import CancelToken, Progress, silent

if TYPE_CHECKING:
    from lesionscope.phantom.clinic.wording import Split

__all__ = [
    "MARKS",
    "REPORTS",
    "SERIES",
    "TRUTH",
    "VISITS",
    "make_chest",
    "make_patient",
    "phantom_chest",
    "sample_folder",
    "sample_visit",
    "whole_body",
]

SERIES = "dicom"
"""Folder of the DICOM files in a sample."""
TRUTH = "truth.json"
"""What is known of a sample's lesions."""
MARKS, REPORTS = "marks.json", "reports.json"
"""Diameters as a reader drew them, and the sentences of the report, of each visit of the sample patient."""
VISITS = ("baseline", "follow-up")
"""Folders of the sample patient, who comes twice."""
SPACING_MM = (1.0, 1.0, 2.5)
WHOLE_BODY_SEED, WHOLE_BODY_MATRIX, WHOLE_BODY_STEP_MM = 7, 256, 5.0
"""The whole-body patient made on the spot: coarse, so that it is there in seconds."""


def sample_folder() -> Path:
    """Return the folder in which samples are kept once they are made; it need not exist."""
    return config.cache_folder() / "samples"


def phantom_chest(
    folder: str | Path | None = None, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> Path:
    """Make the sample chest, once: a second call finds it.

    Parameters
    ----------
    folder
        Where samples are kept; the user's cache folder by default.
    progress, cancel
        Told and asked while it is made (some ten seconds).

    Returns
    -------
    Path
        A folder with the series in ``dicom/`` and ``truth.json``: each lesion's class,
        name, centroid and diameters, LPS mm.

    Raises
    ------
    LesionscopeError
        It can't be written.
    """
    from lesionscope.phantom.cases import VERSION

    key = hashlib.sha256(repr(("chest", VERSION, SPACING_MM)).encode()).hexdigest()[:12]
    target = (sample_folder() if folder is None else Path(folder)) / f"phantom-chest-{key}"
    return _once(target, lambda place: _write_chest(place, 1, progress, cancel))


def make_chest(
    out: str | Path, *, seed: int = 1, progress: Progress = silent, cancel: CancelToken | None = None
) -> Path:
    """Make any patient's chest in a new or empty folder, as :func:`phantom_chest` does.

    Raises
    ------
    InputError
        There are files in the folder already.
    LesionscopeError
        It can't be written.
    """
    with new_folder(out) as place:
        _write_chest(place, seed, progress, cancel)
    return Path(out)


def make_patient(
    out: str | Path,
    *,
    seed: int = 1,
    split: Split = "train",
    matrix: int = 512,
    step_mm: float | None = None,
    workers: int = 1,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Path:
    """Make a whole-body patient of the phantom clinic in a new or empty folder.

    Returns
    -------
    Path
        The folder: the series in ``dicom/``, and ``truth.json`` with each lesion's labels,
        centroid and diameters (LPS mm) and, where it is bookmarked, what its report says.

    Raises
    ------
    InputError
        There are files in the folder already.
    LesionscopeError
        It can't be written.
    """
    with new_folder(out) as place:
        _write_patient(place, seed, split, matrix, step_mm, workers, progress, cancel)
    return Path(out)


def sample_visit(visit: str) -> Path:
    """Return the folder of a visit of the small patient that ships: series, marks and report.

    Parameters
    ----------
    visit
        One of :data:`VISITS`.

    Raises
    ------
    InputError
        The installation lacks it.
    """
    folder = Path(__file__).parent / visit
    if not (folder / SERIES).is_dir():
        raise InputError(f"The sample patient isn't in {folder}: install Lesionscope again.")
    return folder


def whole_body(
    folder: str | Path | None = None, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> Path:
    """Make a whole-body patient, once: a second call finds it; as :func:`make_patient` does.

    Parameters
    ----------
    folder
        Where samples are kept; the user's cache folder by default.
    progress, cancel
        Told and asked while it is made (some twenty seconds).

    Raises
    ------
    LesionscopeError
        It can't be written.
    """
    from lesionscope.phantom.clinic.patients import VERSION

    of = (WHOLE_BODY_SEED, WHOLE_BODY_MATRIX, WHOLE_BODY_STEP_MM)
    key = hashlib.sha256(repr(("whole body", VERSION, *of)).encode()).hexdigest()[:12]
    target = (sample_folder() if folder is None else Path(folder)) / f"phantom-body-{key}"
    seed, matrix, step = of

    def make(place: Path) -> None:
        _write_patient(place, seed, "train", matrix, step, 1, progress, cancel)

    return _once(target, make)


def _once(target: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder where it isn't there yet."""
    if not (target / TRUTH).is_file():
        try:
            with new_folder(target) as place:
                make(place)
        except (InputError, LesionscopeError):
            if not (target / TRUTH).is_file():
                raise  # else another process was faster, with the same content
    return target


def _write_patient(
    place: Path,
    seed: int,
    split: Split,
    matrix: int,
    step_mm: float | None,
    workers: int,
    progress: Progress,
    cancel: CancelToken | None,
) -> None:
    from lesionscope.phantom.clinic.patient_scan import BODY_PART, patient_scan
    from lesionscope.phantom.dicom_series import SOFT_TISSUE_WINDOW, write_series

    volume, lesions = patient_scan(
        seed, split, matrix=matrix, step_mm=step_mm, workers=workers, progress=progress, cancel=cancel
    )
    write_series(
        volume,
        place / SERIES,
        patient_id=volume.source.patient.patient_id,
        body_part=BODY_PART,
        window=SOFT_TISSUE_WINDOW,
    )
    content = {"seed": seed, "split": split, "geometry": volume.geometry.as_dict(), "lesions": lesions}
    write_atomically(place / TRUTH, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _write_chest(place: Path, seed: int, progress: Progress, cancel: CancelToken | None) -> None:
    from lesionscope.ontology.tree import load_tree
    from lesionscope.phantom.chest_series import chest_volume
    from lesionscope.phantom.dicom_series import write_series

    volume, truth = chest_volume(seed, SPACING_MM, progress=progress, cancel=cancel)
    write_series(volume, place / SERIES)
    names = load_tree().by_tag
    lesions: list[dict[str, Any]] = [
        {
            "leaf": one.leaf,
            "name": names[one.leaf].name,
            "centroid_lps_mm": [float(v) for v in one.centroid_lps_mm],
            "long_lps_mm": [float(v) for v in (*one.long.start_lps_mm, *one.long.end_lps_mm)],
            "short_lps_mm": [float(v) for v in (*one.short.start_lps_mm, *one.short.end_lps_mm)],
            "long_mm": one.long.length_mm,
            "short_mm": one.short.length_mm,
            "looks": dataclasses.asdict(one.looks),
        }
        for one in truth
    ]
    content = {"seed": seed, "geometry": volume.geometry.as_dict(), "lesions": lesions}
    write_atomically(place / TRUTH, json.dumps(content, indent=1, allow_nan=False) + "\n")
