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
OTHER_TYPES = frozenset(
    (
        "EXTERNAL PTV CTV TREATED_VOLUME IRRAD_VOLUME BOLUS AVOIDANCE ORGAN MARKER REGISTRATION ISOCENTER "
        "CONTRAST_AGENT CAVITY BRACHY_CHANNEL BRACHY_ACCESSORY BRACHY_SRC_APP BRACHY_CHNL_SHLD SUPPORT "
        "FIXATION DOSE_REGION CONTROL DOSE_MEASUREMENT"
    ).split()
)
"""The other types that the standard has (C.8.8.8.1): no lesions, whatever their names."""
_PLANNED = re.compile(
    r"\b(?:[pci]tv|igtv|opt|optim\w*|expan(?!sile|ding)\w*|z?rings?)\b"
    r"(?!\W*enhanc)"  # ring-enhancing and expansile ones are lesions
)
_WITHOUT = re.compile(
    # A hyphen before GTV takes it away (AAPM TG-263: "Lungs-GTV"); others join, as in "liver-lesion".
    r"[a-z]\W*[-\u2010-\u2015\u2212]\W*gtv\b"
    rf"|[a-z]\W+(?:minus|sub|no[nt]?|ex|excl\w*|less|without|wo|w/o)\W+(?:{LESIONS})"
)
_NO_LESIONS = (_PLANNED, "a volume planned around a lesion"), (_WITHOUT, "what is left without a lesion")
"""What plain names say where they name no lesion, though they speak of one."""
_STAYED_OUT = (
    "it was left out. If it is a lesion all the same, harvest into a new folder with a rule of your own for "
    "names (--regions)."
)


@dataclass(frozen=True)
class Measured:
    """Diameters of one lesion, LPS mm; ``item`` tells it from others in its document."""

    item: str
    long: Diameter
    short: Diameter | None


def judged(name: str, kind: str, lesions: re.Pattern[str]) -> str | None:
    """Return "" for a region that is a lesion, ``None`` for another, and why for one that only seems to be.

    A rule of the person's own is taken at its word: sites may type or name their regions otherwise.

    Parameters
    ----------
    name
        ROI Name: it decides where the type doesn't say, and nothing that planning made is a lesion.
    kind
        RT ROI Interpreted Type, in capitals.
    lesions
        Finds a lesion by its name; gross tumour volumes are lesions anyhow.
    """
    named = lesions.search(name) is not None
    if named and lesions.pattern != LESIONS:
        return ""
    if not named and kind != LESION_TYPE:
        return None
    if kind in OTHER_TYPES:
        return f"It is named like a lesion, but by its type ({kind}) it is none: {_STAYED_OUT}"
    plain = _plain(name)
    said = next((what for pattern, what in _NO_LESIONS if pattern.search(plain)), None)
    return "" if said is None else f"Its name says that it is {said}: {_STAYED_OUT}"


def _plain(name: str) -> str:
    """Return a name's words apart, without digits: planning runs them together, as in zRing and GTVopt2."""
    apart = re.sub(
        r"(?:(?<![a-z])i)?gtv|[pci]tv", lambda found: f" {found[0].lower()} ", name, flags=re.IGNORECASE
    )
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[\d_]+", " ", apart).casefold()


def outlined(ds: Dataset, lesions: re.Pattern[str]) -> dict[int, list[NDArray[np.float64]] | str]:
    """Return the closed contours ``(n, 3)`` LPS mm of each region that is a lesion, by its number.

    One that only seems to be a lesion has a sentence instead (see :func:`judged`).

    Parameters
    ----------
    ds
        The structure set.
    lesions
        Finds a lesion by its region's name.
    """
    types = {
        str(one.get("ReferencedROINumber")): str(one.get("RTROIInterpretedType") or "").strip().upper()
        for one in ds.get("RTROIObservationsSequence") or ()
    }
    names = {
        str(one.get("ROINumber")): str(one.get("ROIName") or "")
        for one in ds.get("StructureSetROISequence") or ()
    }
    seeming = {n: judged(name, types.get(n, ""), lesions) for n, name in names.items()}
    found: dict[int, list[NDArray[np.float64]] | str] = {}
    for roi in ds.get("ROIContourSequence") or ():
        number = str(roi.get("ReferencedROINumber"))
        if (why := seeming.get(number)) is None:
            continue
        contours = found.setdefault(int(number), why or [])
        if isinstance(contours, str):
            continue
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
        if isinstance(contours, str):
            yield item, contours
            continue
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
