"""Every form says which visits a response lacks: the nadir may be theirs."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_pdf import words
from test_sr import items, lesions_on, name_of
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.followup.response import Followed, ResponseTable, Role, Size, assess
from lesionscope.followup.visits import LINKED_ANYWAY
from lesionscope.lesions.lesion import Lesion
from lesionscope.report import csv_form, fhir_form, html_form, pdf_form, sr_form, wording
from lesionscope.report.deidentify import UidMap, deidentified
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.forms import Report
from lesionscope.report.response_rows import missing

LEFT_OUT = (
    "An earlier visit is left out of the response: doe.sqlite is damaged.",
    "An earlier visit is left out of the response: <roe>.sqlite is locked.",
)


def followed(lesion: Lesion) -> ResponseTable:
    sizes = (Size(long_mm=18.0), Size(long_mm=19.0))
    lesions = (Followed(lesion.tracking_uid, "Lesion 1", "lung", False, Role.TARGET, sizes),)
    return replace(assess(lesions, ("20240101", "20240401")), missing=LEFT_OUT)


@pytest.fixture
def told(measured: Lesion) -> Content:
    return lesion_report([(measured, None)], response=followed(measured))


def page(content: Content, folder: Path) -> str:
    return html.unescape(html_form.text(content))


def conclusion(content: Content, folder: Path) -> str:
    report: Any = fhir_form.bundle(content, {})["entry"][0]["resource"]
    return str(report["conclusion"])


def column(content: Content, folder: Path) -> str:
    row = dict(zip(*csv.reader(io.StringIO(csv_form.text(content))), strict=True))
    return row.get("recist_missing", "")


def paper(content: Content, folder: Path) -> str:
    return words(pdf_form.pdf(content), folder)


@pytest.mark.parametrize("form", [page, conclusion, column, paper])
def test_a_form_says_which_visits_the_response_lacks(told: Content, tmp_path: Path, form: Any) -> None:
    said = form(told, tmp_path)
    assert [part for part in (*LEFT_OUT, wording.NADIR) if part not in said] == []
    for none in ({"missing": []}, {"missing": None}, {}):
        table = {name: value for name, value in told["response"].items() if name != "missing"} | none
        assert wording.NADIR not in form(told | {"response": table}, tmp_path)
    told["response"]["visits"][1]["concern"] = LINKED_ANYWAY
    assert LINKED_ANYWAY in form(told, tmp_path)


def test_a_structured_report_says_so_with_the_table(scan: Any, tmp_path: Path) -> None:
    volume: CTVolume = scan((128, 128, 6))
    lesions = lesions_on(volume)[:1]
    content = lesion_report(
        [(lesions[0], None)], geometry=volume.geometry, source=volume.source, response=followed(lesions[0])
    )
    ds = sr_form.document(content, lesions, volume)
    (table,) = (item.TextValue for item in items(ds) if name_of(item) == "Response table")
    assert table.splitlines()[-3:] == [*LEFT_OUT, wording.NADIR]


def test_why_a_visit_is_missing_names_nobody(told: Content) -> None:
    clean = deidentified(Report(told), UidMap()).content
    assert missing(clean["response"]) == [wording.VISIT_LEFT_OUT] * 2 + [wording.NADIR]
    del told["response"]["missing"]
    assert missing(deidentified(Report(told), UidMap()).content["response"]) == []
