"""The small patient that ships: two chest scans three months apart, marks, reports, and the truth apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lesionscope import sample_data
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume

HOME = Path(sample_data.__file__).parent


def read(visit: str, name: str) -> list[dict]:
    return json.loads((sample_data.sample_visit(visit) / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def volumes() -> dict[str, CTVolume]:
    return {
        visit: open_ct(sample_data.sample_visit(visit) / sample_data.SERIES) for visit in sample_data.VISITS
    }


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((HOME / sample_data.TRUTH).read_text(encoding="utf-8"))


def length(ends: list[list[float]]) -> float:
    return float(np.linalg.norm(np.subtract(*ends)))


def placed_by(truth: dict, points: np.ndarray) -> np.ndarray:
    """Return where points (..., 3) of the first scan lie in the second: turned about z, then moved."""
    turn = Rotation.from_euler("z", truth["turned_degrees"], degrees=True)
    return turn.apply(points) + np.array(truth["moved_lps_mm"])


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in HOME.rglob("*") if path.is_file()) < 6e6


def test_both_scans_are_one_patients_and_three_months_apart(volumes) -> None:
    first, later = (volumes[visit].source for visit in sample_data.VISITS)
    assert first.patient.patient_id == later.patient.patient_id
    assert first.study_uid != later.study_uid
    assert first.frame_of_reference_uid != later.frame_of_reference_uid
    assert (first.study_date, later.study_date) == ("20260105", "20260406")
    assert all(not volume.findings for volume in volumes.values())


def test_marks_lie_on_slices_and_in_the_lesions_of_the_truth(volumes, truth) -> None:
    for visit, volume in volumes.items():
        known = {lesion[visit]["mark"]: lesion[visit] for lesion in truth["lesions"] if visit in lesion}
        marks = read(visit, sample_data.MARKS)
        assert sorted(known) == [mark["mark"] for mark in marks]
        for mark in marks:
            lesion = known[mark["mark"]]
            for ends in (mark["long_lps_mm"], mark["short_lps_mm"]):
                k = [volume.geometry.to_voxel(end)[0] for end in ends]
                assert np.allclose(k, np.round(k[0]), atol=1e-3)
            assert length(mark["long_lps_mm"]) == pytest.approx(lesion["long_mm"], rel=0.12)
            middle = np.mean(mark["long_lps_mm"], axis=0)
            assert np.linalg.norm(middle - lesion["centroid_lps_mm"]) < 0.6 * lesion["long_mm"]


def test_reports_say_what_was_measured(volumes) -> None:
    before = [length(mark["long_lps_mm"]) / 10 for mark in read("baseline", sample_data.MARKS)]
    for visit in volumes:
        marks = {mark["mark"]: length(mark["long_lps_mm"]) / 10 for mark in read(visit, sample_data.MARKS)}
        for entry in read(visit, sample_data.REPORTS):
            now, *earlier = re.findall(r"([\d.]+) x [\d.]+ cm", entry["sentence"])
            assert float(now) == pytest.approx(marks[entry["mark"]], abs=0.051)
            if earlier:
                assert min(abs(float(earlier[0]) - size) for size in before) < 0.051
            elif visit == "follow-up":
                assert "new since" in entry["sentence"]


def test_lesions_grew_shrank_came_and_went(volumes, truth) -> None:
    ratios = []
    for lesion in truth["lesions"]:
        if lesion["size_ratio"] is None:
            assert ("baseline" in lesion) != ("follow-up" in lesion)
            continue
        measured = lesion["follow-up"]["long_mm"] / lesion["baseline"]["long_mm"]
        assert measured == pytest.approx(lesion["size_ratio"], rel=0.12)
        ratios.append(lesion["size_ratio"])
        placed = placed_by(truth, np.array(lesion["baseline"]["centroid_lps_mm"]))
        assert np.allclose(lesion["follow-up"]["centroid_lps_mm"], placed, atol=0.01)
    assert min(ratios) < 0.7 and max(ratios) > 1.2 and 1.0 in ratios
    assert sum(lesion["size_ratio"] is None for lesion in truth["lesions"]) == 2


def test_the_patient_lies_elsewhere_as_the_truth_says(volumes, truth) -> None:
    """Bone of the first scan, moved as the truth says, is bone in the second; unmoved it is not."""
    first, later = (volumes[visit] for visit in sample_data.VISITS)
    bone = np.argwhere(first.hu > 500)[::97]
    points = np.array([first.geometry.to_lps(index) for index in bone])

    def share(places) -> float:
        values = [later.hu_at(place) for place in places]
        return float(np.mean([value > 200 for value in values if value is not None]))

    assert share(placed_by(truth, points)) > 0.85
    assert share(points + np.array(truth["moved_lps_mm"])) < 0.7, "the turn matters"
    assert share(points) < 0.5


@pytest.mark.slow
def test_it_is_made_again_to_the_same_bytes(tmp_path) -> None:
    from lesionscope.sample_data.make import write

    made = write(tmp_path / "again")
    for path in (path for path in made.rglob("*") if path.is_file()):
        assert path.read_bytes() == (HOME / path.relative_to(made)).read_bytes()
