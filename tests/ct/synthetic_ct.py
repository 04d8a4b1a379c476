"""Synthetic CT in any geometry, as volumes and as DICOM files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IDENTITY = np.eye(3)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

SIGNED_AXES = [
    np.array([np.eye(3)[axis] * sign for axis, sign in zip(order, signs, strict=True)]).T
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
"""All 48 ways for the axes i, j, k to run along patient axes, as direction matrices."""


def rotation(degrees: float, axis: int) -> NDArray[np.float64]:
    a, b = [n for n in range(3) if n != axis]
    matrix = np.eye(3)
    angle = np.radians(degrees)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def tilted(degrees: float) -> NDArray[np.float64]:
    """Direction of a tilted gantry: slices turned about x, table moving along z."""
    matrix = rotation(degrees, 0)
    matrix[:, 2] = (0, 0, 1)
    return matrix


def make_volume(
    direction: ArrayLike = IDENTITY,
    *,
    size: tuple[int, int, int] = (9, 8, 7),
    spacing: tuple[float, float, float] = (0.8, 1.1, 2.5),
    origin: tuple[float, float, float] = (-20.0, 15.0, 40.0),
    offsets: Sequence[float] | None = None,
    seed: int = 0,
) -> CTVolume:
    hu = np.random.default_rng(seed).integers(-1000, 1500, size[::-1]).astype(np.int16)
    geometry = Geometry(
        size=size,
        spacing_mm=spacing if offsets is None else (*spacing[:2], None),
        origin_lps_mm=origin,
        direction=tuple(np.asarray(direction, dtype=float).ravel()),
        offsets_mm=None if offsets is None else tuple(offsets),
    )
    return CTVolume(hu, geometry, Source("1.2.3"))


def slice_dataset(
    pixels: NDArray[Any],
    position: Sequence[float],
    orientation: Sequence[float],
    series_uid: str,
    number: int,
) -> FileDataset:
    """A minimal valid CT image; slope 1, intercept -1024."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CT_IMAGE
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = CT_IMAGE, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.1", series_uid
    ds.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.3"
    ds.PatientName, ds.PatientID = "Secret^Name", "SECRET-ID"
    ds.Modality, ds.SeriesDescription, ds.StudyDate = "CT", "Synthetic", "20200102"
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 3, number, 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelSpacing, ds.SliceThickness = [1.1, 0.8], 2.5
    ds.ImagePositionPatient = [f"{v:.6f}" for v in position]
    ds.ImageOrientationPatient = [f"{v:.8f}" for v in orientation]
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    return ds


Change = Mapping[str, Any] | Callable[[Dataset, int], None]


class SeriesWriter:
    """Writes DICOM series; files are shuffled, so that neither name nor number is the order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self,
        stored: NDArray[Any],
        positions: ArrayLike | None = None,
        orientation: Sequence[float] = AXIAL,
        *,
        folder: str = "series",
        uid: str | None = None,
        change: Change | None = None,
        suffix: str = ".dcm",
        first_number: int = 1,
    ) -> Path:
        uid = uid or generate_uid()
        place = self.folder / folder
        place.mkdir(parents=True, exist_ok=True)
        if positions is None:
            positions = [(-20.0, 15.0, 40.0 + 2.5 * k) for k in range(len(stored))]
        names = np.random.default_rng(len(stored)).permutation(len(stored))
        for k, (pixels, position) in enumerate(zip(stored, np.asarray(positions), strict=True)):
            ds = slice_dataset(pixels, position, orientation, uid, len(stored) - k + first_number)
            if callable(change):
                change(ds, k)
            else:
                for name, value in (change or {}).items():
                    setattr(ds, name, value)
            ds.save_as(place / f"{names[k] + first_number:04d}{suffix}", enforce_file_format=True)
        return place


def stored_values(count: int = 5, rows: int = 8, columns: int = 9, seed: int = 1) -> NDArray[np.int16]:
    """Stored values of a small volume ``(slices, rows, columns)``; HU are 1024 less."""
    return np.random.default_rng(seed).integers(0, 3000, (count, rows, columns)).astype(np.int16)
