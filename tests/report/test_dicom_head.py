"""What a report's DICOM objects say of patient, study and time is what the scan says, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_checks import complaints
from test_sr import scan as scan

from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.report.dicom_head import dicom_date, dicom_head, dicom_time, encoded, identifier
from lesionscope.report.document import Content, lesion_report

MADE = "2024-01-02T22:30:15+00:00"


@pytest.fixture
def named(scan: Callable[..., CTVolume]) -> Callable[..., CTVolume]:
    """Read a scan whose files carry some more attributes."""

    def make(**more: str) -> CTVolume:
        path = Path(scan((16, 16, 3)).source.path)
        for file in path.glob("*.dcm"):
            ds = pydicom.dcmread(file)
            with pydicom.config.disable_value_validation():
                for name, value in more.items():
                    setattr(ds, name, value)
            ds.save_as(file)
        return open_ct(path)

    return make


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def head(volume: CTVolume, **more: Any) -> Any:
    content: Content = lesion_report([], geometry=volume.geometry, source=volume.source)
    content |= {"created": MADE} | more
    return dicom_head(volume, content, sop_class="1.2.840.10008.5.1.4.1.1.7", modality="OT", series_number=1)


def test_a_hospital_is_no_person(named: Callable[..., CTVolume]) -> None:
    volume = named(InstitutionName="St Mary  Hospital", ReferringPhysicianName="Roe Richard")
    ds = head(volume)
    assert ds.InstitutionName == "St Mary Hospital"
    assert ds.ReferringPhysicianName == "Roe Richard^"


def test_ids_keep_their_blanks(named: Callable[..., CTVolume]) -> None:
    volume = named(PatientID="AB  12 ", AccessionNumber="7  8", StudyID="1  2")
    ds = head(volume)
    assert (ds.PatientID, ds.AccessionNumber, ds.StudyID) == ("AB  12", "7  8", "1  2")
    assert identifier(" a\nb\\c\x00 ") == "a b/c", "what an LO can't hold goes"


def test_times_are_in_the_offset_of_the_scan(named: Callable[..., CTVolume]) -> None:
    """An offset counts for the study's date and time too, so it can only be the study's own."""
    volume = named(StudyDate="20240102", StudyTime="233000", TimezoneOffsetFromUTC="+0100")
    ds = head(volume)
    assert ds.TimezoneOffsetFromUTC == "+0100"
    assert (ds.StudyDate, ds.StudyTime) == ("20240102", "233000")
    assert (ds.ContentDate, ds.ContentTime) == ("20240102", "233015")


@pytest.mark.parametrize("offset", [None, "CET", "+9900"])
def test_times_are_local_where_the_scan_names_no_offset(
    named: Callable[..., CTVolume], offset: str | None, in_tokyo: None
) -> None:
    ds = head(named(**({} if offset is None else {"TimezoneOffsetFromUTC": offset})))
    assert "TimezoneOffsetFromUTC" not in ds
    assert (ds.ContentDate, ds.ContentTime) == ("20240103", "073015")
    assert (ds.SeriesDate, ds.InstanceCreationTime) == ("20240103", "073015")


def test_a_time_without_identity_is_no_local_one(named: Callable[..., CTVolume], in_tokyo: None) -> None:
    volume = named(TimezoneOffsetFromUTC="+0900")
    ds = head(volume, created="1900-01-01T00:00:00+00:00", deidentified=True)
    assert "TimezoneOffsetFromUTC" not in ds
    assert (ds.ContentDate, ds.ContentTime) == ("19000101", "000000")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("20240229", "20240229"), ("20240229 ", "20240229"), ("20230229", ""), ("00000000", ""),
        ("20231399", ""), ("2024-2-1", ""), ("2024021", ""), ("", ""), (None, ""),
    ],
)  # fmt: skip
def test_only_days_of_the_calendar_are_dates(written: object, kept: str) -> None:
    assert dicom_date(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("233000", "233000"), ("233000.25", "233000.25"), ("23", "23"), ("2330", "2330"), ("240000", ""),
        ("236000", ""), ("23:30:00", ""), ("2330.5", ""), ("233000.", ""), ("noon", ""), (None, ""),
    ],
)  # fmt: skip
def test_only_times_of_the_clock_are_times(written: object, kept: str) -> None:
    assert dicom_time(written) == kept


def test_impossible_dates_are_left_empty(named: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = named(StudyTime="2561")
    patient = replace(volume.source.patient, birth_date="00000000")
    source = replace(volume.source, patient=patient, study_date="20231399")
    ds = head(CTVolume(volume.hu, volume.geometry, source))
    assert (ds.PatientBirthDate, ds.StudyDate, ds.StudyTime) == ("", "", "")
    path = tmp_path / "head.dcm"
    path.write_bytes(encoded(ds))
    about = [line for line in complaints(path) if "Date" in line or "Time" in line]
    assert [line for line in about if "DICOMDIR" not in line] == []
