"""A whole-body patient on disk: what was scanned is read again, and its lesions lie where the truth says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lesionscope import sample_data
from lesionscope.ct.scan import open_ct
from lesionscope.errors import InputError
from lesionscope.phantom.clinic.patient_scan import patient_scan, scan_geometry
from lesionscope.phantom.clinic.patients import ClinicPatient


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
    one, two = (patient_scan(4, matrix=48, step_mm=40.0, workers=workers)[0] for workers in (1, 2))
    assert np.array_equal(one.hu, two.hu)


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
