"""What every DICOM object of a report carries: patient, study, series and what made it.

The study's own attributes (accession number, study time…) are copied from a file of the series where one
is at hand; the rest follows from the volume, so that a scan read from an archive can be reported as well.
Values that DICOM would not take in their place are left empty, never passed on.
"""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from lesionscope import __version__
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.report.damage import damage
from lesionscope.report.document import Content
from lesionscope.showable import showable

MANUFACTURER, MODEL = "Lesionscope", "napari-lesionscope"
FILES_TRIED = 20
SEXES = ("F", "M", "O")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", re.ASCII)
_OFFSET = re.compile(r"(\+(0\d|1[0-4])|-(0\d|1[0-2]))[0-5]\d", re.ASCII)
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", re.ASCII)


def is_uid(value: object) -> bool:
    """Whether a value is a UID by form (PS3.5 9.1)."""
    return isinstance(value, str) and len(value) <= 64 and _UID.fullmatch(value) is not None


def series_uid_of(volume: CTVolume) -> str:
    """Return the SeriesInstanceUID: a volume's own may carry a suffix."""
    return volume.source.uid.partition("#")[0]


def frame_of(volume: CTVolume) -> str:
    """Return the UID of the frame of reference; coordinates without one lie in that of the series itself."""
    return volume.source.frame_of_reference_uid or series_uid_of(volume)


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
    source, made = volume.source, datetime.fromisoformat(content["created"])
    who = (content["study"] or {}).get("patient") or {}
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid(prefix=None)
    ds.PatientName, ds.PatientID = person_name(who.get("name", "")), identifier(who.get("id", ""))
    ds.PatientBirthDate = dicom_date(who.get("birth_date", ""))
    ds.PatientSex = who.get("sex") if who.get("sex") in SEXES else ""
    ds.StudyInstanceUID, ds.StudyDate = source.study_uid, dicom_date(source.study_date)
    ds.StudyTime = ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
    if source.study_description:
        ds.StudyDescription = long_text(source.study_description)
    if content.get("deidentified"):
        mark_deidentified(ds)
    else:
        if who:
            _copy_study(ds, volume)
        made = made.astimezone(_zone(ds))
    ds.Modality, ds.SeriesInstanceUID = modality, generate_uid(prefix=None)
    ds.SeriesNumber, ds.InstanceNumber = series_number, 1
    ds.SeriesDate = ds.ContentDate = made.strftime("%Y%m%d")
    ds.SeriesTime = ds.ContentTime = made.strftime("%H%M%S")
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


def identifier(text: object, length: int = 64) -> str:
    """Return an ID as :func:`long_text`, but with the blanks inside it: they tell one from another."""
    return re.sub(r"\s", " ", showable(text).replace("\\", "/")).strip()[:length].rstrip()


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


def dicom_date(value: object) -> str:
    """Return a date that a DA holds (``YYYYMMDD``); empty where there is no such day."""
    written = str(value).strip()
    try:
        datetime.strptime(written, "%Y%m%d")
    except ValueError:
        return ""
    # It would take days and months of one figure too.
    return written if len(written) == 8 else ""


def dicom_time(value: object) -> str:
    """Return a time that a TM holds (``HHMMSS.FFFFFF``, or only its start); empty where it is none."""
    return _of_form(_TIME, value)


def _offset(value: object) -> str:
    return _of_form(_OFFSET, value)


def _zone(ds: Any) -> tzinfo | None:
    """Return the zone that a dataset's dates and times are in; ``None``, this machine's, if it doesn't say.

    An offset counts for all of them (PS3.3 C.12.1.1), the study's among them, which are the scanner's.
    """
    offset = ds.get("TimezoneOffsetFromUTC")
    return datetime.strptime(offset, "%z").tzinfo if offset else None


def _of_form(form: re.Pattern[str], value: object) -> str:
    written = str(value).strip()
    return written if form.fullmatch(written) else ""


COPIED: Final[Mapping[str, Callable[[object], str]]] = {
    "AccessionNumber": identifier,
    "StudyID": identifier,
    "StudyTime": dicom_time,
    "TimezoneOffsetFromUTC": _offset,
    "ReferringPhysicianName": person_name,
    "IssuerOfPatientID": identifier,
    "PatientAge": long_text,
    "InstitutionName": long_text,
    "BodyPartExamined": long_text,
}
"""Attributes of the study that a volume does not keep, and how each is copied."""


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
            for name, copied in COPIED.items():
                value = found.get(name)
                if value not in (None, "") and (kept := copied(value)):
                    setattr(ds, name, kept)
            return
        except damage():
            continue  # other and damaged files may lie beside the images
