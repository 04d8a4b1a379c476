"""Reports, cohorts and the table on disk say the same of where a lesion lies."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lesionscope.lesions.deeplesion import read_dl_info
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.cohort import cohort, sentence
from lesionscope.phantom.clinic.deeplesion import write_deeplesion
from lesionscope.phantom.clinic.patient_scan import scan_geometry, slices_in
from lesionscope.phantom.clinic.patients import ClinicPatient

PATIENTS = 40
NUMBERED = re.compile(
    r"series (?P<series>\d+), image (?P<image>\d+)|(?P<s>\d+):(?P<i>\d+)|image (?P<only>\d+)"
)


def numbers(text: str) -> tuple[int, int] | None:
    """Return the series and image that a bookmark names; the series is 1 where it names none."""
    found = NUMBERED.search(text)
    if found is None:
        return None
    series, image = found["series"] or found["s"] or "1", found["image"] or found["i"] or found["only"]
    return int(series), int(image)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clinic") / "dl"
    return write_deeplesion(
        out, PATIENTS, split="train", matrix=16, around_mm=0, body_of=BlockBody, workers=1
    )


def test_sentences_name_the_slices_of_the_table(written: Path) -> None:
    rows = read_dl_info(written / "DL_info.csv")
    named = 0
    for line in (written / "truth" / "patients.jsonl").read_text(encoding="utf-8").splitlines():
        patient = json.loads(line)
        bottom, step = patient["geometry"]["origin_lps_mm"][2], patient["geometry"]["spacing_mm"][2]
        count = patient["geometry"]["size"][2]
        by_id = {one["id"]: one for one in patient["lesions"]}
        for one in patient["lesions"]:
            if not one["bookmarked"]:
                continue
            said = one["report"]
            for (start, end, target), lesion in zip(said["bookmarks"], said["bookmark_lesions"], strict=True):
                found = numbers(said["sentence"][start:end])
                if found is None:
                    continue
                from_feet = (by_id[lesion]["slice_mm"] - bottom) / step
                assert found == (rows[one["lesion_idx"]].series, count - round(from_feet)), said["sentence"]
                if target:
                    assert found[1] == rows[one["lesion_idx"]].key_slice
                named += 1
    assert named > 5


def test_a_cohort_s_locations_and_diameters_are_the_table_s(written: Path) -> None:
    rows = read_dl_info(written / "DL_info.csv")
    made = cohort("train", len(rows), workers=1, body_of=BlockBody)
    for row, known in zip(rows, made.rows, strict=True):
        assert known["location"] == pytest.approx(row.location, abs=1e-3)
        assert known["long_mm"] >= known["short_mm"]
        long_px, short_px = row.diameters_px
        assert long_px >= short_px


def test_locations_count_from_the_head() -> None:
    patient = next(
        p for p in (ClinicPatient(seed, body_of=BlockBody) for seed in range(50)) if len(p.marks) > 3
    )
    marks = sorted(patient.marks, key=lambda mark: -mark.slice_mm)
    places = [patient.relative_location(mark) for mark in marks]
    assert [z for *_, z in places] == sorted(z for *_, z in places)
    images = [patient.key_slice(mark) for mark in marks]
    assert images == sorted(images) and images[0] >= 1
    (_, low_y, _), (_, high_y, _) = patient.body.bounds
    for mark, (_, y, _) in zip(marks, places, strict=True):
        _, y0, _, y1 = mark.box()
        assert low_y + y * (high_y - low_y) == pytest.approx((y0 + y1) / 2)


def test_a_written_series_is_numbered_along_its_slices() -> None:
    named = 0
    for seed in range(60):
        patient = ClinicPatient(seed, body_of=BlockBody)
        geometry = scan_geometry(patient, 32, 2.0)
        slices = slices_in(geometry, patient.marks)
        for mark in patient.marks:
            z = geometry.to_lps([slices.images[mark.lesion] - 1, 0, 0])[2]
            assert abs(z - mark.slice_mm) <= 1.0 + 1e-6
            said = sentence(patient, mark, "train", slices)
            for (start, end, _), lesion in zip(said.bookmarks, said.lesions, strict=True):
                found = numbers(said.text[start:end])
                if found is not None:
                    assert found == (1, slices.images[lesion]), said.text
                    named += 1
    assert named > 5
