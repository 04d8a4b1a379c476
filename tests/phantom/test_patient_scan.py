"""A whole-body patient on disk: what was scanned is read again, and its lesions lie where the truth says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from waits import Waits

from lesionscope import sample_data
from lesionscope.cli import main
from lesionscope.ct.scan import open_ct
from lesionscope.errors import InputError
from lesionscope.phantom.clinic.patient_scan import SLAB_SLICES, patient_scan, scan_geometry
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.phantom.pool import FEW


def test_a_patient_is_read_again_as_it_was_scanned(tmp_path: Path) -> None:
    volume, lesions = patient_scan(3, matrix=64, step_mm=24.0)
    folder = sample_data.make_patient(tmp_path / "patient", seed=3, matrix=64, step_mm=24.0)
    read = open_ct(folder / sample_data.SERIES)
    assert np.array_equal(read.hu, volume.hu)
    assert np.allclose(read.geometry.to_lps([0, 0, 0]), volume.geometry.to_lps([0, 0, 0]), atol=1e-3)
    truth = json.loads((folder / sample_data.TRUTH).read_text())
    assert truth["lesions"] == json.loads(json.dumps(lesions))
    assert lesions and all(volume.geometry.contains(lesion["centroid_lps_mm"]) for lesion in lesions)
    assert all(lesion["report"]["sentence"] for lesion in lesions if lesion["bookmarked"])


def test_the_bytes_do_not_depend_on_the_workers() -> None:
    one, two = (patient_scan(4, matrix=32, step_mm=16.0, workers=workers)[0] for workers in (1, 2))
    assert len(one.hu) > FEW * SLAB_SLICES, "enough slabs for processes to be started"
    assert np.array_equal(one.hu, two.hu)


def check_series(folder: Path, matrix: int) -> None:
    """Compare the series, as two readers see it, with the truth file and the grid the patient has."""
    truth = json.loads((folder / sample_data.TRUTH).read_text())
    geometry = scan_geometry(
        ClinicPatient(truth["seed"], truth["split"]), matrix, truth["geometry"]["spacing_mm"][2]
    )
    assert truth["geometry"] == json.loads(json.dumps(geometry.as_dict()))
    read = open_ct(folder / sample_data.SERIES)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / sample_data.SERIES)))
    image = reader.Execute()
    for size, spacing, origin, direction in (
        (read.geometry.size, read.geometry.spacing_mm, read.geometry.origin_lps_mm, read.geometry.direction),
        (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()),
    ):
        assert tuple(size) == geometry.size
        assert np.allclose(spacing, geometry.spacing_mm, atol=1e-6)
        assert np.allclose(origin, geometry.origin_lps_mm, atol=1e-5)
        assert np.allclose(direction, geometry.direction, atol=1e-9)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), read.hu)
    for lesion in truth["lesions"]:
        x, y, z = (round(v) for v in image.TransformPhysicalPointToContinuousIndex(lesion["centroid_lps_mm"]))
        assert image.GetPixel(x, y, z) == read.hu_at(lesion["centroid_lps_mm"])


def test_two_readers_find_the_series_where_the_truth_says(tmp_path: Path) -> None:
    made = ("--seed", "2", "--split", "test", "--matrix", "64", "--step", "20", "--out", str(tmp_path / "p"))
    assert main(["phantom", "patient", *made]) == 0
    check_series(tmp_path / "p", 64)


@pytest.mark.slow
def test_a_patient_of_full_size(tmp_path: Path) -> None:
    making = Waits("a patient of full size")
    with making.one():
        folder = sample_data.make_patient(tmp_path / "p", seed=1, step_mm=3.0)
    print(making, len(list((folder / sample_data.SERIES).iterdir())), "slices")
    check_series(folder, 512)


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="not an empty folder"):
        sample_data.make_patient(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_marks_at_the_edge_of_the_body_are_in_the_scan() -> None:
    patient = ClinicPatient(7)
    geometry = scan_geometry(patient)
    assert max(mark.slice_mm for mark in patient.marks) > patient.body.bounds[1][2]
    for mark in patient.marks:
        assert all(geometry.contains(end) for end in (*mark.long, *mark.short))
