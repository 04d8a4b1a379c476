"""Every kind of structured report that we write, before other people's tools: no fault, and nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import pydicom
import pytest
from dicom_checks import complaints, run
from test_deidentify import identified
from test_hostile_text import HOSTILE, LEFT_EMPTY, hostile_report
from test_sr import TILT, items, lesions_on, report, reviewed
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.models import registry
from lesionscope.report import forms
from lesionscope.report.deidentify import UidMap, deidentified
from lesionscope.report.reviewed import Review

Scan = Callable[..., CTVolume]


def made(volume: CTVolume, review: Review | None = None, count: int = 3, **more: Any) -> forms.Report:
    lesions = lesions_on(volume)[:count]
    return forms.Report(report(lesions, volume, review, **more), {}, lesions, volume)


def of_many_frames(volume: CTVolume) -> CTVolume:
    source = replace(volume.source, sop_instance_uids=("1.2.3.4.5",))
    return CTVolume(volume.hu, volume.geometry, source)


def with_response(volume: CTVolume) -> forms.Report:
    uid = lesions_on(volume)[0].tracking_uid
    table = assess(
        (Followed(uid, "1", "lung", False, Role.TARGET, (Size(long_mm=18.0), Size(long_mm=9.0))),),
        ("20240101", "20240401"),
    )
    return made(volume, response=table, cards=[registry.find().card])


KINDS: dict[str, Callable[[Scan], forms.Report]] = {
    "unreviewed": lambda scan: made(scan((128, 128, 6))),
    "verified": lambda scan: (lambda volume: made(volume, reviewed(lesions_on(volume))))(scan((128, 128, 6))),
    "tilted": lambda scan: made(scan((128, 140, 12), TILT)),
    "many frames": lambda scan: made(of_many_frames(scan((128, 128, 6)))),
    "no lesion": lambda scan: made(scan((64, 64, 4)), count=0),
    "response": lambda scan: with_response(scan((128, 128, 6))),
    "without identities": lambda scan: deidentified(identified(scan((128, 128, 6))), UidMap()),
    "hostile": lambda scan: hostile_report(scan((96, 96, 4)), HOSTILE["scripts"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_them_all(kind: str, scan: Scan, tmp_path: Path) -> None:
    (path,) = forms.write(KINDS[kind](scan), "sr", tmp_path)
    found = complaints(path)
    if kind in ("without identities", "hostile"):
        found = [line for line in found if not any(part in line for part in LEFT_EMPTY)]
    assert found == []
    assert run("dsrdump", path).returncode == 0
    xml, back = tmp_path / "sr.xml", tmp_path / "back.dcm"
    assert run("dsr2xml", path, xml).returncode == 0
    assert run("xml2dsr", xml, back).returncode == 0
    assert said(back) == said(path), "nothing was lost on the way through XML"
    document = highdicom.sr.srread(path)
    assert len(document.content.get_image_measurement_groups()) == sum(
        item.ValueType == "CONTAINER" and item.ContentTemplateSequence[0].TemplateIdentifier == "1501"
        for item in items(pydicom.dcmread(path))
        if "ContentTemplateSequence" in item
    )


def said(path: Path) -> list[tuple[str, str]]:
    """Return what a report's items say, in order: their kind, and their text, code or number."""
    found = []
    for item in items(pydicom.dcmread(path)):
        code, number = item.get("ConceptCodeSequence"), item.get("MeasuredValueSequence")
        value = item.get("TextValue") or item.get("UID") or (code and code[0].CodeValue)
        found.append(
            (str(item.ValueType), " ".join(str(value or (number and number[0].NumericValue)).split()))
        )
    return found
