"""A report without identities: DICOM's Basic Application Level Confidentiality Profile (PS3.15 E).

Rebuilt from content that has no identity left, rather than cleaned afterwards: names, dates and free text
are taken out of the content, every UID goes through one map, and the forms are written from that. So an
SR, its key images, the FHIR bundle and the images that they refer to still belong together.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.ct.volume import CTVolume, Patient
from lesionscope.files import write_atomically
from lesionscope.ontology.label_graph import load_labels
from lesionscope.report import wording
from lesionscope.report.dicom_head import encoded, mark_deidentified
from lesionscope.report.document import Content, sentence_warnings
from lesionscope.report.forms import Report
from lesionscope.report.sentence import lesion_sentence
from lesionscope.report.source_images import source_images
from lesionscope.report.sr_places import Places

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DUMMY_TIME = "1900-01-01T00:00:00+00:00"
"""Stands where a form must have a date."""
KEPT_OF_IMAGES = (
    "SOPClassUID", "Modality", "ImageType", "SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation",
    "InstanceNumber", "SeriesNumber", "AcquisitionNumber", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "WindowCenter", "WindowWidth", "KVP", "BodyPartExamined", "Laterality", "ConvolutionKernel",
    "PatientPosition", "GantryDetectorTilt",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "PixelData",
)  # fmt: skip
"""Attributes of a CT image that say nothing of whose it is; all others go."""
MAPPED_OF_IMAGES = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True)
class UidMap:
    """Old UID → new one, always the same under one secret, which nobody can turn round without it."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def uid(self, old: str) -> str:
        """Return the new UID (``2.25.`` form, PS3.5 B.2); a suffix behind ``#`` stays."""
        plain, mark, suffix = old.partition("#")
        return f"2.25.{int.from_bytes(self._digest(plain)[:16], 'big')}{mark}{suffix}" if plain else old

    def name(self, old: str, prefix: str) -> str:
        """Return a pseudonym."""
        return f"{prefix}-{self._digest(old).hex()[:10].upper()}"

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self.secret[:64]).digest()


def deidentified(report: Report, uids: UidMap) -> Report:
    """Return a report without identities; its key images hold none, and stay.

    Names of patient and readers become pseudonyms, dates are removed, texts that people typed (descriptions,
    edited sentences, labels of no vocabulary, the sentences of known lesions) go; what models and rules made
    stays.
    """
    ids = {entry["id"]: uids.uid(entry["id"]) for entry in report.content["lesions"]}
    volume = report.volume
    if volume is not None:
        source = volume.source
        source = replace(
            source,
            uid=uids.uid(source.uid),
            description="",
            path="",
            study_uid=uids.uid(source.study_uid),
            study_date="",
            study_description="",
            frame_of_reference_uid=uids.uid(source.frame_of_reference_uid),
            sop_instance_uids=tuple(map(uids.uid, source.sop_instance_uids)),
            patient=Patient(*[uids.name(source.patient.patient_id, "CASE")] * 2),
        )
        volume = CTVolume(volume.hu, volume.geometry, source, volume.findings)
    return Report(
        _content(report.content, uids),
        {ids[lesion_id]: image for lesion_id, image in report.images.items()},
        tuple(
            replace(lesion, id=ids[lesion.id], tracking_uid=uids.uid(lesion.tracking_uid))
            for lesion in report.lesions
        ),
        volume,
    )


def write_images(report: Report, uids: UidMap, folder: str | Path) -> tuple[Path, ...]:
    """Write the images that a report's DICOM forms refer to, without identities and under the same map.

    Parameters
    ----------
    report
        The report as it was, before :func:`deidentified`.

    Raises
    ------
    UsageError, InputError
        The scan has no images, or they are no longer where they were read from.
    LesionscopeError
        As :func:`write_atomically`.
    """
    volume, written = report.scan(), []
    places = Places(volume)
    wanted = dict.fromkeys(places.image_uid(places.slice_of(lesion)) for lesion in report.lesions)
    found = source_images(tuple(wanted), Path(volume.source.path), pixels=True)
    for number, image in enumerate(found, start=1):
        ds = _image(image, uids, uids.name(volume.source.patient.patient_id, "CASE"))
        written.append(write_atomically(Path(folder) / f"image-{number:04d}.dcm", encoded(ds)))
    return tuple(written)


