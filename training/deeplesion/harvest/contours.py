"""Lesions outlined in an RT structure set (PS3.3 C.8.8), measured on the slice where they are largest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.lesions.marking import SLICE_TOLERANCE

from .polygon import area, polygon_diameters

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LESIONS = r"gtv|lesion|tumou?r|nodule|mass|metas|\bmet\b|\bln\b|node"
"""What the name of a region of interest says where it is a lesion."""
LESION_TYPE = "GTV"
"""RT ROI Interpreted Type of gross tumour volumes (C.8.8.8)."""


@dataclass(frozen=True)
class Measured:
    """Diameters of one lesion, LPS mm; ``item`` tells it from others in its document."""

    item: str
    long: Diameter
    short: Diameter | None


def outlined(ds: Dataset, lesions: re.Pattern[str]) -> dict[int, list[NDArray[np.float64]]]:
    """Return the closed contours ``(n, 3)`` LPS mm of each region that is a lesion, by its number.

    Parameters
    ----------
    ds
        The structure set.
    lesions
        Finds a lesion by its region's name; gross tumour volumes are lesions whatever their names.
    """
    types = {
        str(one.get("ReferencedROINumber")): str(one.get("RTROIInterpretedType") or "").upper()
        for one in ds.get("RTROIObservationsSequence") or ()
    }
    names = {
        str(one.get("ROINumber")): str(one.get("ROIName") or "")
        for one in ds.get("StructureSetROISequence") or ()
    }
    wanted = {n for n, name in names.items() if types.get(n) == LESION_TYPE or lesions.search(name)}
    found: dict[int, list[NDArray[np.float64]]] = {}
    for roi in ds.get("ROIContourSequence") or ():
        number = str(roi.get("ReferencedROINumber"))
        if number not in wanted:
            continue
        contours = found.setdefault(int(number), [])
        for contour in roi.get("ContourSequence") or ():
            if contour.get("ContourGeometricType") != "CLOSED_PLANAR":
                continue
            points = np.array([float(v) for v in contour.get("ContourData") or ()])
            if len(points) >= 9 and len(points) % 3 == 0 and np.isfinite(points).all():
                contours.append(points.reshape(-1, 3))
    return found


def measured(ds: Dataset, volume: CTVolume, lesions: re.Pattern[str]) -> Iterator[Measured | tuple[str, str]]:
    """Measure each lesion on a volume; one that can't be is told with what speaks against it."""
    for number, contours in outlined(ds, lesions).items():
        item = f"region {number}"
        try:
            yield Measured(item, *_diameters(contours, volume))
        except InputError as error:
            yield item, str(error)


def _diameters(contours: list[NDArray[np.float64]], volume: CTVolume) -> tuple[Diameter, Diameter]:
    """Measure the largest contour."""
    geometry = volume.geometry
    scale = np.array([geometry.spacing_mm[1], geometry.spacing_mm[0]])
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for contour in contours:
        places = geometry.to_voxel(contour)
        k = float(places[:, 0].mean())
        if np.ptp(places[:, 0]) > SLICE_TOLERANCE or not -0.5 <= k <= geometry.size[2] - 0.5:
            raise InputError("A contour doesn't lie on a slice of the scan: the lesion was left out.")
        flat = places[:, 1:] * scale
        size = area(flat)
        if best is None or size > best[0]:
            best = size, k, flat
    if best is None or best[0] <= 0:
        raise InputError("It has no closed contour: the lesion was left out.")
    _, k, flat = best
    exact = polygon_diameters(flat)

    def line(ends: NDArray[np.float64]) -> Diameter:
        # On the slice itself, however little the contour was off it.
        lps = geometry.to_lps(np.column_stack([np.full(2, np.rint(k)), ends / scale]))
        return Diameter(_point(lps[0]), _point(lps[1]))

    return line(exact.long), line(exact.short)


def _point(values: NDArray[np.float64]) -> Point:
    x, y, z = (float(v) for v in values)
    return x, y, z
