"""An archive becomes a dataset: what was measured reads back as it was, whichever way the scan lies."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from lesionscope.sample_data import MARKS, SERIES, sample_visit
from lesionscope.training.deeplesion.dataset import read_dataset
from lesionscope.training.deeplesion.harvest.contours import LESIONS, OTHER_TYPES, judged
from lesionscope.training.deeplesion.harvest.harvest import HarvestResult, harvest
from lesionscope.training.deeplesion.harvest.ledger import split_of
from lesionscope.training.deeplesion.harvest.polygon import area, polygon_diameters
from lesionscope.training.deeplesion.harvest.rows import age_of
from pydicom.dataset import Dataset, FileMetaDataset

from lesionscope import cli
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.errors import Cancelled, InputError, UsageError
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info, read_slice
from lesionscope.lesions.deeplesion_volume import lesion_of_row
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.phantom.dicom_series import write_series
from lesionscope.progress import CancelToken
from lesionscope.report import sr_form
from lesionscope.report.document import lesion_report
from lesionscope.retrieval.keys import patient_keys, site_secret

SPACING = (0.8, 0.7, 2.5)
SIZE = (60, 70, 12)
TURN = math.cos(0.3), math.sin(0.3)
DIRECTIONS = {
    "axial": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "prone": (-1, 0, 0, 0, -1, 0, 0, 0, 1),
    "from the left": (-1, 0, 0, 0, 1, 0, 0, 0, -1),
    "turned by 90°": (0, -1, 0, 1, 0, 0, 0, 0, 1),
    "tilted gantry": (1, 0, 0, 0, TURN[0], 0, 0, TURN[1], 1),
    "oblique": (TURN[0], 0, -TURN[1], 0, 1, 0, TURN[1], 0, TURN[0]),
}
LINES = ((6, 20, 14), (6, 20, 39)), ((6, 12, 25), (6, 31, 25))
"""Ends of a long and a short diameter, voxels (k, j, i)."""


UNEVEN = ((-10.0, 0.0, 60.0), (10.0, 0.0, 60.0)), ((0.0, -6.0, 60.0), (0.0, 6.0, 60.0))
"""The same in the patient, mm, on the ninth slice."""


@pytest.fixture(autouse=True)
def own_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))


def scanned(
    folder: Path,
    direction: Iterable[float] = DIRECTIONS["axial"],
    who: str = "Doe^Jane",
    patient_id: str | None = None,
    **more: Any,
) -> CTVolume:
    """Write a scan with a bright voxel at each end of the two diameters, and read it."""
    geometry = Geometry(
        SIZE, SPACING, (-20.0, -25.0, 40.0), tuple(map(float, direction)), slice_thickness_mm=2.5
    )
    hu = np.random.default_rng(1).integers(-100, 100, SIZE[::-1]).astype(np.int16)
    for number, end in enumerate(end for line in LINES for end in line):
        hu[end] = 1000 + number
    source = Source(f"{folder.name}/{who}", patient=Patient(sex="F"))
    write_series(
        CTVolume(hu, geometry, source),
        folder,
        patient_name=who,
        patient_id=f"ID {who}" if patient_id is None else patient_id,
        **more,
    )
    return open_ct(folder)


def lines_on(volume: CTVolume) -> tuple[Diameter, Diameter]:
    def line(ends: Any) -> Diameter:
        start, end = (tuple(map(float, volume.geometry.to_lps(end))) for end in ends)
        return Diameter(start, end)  # type: ignore[arg-type]

    return line(LINES[0]), line(LINES[1])


def marked(volume: CTVolume, long: Diameter, short: Diameter | None) -> Lesion:
    return lesion_from_diameters(long, short, geometry=volume.geometry)


def write_report(path: Path, volume: CTVolume, *lesions: Lesion) -> Path:
    numbered = [replace(lesion, number=n) for n, lesion in enumerate(lesions, 1)]
    content = lesion_report([(one, None) for one in numbered], geometry=volume.geometry, source=volume.source)
    return sr_form.write(content, numbered, volume, path)


def structure_set(
    path: Path, volume: CTVolume, regions: dict[str, tuple[str, list[Any]]], by_image: bool = False
) -> Path:
    """Write regions by name: interpreted type, contours in voxels (k, j, i)."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", f"2.25.{abs(hash(path))}"
    ds.Modality, ds.PatientName, ds.StructureSetLabel = "RTSTRUCT", "Doe^Jane", "x"
    ds.StructureSetROISequence, ds.ROIContourSequence, ds.RTROIObservationsSequence = [], [], []
    for number, (name, (kind, contours)) in enumerate(regions.items(), 1):
        roi, drawn, told = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        told.ReferencedROINumber, told.RTROIInterpretedType = number, kind
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in contours:
            one = Dataset()
            lps = (
                points
                if np.ndim(points) == 2 and np.shape(points)[1] == 4
                else volume.geometry.to_lps(points)
            )
            one.ContourGeometricType = "CLOSED_PLANAR"
            one.NumberOfContourPoints = len(lps)
            one.ContourData = [f"{value:.4f}" for value in np.asarray(lps)[:, :3].ravel()]
            if by_image:
                image = Dataset()
                image.ReferencedSOPInstanceUID = volume.source.sop_instance_uids[0]
                one.ContourImageSequence = [image]
            drawn.ContourSequence.append(one)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(drawn)
        ds.RTROIObservationsSequence.append(told)
    if not by_image:
        series, study, frame = Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID = volume.source.uid
        study.RTReferencedSeriesSequence = [series]
        frame.RTReferencedStudySequence = [study]
        ds.ReferencedFrameOfReferenceSequence = [frame]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def lengths(row: DeepLesionRow) -> tuple[float, float]:
    lesion = lesion_of_row(row, 0)
    assert lesion.long is not None and lesion.short is not None
    return lesion.long.length_mm, lesion.short.length_mm


