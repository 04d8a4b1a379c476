"""Each form with hostile text, full disks and read-only places."""

from __future__ import annotations

import ast
import csv
import errno
import html
import inspect
import io
import json
import math
import os
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.inference import label_predictor, predictor, scope
from lesionscope.inference.reading import ADVICE, Refusal, why
from lesionscope.lesions.lesion import Lesion
from lesionscope.report import csv_form, forms, html_form, json_form, phrases, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.key_image import key_images
from lesionscope.report.text import date, moment, person
from lesionscope.showable import showable

MARKUP = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;\"'{{ 7*7 }}"


class Page(HTMLParser):
    """What a browser would make of a page: tags, text, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_json_is_the_content(content: Content, tmp_path: Path) -> None:
    (path,) = forms.write(forms.Report(content), "json", tmp_path)
    assert path == tmp_path / "report.json"
    assert json.loads(path.read_text(encoding="ascii")) == content


def test_json_has_no_word_for_nan(content: Content) -> None:
    content["lesions"][0]["pathology"]["familiarity"] = math.nan
    assert json.loads(json_form.text(content))["lesions"][0]["pathology"]["familiarity"] is None


def rows_of(content: Content) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_form.text(content), newline="")))


def test_csv_holds_a_lesion_a_row(content: Content, measured: Lesion) -> None:
    rows = rows_of(content)
    assert [row["lesion"] for row in rows] == ["1", "2", "3", "4", "5"]
    first = rows[0]
    assert float(first["box_x0_lps_mm"]) == pytest.approx(measured.box_lps_mm[0])
    assert first["box_x0_lps_mm"].startswith("-"), "a negative number stays a number"
    assert first["H1a Cancer (model score)"] == "0.333333333"
    assert float(first["H3 none of these"]) == 0.22
    assert (rows[1]["unfamiliar"], rows[2]["stale"], rows[2]["H1a Cancer (model score)"]) == (
        "yes",
        "yes",
        "",
    )
    assert rows[0]["review"] == "unreviewed"
    assert rows[0]["notice"] == wording.NOTICE
    assert rows[0]["study_date"] == "2024-02-29"


def test_csv_defuses_formulas(content: Content) -> None:
    for row in rows_of(content):
        assert row["study_description"] == '\'=HYPERLINK("http://x","y")'
        assert row["patient_id"].startswith("'=")


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\x00=1", "＝1"]
)
def test_cells_that_could_run_are_quoted(text: str) -> None:
    assert csv_form.cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-1.5", "+2", "-1e-7", "007", "1.2.840.99"])
def test_numbers_are_not_quoted(text: str) -> None:
    assert csv_form.cell(text) == text


@given(st.text(st.characters(codec=None)))
def test_no_text_makes_a_formula_or_breaks_the_table(text: str) -> None:
    cell = csv_form.cell(text)
    stripped = cell.lstrip()
    if stripped[:1] in tuple("=+-@"):
        float(stripped)
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow([cell, "next"])
    stream.getvalue().encode("utf-8")
    assert list(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [[cell, "next"]]


def test_csv_opens_in_a_spreadsheet(content: Content, tmp_path: Path) -> None:
    assert forms.write(forms.Report(content), "csv", tmp_path)[0].read_bytes().startswith(b"\xef\xbb\xbf")
    empty = {**content, "lesions": []}
    assert csv_form.text(empty).strip() == "notice"


def test_html_is_self_contained_and_harmless(content: Content, volume: CTVolume, measured: Lesion) -> None:
    images = key_images(volume, [measured])
    text = html_form.text(content, images)
    text.encode("utf-8")
    page = Page(text)
    assert "script" not in page.tags and "link" not in page.tags and "iframe" not in page.tags
    assert page.handlers == []
    assert len(page.loads) == 1 and page.loads[0].startswith("data:image/png;base64,")
    assert MARKUP in page.words, "shown as text, whole"
    assert "\x00" not in text and "\x1b" not in text
    assert text.count("comment ") == 1250


def test_html_says_what_must_be_said(content: Content) -> None:
    words = Page(html_form.text(content)).words
    assert words.count(wording.NOTICE) == 2
    assert words.count(wording.UNFAMILIAR) == 1
    assert words.count(wording.UNREVIEWED) == 2
    assert wording.STALE in words and wording.CHANGED_SINCE in words
    assert wording.NOT_READ in words and "lies in air" in words
    assert "diagnos" not in words.lower()
    assert "18.0 × 12.0 mm" in words
    assert "33 %" in words


def test_unfamiliar_answers_are_hatched(content: Content) -> None:
    text = html_form.text(content)
    assert text.count('<table class="tree unfamiliar">') == 1
    assert text.count('<table class="tree">') == 1


def test_bars_walk_the_tree_with_none_of_these_in_its_place(content: Content) -> None:
    answer = content["lesions"][0]["pathology"]
    names = [bar.name for bar in phrases.bars(answer)]
    assert names[:4] == ["Cancer", "Adenocarcinoma", "Invasive", "Non-invasive"]
    assert names[-3:] == [f"{wording.NONE_OF_THESE} (H{n})" for n in (2, 3, 4)]
    placed = {**answer, "heads": {"H1": None, "H2": "H1a", "H3": "H1b", "H4": "H2a"}}
    bars = list(phrases.bars(placed))
    assert len(bars) == 14 + 3
    leaks = {bars.index(bar): bar for bar in bars if bar.leak}
    assert [(bar.percent, bar.depth) for bar in leaks.values()] == [("33", 2), ("11", 1), ("22", 1)]
    assert bars[4].leak, "right after the invasive and non-invasive"
    depths = {bar.name: bar.depth for bar in bars if not bar.leak}
    assert (depths["Cancer"], depths["Adenocarcinoma"], depths["Invasive"]) == (0, 1, 2)


def test_the_wording_table_gives_whole_percents() -> None:
    assert [wording.percent(v) for v in (0.0, 0.001, 0.005, 0.126, 0.994, 0.996, 1.0)] == [
        "0", "<1", "0", "13", "99", ">99", "100",
    ]  # fmt: skip


def test_an_unknown_form_is_wrong_usage(content: Content, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="json, sr, sc, fhir, html, pdf, csv, not as 'docx'"):
        forms.write(forms.Report(content), "docx", tmp_path)
    assert list(tmp_path.iterdir()) == []


FREE = ("json", "csv", "html", "fhir", "pdf")
"""Forms that need no scan."""


def test_names_come_from_no_patient(content: Content, tmp_path: Path) -> None:
    stem = forms.new_stem(tmp_path)
    report = forms.Report(content)
    names = [path.name for form in FREE for path in forms.write(report, form, tmp_path, stem=stem)]
    assert names == [f"{stem}.{end}" for end in ("json", "csv", "html", "fhir.json", "pdf")]
    assert forms.new_stem(tmp_path) != stem
    assert all(part.isdigit() or part == "report" for part in stem.split("-"))
    (tmp_path / f"{forms.new_stem(tmp_path)}-sr.dcm").write_bytes(b"")
    assert not (tmp_path / f"{forms.new_stem(tmp_path)}-sr.dcm").exists()


def written(form: str, content: Content, scan: CTVolume, lesion: Lesion, folder: Path) -> Path:
    one = {**content, "lesions": content["lesions"][:1]}
    report = forms.Report(one, key_images(scan, [lesion]), [lesion], scan)
    (path,) = forms.write(report, form, folder)
    return path


@pytest.fixture
def dicom(volume: CTVolume) -> CTVolume:
    """The volume as if it had come from files."""
    uids = tuple(f"1.2.3.{k}" for k in range(volume.geometry.size[2]))
    return replace(volume, source=replace(volume.source, sop_instance_uids=uids))


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_report(
    form: str,
    call: str,
    content: Content,
    dicom: CTVolume,
    measured: Lesion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = written(form, content, dicom, measured, tmp_path)
    before = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full)
    with pytest.raises(LesionscopeError, match=r"could not be written.*free some space"):
        written(form, {**content, "software": "another"}, dicom, measured, tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_place_that_cannot_be_written_gets_a_sentence(
    form: str, content: Content, dicom: CTVolume, measured: Lesion, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LesionscopeError, match="choose another folder"):
        written(form, content, dicom, measured, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "not a folder"


def test_dicom_forms_without_a_scan_say_what_to_write(content: Content, tmp_path: Path) -> None:
    for form in ("sr", "sc"):
        with pytest.raises(UsageError, match="or write JSON"):
            forms.write(forms.Report(content), form, tmp_path)


def test_text_from_headers_is_made_showable() -> None:
    assert showable("a\x00b\x1b[0m\r\nc\td\ud800") == "ab[0m\nc\td\ufffd"
    assert person("Doe^Jane^Ann^Dr^PhD=山田^花子") == "Doe, Dr Jane Ann, PhD = 山田, 花子"
    assert person("") == "" and person("^^^^^^^") == ""
    assert (date("20240229"), date("2024"), date("")) == ("2024-02-29", "2024", "")
    assert moment("2024-05-06T07:08:09.123+02:00") == "2024-05-06 05:08 UTC"
    assert moment("yesterday") == "yesterday"


def refusals() -> list[str]:
    """Every sentence of refusal that is written out where models judge a lesion, its gaps left empty."""
    found: list[ast.expr] = [ast.Constant(sentence) for sentence in scope.UNREADABLE.values()]
    for module in (scope, predictor, label_predictor):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Return) and node.value is not None and module is scope:
                found.append(node.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
                found += node.args
    pieces = [one.values if isinstance(one, ast.JoinedStr) else [one] for one in found]
    texts = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in one) for one in pieces
    ]
    return [text for text in texts if text.endswith(".")]


def test_a_report_says_why_a_model_refused_but_not_what_to_click(geometry: Geometry, clicked: Lesion) -> None:
    sentences = refusals()
    assert len(sentences) >= 12
    for sentence in sentences:
        told = why(sentence)
        assert told.endswith(".") and len(told) > 25 and sentence.startswith(told[:-1]), sentence
        assert sentence[len(told) - 1 :].removeprefix(": ").removesuffix(".") in ADVICE, sentence
    content = lesion_report([(clicked, Refusal(sentences[-1]))], geometry=geometry)
    assert content["lesions"][0]["pathology"]["refused"] == sentences[-1], "whoever asked is told all of it"
    page = html_form.text(content)
    assert why(sentences[-1]) in html.unescape(page) and sentences[-1] not in html.unescape(page)
    assert why("Its file is gone: it was on D: or E:.") == "Its file is gone: it was on D: or E:."
