"""The series of DICOM files that benchmarks read: noise of 12 bits, 512 × 512, in a phantom's headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless
from scipy.ndimage import gaussian_filter

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.phantom.dicom_series import write_series

SIDE = 512


def volume(slices: int, *, smooth: bool = False) -> CTVolume:
    """Make a volume; smoothed noise is packed about as well as a CT is."""
    rng = np.random.default_rng(0)
    hu = rng.integers(-1024, 3072, (slices, SIDE, SIDE), dtype=np.int16)
    if smooth:
        for k in range(slices):
            low = gaussian_filter(hu[k].astype(np.float32), 8) * 12
            hu[k] = np.clip(low + rng.normal(0, 12, low.shape) - 12000, -1024, 3071)
    geometry = Geometry((SIDE, SIDE, slices), (0.7, 0.7, 1.0), (-180.0, -180.0, 0.0))
    return CTVolume(hu, geometry, Source(f"benchmark {slices}"))


def written(folder: Path, slices: int, syntax: str | None = None) -> list[Path]:
    """Write a series, packed in a transfer syntax where one is named; return its files."""
    files = write_series(volume(slices, smooth=syntax is not None), folder)
    for file in files if syntax else ():
        ds = dcmread(file)
        if syntax == JPEG2000Lossless:
            _packed_by_simpleitk(ds, file)
        else:
            ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    return files


def _packed_by_simpleitk(ds: Dataset, file: Path) -> None:
    """Put JPEG 2000 pixels into a data set: pydicom has no encoder of its own for them."""
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(file))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG2000")
    writer.Execute(SimpleITK.GetImageFromArray(ds.pixel_array[np.newaxis].astype(np.uint16)))
    packed = dcmread(file)
    assert packed.file_meta.TransferSyntaxUID == JPEG2000Lossless
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.BitsStored, ds.HighBit = packed.BitsStored, packed.HighBit
    ds.PixelData = packed.PixelData
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True


def simpleitk(folder: Path) -> tuple[SimpleITK.Image, NDArray[np.int16]]:
    """Read a series as SimpleITK's own example does; the array shows the image's memory."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    return image, SimpleITK.GetArrayViewFromImage(image)
