"""Structured reports come back: ours whole, others' as lesions, damaged ones with a sentence."""

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
from test_sr import TILT, items, lesions_on, report, reviewed
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.report import sr_form
from lesionscope.report.dicom_head import is_uid
from lesionscope.report.import_sr import import_sr
from lesionscope.report.reviewed import Review


@pytest.mark.parametrize("direction", [None, TILT], ids=["axial", "tilted"])
@pytest.mark.parametrize("decided", [False, True], ids=["open", "reviewed"])
def test_our_own_report_comes_back_without_loss(
    scan: Callable[..., CTVolume], tmp_path: Path, direction: Any, decided: bool
) -> None:
    volume = scan() if direction is None else scan((128, 140, 60), direction)
    lesions = lesions_on(volume)
    review = reviewed(lesions) if decided else Review(sentences={lesions[0].id: "Mine, «as it is» 山."})
    table = assess(
        (Followed(lesions[0].tracking_uid, "1", "lung", False, Role.TARGET, (Size(long_mm=18.0),)),),
        ("20240101",),
    )
    content = report(lesions, volume, review, response=table)
    path = sr_form.write(content, lesions, volume, tmp_path / "sr.dcm")
    back = import_sr(path, volume)
    assert back.notes == () and back.lesions == tuple(lesions)
    assert back.content is not None
    kept = [json.loads(sr_form.record(entry)) for entry in content["lesions"]]
    assert back.content == {**{k: v for k, v in content.items() if k != "study"}, "lesions": kept}
    assert {(d.lesion_id, d.label) for d in back.decisions} == {
        (d.lesion_id, d.label) for d in review.decisions if d.holds
    }
    assert all(d.reader == "Doe^Jane" for d in back.decisions)


@pytest.mark.parametrize("direction", [None, TILT], ids=["axial", "tilted"])
@pytest.mark.parametrize("k", [2.5, 2.26, 3.49])
def test_a_mark_between_two_slices_comes_back_where_it_was(
    scan: Callable[..., CTVolume], tmp_path: Path, direction: Any, k: float
) -> None:
    """On an image it lies on the nearest slice, as other viewers want it; our record says where it is."""
    volume = scan((96, 96, 6), direction)
    (i, j), step = (50, 50), 12
    ends = [volume.geometry.to_lps((k, j, i + way)) for way in (-step, step)]
    line = Diameter(*(tuple(map(float, end)) for end in ends))  # type: ignore[arg-type]
    lesions = [replace(lesion_from_diameters(line, geometry=volume.geometry), number=1)]
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    assert any(item.ValueType == "SCOORD" for item in items(pydicom.dcmread(path)))
    back = import_sr(path, volume)
    assert back.notes == () and back.lesions == tuple(lesions)


