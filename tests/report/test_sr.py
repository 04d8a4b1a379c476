"""The structured report: valid by other people's tools, true to the marks, and whole."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from dicom_checks import complaints
from pydicom.sr._concepts_dict import concepts
from test_document import labels_reading, reading_for
from test_reviewed import decide

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.ontology.labels import PRIVATE_SCHEME
from lesionscope.ontology.tree import load_tree
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report import sr_codes as codes
from lesionscope.report import sr_form, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.reviewed import Review

ORIGIN = (-51.0, -51.0, -40.0)
TILT = (1.0, 0.0, 0.0, 0.0, math.cos(0.35), 0.0, 0.0, math.sin(0.35), 1.0)
"""A tilted gantry: slices turned about x, the table moving along z."""


@pytest.fixture
def scan(tmp_path: Path) -> Callable[..., CTVolume]:
    """Make a scan of DICOM files and read it."""

    def make(size: tuple[int, int, int] = (128, 128, 40), direction: Any = None) -> CTVolume:
        spacing = (0.8, 0.8, 2.0)
        geometry = (
            Geometry(size, spacing, ORIGIN)
            if direction is None
            else Geometry(size, spacing, ORIGIN, tuple(direction))
        )
        hu = np.full(size[::-1], -800, np.int16)
        write_series(CTVolume(hu, geometry, Source("x")), tmp_path / "scan")
        return open_ct(tmp_path / "scan")

    return make


def lesions_on(volume: CTVolume) -> list[Lesion]:
    """Two diameters, one, and a click."""
    x, y, z = (float(v) for v in volume.geometry.to_lps((volume.geometry.size[2] // 2, 60, 70)))
    both = lesion_from_diameters(
        Diameter((x - 9, y, z), (x + 9, y, z)),
        Diameter((x, y - 6, z), (x, y + 6, z)),
        geometry=volume.geometry,
    )
    one = lesion_from_diameters(Diameter((x - 4, y, z), (x + 4, y, z)), geometry=volume.geometry)
    marked = [both, one, lesion_from_click((x, y, z))]
    return [replace(lesion, number=number) for number, lesion in enumerate(marked, start=1)]


def report(lesions: list[Lesion], volume: CTVolume, review: Review | None = None, **more: Any) -> Content:
    return lesion_report(
        [(lesion, reading_for(lesion), labels_reading(lesion)) for lesion in lesions],
        geometry=volume.geometry,
        source=volume.source,
        review=review or Review(),
        **more,
    )


def reviewed(lesions: list[Lesion]) -> Review:
    """Every label shown decided on."""
    return Review(
        tuple(
            decide(lesion, label, verdict, "Doe^Jane")  # type: ignore[arg-type]
            for lesion in lesions
            for label, verdict in (
                ("lung", "accepted"), ("right lung", "accepted"), ("nodule", "accepted"),
                ("cyst", "rejected"), ("spiculated", "added"),
            )
        ),
        unreviewed=False,
    )  # fmt: skip


def test_highdicom_reads_what_was_measured(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan()
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume, reviewed(lesions)), lesions, volume, tmp_path / "sr.dcm")
    document = highdicom.sr.srread(path)
    groups = {str(g.tracking_uid): g for g in document.content.get_image_measurement_groups()}
    first = groups[lesions[0].tracking_uid]
    values = {m.name.meaning: (m.value, m.unit.value) for m in first.get_measurements()}
    assert values == {"Long Axis": (18.0, "mm"), "Short Axis": (12.0, "mm")}
    assert first.tracking_identifier == "Cornerstone3DTools@^0.1.0:Bidirectional"
    assert first.finding_type.meaning == "Nodule"
    assert [site.value.meaning for site in first.finding_sites] == ["right lung"]
    second = groups[lesions[1].tracking_uid]
    assert [(m.name.meaning, m.value) for m in second.get_measurements()] == [("Length", 8.0)]
    assert second.tracking_identifier == "Cornerstone3DTools@^0.1.0:Length"
    assert groups[lesions[2].tracking_uid].get_measurements() == []
    boxes = document.content.get_planar_roi_measurement_groups()
    assert len(boxes) == 3


def test_coordinates_lie_on_the_image_of_the_mark(scan: Callable[..., CTVolume]) -> None:
    volume = scan()
    lesions = lesions_on(volume)
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    (line, *_rest) = [i for i in items(ds) if i.ValueType == "SCOORD" and i.GraphicType == "POLYLINE"]
    referenced = line.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    image = next(
        d
        for p in Path(volume.source.path).glob("*.dcm")
        if (d := pydicom.dcmread(p)).SOPInstanceUID == referenced
    )
    row, column = np.array(image.ImageOrientationPatient[:3]), np.array(image.ImageOrientationPatient[3:])
    dy, dx = map(float, image.PixelSpacing)
    points = np.reshape(line.GraphicData, (2, 2)) - 0.5
    at = np.array(image.ImagePositionPatient) + points[:, :1] * dx * row + points[:, 1:] * dy * column
    long = lesions[0].long
    assert long is not None
    assert np.allclose(at, [long.start_lps_mm, long.end_lps_mm], atol=1e-3)
    evidence = ds.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    listed = {one.ReferencedSOPInstanceUID for one in evidence.ReferencedSOPSequence}
    assert listed == {referenced} and evidence.SeriesInstanceUID == image.SeriesInstanceUID


def test_marks_across_slices_are_in_the_patient(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan((128, 140, 60), TILT)
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    assert complaints(path) == []
    ds = pydicom.dcmread(path)
    marks = [item for item in items(ds) if item.ValueType == "SCOORD3D"]
    short = lesions[0].short
    assert short is not None
    assert any(np.allclose(m.GraphicData, [*short.start_lps_mm, *short.end_lps_mm]) for m in marks)
    assert {m.ReferencedFrameOfReferenceUID for m in marks} == {volume.source.frame_of_reference_uid}
    assert len([i for i in items(ds) if i.ValueType == "NUM" and "Axis" in name_of(i)]) == 2


def test_a_class_with_a_standard_code_is_a_class_of_the_bundled_tree_and_known_to_dicom() -> None:
    standard = {(n.tag, n.name): codes.class_code(n.tag, n.name) for n in load_tree().nodes}
    standard = {node: code for node, code in standard.items() if code.scheme != PRIVATE_SCHEME}
    assert standard == codes.PATHOLOGY, "one that no class gets is of no use"
    for code in standard.values():
        assert any(code.value in entry for entry in concepts[code.scheme].values())
    assert codes.class_code("H3b", "Cancer").scheme == PRIVATE_SCHEME, "another tree's"


def test_what_it_must_carry(scan: Callable[..., CTVolume]) -> None:
    from lesionscope.models import registry

    volume = scan()
    lesions = lesions_on(volume)[:1]
    card = registry.find().card
    sizes = (Size(long_mm=18.0), Size(long_mm=10.0))
    table = assess(
        (Followed(lesions[0].tracking_uid, "Lesion 1", "lung", False, Role.TARGET, sizes),),
        ("20240101", "20240401"),
    )
    ds = sr_form.document(report(lesions, volume, cards=[card], response=table), lesions, volume)
    texts = {name_of(i): i.TextValue for i in items(ds) if i.ValueType == "TEXT"}
    assert texts["Notice"] == wording.NOTICE and texts["Software"].startswith("lesionscope ")
    assert card.intended_use in texts["Model card"] and card.calibration.method in texts["Model card"]
    assert texts["What was reviewed and by whom"] == wording.NOTHING_REVIEWED
    assert "18.0 mm | 10.0 mm" in texts["Response table"] and "-44 %" in texts["Response table"]
    coded = [i.ConceptCodeSequence[0].CodeMeaning for i in items(ds) if i.ValueType == "CODE"]
    assert "Target Lesion Partial Response" in coded
    assert coded.count("Unreviewed") == 5, "four labels and the tree"
    assert "Computed tomography" in coded
    assert ds.VerificationFlag == "UNVERIFIED" and ds.PatientName == volume.source.patient.name
    assert ds.StudyInstanceUID == volume.source.study_uid
    certainties = [
        i.MeasuredValueSequence[0].NumericValue for i in items(ds) if name_of(i) == "Certainty of Finding"
    ]
    assert sorted(map(float, certainties)) == [65.0, 70.0, 91.0, 91.0]


@pytest.mark.parametrize(
    ("sizes", "new", "targets", "overall"),
    [
        ((18.0, 10.0), None, ("112042", "DCM"), "OVERALLPR"),
        # A new lesion is progression, whatever the targets do (RECIST 1.1, Table 1).
        ((18.0, 18.0), 9.0, ("112044", "DCM"), "OVERALLPD"),
        ((18.0, None), None, ("NE", PRIVATE_SCHEME), "NE"),
        ((), 9.0, None, "OVERALLPD"),
        ((18.0,), None, None, None),
    ],
    ids=["shrunk", "new-lesion", "unseen", "no-targets", "baseline"],
)
def test_the_targets_response_is_not_the_overall_one(
    scan: Callable[..., CTVolume],
    tmp_path: Path,
    sizes: tuple[float | None, ...],
    new: float | None,
    targets: tuple[str, str] | None,
    overall: str | None,
) -> None:
    volume = scan((128, 128, 6))
    lesions = lesions_on(volume)[:1]
    visits = len(sizes) or 2
    seen = tuple(None if mm is None else Size(long_mm=mm) for mm in sizes)
    followed = [Followed("1.2", "Lesion 1", "lung", False, Role.TARGET, seen)] if sizes else []
    if new is not None:
        followed.append(Followed("1.3", "Lesion 2", "liver", False, Role.NEW, (None, Size(long_mm=new))))
    table = assess(tuple(followed), ("20240101", "20240401")[:visits])
    path = sr_form.write(report(lesions, volume, response=table), lesions, volume, tmp_path / "sr.dcm")
    assert complaints(path) == []
    coded = {
        name_of(item): item.ConceptCodeSequence[0]
        for item in items(pydicom.dcmread(path))
        if item.ValueType == "CODE"
    }
    found = coded.get("RECIST 1.1")
    assert (found and (found.CodeValue, found.CodingSchemeDesignator)) == targets
    whole = coded.get("Overall response (RECIST 1.1)")
    assert (whole and (whole.CodeValue, whole.CodingSchemeDesignator)) == (
        overall and (overall, PRIVATE_SCHEME)
    )


def test_verified_only_when_all_is_decided(scan: Callable[..., CTVolume]) -> None:
    volume = scan()
    lesions = lesions_on(volume)
    whole = reviewed(lesions)
    ds = sr_form.document(report(lesions, volume, whole), lesions, volume)
    assert (ds.VerificationFlag, ds.CompletionFlag) == ("VERIFIED", "COMPLETE")
    assert ds.VerifyingObserverSequence[0].VerifyingObserverName == "Doe^Jane"
    for short in (
        replace(whole, decisions=whole.decisions[1:]),
        replace(whole, unreviewed=True),
        replace(whole, decisions=()),
    ):
        ds = sr_form.document(report(lesions, volume, short), lesions, volume)
        assert ds.VerificationFlag == "UNVERIFIED" and "VerifyingObserverSequence" not in ds


def test_hostile_text_is_harmless(scan: Callable[..., CTVolume], tmp_path: Path, source: Source) -> None:
    """Names, comments and readers as hostile as can be, in every script."""
    volume = scan()
    hostile = replace(
        volume.source,
        patient=source.patient,
        study_description=source.study_description * 9,
        kernel=source.kernel,
    )
    volume = CTVolume(volume.hu, volume.geometry, hostile)
    lesions = lesions_on(volume)[:1]
    scripts = "\u202eمريض\u202c 山田 花子 🫁 \t\x00\x1b[31m\ud800 a\\b^c=d=e=f=g"
    review = Review(
        (decide(lesions[0], "lung", "accepted", scripts * 5),),
        sentences={lesions[0].id: f"<b>{'long ' * 2000}</b>{scripts}"},
    )
    path = sr_form.write(report(lesions, volume, review), lesions, volume, tmp_path / "sr.dcm")
    assert complaints(path) == []
    ds = pydicom.dcmread(path)
    comment = next(i.TextValue for i in items(ds) if name_of(i) == "Comment")
    assert comment.startswith("<b>long long") and "山田 花子 🫁" in comment and "\x00" not in comment
    assert len(comment) > 10_000
    assert ds.PatientSex == "" and "\x1b" not in str(ds.PatientName)


def test_a_volume_without_images_is_refused_with_a_way_out(volume: CTVolume, measured: Lesion) -> None:
    content = lesion_report([(measured, None)], geometry=volume.geometry, source=volume.source)
    with pytest.raises(UsageError, match="write JSON, HTML, PDF or CSV"):
        sr_form.document(content, [measured], volume)


def test_the_record_leaves_out_only_what_is_not_shown(scan: Callable[..., CTVolume]) -> None:
    volume = scan()
    lesions = lesions_on(volume)[:1]
    (entry,) = report(lesions, volume)["lesions"]
    kept = json.loads(sr_form.record(entry))
    assert {**kept, "labels": None, "neighbours": None, "banks": None, "timings_ms": None} == {
        **entry, "labels": None, "neighbours": None, "banks": None, "timings_ms": None
    }  # fmt: skip
    assert [score["label"] for score in kept["labels"]["scores"]] == ["lung", "right lung", "nodule", "cyst"]


def items(ds: Any) -> list[Any]:
    """Every content item, in order."""
    found = []
    for one in ds.get("ContentSequence", ()):
        found += [one, *items(one)]
    return found


def name_of(item: Any) -> str:
    names = item.get("ConceptNameCodeSequence")
    return str(names[0].CodeMeaning) if names else ""
