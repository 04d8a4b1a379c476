"""Structured reports and RT structure sets of an archive, and the images that each is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.ct.scan import Scan
from lesionscope.ct.series import SeriesInfo
from lesionscope.report.damage import damage
from lesionscope.report.import_sr import damage_named, read_bounded, referenced_uids

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

REPORTS = "1.2.840.10008.5.1.4.1.1.88."
"""What the SOP class of every structured report begins with."""
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
"""RT Structure Set Storage."""


@dataclass(frozen=True)
class Document:
    """A file that may tell of lesions.

    Parameters
    ----------
    path
        The file.
    uid
        Its SOPInstanceUID: what it is called wherever its path might tell a name.
    structures
        Whether it is an RT structure set, else a structured report.
    """

    path: Path
    uid: str
    structures: bool

    def told(self, error: Exception) -> str:
        """Return an error's sentence without the path, which may hold a name."""
        return str(error).replace(str(self.path), "The file")


def documents(found: Scan, root: Path) -> list[Document]:
    """Return the documents among the files of an archive that are no images, in the order of their paths."""
    from pydicom.filereader import read_file_meta_info

    listed = []
    for path in sorted(root / skipped.file for skipped in found.skipped):
        if not path.is_file():
            continue  # in a zip
        try:
            meta = read_file_meta_info(path)
            kind = str(meta.get("MediaStorageSOPClassUID", ""))
            uid = str(meta.get("MediaStorageSOPInstanceUID", ""))
        except damage():
            continue
        if uid and (kind.startswith(REPORTS) or kind == STRUCTURES):
            listed.append(Document(path, uid, kind == STRUCTURES))
    return listed


def about(document: Document) -> frozenset[str]:
    """Return the UIDs of the images and series that a document is about.

    Raises
    ------
    InputError
        It can't be read.
    """
    if not document.structures:
        return referenced_uids(document.path)
    with damage_named(document.path):
        return frozenset(_outlined_on(read_bounded(document.path)))


def series_of(uids: frozenset[str], series: Iterable[SeriesInfo]) -> list[SeriesInfo]:
    """Return the series that UIDs mean: those with one of the images, else those that are named."""
    known = list(series)
    with_images = [one for one in known if uids & {item.header.sop_uid for item in one.slices}]
    return with_images or [one for one in known if one.uid.partition("#")[0] in uids]


def _outlined_on(ds: Dataset) -> Iterator[str]:
    """Yield what a structure set refers to: series, and images of whole series or of single contours."""
    for frame in _sequence(ds, "ReferencedFrameOfReferenceSequence"):
        for study in _sequence(frame, "RTReferencedStudySequence"):
            for series in _sequence(study, "RTReferencedSeriesSequence"):
                yield str(series.get("SeriesInstanceUID", ""))
                for image in _sequence(series, "ContourImageSequence"):
                    yield str(image.get("ReferencedSOPInstanceUID", ""))
    for roi in _sequence(ds, "ROIContourSequence"):
        for contour in _sequence(roi, "ContourSequence"):
            for image in _sequence(contour, "ContourImageSequence"):
                yield str(image.get("ReferencedSOPInstanceUID", ""))


def _sequence(ds: Dataset, name: str) -> Any:
    return ds.get(name) or ()
