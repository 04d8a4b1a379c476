"""Phantom patients as files: a volume each, and one table that says where the lesion is and what it is."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.files import write_atomically
from lesionscope.phantom.cases import case, scan, seeds
from lesionscope.phantom.dicom_series import write_series
from lesionscope.phantom.pool import ordered
from lesionscope.progress import Progress, silent

COLUMNS = ("path", "x", "y", "z", "leaf", "patient", "split", "seed")
"""Columns of ``manifest.csv``, as training reads them (``training/radpath/manifest.py``): x, y, z are LPS mm,
``path`` is relative to the table, ``leaf`` is the class."""

Job = tuple[int, str, str, str, str]


def write_nifti(volume: CTVolume, path: str | Path) -> Path:
    """Write an evenly spaced volume as NIfTI (``.nii`` or ``.nii.gz``), whole or not at all."""
    import SimpleITK

    geometry = volume.geometry
    path = Path(path)
    image = SimpleITK.GetImageFromArray(volume.hu)
    image.SetSpacing((geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.slice_step_mm))
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection(geometry.direction)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        SimpleITK.WriteImage(image, str(temporary), useCompression=True)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        raise LesionscopeError(
            f"{path} could not be written: free some space or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


def _work(job: Job) -> dict[str, Any]:
    """Write one patient's volume; runs in a worker process."""
    seed, split, frequencies, out, form = job
    of = case(seed, frequencies=frequencies)
    volume = scan(of).volume
    patient = f"phantom-{seed:09d}"
    if form == "nifti":
        path = Path("volumes") / f"{patient}.nii.gz"
        write_nifti(volume, Path(out) / path)
    else:
        path = Path("volumes") / patient
        write_series(volume, Path(out) / path, patient_id=patient)
    x, y, z = (f"{value:.3f}" for value in of.centroid_lps)
    values = (path.as_posix(), x, y, z, of.leaf, patient, split, seed)
    return dict(zip(COLUMNS, values, strict=True))


def write_manifest(
    out: str | Path,
    split: str,
    n: int,
    *,
    frequencies: str = "table1",
    first_seed: int = 0,
    form: str = "nifti",
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Write ``n`` patients of a split and their ``manifest.csv``.

    Parameters
    ----------
    out
        Folder to fill; the table is written last, so a stopped run leaves none.
    split, n, frequencies, first_seed, workers
        As in :func:`lesionscope.phantom.cubes.cubes`.
    form
        'nifti', or 'dicom' for a folder of slices each.
    progress
        Called after each patient.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    UsageError
        An unknown split, frequencies or form.
    LesionscopeError
        The folder can't be written.
    """
    if form not in ("nifti", "dicom"):
        raise UsageError(f"Phantom volumes are written as 'nifti' or 'dicom', not {form!r}.")
    jobs: list[Job] = [(seed, split, frequencies, str(out), form) for seed in seeds(split, n, first_seed)]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for done, row in enumerate(ordered(_work, jobs, workers), start=1):
        table.writerow(row)
        progress(done, n, f"Scanning phantoms ({split})")
    return write_atomically(Path(out) / "manifest.csv", text.getvalue())