def _content(old: Content, uids: UidMap) -> Content:
    content = copy.deepcopy(old)
    content["deidentified"] = True
    content["created"] = DUMMY_TIME
    study = content.get("study")
    if study is not None:
        for name in ("study_date", "study_description", "series_description"):
            study[name] = ""
        study["series_uid"], study["study_uid"] = uids.uid(study["series_uid"]), uids.uid(study["study_uid"])
        if "patient" in study:
            case = uids.name(study["patient"]["id"], "CASE")
            study["patient"] = {"name": case, "id": case, "birth_date": "", "sex": ""}
    review = content["review"]
    review["readers"] = sorted(uids.name(reader, "READER") for reader in review["readers"])
    review["first_at"] = review["first_at"] and DUMMY_TIME
    review["last_at"] = review["last_at"] and DUMMY_TIME
    for entry in content["lesions"]:
        _entry(entry, uids)
    if "response" in content:
        table = content["response"]
        for visit, number in zip(table["visits"], range(1, 1 + len(table["visits"])), strict=True):
            visit["date"] = f"Visit {number}"
        for number, lesion in enumerate(table["lesions"], start=1):
            organ = lesion["organ"] if lesion["organ"] in load_labels().by_name else ""
            lesion |= {"id": uids.uid(lesion["id"]), "name": f"Lesion {number}", "organ": organ}
        # Why a visit is missing names its session's file.
        table["missing"] = [wording.VISIT_LEFT_OUT for _ in table.get("missing") or ()]
    return content


def _entry(entry: dict[str, Any], uids: UidMap) -> None:
    entry["id"], entry["tracking_uid"] = uids.uid(entry["id"]), uids.uid(entry["tracking_uid"])
    entry.pop("neighbours", None)
    entry.pop("banks", None)
    # A label that no model gave and the ontology doesn't know is a text that somebody typed.
    known = load_labels().by_name
    entry["findings"] = [
        one for one in entry["findings"] if one["label"] in known or one["probability"] is not None
    ]
    entry["undecided"] = [label for label in entry["undecided"] if label in known]
    for one in entry["findings"]:
        one["reader"] = one["reader"] and uids.name(one["reader"], "READER")
        one["at"] = one["at"] and DUMMY_TIME
    held = [one["label"] for one in entry["findings"] if one["review"] != "unreviewed"]
    # A warning of the old sentence quotes it.
    quoting = sentence_warnings(entry)
    entry["sentence"] = lesion_sentence(held, long_mm=entry["long_mm"], short_mm=entry["short_mm"])
    entry["sentence_edited"] = False
    entry["warnings"] = [one for one in entry["warnings"] if one not in quoting] + sentence_warnings(entry)
    for made in _provenances(entry):
        made |= {
            "reading_id": uids.uid(made["reading_id"]),
            "created": DUMMY_TIME,
            "series_uid": uids.uid(made["series_uid"]),
            "notes": [],
        }


def _provenances(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in (entry, entry.get("labels") or {}):
        if "provenance" in part:
            yield part["provenance"]


def _image(image: Dataset, uids: UidMap, case: str) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = image.file_meta.TransferSyntaxUID
    ds.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    for name in KEPT_OF_IMAGES:
        if name in image:
            ds[name] = image[name]
    for name in MAPPED_OF_IMAGES:
        if name in image:
            setattr(ds, name, uids.uid(str(image[name].value)))
    ds.PatientName, ds.PatientID = f"{case}^", case
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.AccessionNumber = ds.ReferringPhysicianName = ds.Manufacturer = ds.PositionReferenceIndicator = ""
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    mark_deidentified(ds)
    return ds
