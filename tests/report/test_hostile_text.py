"""The same hostile text in every free field at once, in every form; and reports that others forged."""

from __future__ import annotations

import csv
import io
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_checks import complaints
from test_document import labels_reading, reading_for
from test_fhir import valid
from test_forms import Page
from test_pdf import words
from test_reviewed import decide
from test_sr import items, lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume, Patient
from lesionscope.errors import LesionscopeError
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.inference.reading import LabelAnswer, PathologyAnswer, PredictionSet, Reading
from lesionscope.lesions.lesion import Lesion
from lesionscope.models import registry
from lesionscope.report import forms, sr_form
from lesionscope.report.document import lesion_report
from lesionscope.report.import_sr import import_sr
from lesionscope.report.key_image import key_images
from lesionscope.report.reviewed import Review

HOSTILE = {
    "formula": "=cmd|' /C calc'!A0\n+1\n@SUM(1)\t-2",
    "markup": "<script>alert(1)</script>]]><!--{{ 7*7 }}{% x %}&#x3c;img src=x onerror=a>",
    "control": "a\x00b\x07c\x1b]0;x\x07\r\nd\x0be\x7f\x85f\u2028g\u2029h",
    "scripts": "\u202eמריض\u2066 a\u0301\u0323\u035b 山田 🫁\U000e0041 \ud800 ﷽",
    "dicom": 'A\\B^C=D=E=F^G^H^I^J^K * ? "',
    "long": "comment " * 1250,
    "blank": " \t\n",
}
LEFT_EMPTY = ("permitted to be empty", "needed to build DICOMDIR")
"""What is said of values that the header had, but that DICOM would not take."""


def answered(lesion: Lesion, text: str) -> tuple[Reading, Reading]:
    """A tree and labels with the text in all that a model's package or bank may say."""
    tree, labels = reading_for(lesion), labels_reading(lesion)
    made = replace(tree.provenance, model=text, notes=(text,), device=text)
    assert isinstance(tree.pathology, PathologyAnswer) and isinstance(labels.labels, LabelAnswer)
    node = replace(tree.pathology.nodes[0], name=text)
    chosen = PredictionSet(0.9, (node.tag,), (text,))
    scores = tuple(
        replace(score, label=text if score.label == "cyst" else score.label, sources=(text,))
        for score in labels.labels.scores
    )
    known = replace((labels.neighbours or ())[0], id=text, sentence=text, labels=(text,))
    return (
        replace(
            tree, provenance=made, pathology=replace(tree.pathology, nodes=(node,), prediction_set=chosen)
        ),
        replace(labels, provenance=made, labels=replace(labels.labels, scores=scores), neighbours=(known,)),
    )


def hostile_report(volume: CTVolume, text: str) -> forms.Report:
    source = replace(
        volume.source,
        patient=Patient(text, text, text, text),
        study_description=text,
        study_date=text,
        description=text,
        kernel=text,
    )
    volume = CTVolume(volume.hu, volume.geometry, source)
    lesions = lesions_on(volume)[:2]
    decisions = (
        decide(lesions[0], "lung", "accepted", f"R{text}"),
        decide(lesions[0], f"L{text}", "added", f"{text}R"),
    )
    card = replace(registry.find().card, title=text, intended_use=text, limits=(text,), licence=text)
    table = assess(
        (Followed(lesions[0].tracking_uid, text, text, False, Role.TARGET, (Size(long_mm=18.0),)),), (text,)
    )
    content = lesion_report(
        [(lesion, *answered(lesion, text)) for lesion in lesions],
        geometry=volume.geometry,
        source=source,
        cards=[card],
        review=Review(decisions, {lesions[1].id: (text,)}, True, {lesions[0].id: text}),
        response=table,
    )
    return forms.Report(content, key_images(volume, lesions), lesions, volume)


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_field_of_every_form_is_harmless(
    kind: str, scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    whole = hostile_report(scan((96, 96, 4)), HOSTILE[kind])
    files = {form: forms.write(whole, form, tmp_path / "out") for form in forms.FORMS}
    json.loads(files["json"][0].read_text(encoding="ascii"))
    valid(files["fhir"][0].read_text())
    page = Page(files["html"][0].read_text(encoding="utf-8"))
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags) and page.handlers == []
    assert all(value.startswith("data:image/png;base64,") for value in page.loads)
    rows = list(csv.reader(io.StringIO(files["csv"][0].read_text(encoding="utf-8-sig"), newline="")))
    assert len(rows) == 3 and len({len(row) for row in rows}) == 1
    for value in (value for row in rows for value in row):
        assert not value.lstrip().startswith(tuple("=+@＝＋＠")), value[:40]
        assert "\x00" not in value and "\x1b" not in value
    assert words(files["pdf"][0].read_bytes(), tmp_path)
    for path in (*files["sr"], *files["sc"]):
        found = [line for line in complaints(path) if not any(part in line for part in LEFT_EMPTY)]
        assert not found, f"{path.name}: {found[0]}"
    (path,) = files["sr"]
    assert whole.volume is not None
    back = import_sr(path, whole.volume)
    assert back.lesions == tuple(whole.lesions) and back.notes == ()
    texts = [item.TextValue for item in items(pydicom.dcmread(path)) if item.ValueType == "TEXT"]
    assert not any(c in text for text in texts for c in "\x00\x07\x1b\x0b\x7f")


@pytest.mark.parametrize(
    "change",
    [
        {"reader": ""},
        {"reader": " \n"},
        {"reader": None},
        {"label": ""},
        {"label": ["x"]},
        {"at": 3},
    ],
)
def test_a_forged_decision_is_left_out(
    scan: Callable[..., CTVolume], tmp_path: Path, change: dict[str, Any]
) -> None:
    volume = scan((96, 96, 4))
    lesions = lesions_on(volume)[2:]
    review = Review((decide(lesions[0], "lung", "accepted", "Jo"),))
    ds = sr_form.document(report(lesions, volume, review), lesions, volume)
    for item in items(ds):
        if item.ValueType == "TEXT" and '"box_lps_mm"' in item.TextValue:
            entry = json.loads(item.TextValue)
            entry["findings"] = [{**one, **change} for one in entry["findings"] if one["reader"]]
            item.TextValue = json.dumps(entry)
    ds.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    back = import_sr(tmp_path / "sr.dcm", volume)
    assert back.lesions == () and back.decisions == () and "can't be read" in back.notes[0]


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Have the system itself refuse to write on, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_stops_halfway_leaves_earlier_reports(
    scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    volume = scan((96, 96, 4))
    lesions = lesions_on(volume)[:1]
    whole = forms.Report(report(lesions, volume), key_images(volume, lesions), lesions, volume)
    for form in forms.FORMS:
        forms.write(whole, form, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    again = replace(whole, content={**whole.content, "software": "another"})
    for form in forms.FORMS:
        with files_no_larger_than(300), pytest.raises(LesionscopeError, match="free some space or choose"):
            forms.write(again, form, tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert after == before
