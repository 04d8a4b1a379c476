"""What the benchmarks of reading a lesion share: the bundled patient, and SimpleITK's way to cut from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from lesionscope import sample_data
from lesionscope.ct.crops import AIR_HU
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters

BASELINE = Path(sample_data.__file__).parent / "baseline"


def patient() -> tuple[CTVolume, list[Lesion]]:
    """Open the bundled patient's first visit; return its lesions as measured."""
    volume = open_ct(BASELINE / "dicom")
    marks = json.loads((BASELINE / "marks.json").read_text())
    return volume, [
        lesion_from_diameters(
            *(Diameter(*map(tuple, mark[f"{name}_lps_mm"])) for name in ("long", "short")),
            geometry=volume.geometry,
        )
        for mark in marks
    ]


def as_image(volume: CTVolume) -> SimpleITK.Image:
    """Hand a volume to SimpleITK."""
    image = SimpleITK.GetImageFromArray(volume.hu)
    geometry = volume.geometry
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetSpacing(geometry.spacing_mm)
    image.SetDirection(geometry.direction)
    return image


def resampled(image: SimpleITK.Image, grid: Geometry) -> NDArray[np.float32]:
    """Resample a region as SimpleITK does: linear, air outside."""
    filter_ = SimpleITK.ResampleImageFilter()
    filter_.SetSize(grid.size)
    filter_.SetOutputSpacing((*grid.spacing_mm[:2], grid.slice_step_mm))
    filter_.SetOutputOrigin(grid.origin_lps_mm)
    filter_.SetInterpolator(SimpleITK.sitkLinear)
    filter_.SetDefaultPixelValue(AIR_HU)
    filter_.SetOutputPixelType(SimpleITK.sitkFloat32)
    return SimpleITK.GetArrayFromImage(filter_.Execute(image))
