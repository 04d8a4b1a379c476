"""The outline that a click proposed for a lesion, as a session keeps it."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.lesions.lesion import Lesion, Point

if TYPE_CHECKING:
    from lesionscope.inference.click_box import Proposal

DIGITS = 3
"""An outline is kept to a micrometre."""


@dataclass(frozen=True)
class KeptOutline:
    """An outline and its voxels; they speak of the lesion only while that is as it was proposed.

    Parameters
    ----------
    lesion_id, fingerprint
        The lesion, and how it was marked.
    contour_lps_mm
        Closed, in the plane of the click; the first point is not repeated.
    start, shape
        First voxel (k, j, i) and size of a block of the volume's grid.
    packed
        Its voxels, as bits.
    """

    lesion_id: str
    fingerprint: str
    contour_lps_mm: tuple[Point, ...]
    start: tuple[int, int, int]
    shape: tuple[int, int, int]
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, lesion: Lesion, proposal: Proposal) -> KeptOutline:
        """Take the outline of a proposal that found something, for the lesion that took its diameters."""
        assert proposal.mask is not None
        voxels = proposal.mask.voxels
        k, j, i = voxels.shape
        contour = np.round(proposal.contour_lps_mm, DIGITS).tolist()
        return cls(
            lesion.id,
            lesion.fingerprint,
            tuple((x, y, z) for x, y, z in contour),
            proposal.mask.start,
            (k, j, i),
            np.packbits(voxels).tobytes(),
        )

    def whole(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the voxels on the volume's whole grid."""
        bits = np.unpackbits(np.frombuffer(self.packed, dtype=np.uint8), count=int(np.prod(self.shape)))
        result = np.zeros(shape, dtype=np.bool_)
        place = tuple(slice(a, a + n) for a, n in zip(self.start, self.shape, strict=True))
        result[place] = bits.reshape(self.shape).astype(np.bool_)
        return result

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, but for the lesion and its fingerprint."""
        return {
            "contour_lps_mm": self.contour_lps_mm,
            "start": [int(value) for value in self.start],
            "shape": [int(value) for value in self.shape],
            "voxels": b64encode(zlib.compress(self.packed)).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, lesion_id: str, fingerprint: str, data: Mapping[str, Any]) -> KeptOutline:
        """Return the outline that :meth:`as_dict` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            The values are not an outline.
        """
        (a, b, c), (k, j, i) = data["start"], data["shape"]
        try:
            packed = zlib.decompress(b64decode(data["voxels"]))
        except zlib.error as error:
            raise ValueError(f"an outline's voxels: {error}") from error
        contour = tuple((float(x), float(y), float(z)) for x, y, z in data["contour_lps_mm"])
        return cls(lesion_id, fingerprint, contour, (a, b, c), (k, j, i), packed)