def told(result: HarvestResult) -> list[str]:
    with result.table_of_problems.open(newline="") as stream:
        listed = [tuple(line.values()) for line in csv.DictReader(stream)]
    assert tuple(listed) == result.problems
    return [problem for _, _, problem in result.problems]


@pytest.mark.parametrize("way", DIRECTIONS)
def test_a_report_reads_back_whichever_way_the_scan_lies(tmp_path: Path, way: str) -> None:
    volume = scanned(tmp_path / "archive" / "ct", DIRECTIONS[way])
    long, short = lines_on(volume)
    write_report(tmp_path / "archive" / "sr.dcm", volume, marked(volume, long, short))
    result = harvest(tmp_path / "archive", tmp_path / "dl", around_mm=5)
    assert told(result) == [] and (result.lesions, result.patients) == (1, 1)
    (row,) = read_dl_info(tmp_path / "dl" / TABLE)
    # In the voxels' own sizes: 25 columns and 19 rows.
    assert lengths(row) == pytest.approx((25 * 0.8, 19 * 0.7), abs=0.1)
    assert row.diameters_px[0] * row.spacing_mm[0] == pytest.approx(25 * 0.8, abs=0.1)
    # The bright voxels lie where the table has the ends, on the slice that it names.
    hu = read_slice(row.slice_path(tmp_path / "dl"))
    places = np.rint(np.reshape(row.measurement, (4, 2))).astype(int) - 1
    assert np.reshape(row.measurement, (4, 2)) == pytest.approx(places + 1, abs=0.01)
    assert [hu[y, x] for x, y in places] == [1000, 1001, 1002, 1003]
    # Rows run to the back, columns to the left, slices to the feet.
    lps = np.array([long.start_lps_mm, long.end_lps_mm, short.start_lps_mm, short.end_lps_mm])
    for axis in (0, 1):
        far = np.ptp(lps[:, axis]) > 5
        if far and way not in ("oblique",):
            assert np.corrcoef(places[:, axis], lps[:, axis])[0, 1] == pytest.approx(1, abs=0.01)
    above = volume.geometry.to_lps([6, 0, 0])[2] < volume.geometry.to_lps([7, 0, 0])[2]
    assert row.key_slice == (SIZE[2] - 6 if above else 7)
    first, last = row.slice_range
    assert (row.key_slice - first, last - row.key_slice) == (2, 2)
    slices, problems = read_dataset(tmp_path / "dl", workers=1)
    assert len(slices) == 1 and problems == ()
    for number in range(first, last + 1):
        k = SIZE[2] - number if above else number - 1
        assert sorted(read_slice(row.slice_path(tmp_path / "dl", number)).ravel()) == sorted(
            volume.hu[k].ravel()
        )


