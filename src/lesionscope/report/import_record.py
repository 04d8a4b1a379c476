"""The record of a lesion in our own structured report: believed where it agrees with what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.errors import InputError
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.report import sr_codes as codes
from lesionscope.report.dicom_head import is_uid
from lesionscope.report.sr_places import ON_SLICE

SAME_MM = 0.05
"""As far as a record may lie from the measurement beside it."""
ORIGINS = ("mined", "predicted", "reader")
LONGEST_ID = 128


def agreed(
    lesion: Lesion | None, entry: Mapping[str, Any], geometry: Geometry
) -> tuple[Lesion, dict[str, Any]]:
    """Return the lesion of our own record, checked against what was measured beside it.

    Raises
    ------
    InputError
        The record can't be read, or says something else.
    """
    try:
        own = _from_entry(entry)
        _check_reviewed(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("A lesion's record can't be read: it was left out.") from error
    for mine, measured in ((own.long, lesion and lesion.long), (own.short, lesion and lesion.short)):
        if (mine is None) != (measured is None) or (
            mine and measured and _apart(mine, measured, geometry) > SAME_MM
        ):
            raise InputError("A lesion's record and its measurement disagree: it was left out.")
    return own, dict(entry)


def _check_reviewed(entry: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` or ``KeyError`` where what readers let stand is not as we write it."""
    if not isinstance(entry["sentence"], str) or not isinstance(entry["sentence_edited"], bool):
        raise ValueError("no sentence")
    for one in entry["findings"]:
        texts = [one[name] for name in ("label", "class", "origin")]
        if one["review"] not in codes.STATES or one["origin"] not in ORIGINS:
            raise ValueError("an unknown state")
        decided = one["review"] != "unreviewed"
        if decided:
            texts += [one["reader"], one["at"]]
        if not all(isinstance(text, str) and (text.strip() or not decided) for text in texts):
            raise ValueError("no text")


def _from_entry(entry: Mapping[str, Any]) -> Lesion:
    x0, y0, z0, x1, y1, z1 = (float(v) for v in entry["box_lps_mm"])
    numbers = [x0, y0, z0, x1, y1, z1, *map(float, entry["centroid_lps_mm"])]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not finite")
    identity, tracking_uid = entry["id"], entry["tracking_uid"]
    if not isinstance(identity, str) or not 0 < len(identity) <= LONGEST_ID or not is_uid(tracking_uid):
        raise ValueError("no identity")
    return Lesion(
        identity,
        tracking_uid,
        point(entry["centroid_lps_mm"]),
        (x0, y0, z0, x1, y1, z1),
        _diameter(entry["long_lps_mm"]),
        _diameter(entry["short_lps_mm"]),
        bool(entry["box_declared"]),
        int(entry["number"]),
    )


def _diameter(ends: Sequence[float] | None) -> Diameter | None:
    return None if ends is None else Diameter(point(ends[:3]), point(ends[3:]))


def _apart(mine: Diameter, measured: Diameter, geometry: Geometry) -> float:
    """Return how far two lines lie apart in mm; on an image, a mark beside its slice was laid onto it."""
    own, there = (geometry.to_voxel([line.start_lps_mm, line.end_lps_mm]) for line in (mine, measured))
    laid = np.abs(own[:, 0] - there[:, 0]) <= ON_SLICE + 1e-6
    own[laid, 0] = there[laid, 0]
    return float(np.abs(geometry.to_lps(own) - geometry.to_lps(there)).max())


def point(values: Any) -> Point:
    """Return three numbers as a point."""
    x, y, z = (float(v) for v in values)
    return x, y, z
