"""What every DICOM object of a report carries: patient, study, series and what made it.

The study's own attributes (accession number, study time…) are copied from a file of the series where one
is at hand; the rest follows from the volume, so that a scan read from an archive can be reported as well.
Values that DICOM would not take in their place are left empty, never passed on.
"""

from __future__ import annotations

import io
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lesionscope import __version__
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.report.damage import damage
from lesionscope.report.document import Content
from lesionscope.report.text import showable

MANUFACTURER, MODEL = "Lesionscope", "napari-lesionscope"
COPIED = (
    "AccessionNumber", "StudyID", "StudyTime", "ReferringPhysicianName", "IssuerOfPatientID", "PatientAge",
    "InstitutionName", "BodyPartExamined",
)  # fmt: skip
"""Attributes of the study that a volume does not keep, copied as they are."""
FILES_TRIED = 20
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", re.ASCII)


def is_uid(value: object) -> bool:
    """Whether a value is a UID by form (PS3.5 9.1)."""
    return isinstance(value, str) and len(value) <= 64 and _UID.fullmatch(value) is not None


def series_uid_of(volume: CTVolume) -> str:
    """Return the SeriesInstanceUID: a volume's own may carry a suffix."""
    return volume.source.uid.partition("#")[0]


def need_images(volume: CTVolume) -> tuple[str, ...]:
    """Return the UIDs of a volume's images: one a slice, or one in all.

    Raises
    ------
    UsageError
        The volume did not come from DICOM images.
    """
    source = volume.source
    uids = source.sop_instance_uids
    if not uids or not is_uid(source.study_uid) or not all(map(is_uid, uids)):
        raise UsageError(
            "A DICOM report refers to the images of its scan, which this volume has not: "
            "write JSON, HTML, PDF or CSV instead."
        )
    return uids


def dicom_head(
    volume: CTVolume, content: Content, *, sop_class: str, modality: str, series_number: int
) -> Any:
    """Return a dataset with the modules that all objects share, in UTF-8, with UIDs of its own.

    Raises
    ------
    UsageError
        As :func:`need_images`.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    need_images(volume)
    source, made = volume.source, datetime.fromisoformat(content["created"]).astimezone(UTC)
    who = (content["study"] or {}).get("patient") or {}
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid(prefix=None)
    ds.PatientName, ds.PatientID = person_name(who.get("name", "")), long_text(who.get("id", ""))
    ds.PatientBirthDate = _date(who.get("birth_date", ""))
    ds.PatientSex = who.get("sex") if who.get("sex") in ("F", "M", "O") else ""
    ds.StudyInstanceUID, ds.StudyDate = source.study_uid, _date(source.study_date)
    ds.StudyTime = ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
    if source.study_description:
        ds.StudyDescription = long_text(source.study_description)
    if content.get("deidentified"):
        mark_deidentified(ds)
    elif who:
        _copy_study(ds, volume)
    ds.Modality, ds.SeriesInstanceUID = modality, generate_uid(prefix=None)
    ds.SeriesNumber, ds.InstanceNumber = series_number, 1
    ds.SeriesDate = ds.ContentDate = made.strftime("%Y%m%d")
    ds.SeriesTime = ds.ContentTime = made.strftime("%H%M%S")
    ds.TimezoneOffsetFromUTC = "+0000"
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.ContentDate, ds.ContentTime
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, MODEL
    ds.DeviceSerialNumber, ds.SoftwareVersions = "0", long_text(__version__)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def mark_deidentified(ds: Any) -> None:
    """Say that identities were removed, and by which profile (PS3.15 E)."""
    from pydicom.dataset import Dataset

    # Dummies: what builds a DICOMDIR wants a date, a time and an id of every study.
    ds.StudyDate, ds.StudyTime, ds.StudyID = "19000101", "000000", "0"
    ds.PatientIdentityRemoved, ds.LongitudinalTemporalInformationModified = "YES", "REMOVED"
    ds.DeidentificationMethod = "Rebuilt without names, dates and free text"
    profile = Dataset()
    profile.CodeValue, profile.CodingSchemeDesignator = "113100", "DCM"
    profile.CodeMeaning = "Basic Application Confidentiality Profile"
    ds.DeidentificationMethodCodeSequence = [profile]


def encoded(ds: Any) -> bytes:
    """Return a dataset as a DICOM file's bytes (PS3.10)."""
    from pydicom import dcmwrite

    stream = io.BytesIO()
    dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def long_text(text: object, length: int = 64) -> str:
    """Return a text that an LO holds: one line, no backslash, at most ``length`` characters."""
    return " ".join(showable(text).replace("\\", "/").split())[:length].strip()


def person_name(name: object) -> str:
    """Return a name that a PN holds: as many of its groups as fit into 64 characters.

    A name that was never taken apart (``Jane Doe``) is a family name by form, as PS3.5 has it.
    """
    written = ""
    for place, group in enumerate(str(name).split("=")[:3]):
        one = "^".join(part.strip() for part in long_text(group).split("^")[:5])
        one = one if "^" in one or not one else f"{one[:63]}^"
        longer = f"{written}{'=' * bool(place)}{one}"
        if len(longer) <= 64:
            written = longer
    return written.rstrip("=")


def stable_uid(*parts: object) -> str:
    """Return a UID (``2.25.`` form, PS3.5 B.2) that follows from some words."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'lesionscope/' + '/'.join(map(showable, parts))).int}"


def _date(value: str) -> str:
    return value if re.fullmatch(r"\d{8}", value) else ""


def _copy_study(ds: Any, volume: CTVolume) -> None:
    """Copy what a file of the same study says of it, where the scan still lies where it was read."""
    from pydicom import dcmread

    place = Path(volume.source.path) if volume.source.path else None
    if place is None or not place.exists():
        return
    tried = 0
    for file in [place] if place.is_file() else place.rglob("*"):
        if not file.is_file():
            continue
        tried += 1
        if tried > FILES_TRIED:
            return
        try:
            found = dcmread(file, stop_before_pixels=True, specific_tags=[*COPIED, "StudyInstanceUID"])
            if found.get("StudyInstanceUID") != ds.StudyInstanceUID:
                continue
            for name in COPIED:
                value = found.get(name)
                if value not in (None, ""):
                    setattr(ds, name, person_name(value) if "Name" in name else long_text(value))
            return
        except damage():
            continue  # other and damaged files may lie beside the images
