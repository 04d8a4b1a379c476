"""A CT volume in memory: HU values, where they lie, and what the reader noticed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.geometry import Geometry


@dataclass(frozen=True)
class Finding:
    """Something the reader noticed or did: a code for scripts, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True)
class Patient:
    """Who was scanned. Shown in the banner and in reports only; its repr tells nothing."""

    name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)

    @property
    def plain_name(self) -> str:
        """The name in one form: systems write the same one with other capitals and carets."""
        return " ".join(self.name.replace("^", " ").casefold().split())


@dataclass(frozen=True)
class Source:
    """Identifiers of the series that a volume came from.

    ``sop_instance_uids`` holds one UID a slice in the order of ``k`` (one in all
    for a multi-frame file, none for NIfTI, NRRD and MHA); ``frame_numbers`` the
    number of each slice's frame in its file, counted from 1, where a file has
    several. ``uid`` is the
    SeriesInstanceUID, with a suffix where one series holds several volumes, or a
    digest of the content where the format has no UIDs.
    """

    uid: str
    modality: str = "CT"
    description: str = ""
    path: str = field(default="", repr=False)
    study_uid: str = ""
    study_date: str = ""
    study_description: str = ""
    series_number: int | None = None
    frame_of_reference_uid: str = ""
    sop_class_uid: str = ""
    sop_instance_uids: tuple[str, ...] = ()
    frame_numbers: tuple[int, ...] = ()
    kernel: str = ""
    patient: Patient = Patient()


@dataclass(frozen=True, eq=False)
class CTVolume:
    """HU ``(z, y, x)`` int16 or float32 with its geometry, source and findings."""

    hu: NDArray[np.int16] | NDArray[np.float32]
    geometry: Geometry
    source: Source
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if self.hu.shape != self.geometry.size[::-1]:
            raise ValueError(f"array {self.hu.shape} does not fit geometry {self.geometry.size[::-1]}")

    def hu_at(self, lps: ArrayLike) -> float | None:
        """HU of the voxel nearest to an LPS point; ``None`` outside the volume."""
        if not self.geometry.contains(lps):
            return None
        k, j, i = (round(float(v)) for v in self.geometry.to_voxel(lps))
        nk, nj, ni = self.hu.shape
        return float(self.hu[min(max(k, 0), nk - 1), min(max(j, 0), nj - 1), min(max(i, 0), ni - 1)])
