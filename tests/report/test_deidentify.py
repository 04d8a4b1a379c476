"""A report without identities: nothing of the patient is left, and the parts still belong together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_checks import complaints
from test_fhir import valid
from test_reviewed import decide
from test_sr import items, lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Patient
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.report import forms
from lesionscope.report.deidentify import UidMap, deidentified, write_images
from lesionscope.report.import_sr import import_sr
from lesionscope.report.key_image import key_images
from lesionscope.report.reviewed import Review

SECRETS = (
    "Secretname", "SECRET-ID", "19410203", "1941-02-03", "20240229", "2024-02-29", "Hidden Hospital study",
    "Hidden series", "Readername", "typed by hand", "20240505", "2024-05-05",
    "777 x 55", "Mrs Typedlabel", "Organname", "Accessionname", "Privatename",
)  # fmt: skip


@pytest.fixture
def named(scan: Callable[..., CTVolume]) -> CTVolume:
    volume = scan((128, 128, 12))
    for path in Path(volume.source.path).glob("*.dcm"):  # what a volume doesn't keep, and hides in files
        ds = pydicom.dcmread(path)
        ds.AccessionNumber, ds.InstitutionName, ds.ImageComments = (
            "Accessionname",
            "Hidden Hospital study",
            "typed by hand",
        )
        ds.PositionReferenceIndicator, ds.OtherPatientIDs, ds.StudyID = (
            "Privatename",
            "SECRET-ID",
            "Accessionname",
        )
        ds.add_new((0x0009, 0x0010), "LO", "Privatename")
        ds.add_new((0x0009, 0x1001), "LT", "Privatename")
        ds.save_as(path)
    source = replace(
        volume.source,
        patient=Patient("Secretname^Jane", "SECRET-ID", "19410203", "F"),
        study_date="20240229",
        study_description="Hidden Hospital study",
        description="Hidden series",
    )
    return CTVolume(volume.hu, volume.geometry, source)


def identified(volume: CTVolume) -> forms.Report:
    lesions = lesions_on(volume)
    sizes = (Size(long_mm=18.0),)
    table = assess(
        (Followed(lesions[0].tracking_uid, "Secretname's", "Organname", False, Role.TARGET, sizes),),
        ("20240505",),
    )
    review = Review(
        (
            decide(lesions[0], "lung", "accepted", "Readername^Jo"),
            decide(lesions[0], "Mrs Typedlabel", "added", "Readername^Jo"),
            decide(lesions[1], "Mrs Typedlabel", "added", "Readername^Jo"),
        ),
        sentences={lesions[0].id: "typed by hand: 777 x 55 mm"},
    )
    content = report(lesions, volume, review, response=table)
    return forms.Report(content, key_images(volume, lesions), lesions, volume)


def everything(report: forms.Report, folder: Path) -> list[Path]:
    return [path for form in forms.FORMS for path in forms.write(report, form, folder)]


def said(path: Path) -> str:
    """All text of a file; a PDF's is packed, so that of its pages."""
    if path.suffix == ".pdf":
        from test_pdf import poppler

        return poppler("pdftotext", path, "-").decode()
    return path.read_bytes().decode("utf-8", "replace")


def ascii_of(path: Path) -> str:
    """What else hides in a file: a PDF's metadata, and bytes in either width of letters."""
    raw = path.read_bytes()
    return raw.decode("latin-1") + raw.decode("utf-16-le", "ignore") + raw[1:].decode("utf-16-le", "ignore")