def test_a_record_that_disagrees_is_not_believed(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan()
    lesions = lesions_on(volume)[:1]
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    group = next(
        g
        for g in ds.ContentSequence
        if "ContentSequence" in g and g.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    record = group.ContentSequence[0].ContentSequence[-1]
    entry = json.loads(record.TextValue)
    entry["long_lps_mm"][0] += 1.0
    record.TextValue = json.dumps(entry)
    ds.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    back = import_sr(tmp_path / "sr.dcm", volume)
    assert back.lesions == () and "disagree" in back.notes[0]


@pytest.mark.parametrize(
    "change",
    [
        {"findings": [{"label": 3, "class": "type", "review": "accepted", "origin": "reader"}]},
        {"findings": [{"label": "x", "class": "type", "review": "<b>", "origin": "reader"}]},
        {"findings": 7},
        {"sentence": None},
        {"box_lps_mm": [1, 2]},
        {"box_lps_mm": [0, 0, 0, 1, 1, float("inf")]},
        {"number": "one"},
        {"tracking_uid": "<b>1.2.3</b>"},
        {"tracking_uid": "1." * 40 + "1"},
        {"tracking_uid": ""},
        {"id": ["x"]},
        {"id": ""},
        {"id": "x" * 5000},
    ],
)
def test_a_forged_record_is_left_out(
    scan: Callable[..., CTVolume], tmp_path: Path, change: dict[str, Any]
) -> None:
    volume = scan((64, 64, 6))
    lesions = [lesion_from_click(volume.geometry.to_lps((3, 30, 30)))]
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    for item in items(ds):
        if item.ValueType == "TEXT" and '"box_lps_mm"' in item.TextValue:
            item.TextValue = json.dumps(json.loads(item.TextValue) | change)
    ds.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    back = import_sr(tmp_path / "sr.dcm", volume)
    assert back.lesions == () and back.decisions == () and "can't be read" in back.notes[0]


def test_another_programs_measurements_become_lesions(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    """highdicom writes a bidirectional and a length measurement, as others do."""
    import highdicom as hd
    from highdicom.sr import (
        CodedConcept,
        CoordinatesForMeasurement,
        DeviceObserverIdentifyingAttributes,
        Measurement,
        MeasurementReport,
        MeasurementsAndQualitativeEvaluations,
        ObservationContext,
        ObserverContext,
        SourceImageForRegion,
        TrackingIdentifier,
    )
    from pydicom.sr.codedict import codes

    volume = scan()
    images = sorted(
        (pydicom.dcmread(p) for p in Path(volume.source.path).glob("*.dcm")),
        key=lambda d: float(d.ImagePositionPatient[2]),
    )
    image = images[20]

    def line(points: list[list[float]]) -> CoordinatesForMeasurement:
        source = SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
        return CoordinatesForMeasurement("POLYLINE", np.array(points) + 0.5, source)

    def number(meaning: str, code: str, points: list[list[float]]) -> Measurement:
        length = 0.8 * float(np.linalg.norm(np.subtract(*points)))
        return Measurement(
            CodedConcept(code, "SCT", meaning),
            length,
            codes.UCUM.Millimeter,
            referenced_coordinates=[line(points)],
        )

    groups = [
        MeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(uid=hd.UID("1.2.3.4"), identifier="one"),
            measurements=[
                number("Long Axis", "103339001", [[40, 60], [70, 60]]),
                number("Short Axis", "103340004", [[55, 50], [55, 70]]),
            ],
        ),
        MeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(uid=hd.UID("1.2.3.5"), identifier="two"),
            measurements=[number("Length", "410668003", [[10, 20], [40, 60]])],
        ),
    ]
    context = ObservationContext(
        observer_device_context=ObserverContext(
            codes.DCM.Device, DeviceObserverIdentifyingAttributes(uid=hd.UID())
        )
    )
    content = MeasurementReport(context, CodedConcept("77477000", "SCT", "CT"), groups)
    hd.sr.Comprehensive3DSR([image], content, hd.UID(), 9, hd.UID(), 1, "Other").save_as(
        tmp_path / "other.dcm"
    )
    back = import_sr(tmp_path / "other.dcm", volume)
    assert back.notes == () and back.content is None and back.decisions == ()
    both, one = back.lesions
    assert (both.tracking_uid, one.tracking_uid) == ("1.2.3.4", "1.2.3.5")
    assert both.long is not None and both.short is not None and one.long is not None and one.short is None
    assert both.long.start_lps_mm == pytest.approx(tuple(volume.geometry.to_lps((20, 60, 40))))
    assert (both.long.length_mm, both.short.length_mm) == pytest.approx((24.0, 16.0))
    assert one.long.length_mm == pytest.approx(40.0)


@pytest.mark.parametrize("of_the_scan", [True, False], ids=["with-frame", "without-frame"])
@pytest.mark.parametrize("evidence", [True, False], ids=["evidence", "no-evidence"])
def test_coordinates_of_another_frame_of_reference_are_left_out(
    scan: Callable[..., CTVolume], tmp_path: Path, of_the_scan: bool, evidence: bool
) -> None:
    """The same numbers are another place of the patient there."""
    volume = scan((128, 140, 60), TILT)
    if not of_the_scan:
        volume = CTVolume(volume.hu, volume.geometry, replace(volume.source, frame_of_reference_uid=""))
    lesions = lesions_on(volume)[:2]
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    for item in items(ds):
        if _is_record(item):
            item.TextValue = "-"
    if not evidence:
        del ds.CurrentRequestedProcedureEvidenceSequence
    path = tmp_path / "sr.dcm"
    ds.save_as(path, enforce_file_format=True)
    back = import_sr(path, volume)
    assert [one.tracking_uid for one in back.lesions] == [one.tracking_uid for one in lesions]
    for item in items(ds):
        if item.ValueType == "SCOORD3D":
            item.ReferencedFrameOfReferenceUID = "1.2.3.4"
    ds.save_as(path, enforce_file_format=True)
    back = import_sr(path, volume)
    assert [one.tracking_uid for one in back.lesions] == [lesions[1].tracking_uid], "it lies on an image"
    assert len(back.notes) == 1 and "another frame of reference" in back.notes[0]


def test_a_report_without_evidence_on_another_scan_is_refused(
    scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    volume = scan((128, 128, 6))
    lesions = lesions_on(volume)
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    del ds.CurrentRequestedProcedureEvidenceSequence
    ds.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    assert import_sr(tmp_path / "sr.dcm", volume).lesions == tuple(lesions)
    other = replace(volume.source, uid="9.9", sop_instance_uids=("9.8",) * 6)
    with pytest.raises(InputError, match="another scan"):
        import_sr(tmp_path / "sr.dcm", CTVolume(volume.hu, volume.geometry, other))


def test_a_report_on_another_scan_is_refused(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan()
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    other = CTVolume(
        volume.hu, volume.geometry, replace(volume.source, uid="9.9", sop_instance_uids=("9.8",) * 40)
    )
    with pytest.raises(InputError, match="another scan"):
        import_sr(path, other)


@pytest.mark.parametrize("damage", ["text", "empty", "half", "image", "folder", "nested"])
def test_damaged_files_get_a_sentence(
    scan: Callable[..., CTVolume], tmp_path: Path, damage: str, measured: Lesion, source: Source
) -> None:
    volume = scan()
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    if damage == "text":
        path.write_text("not DICOM")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "image":
        path = next(Path(volume.source.path).glob("*.dcm"))
    elif damage == "folder":
        path = tmp_path
    else:
        ds = pydicom.dcmread(path)
        inner = ds.ContentSequence[-1]
        for _ in range(60):
            outer = pydicom.Dataset()
            outer.ValueType, outer.ContentSequence = "CONTAINER", [inner]
            inner = outer
        ds.ContentSequence = [inner]
        ds.save_as(path)
        assert import_sr(path, volume).lesions == ()
        return
    with pytest.raises(InputError, match=r"choose|ask for it|it is a folder\): name the file in it"):
        import_sr(path, volume)


def test_a_report_that_breaks_off_is_never_taken_for_a_shorter_one(
    scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    volume = scan((128, 128, 6))
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    whole = path.read_bytes()
    for length in range(len(whole) // 20, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"breaks off before its end|no structured report"):
            import_sr(path, volume)


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2.03", "1.2." + "3" * 64, "<script>", ""])
def test_a_measurement_whose_tracking_uid_is_none_gets_its_own(
    scan: Callable[..., CTVolume], tmp_path: Path, uid: str
) -> None:
    volume = scan((128, 128, 6))
    lesions = lesions_on(volume)[:1]
    ds = sr_form.document(report(lesions, volume), lesions, volume)
    for group in [item for item in items(ds) if item.ValueType == "CONTAINER"]:
        group.ContentSequence = [item for item in group.get("ContentSequence", ()) if not _is_record(item)]
    with pydicom.config.disable_value_validation():
        for item in items(ds):
            if item.ValueType == "UIDREF":
                item.UID = uid
        ds.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
        (back,) = import_sr(tmp_path / "sr.dcm", volume).lesions
    assert back.tracking_uid != uid and is_uid(back.tracking_uid)
    assert back.long is not None and lesions[0].long is not None
    assert back.long.length_mm == pytest.approx(lesions[0].long.length_mm, abs=0.01)


def _is_record(item: Any) -> bool:
    return bool(item.ValueType == "TEXT" and '"box_lps_mm"' in item.TextValue)


def test_a_record_that_is_there_twice_comes_once(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan((64, 64, 6))
    lesions = [lesion_from_click(volume.geometry.to_lps((3, 30, 30)))] * 2
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    back = import_sr(path, volume)
    assert len(back.lesions) == 1 and "twice" in back.notes[0]


def test_marks_on_a_file_of_many_frames_come_back(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    """One image with forty frames: marks are in the patient's coordinates, and lie where they lay."""
    made = scan()
    source = replace(
        made.source, sop_instance_uids=("1.2.3.4.5",), sop_class_uid="1.2.840.10008.5.1.4.1.1.2.1"
    )
    volume = CTVolume(made.hu, made.geometry, source)
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    assert complaints(path) == []
    ds = pydicom.dcmread(path)
    kinds = [item.ValueType for item in items(ds) if item.ValueType.startswith("SCOORD")]
    assert set(kinds) == {"SCOORD3D"} and len(kinds) == 3 + 3, "three diameters, three boxes"
    references = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(ds)
        if item.ValueType == "IMAGE"
    }
    assert references == {"1.2.3.4.5"}
    back = import_sr(path, volume)
    assert back.lesions == tuple(lesions) and back.notes == ()
    for item in items(ds):  # as another program's: without our record
        if _is_record(item):
            item.TextValue = "-"
    ds.save_as(tmp_path / "theirs.dcm", enforce_file_format=True)
    theirs = import_sr(tmp_path / "theirs.dcm", volume)
    assert [lesion.tracking_uid for lesion in theirs.lesions] == [one.tracking_uid for one in lesions[:2]]
    for mine, other in zip(lesions, theirs.lesions, strict=False):
        assert mine.long is not None and other.long is not None
        assert np.allclose(mine.long.start_lps_mm, other.long.start_lps_mm, atol=1e-3)


@pytest.mark.parametrize(
    ("frame", "k", "note"),
    [
        (4, 2, ""),
        ([4], 2, ""),
        (6, 0, ""),
        (9, None, "does not have"),
        (None, None, "which of them is not known"),
        ([4, 5], None, "which of them is not known"),
    ],
)
def test_anothers_mark_on_a_frame_is_placed_by_its_number(
    scan: Callable[..., CTVolume], tmp_path: Path, frame: Any, k: int | None, note: str
) -> None:
    """The frames of the file lie from head to feet, the slices of the volume from feet to head."""
    made = scan((128, 128, 6))
    lesions = lesions_on(made)[1:2]
    ds = sr_form.document(report(lesions, made), lesions, made)
    source = replace(made.source, sop_instance_uids=("1.2.3.4.5",), frame_numbers=(6, 5, 4, 3, 2, 1))
    volume = CTVolume(made.hu, made.geometry, source)
    for item in items(ds):
        if _is_record(item):
            item.TextValue = "-"
        for reference in item.get("ReferencedSOPSequence") or ():
            reference.ReferencedSOPInstanceUID = "1.2.3.4.5"
            if frame is not None:
                reference.ReferencedFrameNumber = frame
    ds.save_as(tmp_path / "theirs.dcm", enforce_file_format=True)
    back = import_sr(tmp_path / "theirs.dcm", volume)
    if k is None:
        assert back.lesions == () and len(back.notes) == 1 and note in back.notes[0]
        return
    (lesion,) = back.lesions
    assert lesion.long is not None and back.notes == ()
    assert volume.geometry.to_voxel([lesion.long.start_lps_mm])[0, 0] == pytest.approx(k)
