"""Key images as DICOM Secondary Capture (PS3.3 A.8.1), one object a lesion, the notice in their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.files import write_atomically
from lesionscope.lesions.lesion import Lesion
from lesionscope.report.dicom_head import dicom_head, encoded, long_text, stable_uid
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage
from lesionscope.report.sr_places import CT_IMAGE, Places
from lesionscope.showable import showable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
SERIES_NUMBER = 9003
COMMENT_LENGTH = 10240


def write(
    content: Content,
    lesions: Sequence[Lesion],
    volume: CTVolume,
    images: Mapping[str, KeyImage],
    folder: str | Path,
    stem: str,
) -> tuple[Path, ...]:
    """Write ``<stem>-key-<number>.dcm`` for each lesion that has a key image.

    Raises
    ------
    UsageError
        The volume did not come from DICOM images, or no lesion has a key image.
    LesionscopeError
        As :func:`write_atomically`.
    """
    made = documents(content, lesions, volume, images)
    if not made:
        raise UsageError("There is no key image to write: mark a lesion inside the scan first.")
    return tuple(
        write_atomically(Path(folder) / f"{stem}-key-{number}.dcm", encoded(ds)) for number, ds in made
    )


def documents(
    content: Content, lesions: Sequence[Lesion], volume: CTVolume, images: Mapping[str, KeyImage]
) -> list[tuple[int, Dataset]]:
    """Return the lesions' numbers, each with its image: one series."""
    head = dicom_head(volume, content, sop_class=SOP_CLASS, modality="OT", series_number=SERIES_NUMBER)
    if "BodyPartExamined" not in head:
        head.Laterality = ""  # asked of images whose body part is not known to be unpaired
    head.SeriesDescription = "Key images, not for clinical use"
    places = Places(volume)
    return [
        (entry["number"], _image(head, entry["number"], lesion, images[lesion.id], places, entry["sentence"]))
        for entry, lesion in zip(content["lesions"], lesions, strict=True)
        if lesion.id in images
    ]


def _image(
    head: Dataset, number: int, lesion: Lesion, picture: KeyImage, places: Places, sentence: str
) -> Dataset:
    from copy import deepcopy

    from pydicom.dataset import Dataset

    ds = deepcopy(head)
    ds.SOPInstanceUID = stable_uid(head.SeriesInstanceUID, lesion.tracking_uid)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.InstanceNumber = number
    ds.ConversionType, ds.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    ds.BurnedInAnnotation = "YES"
    ds.PatientOrientation = ["L", "P"]
    ds.DerivationDescription = long_text(picture.caption, 1024)
    ds.ImageComments = (
        showable(sentence).replace("\\", "/").replace("\t", " ")[:COMMENT_LENGTH].strip() or "-"
    )
    source = Dataset()
    source.ReferencedSOPClassUID = places.volume.source.sop_class_uid or CT_IMAGE
    source.ReferencedSOPInstanceUID = places.image_uid(places.slice_of(lesion))
    ds.SourceImageSequence = [source]
    ds.Rows, ds.Columns = picture.pixels.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = picture.pixels.tobytes()
    ds["PixelData"].VR = "OB"
    return ds
