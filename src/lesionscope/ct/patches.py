"""Cut from a CT what a label network sees of a lesion (LesaNet §5.2: K. Yan et al., CVPR 2019).

Three slices 2 mm apart, 120 × 120 pixels of 1 mm, around the middle of the lesion's box: along the
patient's axes whatever the volume's are, the first slice the lowest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import sample_grid
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError

SIZE = 120
SPACING_MM = 1.0
OFFSETS_MM = (-2.0, 0.0, 2.0)
LOWEST_HU, HIGHEST_HU = -1024.0, 3071.0
GREYS, GREY_MEAN = 255.0, 50.0
PREPROCESSING = {
    "size": SIZE,
    "spacing_mm": SPACING_MM,
    "offsets_mm": list(OFFSETS_MM),
    "clip_hu": [LOWEST_HU, HIGHEST_HU],
    "greys": GREYS,
    "less": GREY_MEAN,
}
"""How a lesion becomes a network's input, as a model's card says it."""

LARGER = (
    "The lesion is wider than the {width:.0f} mm that this model sees: "
    "it answered for the part in the middle."
)
AT_THE_EDGE = (
    "The lesion lies at the edge of the scan: {share:.0%} of what this model sees lies beyond it "
    "and was filled with what is nearest."
)


class Boxed(Protocol):
    """What has a box in the patient: a lesion."""

    @property
    def box_lps_mm(self) -> tuple[float, float, float, float, float, float]:
        """x0, y0, z0, x1, y1, z1, LPS mm."""


@dataclass(frozen=True, eq=False)
class LesionPatch:
    """Slices around a lesion.

    Parameters
    ----------
    hu
        float32 ``(slices, rows, columns)``; the first slice is the lowest, rows run to the back (+y),
        columns to the patient's left (+x).
    box
        The lesion's box: x0, y0, x1, y1 in pixels, fractions of them too, kept within the patch.
    origin_lps_mm
        Centre of the first voxel.
    notes
        Sentences for the person about what the patch could not hold.
    """

    hu: NDArray[np.float32]
    box: NDArray[np.float32]
    origin_lps_mm: tuple[float, float, float]
    notes: tuple[str, ...] = ()


def lesion_patch(
    volume: CTVolume,
    lesion: Boxed,
    *,
    size: int = SIZE,
    spacing_mm: float = SPACING_MM,
    offsets_mm: Sequence[float] = OFFSETS_MM,
) -> LesionPatch:
    """Cut the patch of a lesion.

    What lies beyond the scan, or deep in a gap between slices, is filled with what is nearest in the
    patch. A lesion wider than the patch, or at the scan's edge, is cut all the same, and ``notes`` says so.

    Parameters
    ----------
    volume
        Any volume: axis-aligned, oblique, tilted or uneven.
    lesion
        Its box is what counts, with the padding that it holds.
    size
        Pixels a side.
    spacing_mm
        Size of a pixel.
    offsets_mm
        Where the slices lie from the middle of the box, evenly spaced and rising.

    Raises
    ------
    InputError
        The box has no width, or its middle lies outside the scan, or the scan holds values that are no
        numbers there.
    """
    lower, upper = np.array(lesion.box_lps_mm[:3]), np.array(lesion.box_lps_mm[3:])
    if not np.all(upper[:2] > lower[:2]):
        raise InputError("The lesion's box has no width: draw its diameters again.")
    middle = 0.5 * (lower + upper)
    if not volume.geometry.contains(middle):
        raise InputError("The middle of the lesion's box lies outside the scan: mark the lesion inside it.")
    half = 0.5 * (size - 1) * spacing_mm
    # The box's centre, rounded to a whole pixel of the patch.
    left, top = (round(float(value - half) / spacing_mm) * spacing_mm for value in middle[:2])
    step = float(offsets_mm[1] - offsets_mm[0]) if len(offsets_mm) > 1 else spacing_mm
    origin = (left, top, float(middle[2] + offsets_mm[0]))
    grid = Geometry((size, size, len(offsets_mm)), (spacing_mm, spacing_mm, step), origin)
    hu = sample_grid(volume.hu, volume.geometry, grid, pad_hu=np.inf)
    notes = []
    if not np.isfinite(hu).all():
        beyond = np.isposinf(hu)
        if not np.isfinite(hu[~beyond]).all() or beyond.all():
            raise InputError(
                "The scan holds values that are not numbers around this lesion, so it can't be read: "
                "export the series again from where it came."
            )
        # A first or last slice has no neighbour on one side, which is nothing to speak of.
        share = float(beyond.all(axis=0).mean())
        if share:
            notes.append(AT_THE_EDGE.format(share=share))
        hu = _filled(hu, beyond, (step, spacing_mm, spacing_mm))
    corner = np.array([left, top, left, top])
    box = (np.concatenate([lower[:2], upper[:2]]) - corner) / spacing_mm
    kept = np.clip(box, 0.0, size - 1.0)
    if np.any(np.diff(box.reshape(2, 2), axis=0) > size - 1):
        notes.append(LARGER.format(width=size * spacing_mm))
    return LesionPatch(hu, kept.astype(np.float32), origin, tuple(notes))


def preprocess(hu: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn HU of any shape into a network's values: −1024…3071 as 0…255, less 50, over 255 (§5.2)."""
    values = np.clip(hu, LOWEST_HU, HIGHEST_HU).astype(np.float32) - np.float32(LOWEST_HU)
    scale = np.float32(1.0 / (HIGHEST_HU - LOWEST_HU))
    return np.asarray(values * scale - np.float32(GREY_MEAN / GREYS), dtype=np.float32)


def _filled(
    hu: NDArray[np.float32], missing: NDArray[np.bool_], step_mm: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Replace missing voxels by the nearest that is there: replicate padding where the scan ends."""
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(missing, sampling=step_mm, return_distances=False, return_indices=True)
    filled: NDArray[np.float32] = hu[tuple(nearest)]
    return filled
