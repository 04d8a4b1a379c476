"""The classes that hold the right one as often as promised: in every form, with what they promise."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path

import pydicom
import pytest
from dicom_checks import complaints
from test_document import labels_reading, reading_for
from test_pdf import words
from test_sr import items, lesions_on
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.inference.reading import PathologyAnswer, PredictionSet, Reading
from lesionscope.lesions.lesion import Lesion
from lesionscope.report import csv_form, fhir_form, html_form, json_form, pdf_form, sr_form, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.import_sr import import_sr
from lesionscope.report.reviewed import Review
from lesionscope.report.text import typewritten

CHOSEN = PredictionSet(0.9, ("H2a", "H3b"), ("Adenocarcinoma, <b>invasive or not", "Hamartoma"))
SAID = "One of these, 90 % of the time: Adenocarcinoma, <b>invasive or not; Hamartoma"
PROMISE = wording.COVERAGE.format(level=90)


def reading(lesion: Lesion) -> Reading:
    made = reading_for(lesion)
    assert isinstance(made.pathology, PathologyAnswer)
    return replace(made, pathology=replace(made.pathology, prediction_set=CHOSEN))


@pytest.fixture
def said(measured: Lesion, clicked: Lesion) -> Content:
    return lesion_report(
        [(lesion, reading(lesion), labels_reading(lesion)) for lesion in (measured, clicked)]
    )


def test_the_json_has_it_as_values(said: Content) -> None:
    assert "90 of 100 lesions" in PROMISE
    assert json.loads(json_form.text(said))["lesions"][0]["pathology"]["prediction_set"] == {
        "level": 0.9,
        "nodes": ["H2a", "H3b"],
        "names": ["Adenocarcinoma, <b>invasive or not", "Hamartoma"],
    }


def test_people_read_it_with_its_promise(said: Content, tmp_path: Path) -> None:
    page = html_form.text(said)
    assert page.count(escape(SAID)) == 2 and page.count(PROMISE) == 1
    assert "<b>" not in page
    paper = words(pdf_form.pdf(said), tmp_path)
    assert paper.count("One of these, 90 %") == 2 and paper.count(" ".join(PROMISE.split()[-6:])) == 1
    rows = list(csv.DictReader(io.StringIO(csv_form.text(said), newline="")))
    assert [row["prediction_set"] for row in rows] == [SAID, SAID]


def test_fhir_notes_it_on_the_tree(said: Content) -> None:
    trees = [
        entry["resource"]
        for entry in fhir_form.bundle(said, {})["entry"]
        if entry["resource"].get("code", {}).get("text") == "Predicted pathology"
    ]
    for tree in trees:
        assert {f"{SAID}.", PROMISE} <= {note["text"] for note in tree["note"]}
    assert len(trees) == 2


def test_the_structured_report_has_it_and_gives_it_back(
    scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    volume = scan((64, 64, 6))
    lesions = lesions_on(volume)[2:]
    content = lesion_report([(lesion, reading(lesion)) for lesion in lesions], source=volume.source)
    path = sr_form.write(content, lesions, volume, tmp_path / "sr.dcm")
    assert complaints(path) == []
    texts = [item.TextValue for item in items(pydicom.dcmread(path)) if item.ValueType == "TEXT"]
    (text,) = [text for text in texts if "One of these" in text and "{" not in text]
    assert text.startswith(f"{SAID}.") and typewritten(PROMISE) in text
    back = import_sr(path, volume).content
    assert back is not None
    assert back["lesions"][0]["pathology"]["prediction_set"]["nodes"] == ["H2a", "H3b"]


def test_it_is_nowhere_without_one_or_where_scores_are_left_out(measured: Lesion) -> None:
    for content in (
        lesion_report([(measured, reading_for(measured))]),
        lesion_report([(measured, reading(measured))], review=Review(unreviewed=False)),
        lesion_report([(replace(measured, box_lps_mm=(0, 0, 0, 1, 1, 1)), reading(measured))]),
    ):
        assert "prediction_set" not in content["lesions"][0]["pathology"]
        assert "One of these" not in html_form.text(content) + json_form.text(content)