def test_nothing_of_the_patient_is_left_in_any_form(named: CTVolume, tmp_path: Path) -> None:
    known = identified(named)
    before = [said(path) for path in everything(known, tmp_path / "known")]
    assert any("Secretname" in text for text in before) and any("typed by hand" in text for text in before)
    uids = UidMap()
    clean = deidentified(known, uids)
    old = {
        named.source.uid, named.source.study_uid, named.source.frame_of_reference_uid,
        *named.source.sop_instance_uids, *(x for one in known.lesions for x in (one.id, one.tracking_uid)),
    }  # fmt: skip
    paths = [
        *everything(clean, tmp_path / "clean"),
        *write_images(known, uids, tmp_path / "clean" / "images"),
    ]
    for path in paths:
        text = said(path) + ascii_of(path)
        assert not [word for word in (*SECRETS, *old) if word in text], path
        assert not [word for word in (*SECRETS, *old) if word in path.name]
        if path.suffix == ".dcm":
            # The laterality of a key image is unknown once the body part is.
            assert [line for line in complaints(path) if "permitted to be empty" not in line] == []
            assert pydicom.dcmread(path).PatientIdentityRemoved == "YES"
    valid((tmp_path / "clean" / "report.fhir.json").read_text())
    assert "Secretname" in json.dumps(known.content), "the report itself is as it was"


def test_the_warning_about_a_sentence_goes_with_it(named: CTVolume) -> None:
    known = identified(named)
    assert any("777 x 55 mm" in one for one in known.content["lesions"][0]["warnings"])
    known.content["lesions"][0]["warnings"].insert(0, "about the marks")
    assert deidentified(known, UidMap()).content["lesions"][0]["warnings"] == ["about the marks"]


def test_its_references_lead_to_the_images_written_beside_it(named: CTVolume, tmp_path: Path) -> None:
    known = identified(named)
    uids = UidMap()
    clean = deidentified(known, uids)
    images = [pydicom.dcmread(path) for path in write_images(known, uids, tmp_path / "images")]
    (path,) = forms.write(clean, "sr", tmp_path)
    ds = pydicom.dcmread(path)
    referenced = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(ds)
        if item.ValueType == "IMAGE"
    }
    assert referenced == {image.SOPInstanceUID for image in images}
    assert {image.StudyInstanceUID for image in images} == {ds.StudyInstanceUID}
    assert {image.PatientID for image in images} == {ds.PatientID}
    key = forms.write(clean, "sc", tmp_path)[0]
    assert pydicom.dcmread(key).SourceImageSequence[0].ReferencedSOPInstanceUID in referenced
    again = open_ct(tmp_path / "images")
    k = named.source.sop_instance_uids.index(
        next(u for u in named.source.sop_instance_uids if uids.uid(u) in referenced)
    )
    assert np.array_equal(again.hu[0], named.hu[k])
    back = import_sr(path, replace_hu(clean))
    assert back.lesions == tuple(clean.lesions) and back.notes == ()


def replace_hu(report: forms.Report) -> CTVolume:
    assert report.volume is not None
    return report.volume


def test_one_map_is_one_to_one_and_can_not_be_turned_round() -> None:
    one, other = UidMap(b"a" * 32), UidMap(b"b" * 32)
    assert one.uid("1.2.3") == one.uid("1.2.3") != one.uid("1.2.4")
    assert one.uid("1.2.3") != other.uid("1.2.3") and len(one.uid("1.2.3")) <= 64
    assert one.uid("1.2.3#2") == f"{one.uid('1.2.3')}#2" and one.uid("") == ""
    assert "a" * 8 not in repr(one)


def test_the_command_writes_it(named: CTVolume, tmp_path: Path, capsys: Any) -> None:
    from lesionscope.cli import main

    x, y, z = named.geometry.to_lps((6, 60, 70))
    command = ["read", named.source.path, f"--click={x},{y},{z}", "--override-scope", "--deidentify"]
    assert main([*command, "--format", "json,sr,sc,fhir,html,pdf,csv", "--out", str(tmp_path / "out")]) == 0
    names = {Path(line).name for line in capsys.readouterr().out.split()}
    assert names == {
        "image-0001.dcm", "report.json", "report-sr.dcm", "report-key-1.dcm", "report.fhir.json",
        "report.html", "report.pdf", "report.csv",
    }  # fmt: skip
    for path in (tmp_path / "out").rglob("*.*"):
        assert "Phantom^Lesionscope" not in said(path)
