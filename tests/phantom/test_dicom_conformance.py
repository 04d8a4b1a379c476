"""What dciodvfy (Debian's dicom3tools) says of the series that phantoms are written as."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK

from lesionscope import sample_data
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.phantom.dicom_series import JPEG_LS_LOSSLESS, write_series

GRID = Geometry((40, 32, 3), (0.7421875, 0.9, 2.5), (-31.25, 12.125, -401.0))


def errors(folder: Path) -> list[str]:
    """Lines that dciodvfy calls errors, of the first and the last file."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy isn't here: install Debian's dicom3tools")
    files = sorted(folder.glob("*.dcm"))
    said = [
        subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        for path in (files[0], files[-1])
    ]
    lines = "".join(one.stdout + one.stderr for one in said).splitlines()
    assert lines.count("CTImage") == 2, lines
    return [line for line in lines if line.startswith("Error")]


def test_a_patient_has_no_error_and_says_what_was_scanned(tmp_path: Path) -> None:
    folder = sample_data.make_patient(tmp_path / "patient", seed=3, matrix=48, step_mm=40.0)
    assert errors(folder / sample_data.SERIES) == []
    ds = pydicom.dcmread(folder / sample_data.SERIES / "00001.dcm")
    assert ds.BodyPartExamined == "NECKCHESTABDPELV" and ds.PatientSex in ("F", "M")
    assert ds.StudyDescription == "Phantom whole-body CT" and (ds.WindowCenter, ds.WindowWidth) == (40, 400)


def test_a_chest_has_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_data, "SPACING_MM", (8.0, 8.0, 16.0))
    assert errors(sample_data.make_chest(tmp_path / "chest") / sample_data.SERIES) == []


@pytest.mark.parametrize("visit", sample_data.VISITS)
def test_the_sample_that_ships_has_no_error(visit: str) -> None:
    assert errors(sample_data.sample_visit(visit) / sample_data.SERIES) == []


@pytest.mark.parametrize("lowest", [-1024, -2000])
def test_compressed_slices_have_no_error_and_the_same_hu(tmp_path: Path, lowest: int) -> None:
    hu = np.random.default_rng(0).integers(lowest, 3072, GRID.size[::-1]).astype(np.int16)
    paths = write_series(CTVolume(hu, GRID, Source("x")), tmp_path, compressed=True)
    assert errors(tmp_path) == []
    assert pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID == JPEG_LS_LOSSLESS
    assert np.array_equal(open_ct(tmp_path).hu, hu)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    assert np.array_equal(SimpleITK.GetArrayFromImage(reader.Execute()), hu)