def test_slices_that_are_not_axial_are_left_out_and_listed(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct", (1, 0, 0, 0, 0, 1, 0, -1, 0))
    write_report(tmp_path / "archive" / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    result = harvest(tmp_path / "archive", tmp_path / "dl")
    assert result.lesions == 0 and "aren't axial" in told(result)[0]


def test_the_sample_patient_reads_back_and_nobody_is_named(tmp_path: Path) -> None:
    visit = sample_visit("baseline")
    shutil.copytree(visit / SERIES, tmp_path / "archive" / "Jane Doe" / "ct")
    volume = open_ct(visit / SERIES)
    marks = json.loads((visit / MARKS).read_text())
    drawn = [
        tuple(Diameter(*map(tuple, mark[f"{which}_lps_mm"])) for which in ("long", "short")) for mark in marks
    ]
    lesions = [marked(volume, *one) for one in drawn]
    report = write_report(tmp_path / "archive" / "Jane Doe" / "sr.dcm", volume, *lesions)
    result = harvest(tmp_path / "archive", tmp_path / "dl", around_mm=5)
    rows = read_dl_info(tmp_path / "dl" / TABLE)
    assert told(result) == [] and len(rows) == len(marks)
    expected = sorted(tuple(sorted((a.length_mm, b.length_mm), reverse=True)) for a, b in drawn)
    assert sorted(map(lengths, rows)) == [pytest.approx(pair, abs=0.1) for pair in expected]
    assert {row.folder for row in rows} == {"000001_01_01"}
    assert all(0 < row.location[0] < 1 and 0 < row.location[1] < 1 for row in rows)
    slices, problems = read_dataset(tmp_path / "dl", workers=1)
    assert sum(len(one.rows) for one in slices) == len(marks) and problems == ()
    who = volume.source
    named = {who.patient.name, who.patient.patient_id, who.study_date, "Jane"} - {""}
    for path in (tmp_path / "dl").rglob("*"):
        text = path.name + (path.read_text(errors="replace") if path.suffix in (".csv", ".json") else "")
        assert not [name for name in named if name in text], path
        if "harvest" not in path.parts:
            assert who.study_uid not in text and str(pydicom.dcmread(report).SOPInstanceUID) not in text


def ellipse(
    k: float, middle: tuple[float, float], axes_mm: tuple[float, float], degrees: float
) -> np.ndarray:
    """Return a contour in voxels of an ellipse of these semi-axes, its corners at their ends among others."""
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = axes_mm[0] * np.cos(t), axes_mm[1] * np.sin(t)
    i, j = middle[0] + (c * x - s * y) / SPACING[0], middle[1] + (s * x + c * y) / SPACING[1]
    return np.column_stack([np.full(len(t), k), j, i])


@pytest.mark.parametrize("way", ["axial", "prone", "tilted gantry", "oblique"])
@pytest.mark.parametrize("by_image", [False, True])
def test_outlined_lesions_are_measured_where_they_are_largest(
    tmp_path: Path, way: str, by_image: bool
) -> None:
    volume = scanned(tmp_path / "archive" / "ct", DIRECTIONS[way])
    smaller = [ellipse(k, (30, 30), (8.0, 5.0), 25) for k in (4, 6)]
    regions = {
        "x": ("GTV", [*smaller, ellipse(5, (30, 30), (10.0, 6.0), 25)]),
        "Liver lesion 2": ("", [ellipse(9, (20, 45), (7.0, 3.0), -40)]),
        "Lung_L": ("ORGAN", [ellipse(9, (20, 45), (9.0, 9.0), 0)]),
        "Body": ("", [ellipse(9, (30, 35), (20.0, 20.0), 0)]),
    }
    structure_set(tmp_path / "archive" / "rt.dcm", volume, regions, by_image)
    result = harvest(tmp_path / "archive", tmp_path / "dl", around_mm=0)
    assert told(result) == []
    rows = {row.key_slice: row for row in read_dl_info(tmp_path / "dl" / TABLE)}
    assert set(rows) == {SIZE[2] - 5, SIZE[2] - 9}
    assert lengths(rows[SIZE[2] - 5]) == pytest.approx((20.0, 12.0), abs=0.1)
    assert lengths(rows[SIZE[2] - 9]) == pytest.approx((14.0, 6.0), abs=0.1)
    assert [row.slice_range for row in rows.values()] == [(k - 1, k + 1) for k in rows]


def test_regions_are_chosen_by_name(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct")
    regions = {
        "Lung_L": ("", [ellipse(9, (20, 45), (9.0, 8.0), 0)]),
        "mass": ("", [ellipse(9, (20, 45), (9.0, 9.0), 0)]),
    }
    structure_set(tmp_path / "archive" / "rt.dcm", volume, regions)
    result = harvest(tmp_path / "archive", tmp_path / "dl", regions="^lung")
    (row,) = read_dl_info(tmp_path / "dl" / TABLE)
    assert result.lesions == 1 and lengths(row) == pytest.approx((18.0, 16.0), abs=0.1)
    with pytest.raises(InputError, match="begun with other settings"):
        harvest(tmp_path / "archive", tmp_path / "dl")
    with pytest.raises(UsageError, match="no regular expression"):
        harvest(tmp_path / "archive", tmp_path / "dl", regions="(")


def test_organs_and_planned_volumes_are_listed_not_taken(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct")
    regions = {
        "GTV1": ("GTV", (6.0, 4.0)),
        "PTV tumour 66Gy": ("PTV", (9.0, 7.0)),
        "Lungs-GTV": ("ORGAN", (16.0, 14.0)),
        "Liver - GTV": ("", (14.0, 12.0)),
        "GTV_ring": ("GTV", (10.0, 9.0)),
        "Heart": ("ORGAN", (12.0, 11.0)),
    }
    drawn = {name: (kind, [ellipse(9, (30, 30), axes, 0)]) for name, (kind, axes) in regions.items()}
    structure_set(tmp_path / "archive" / "rt.dcm", volume, drawn)
    result = harvest(tmp_path / "archive", tmp_path / "dl")
    (row,) = read_dl_info(tmp_path / "dl" / TABLE)
    assert lengths(row) == pytest.approx((12.0, 8.0), abs=0.1)
    assert [item for _, item, _ in result.problems] == [f"region {number}" for number in (2, 3, 4, 5)]
    assert [text.split(": ")[0] for text in told(result)] == [
        "It is named like a lesion, but by its type (PTV) it is none",
        "It is named like a lesion, but by its type (ORGAN) it is none",
        "Its name says that it is what is left without a lesion",
        "Its name says that it is a volume planned around a lesion",
    ]
    # A rule of one's own is taken at its word, whatever the type.
    assert harvest(tmp_path / "archive", tmp_path / "own", regions="^lungs-").lesions == 2


@pytest.mark.parametrize("kind", ["", "GTV", "NONE"])
@pytest.mark.parametrize(
    ("names", "seen"),
    [
        ("GTV1, GTVp, GTVn_2, GTV-T, GTV_LN, liver-lesion 2, RUL-nodule 1, Optic glioma tumour", ""),
        ("Ring-enhancing lesion, expansile mass, springer mass, non-solid nodule, node 3 no 2", ""),
        ("PTV_tumour, tumor CTV 50, ITV_GTV, iGTV, IGTV2, zRing_GTV, GTVring2, GTVopt, GTV_OPT1", "planned"),
        ("GTV expanded, tumourExpansion, GTV_Optim, CTVnode", "planned"),
        ("Lungs-GTV, LUNGS\u2013GTV, Lung_L - GTVp, LungsNotGTV, Liver minus tumour", "without"),
        ("Liver_sub_GTV, Lung ex GTV, liver w/o lesion, Brain excl GTV", "without"),
    ],
)
def test_what_regions_are_by_their_names(kind: str, names: str, seen: str) -> None:
    rule = re.compile(LESIONS, re.IGNORECASE)
    for name in names.split(", "):
        found = judged(name, kind, rule)
        assert found is not None and bool(found) == bool(seen) and seen in found, name
        assert all("by its type" in str(judged(name, other, rule)) for other in OTHER_TYPES)
        assert judged(name, kind, re.compile("", re.IGNORECASE)) == ""
    assert (judged("x", "GTV", rule), judged("x", "", rule), judged("x", "ORGAN", rule)) == ("", None, None)


def test_contours_across_slices_are_left_out(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct", DIRECTIONS["oblique"])
    slanted = ellipse(6, (30, 30), (10.0, 6.0), 0)
    slanted[:, 0] += (slanted[:, 2] - 30) / 10
    structure_set(tmp_path / "archive" / "rt.dcm", volume, {"a": ("GTV", [slanted]), "b": ("GTV", [])})
    result = harvest(tmp_path / "archive", tmp_path / "dl")
    assert result.lesions == 0
    assert ["on a slice" in told(result)[0], "no closed contour" in told(result)[1]] == [True, True]


def test_where_slices_lie_unevenly_their_distance_is_not_made_up(tmp_path: Path) -> None:
    scanned(tmp_path / "archive" / "ct")
    (tmp_path / "archive" / "ct" / "00003.dcm").unlink()
    volume = open_ct(tmp_path / "archive" / "ct")
    assert not volume.geometry.is_uniform
    long, short = (Diameter(*(tuple(map(float, end)) for end in line)) for line in UNEVEN)  # type: ignore[arg-type]
    write_report(tmp_path / "archive" / "sr.dcm", volume, marked(volume, long, short))
    harvest(tmp_path / "archive", tmp_path / "dl")
    (row,) = read_dl_info(tmp_path / "dl" / TABLE)
    assert math.isnan(row.spacing_mm[2]) and row.slice_range == (row.key_slice - 1, row.key_slice + 1)
    assert lengths(row) == pytest.approx((20.0, 12.0), abs=0.1)
    slices, problems = read_dataset(tmp_path / "dl", workers=1)
    assert len(slices) == 1 and [(one.kind, one.left_out) for one in problems] == [("spacing", False)]


def test_what_is_wrong_with_an_item_costs_that_item(tmp_path: Path) -> None:
    archive = tmp_path / "Doe Jane"
    volume, gone = scanned(archive / "ct"), scanned(tmp_path / "gone", who="Roe^Jim")
    long, short = lines_on(volume)
    across = Diameter(long.start_lps_mm, tuple(map(float, volume.geometry.to_lps((8, 20, 39)))))  # type: ignore[arg-type]
    lesions = [marked(volume, long, short), marked(volume, long, None), marked(volume, across, short)]
    write_report(archive / "1.dcm", volume, *lesions, lesion_from_click(long.start_lps_mm))
    write_report(archive / "2.dcm", gone, marked(gone, *lines_on(gone)))
    write_report(archive / "3.dcm", volume, marked(volume, long, short))
    damaged = write_report(archive / "4.dcm", volume, marked(volume, short, long))
    damaged.write_bytes(damaged.read_bytes()[:3000])
    (archive / "5.dcm").write_bytes(b"no DICOM")
    whole = (archive / "3.dcm").read_bytes()
    for name, right, wrong in (
        ("6.dcm", b"UL\x04", b"UL\x03"),
        ("7.dcm", b"\x02\x00\x02\x00UI", b"\x02\x00\x02\x00Uh"),
    ):
        assert right in whole
        (archive / name).write_bytes(whole.replace(right, wrong, 1))  # in its meta header
    result = harvest(archive, tmp_path / "dl", around_mm=0)
    assert result.lesions == 1 and result.documents == 4
    expected = {
        "without which there is no box",
        "It wasn't measured on one slice",
        "a place but no diameters",
        "None of the images that it refers to",
        "was harvested before",
        "breaks off before its end",
    }
    found = told(result)
    assert len(found) == 6 and all(any(words in text for text in found) for words in expected)
    assert not [text for text in found if "Doe" in text]


def test_a_report_on_two_scans_gives_the_lesions_of_both(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    scans = [scanned(archive / name, who=name, study="one") for name in ("a", "b", "c")]
    reports = [
        sr_form.document(
            lesion_report([(lesion, None)], geometry=volume.geometry, source=volume.source), [lesion], volume
        )
        for volume in scans
        for lesion in [replace(marked(volume, *lines_on(volume)), number=1)]
    ]

    def groups(ds: Dataset) -> Any:
        return next(
            i for i in ds.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010"
        ).ContentSequence

    whole = reports[0]
    for other in reports[1:]:
        groups(whole).extend(groups(other))
        whole.CurrentRequestedProcedureEvidenceSequence.extend(
            other.CurrentRequestedProcedureEvidenceSequence
        )
    whole.save_as(archive / "sr.dcm", enforce_file_format=True)
    shutil.rmtree(archive / "c")
    result = harvest(archive, tmp_path / "dl", around_mm=0)
    assert result.lesions == 2
    assert [text.split(":")[0] for text in told(result)] == [
        "A measurement lies on an image that the open scan does not have, or in another frame of reference"
    ]


def test_a_report_without_evidence_is_joined_by_the_images_it_marks(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct")
    path = write_report(tmp_path / "archive" / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    ds = pydicom.dcmread(path)
    del ds.CurrentRequestedProcedureEvidenceSequence
    ds.save_as(path)
    assert harvest(tmp_path / "archive", tmp_path / "dl", around_mm=0).lesions == 1


def test_a_harvest_that_was_stopped_goes_on(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for name in "abc":
        volume = scanned(archive / name, who=name)
        write_report(archive / name / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    token = CancelToken()

    def stop(done: int, total: int, label: str) -> None:
        if label == "Gathering lesions":
            token.cancel()

    with pytest.raises(Cancelled):
        harvest(archive, tmp_path / "dl", around_mm=0, progress=stop, cancel=token)
    # What is done needs its scan no more.
    shutil.copytree(archive, tmp_path / "whole")
    for path in (archive / "a").glob("0*.dcm"):
        path.unlink()
    result = harvest(archive, tmp_path / "dl", around_mm=0)
    whole = harvest(tmp_path / "whole", tmp_path / "dl2", around_mm=0)
    assert told(result) == told(whole) == [] and result.lesions == whole.lesions == 3
    assert (tmp_path / "dl" / TABLE).read_bytes() == (tmp_path / "dl2" / TABLE).read_bytes()
    assert [row.patient for row in read_dl_info(tmp_path / "dl" / TABLE)] == [1, 2, 3]
    # A patient who comes again keeps number and split.
    again = scanned(archive / "again", who="b", study="another")
    write_report(archive / "again" / "sr.dcm", again, marked(again, *lines_on(again)))
    harvest(archive, tmp_path / "dl", around_mm=0)
    rows = read_dl_info(tmp_path / "dl" / TABLE)
    assert [(row.patient, row.study, row.series) for row in rows] == [
        (1, 1, 1),
        (2, 1, 1),
        (2, 2, 1),
        (3, 1, 1),
    ]
    assert rows[1].split == rows[2].split


def test_a_patient_without_a_number_is_one_however_the_name_is_spelled(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    for name, who in (("a", "Doe^Jane"), ("b", "DOE^JANE^^"), ("c", "Doe^Janet"), ("d", "doe^ jane")):
        volume = scanned(archive / name, who=who, patient_id="", study=name)
        write_report(archive / name / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    assert harvest(archive, tmp_path / "dl", around_mm=0).patients == 2
    rows = read_dl_info(tmp_path / "dl" / TABLE)
    assert [(row.patient, row.study) for row in rows] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert len({row.split for row in rows if row.patient == 1}) == 1
    # Whom an earlier version knew by a name as it was spelled keeps number and split.
    numbers = tmp_path / "old" / "harvest" / "numbers.json"
    harvest(archive / "a", tmp_path / "old", around_mm=0)
    keys = patient_keys(site_secret(), open_ct(archive / "a").source)
    numbers.write_text(numbers.read_text().replace(*keys))
    harvest(archive, tmp_path / "old", around_mm=0)
    assert json.loads(numbers.read_text())["numbers"][keys[1]] == 1
    again = scanned(archive / "e", who="Doe^Jane", patient_id="", study="e")
    write_report(archive / "e" / "sr.dcm", again, marked(again, *lines_on(again)))
    harvest(archive, tmp_path / "old", around_mm=0)
    assert [row.study for row in read_dl_info(tmp_path / "old" / TABLE) if row.patient == 1] == [1, 2]


@pytest.mark.parametrize("change", ["grown", "corrected", "none"])
def test_a_series_that_changed_since_gets_slices_of_its_own(tmp_path: Path, change: str) -> None:
    """Slices count from the head: three more at the head move all numbers."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    z = 40.0 + 2.5 * np.arange(SIZE[2] + 3)

    def acquired(count: int, add: int = 0) -> CTVolume:
        hu = np.broadcast_to((np.arange(count) * 10 + add)[:, None, None], (count, *SIZE[1::-1]))
        geometry = Geometry((*SIZE[:2], count), SPACING, (-20.0, -25.0, 40.0), slice_thickness_mm=2.5)
        shutil.rmtree(archive / "ct", ignore_errors=True)
        source = Source("growing", patient=Patient(sex="F"))
        write_series(CTVolume(hu.astype(np.int16), geometry, source), archive / "ct", patient_id="ID")
        return open_ct(archive / "ct")

    def measured_on(volume: CTVolume, k: int) -> None:
        at = float(z[k])
        long, short = Diameter((-5, 0, at), (15, 0, at)), Diameter((5, -6, at), (5, 6, at))
        write_report(archive / f"{k}.dcm", volume, marked(volume, long, short))

    first = acquired(SIZE[2])
    measured_on(first, 4)
    harvest(archive, out, around_mm=5)
    later = (
        first if change == "none" else acquired(SIZE[2] + 3 * (change == "grown"), 5 * (change != "grown"))
    )
    assert later.source.uid == first.source.uid
    measured_on(later, 5)
    assert harvest(archive, out, around_mm=5).lesions == 2
    rows = sorted(read_dl_info(out / TABLE), key=lambda row: row.series)
    assert [row.series for row in rows] == ([1, 1] if change == "none" else [1, 2])
    held = {int(read_slice(row.slice_path(out))[0, 0]) for row in rows}
    assert held == {40, 55 if change == "corrected" else 50}
    for row in rows:
        numbers = range(row.slice_range[0], row.slice_range[1] + 1)
        stack = [int(read_slice(row.slice_path(out, number))[0, 0]) for number in numbers]
        assert np.diff(stack).tolist() == [-10] * (len(stack) - 1)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dataset_of_other_hands_is_left_alone(tmp_path: Path) -> None:
    """Numbers begin at 1 again, so that the pictures there would be taken for those of other patients."""
    for who in ("Doe^Jane", "Roe^Jim"):
        volume = scanned(tmp_path / who / "ct", who=who)
        write_report(tmp_path / who / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    out = tmp_path / "dl"
    harvest(tmp_path / "Doe^Jane", out, around_mm=0)
    shutil.rmtree(out / "harvest")
    before = contents(out)
    assert before
    for kept in (TABLE, "Images_png"):
        with pytest.raises(InputError, match=f"holds {kept}, but no harvest/numbers.json"):
            harvest(tmp_path / "Roe^Jim", out, around_mm=0)
        assert contents(out) == before and not (out / "harvest").exists()
        (out / TABLE).unlink(missing_ok=True)
        before.pop(out / TABLE, None)


def test_nothing_found_takes_no_tables_place(tmp_path: Path) -> None:
    volume = scanned(tmp_path / "archive" / "ct")
    write_report(tmp_path / "archive" / "sr.dcm", volume, marked(volume, *lines_on(volume)))
    out = tmp_path / "dl"
    harvest(tmp_path / "archive", out, around_mm=0)
    before = (out / TABLE).read_bytes()
    shutil.rmtree(out / "harvest" / "documents")
    assert harvest(tmp_path / "archive" / "ct", out, around_mm=0).lesions == 0
    assert (out / TABLE).read_bytes() == before
    # Numbers that were lost can't be dealt again: the pictures there have them.
    for damaged in ("{", '{"asked": {"around_mm": 0, "regions": "x"}}'):
        (out / "harvest" / "numbers.json").write_text(damaged)
        with pytest.raises(InputError, match="from a copy, or harvest into a new folder"):
            harvest(tmp_path / "archive", out, around_mm=0, regions="x")


def test_splits_are_dealt_by_patients_keys() -> None:
    rng = np.random.default_rng(4)
    keys = [rng.bytes(16).hex() for _ in range(4000)]
    splits = [split_of(key) for key in keys]
    shares = [splits.count(name) / len(keys) for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.70, 0.15, 0.15], abs=0.02)
    assert splits == [split_of(key) for key in keys]


def test_ages_tell_nobody_apart() -> None:
    def age(born: str, seen: str) -> int | None:
        return age_of(Source("x", study_date=seen, patient=Patient(birth_date=born)))

    assert (age("19600229", "20200228"), age("19600229", "20200301")) == (59, 60)
    assert age("19100101", "20200101") == 90
    assert age("", "20200101") is None and age("20200102", "20200101") is None


def brute_force(corners: np.ndarray) -> tuple[float, float]:
    """Lengths by sampling the rim finely."""
    share = np.linspace(0, 1, 400, endpoint=False)[:, None, None]
    rim = (corners + share * (np.roll(corners, -1, axis=0) - corners)).reshape(-1, 2)
    gaps = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
    first, second = np.unravel_index(gaps.argmax(), gaps.shape)
    along = (corners[second] - corners[first]) / gaps.max()
    s, h = rim @ along, rim @ [-along[1], along[0]]
    edges = np.linspace(s.min(), s.max(), 2000)
    places = np.digitize(s, edges)
    width = max(np.ptp(h[places == place]) for place in np.unique(places))
    return float(gaps.max()), float(width)


def test_polygons_by_hand() -> None:
    square = np.array([[0, 0], [30, 0], [30, 40], [0, 40.0]])
    exact = polygon_diameters(square)
    # The diagonal; across it 48: twice the height of a triangle of 30, 40 and 50 over its longest side…
    assert exact.long_mm == pytest.approx(50) and area(square) == 1200
    # …lie at different places along it, so that the widest line is shorter: 24 + 24 · 18/32.
    assert exact.short_mm == pytest.approx(24 + 24 * 18 / 32)
    assert np.dot(exact.long[1] - exact.long[0], exact.short[1] - exact.short[0]) == pytest.approx(0)
    kite = np.array([[0, 0], [8, 5], [20, 0], [8, -3.0]])
    assert (polygon_diameters(kite).long_mm, polygon_diameters(kite).short_mm) == pytest.approx((20, 8))


def test_a_contour_of_very_many_corners_is_thinned_out() -> None:
    t = np.linspace(0, 2 * np.pi, 30_000, endpoint=False)
    exact = polygon_diameters(np.column_stack([12 * np.cos(t), 7 * np.sin(t)]))
    assert (exact.long_mm, exact.short_mm) == pytest.approx((24, 14), abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_polygons_against_a_finely_sampled_rim(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 14))
    corners = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(5, 15, (14, 1)) + [40, 90]
    exact = polygon_diameters(corners)
    assert (exact.long_mm, exact.short_mm) == pytest.approx(brute_force(corners), abs=0.15)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = scanned(tmp_path / "archive" / "ct")
    write_report(
        tmp_path / "archive" / "sr.dcm",
        volume,
        marked(volume, *lines_on(volume)),
        lesion_from_click((0, 0, 50)),
    )
    out = tmp_path / "dl"
    assert cli.main(["harvest", str(tmp_path / "archive"), "--out", str(out), "--around", "5"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == f"1 lesions of 1 patients in {out}"
    assert "1 things were left out" in said.err and "problems.csv" in said.err
    assert cli.main(["doctor", "--dataset", str(out), "--workers", "1"]) == 0
    assert cli.main(["harvest", str(tmp_path / "archive" / "ct"), "--out", str(tmp_path / "none")]) == 3
    assert "No lesion was found" in capsys.readouterr().err
    assert cli.main(["harvest", str(tmp_path / "missing"), "--out", str(tmp_path / "none")]) == 3
