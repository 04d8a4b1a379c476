"""The strip above the canvas, in words."""

from __future__ import annotations

import dataclasses

import pytest
from window_helpers import landmark_volume

from lesionscope.ct.volume import Finding, Patient
from lesionscope.ct.windows import Window, preset
from lesionscope.viewer.banner import date, notice_line, person, place_words, study_line, window_words


@pytest.mark.parametrize(
    ("dicom", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Q^Dr^III", "Doe, Jane Q"),
        ("Doe", "Doe"),
        ("Yamada^Tarou=山田^太郎", "Yamada, Tarou"),
        ("", ""),
    ],
)
def test_names_are_written_for_people(dicom, shown):
    assert person(dicom) == shown


def test_dates_are_written_for_people():
    assert date("20240131") == "2024-01-31"
    assert date("2024") == "2024"


def test_the_study_line_tells_who_when_and_which():
    line = study_line(landmark_volume())
    assert line == "Doe, Jane Q  ·  PID-77  ·  born 1950-02-03  ·  F  ·  2024-01-31  ·  Thorax (series 4)"
    volume = landmark_volume()
    nameless = dataclasses.replace(volume, source=dataclasses.replace(volume.source, patient=Patient()))
    assert study_line(nameless).startswith("No patient name in the file")


def test_places_and_windows_use_a_true_minus():
    assert place_words("Axial", 19, 37, "z", -520.4, ["W 1", ""]) == (
        "Axial  ·  slice 19 / 37  ·  z −520.4 mm  ·  W 1"
    )
    assert window_words(preset("lung")) == "W 1500  L −600 (Lung)"
    assert window_words(Window("custom", "", 10, 90)) == "W 90  L 10"


def test_findings_are_told_in_one_line():
    assert notice_line(()) == ""
    line = notice_line(
        (Finding("gantry-tilt", "Tilted by 18.5°."), Finding("missing-slices", "One is missing."))
    )
    assert "Tilted by 18.5°" in line
    assert "One is missing" in line


@pytest.mark.window
def test_findings_stand_under_the_study_and_go_with_it(study):
    banner = study.banner(study.axial)
    assert not banner.notice.isVisible()
    study.show(landmark_volume(findings=(Finding("gantry-tilt", "The gantry was tilted."),), uid="tilted"))
    assert banner.notice.isVisible()
    assert "tilted" in banner.notice.text()
    assert "tilted" in banner.notice.toolTip()
    study.show(landmark_volume())
    assert not banner.notice.isVisible()
