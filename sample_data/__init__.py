"""Small ready-made data: synthetic patients for a first look. No Qt in here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.files import write_atomically
from lesionscope.progress import CancelToken, Progress, silent

__all__ = ["SERIES", "TRUTH", "make_chest", "make_patient", "phantom_chest", "sample_folder"]

SERIES = "dicom"
"""Folder of the DICOM files in a sample."""
TRUTH = "truth.json"
"""What is known of a sample's lesions."""
SPACING_MM = (1.0, 1.0, 2.5)


def sample_folder() -> Path:
    """Return the folder in which samples are kept once they are made; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("lesionscope", appauthor=False)) / "samples"


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
    if not (target / TRUTH).is_file():
        _appear(target, lambda place: _write_chest(place, 1, progress, cancel))
    return target


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
    return _appear(_new(out), lambda place: _write_chest(place, seed, progress, cancel))


def make_patient(
    out: str | Path,
    *,
    seed: int = 1,
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
    from lesionscope.phantom.clinic.patient_scan import patient_scan
    from lesionscope.phantom.dicom_series import write_series

    def make(place: Path) -> None:
        volume, lesions = patient_scan(
            seed, matrix=matrix, step_mm=step_mm, workers=workers, progress=progress, cancel=cancel
        )
        write_series(volume, place / SERIES, patient_id=volume.source.patient.patient_id)
        content = {"seed": seed, "geometry": volume.geometry.as_dict(), "lesions": lesions}
        write_atomically(place / TRUTH, json.dumps(content, indent=1, allow_nan=False) + "\n")

    return _appear(_new(out), make)


def _new(out: str | Path) -> Path:
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} exists and is not an empty folder: choose a new one.")
    return target


def _appear(target: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder beside its place and rename it: it is never there by half."""
    place: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=target.parent))
        make(place)
        place.chmod(0o755)
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        try:
            place.rename(target)
        except OSError:
            if not (target / TRUTH).is_file():
                raise  # else another process was faster, with the same content
    except OSError as error:
        raise LesionscopeError(
            f"{target} could not be written ({error.strerror or error}): free some space or choose "
            "another folder, and try again."
        ) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
    return target


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
