"""Writing a volume as a series of CT Image Storage files (DICOM PS3.3 A.3), one a slice.

Explicit VR little endian, or lossless JPEG-LS. Every geometry can be written: position
and orientation come from the volume's own, so tilted, oblique and uneven stacks
stay what they are. UIDs lie under 2.25 (PS3.5 B.2) and follow from the volume's
identity, so the same phantom always has the same ones.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.files import write_atomically

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
LUNG_WINDOW = (-600, 1500)
SOFT_TISSUE_WINDOW = (40, 400)
"""Centre and width, HU."""


def uid(*parts: object) -> str:
    """Return the UID under 2.25 that belongs to ``parts``."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def write_series(
    volume: CTVolume,
    folder: str | Path,
    *,
    patient_name: str = "Phantom^Lesionscope",
    patient_id: str = "PHANTOM",
    study_date: str = "20200101",
    series_number: int = 1,
    description: str | None = None,
    identity: str | None = None,
    study: str | None = None,
    body_part: str = "CHEST",
    window: tuple[float, float] = LUNG_WINDOW,
    compressed: bool = False,
) -> list[Path]:
    """Write one file a slice, named by number alone.

    Parameters
    ----------
    volume
        Its HU are stored exactly where they are whole numbers; int16.
    folder
        Made where it is missing.
    patient_name, patient_id, study_date, series_number, description
        What the headers say; the description is the volume's own unless given. The study's
        description and the patient's sex are the volume's.
    identity
        What the series' UIDs are derived from; the volume's ``source.uid`` unless given.
    study
        What the study's and frame of reference's UIDs are derived from, so that
        several series can share them; ``identity`` unless given.
    body_part
        A defined term of PS3.16 annex L: "CHEST", "NECKCHESTABDPELV".
    window
        Centre and width to show it in at first, HU.
    compressed
        Whether pixels are written as lossless JPEG-LS.

    Returns
    -------
    list of Path
        The files, first slice (k = 0) first.

    Raises
    ------
    UsageError
        HU that do not fit into 16 bits.
    LesionscopeError
        The folder can't be written.
    """
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID

    geometry = volume.geometry
    lowest, highest = np.rint(float(volume.hu.min())), np.rint(float(volume.hu.max()))
    if lowest < -32768 or highest > 32767:
        raise UsageError("These HU don't fit into 16-bit DICOM: clip them first.")
    # The usual CT form where it fits (12 bits from -1024), else signed without an offset.
    usual = lowest >= -1024 and highest <= 3071
    intercept = -1024 if usual else 0
    source = volume.source
    identity = source.uid if identity is None else identity
    study = identity if study is None else study
    thickness = geometry.slice_thickness_mm or geometry.slice_step_mm
    orientation = [*geometry.axes[:, 0], *geometry.axes[:, 1]]
    paths = []
    for k in range(geometry.size[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = UID(CT_IMAGE_STORAGE)
        meta.MediaStorageSOPInstanceUID = UID(uid(identity, "image", k))
        meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE_ENDIAN)
        meta.ImplementationClassUID = UID(uid("lesionscope"))
        ds: Dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        position = geometry.to_lps([k, 0, 0])
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        ds.SOPClassUID = UID(CT_IMAGE_STORAGE)
        ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        ds.StudyDate = ds.SeriesDate = ds.ContentDate = study_date
        ds.StudyTime = ds.ContentTime = "120000"
        ds.AccessionNumber = ""
        ds.Modality = "CT"
        ds.Manufacturer = "Lesionscope phantom"
        ds.ReferringPhysicianName = ""
        ds.StudyDescription = source.study_description or "Phantom"
        ds.SeriesDescription = description or source.description or "Phantom"
        ds.PatientName = patient_name
        ds.PatientID = patient_id
        ds.PatientBirthDate = ""
        ds.PatientSex = source.patient.sex or "O"
        ds.BodyPartExamined = body_part
        ds.SliceThickness = _number(thickness)
        ds.KVP = "120"
        ds.PatientPosition = "HFS"
        ds.ConvolutionKernel = source.kernel or "standard"
        ds.StudyInstanceUID = UID(uid(study, "study"))
        ds.SeriesInstanceUID = UID(uid(identity, "series"))
        ds.StudyID = "1"
        ds.SeriesNumber = series_number
        ds.AcquisitionNumber = 1
        ds.InstanceNumber = k + 1
        ds.ImagePositionPatient = [_number(value) for value in position]
        ds.ImageOrientationPatient = [_number(value) for value in orientation]
        ds.FrameOfReferenceUID = UID(uid(study, "frame of reference"))
        ds.PositionReferenceIndicator = ""
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.Rows, ds.Columns = geometry.size[1], geometry.size[0]
        ds.PixelSpacing = [_number(geometry.spacing_mm[1]), _number(geometry.spacing_mm[0])]
        ds.BitsAllocated = 16
        ds.BitsStored = 12 if usual else 16
        ds.HighBit = ds.BitsStored - 1
        ds.PixelRepresentation = 0 if usual else 1
        ds.WindowCenter, ds.WindowWidth = (_number(value) for value in window)
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = str(intercept), "1", "HU"
        # A slice at a time: a whole copy would double what a scan takes.
        ds.PixelData = (np.rint(volume.hu[k]) - intercept).astype("<u2" if usual else "<i2").tobytes()
        if compressed:
            ds.compress(UID(JPEG_LS_LOSSLESS), generate_instance_uid=False)
        buffer = io.BytesIO()
        ds.save_as(buffer, enforce_file_format=True)
        paths.append(write_atomically(Path(folder) / f"{k + 1:05d}.dcm", buffer.getvalue()))
    return paths


def _number(value: float) -> str:
    """Write a decimal string (VR DS) of at most 16 characters, as exact as they allow."""
    for digits in range(17, 1, -1):
        text = f"{value:.{digits}g}"
        if len(text) <= 16:
            return text
    return f"{value:.6g}"
