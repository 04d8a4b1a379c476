"""The voxels of lesions as files: DICOM segmentation (PS3.3 A.51) and NIfTI, on the scan's own grid."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionscope import __version__
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError, UsageError
from lesionscope.files import write_atomically
from lesionscope.lesions.lesion import Lesion
from lesionscope.report.damage import damage
from lesionscope.report.dicom_head import SEXES, dicom_date, dicom_time, frame_of
from lesionscope.report.source_images import source_images

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SERIES_NUMBER = 9001
SHEAR_DEGREES = 0.05
"""Steps between slices that lean further than this make a grid that NIfTI tools misread."""


@dataclass(frozen=True, eq=False)
class LesionMask:
    """A lesion and its voxels: bool ``(k, j, i)`` on the whole grid of its scan."""

    lesion: Lesion
    voxels: NDArray[np.bool_]


def write_nifti(masks: Sequence[LesionMask], volume: CTVolume, path: str | Path) -> Path:
    """Write lesions as one label image (uint8, 0 elsewhere): each voxel holds its lesion's number.

    Where two lesions share a voxel the later one has it.

    Raises
    ------
    UsageError
        The grid is tilted or uneven, which NIfTI can't say; no mask, or numbers above 255.
    LesionscopeError
        The file can't be written.
    """
    import SimpleITK

    _check(masks, volume)
    geometry = volume.geometry
    if geometry.tilt_deg > SHEAR_DEGREES or not (geometry.is_uniform or geometry.size[2] == 1):
        raise UsageError(
            "A NIfTI mask can't be written for this series, because its slices are "
            f"{'tilted' if geometry.is_uniform else 'unevenly spaced'}: write a DICOM segmentation instead."
        )
    numbers = [mask.lesion.number or place for place, mask in enumerate(masks, start=1)]
    if max(numbers) > 255:
        raise UsageError("A NIfTI mask holds lesions 1 to 255: write those beyond in a file of their own.")
    labels = np.zeros(volume.hu.shape, dtype=np.uint8)
    for number, mask in zip(numbers, masks, strict=True):
        labels[mask.voxels] = number
    image = SimpleITK.GetImageFromArray(labels)
    image.SetSpacing((*geometry.spacing_mm[:2], geometry.slice_step_mm))
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection(geometry.direction)
    path = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        # ITK goes by the name's ending, and would leave half a file where a disk is full.
        part = Path(folder) / ("mask.nii.gz" if path.name.endswith(".gz") else "mask.nii")
        SimpleITK.WriteImage(image, str(part), useCompression=path.name.endswith(".gz"))
        return write_atomically(path, part.read_bytes())


def write_dicom(masks: Sequence[LesionMask], volume: CTVolume, path: str | Path) -> Path:
    """Write lesions as a DICOM segmentation, a binary segment each, that refers to the scan's images.

    Each frame lies on its image's own plane, so tilted, oblique and uneven series keep their places.

    Raises
    ------
    UsageError
        The volume did not come from single-frame DICOM images, or a segmentation can't refer to those;
        no mask.
    InputError
        Those images are no longer where they were read from.
    LesionscopeError
        The file can't be written.
    """
    import highdicom
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    _check(masks, volume)
    uids = volume.source.sop_instance_uids
    if len(uids) != volume.hu.shape[0]:
        raise UsageError(
            "A DICOM segmentation refers to the images of its scan, one a slice, which this volume "
            "has not: write a NIfTI mask instead."
        )
    touched = np.nonzero(np.any([mask.voxels.any(axis=(1, 2)) for mask in masks], axis=0))[0]
    images = source_images([uids[k] for k in touched], Path(volume.source.path))
    pixels = np.stack([mask.voxels[touched] for mask in masks], axis=-1).astype(np.uint8)
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="Lesionscope box from a click", family=codes.cid7162.EdgeDetection, version=__version__
    )
    segments = [
        highdicom.seg.SegmentDescription(
            segment_number=place,
            segment_label=f"Lesion {mask.lesion.number or place}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=mask.lesion.tracking_uid,
            tracking_id=f"Lesion {mask.lesion.number or place}",
        )
        for place, mask in enumerate(masks, start=1)
    ]
    stream = io.BytesIO()
    try:
        for image in images:
            _complete(image, volume)
        highdicom.seg.Segmentation(
            source_images=images,
            pixel_array=pixels,
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=segments,
            series_instance_uid=generate_uid(prefix=None),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=generate_uid(prefix=None),
            instance_number=1,
            manufacturer="Lesionscope",
            manufacturer_model_name="napari-lesionscope",
            software_versions=__version__,
            device_serial_number="0",
            content_label="LESIONS",
            content_description="Proposed from a click",
            omit_empty_frames=True,
        ).save_as(stream)
    except damage() as error:
        raise UsageError(
            "A DICOM segmentation can't refer to this scan's images, whose headers lack what it needs or "
            f"garble it ({type(error).__name__}): write a NIfTI mask instead."
        ) from error
    return write_atomically(path, stream.getvalue())


def write_masks(masks: Sequence[LesionMask], volume: CTVolume, folder: str | Path, stem: str) -> Path:
    """Write lesions as DICOM segmentation where there are images to refer to, else as NIfTI.

    Raises
    ------
    UsageError, LesionscopeError
        As of :func:`write_nifti`.
    """
    folder = Path(folder)
    try:
        return write_dicom(masks, volume, folder / f"{stem}.dcm")
    except (UsageError, InputError):
        return write_nifti(masks, volume, folder / f"{stem}.nii.gz")


def _complete(image: Dataset, volume: CTVolume) -> None:
    """Give an image in memory what a segmentation copies from it and de-identified ones often lack.

    What the standard lets be empty (type 2) is empty where it is missing or invalid; the volume has the rest.
    """
    from pydicom.valuerep import format_number_as_ds

    for name in ("PatientName", "PatientID", "StudyID", "AccessionNumber"):
        if name not in image:
            setattr(image, name, "")
    image.PatientBirthDate = dicom_date(image.get("PatientBirthDate"))
    image.PatientSex = sex if (sex := image.get("PatientSex")) in SEXES else ""
    image.StudyDate = dicom_date(image.get("StudyDate"))
    image.StudyTime = dicom_time(image.get("StudyTime"))
    if not image.get("FrameOfReferenceUID"):
        image.FrameOfReferenceUID = frame_of(volume)
    if not image.get("SliceThickness"):
        thickness = volume.geometry.slice_thickness_mm or volume.geometry.slice_step_mm
        image.SliceThickness = format_number_as_ds(thickness)


def _check(masks: Sequence[LesionMask], volume: CTVolume) -> None:
    if not masks or not all(mask.voxels.any() for mask in masks):
        raise UsageError("There is no outlined lesion to write: click one that the proposal outlines.")
    if any(mask.voxels.shape != volume.hu.shape for mask in masks):
        raise ValueError("a mask does not lie on the volume's grid")
