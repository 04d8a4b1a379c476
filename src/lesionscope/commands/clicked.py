"""Lesions of the command line's marks: a click is measured where a proposal outlines something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Lesion
from lesionscope.report.document import Content

if TYPE_CHECKING:
    from lesionscope.inference.click_box import Proposal

MASK_FORMS: Mapping[str, str] = {"seg": "lesions.dcm", "nifti": "lesions.nii.gz"}
"""Form of a file of outlined lesions → its name."""


@dataclass(frozen=True, eq=False)
class Clicked:
    """A lesion, and what its click proposed; ``None`` where it was not clicked or nothing was asked."""

    lesion: Lesion
    proposal: Proposal | None = None


def measured(volume: CTVolume, lesion: Lesion, *, wanted: bool = True) -> Clicked:
    """Give a lesion that was only clicked the diameters proposed for it, if there are any."""
    if not (wanted and lesion.box_declared and volume.geometry.contains(lesion.centroid_lps_mm)):
        return Clicked(lesion)
    from lesionscope.inference.click_box import propose

    proposal = propose(volume, lesion.centroid_lps_mm)
    return Clicked(proposal.lesion(volume.geometry, lesion), proposal)


def tell(content: Content, clicked: Sequence[Clicked]) -> None:
    """Say in a report which lesions' diameters are proposals, and why others have none."""
    for entry, one in zip(content["lesions"], clicked, strict=True):
        if one.proposal is not None:
            entry["proposed"] = one.proposal.found
            entry["proposal"] = one.proposal.sentence


def write_masks(clicked: Sequence[Clicked], volume: CTVolume, form: str, folder: Path) -> Path:
    """Write the voxels of the lesions that proposals outlined."""
    from lesionscope.report.segmentation import LesionMask, write_dicom, write_nifti

    masks = [
        LesionMask(one.lesion, one.proposal.mask.whole(volume.hu.shape))
        for one in clicked
        if one.proposal is not None and one.proposal.mask is not None
    ]
    write = write_dicom if form == "seg" else write_nifti
    return write(masks, volume, folder / MASK_FORMS[form])
