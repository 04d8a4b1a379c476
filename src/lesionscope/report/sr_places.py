"""Where marks lie for a structured report: on the image they were drawn on, else in the patient.

A mark that lies on one slice refers to that image, which is what viewers reopen. One that crosses slices
(drawn on the resampled picture of an oblique or tilted scan, or of a file with many frames) would be wrong
on any single image: it is written in the patient's own coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.ontology.labels import Code
from lesionscope.report import sr_items as items
from lesionscope.report.dicom_head import frame_of, need_images

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ON_SLICE = 0.5
"""Points within half a step of a slice are on it."""
SAME_MM = 0.05
"""As far as a line's length on the slice may differ from its true one."""


@dataclass(frozen=True)
class Places:
    """Turns LPS points into coordinates of a report on one volume."""

    volume: CTVolume

    def slice_of(self, lesion: Lesion) -> int:
        """Return the slice that a lesion's marks lie on, or its centre."""
        ends = [p for d in (lesion.long, lesion.short) if d for p in (d.start_lps_mm, d.end_lps_mm)]
        return self._slice(ends or [lesion.centroid_lps_mm])

    def image(self, k: int, *, relation: str = items.SELECTED) -> Dataset:
        """Return a reference to the image of a slice."""
        uids, source = need_images(self.volume), self.volume.source
        uid = uids[k] if self._one_a_slice else uids[0]
        return items.image(source.sop_class_uid or CT_IMAGE, uid, relation=relation)

    def image_uid(self, k: int) -> str:
        """Return the SOPInstanceUID of a slice's image."""
        uids = need_images(self.volume)
        return uids[k] if self._one_a_slice else uids[0]

    def lines(self, diameters: Sequence[Diameter]) -> list[Dataset]:
        """Return the lines of a lesion's diameters: viewers want all of them in the same coordinates."""
        ends = [[diameter.start_lps_mm, diameter.end_lps_mm] for diameter in diameters]
        if all(self._flat(points) for points in ends) and len({self._slice(points) for points in ends}) == 1:
            return [
                items.on_image(
                    "POLYLINE", self._pixels(points), self.image(self._slice(points)), items.INFERRED
                )
                for points in ends
            ]
        frame = frame_of(self.volume)
        return [items.in_patient("POLYLINE", points, frame, items.INFERRED) for points in ends]

    def box(self, lesion: Lesion, name: Code, relation: str = items.CONTAINS) -> Dataset:
        """Return the outline of a lesion's box at the height of its marks."""
        x0, y0, _, x1, y1, _ = lesion.box_lps_mm
        z = lesion.long.start_lps_mm[2] if lesion.long is not None else lesion.centroid_lps_mm[2]
        ring: list[Point] = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z), (x0, y0, z)]
        if self._flat(ring):
            return items.on_image(
                "POLYLINE", self._pixels(ring), self.image(self._slice(ring)), relation, name
            )
        return items.in_patient("POLYGON", ring, frame_of(self.volume), relation, name)

    @property
    def _one_a_slice(self) -> bool:
        return len(self.volume.source.sop_instance_uids) == self.volume.geometry.size[2]

    def _slice(self, points: Sequence[Point]) -> int:
        mean = float(np.mean(self.volume.geometry.to_voxel(points)[:, 0]))
        return min(max(round(mean), 0), self.volume.geometry.size[2] - 1)

    def _flat(self, points: Sequence[Point]) -> bool:
        """Whether points lie on one image, and as far apart there as in the patient."""
        if not self._one_a_slice or self.volume.source.frame_numbers:
            return False
        known = self.volume.geometry.to_voxel(points)
        k = self._slice(points)
        if np.max(np.abs(known[:, 0] - k)) > ON_SLICE:
            return False
        known[:, 0] = k
        there = np.linalg.norm(np.diff(self.volume.geometry.to_lps(known), axis=0), axis=1)
        true = np.linalg.norm(np.diff(np.asarray(points), axis=0), axis=1)
        return bool(np.max(np.abs(there - true)) <= SAME_MM)

    def _pixels(self, points: Sequence[Point]) -> list[tuple[float, float]]:
        known = self.volume.geometry.to_voxel(points)
        return [(float(i) + 0.5, float(j) + 0.5) for _, j, i in known]
