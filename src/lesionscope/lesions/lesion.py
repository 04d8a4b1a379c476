"""A marked lesion, frozen: an edit makes a new one with the same identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Point = tuple[float, float, float]
"""A point in the patient, (x, y, z) LPS mm."""


@dataclass(frozen=True)
class Diameter:
    """A straight measurement between two points, LPS mm."""

    start_lps_mm: Point
    end_lps_mm: Point

    @property
    def length_mm(self) -> float:
        """Its length in mm."""
        return float(np.linalg.norm(np.subtract(self.end_lps_mm, self.start_lps_mm)))


@dataclass(frozen=True)
class Lesion:
    """A lesion: identity, centroid, box, and diameters where they were drawn.

    Parameters
    ----------
    id
        A UUID; lasts through every edit.
    tracking_uid
        DICOM UID that follows the lesion into reports and other studies.
    centroid_lps_mm
        Its centre, LPS mm.
    box_lps_mm
        ``(x0, y0, z0, x1, y1, z1)``, lower corner first, LPS mm.
    long, short
        RECIST long and short diameters, where drawn.
    box_declared
        ``True`` where the box is a default around a click, not a measurement.
    number
        The number people call it by in one session, from 1; 0 = not numbered yet.
    """

    id: str
    tracking_uid: str
    centroid_lps_mm: Point
    box_lps_mm: tuple[float, float, float, float, float, float]
    long: Diameter | None = None
    short: Diameter | None = None
    box_declared: bool = True
    number: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """A digest of what a model sees of it; a reading made for another one is stale."""
        seen = [self.centroid_lps_mm, self.box_lps_mm]
        for diameter in (self.long, self.short):
            seen.append(() if diameter is None else (*diameter.start_lps_mm, *diameter.end_lps_mm))
        rounded = [[round(float(v), 3) for v in part] for part in seen]
        return hashlib.sha256(json.dumps(rounded).encode()).hexdigest()[:16]
