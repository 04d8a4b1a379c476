"""Whether a model should answer for a lesion at all, and if not, why, in a sentence.

Two kinds of no. *Impossible*: there is nothing to read (no geometry, no Hounsfield
units, a point outside the scan or where its slices are missing); asking again doesn't
help. *Out of scope*: the model would answer, but not for what it was made for (air, not
a lung, a crop that is mostly beyond the scan); a person may have it read anyway.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import crop, crop_geometry, skip_gaps
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.lungs import lung_region
from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Lesion
from lesionscope.models.package import ModelPackage

AERATED_HU = -725.0
"""Mean HU around a point at or below which nothing but aerated lung or gas is there."""
DENSER_HU = -600.0
"""Tissue denser than this near the point may be part of a lesion, a faint one included."""
NEAR_MM = 5.0
CORE_MM = 3.0
DENSER_SHARE = 0.05
WALL_MM = 16.0
"""The wall of a cavity is looked for so far from its middle."""
WALL_HU = -650.0
WALL_SHARE = 0.85
LINES = 80
MAX_PADDING = 0.5
"""A crop of which more than this share lies beyond the scan is not read."""
NOTED_PADDING = 0.1
"""From this share on an answer says that the crop was not whole."""

UNREADABLE = {
    "not-hu": "The values of this series are not Hounsfield units, so no model here can read it: "
    "open the original CT series.",
    "no-geometry": "This series doesn't say where its pixels lie in the patient, so no model here can "
    "read it: open the original CT series.",
}
"""Findings of the reader that make an answer impossible, with what to say."""


def impossible(volume: CTVolume, lesion: Lesion) -> str | None:
    """Say why a lesion can't be read by any model; ``None`` where it can."""
    for finding in volume.findings:
        if finding.code in UNREADABLE:
            return UNREADABLE[finding.code]
    where = ", ".join(f"{value:.1f}" for value in lesion.centroid_lps_mm)
    if not volume.geometry.contains(lesion.centroid_lps_mm):
        low, high = extent(volume.geometry)
        span = "; ".join(f"{axis} {a:.0f} to {b:.0f}" for axis, a, b in zip("xyz", low, high, strict=True))
        return (
            f"The point ({where}) lies outside the scan, which spans {span} mm (LPS): "
            "mark the lesion inside it."
        )
    if not _was_scanned(volume.geometry, volume.geometry.to_voxel(lesion.centroid_lps_mm)):
        return (
            f"No slice was given near the point ({where}), where slices of this series are missing: "
            "mark the lesion on a slice, or open the whole series."
        )
    return None


def check(volume: CTVolume, lesion: Lesion, package: ModelPackage) -> str | None:
    """Say why a model should not answer for a lesion; ``None`` where it should.

    Parameters
    ----------
    volume
        The volume that the lesion was marked on.
    lesion
        Its centroid is judged (LPS mm).
    package
        The model; its card's ``scope`` ``lung`` asks for a point in a lung.

    Returns
    -------
    str or None
        A sentence: what is there, and what to do.
    """
    return impossible(volume, lesion) or out_of_scope(volume, lesion, package)


def out_of_scope(volume: CTVolume, lesion: Lesion, package: ModelPackage) -> str | None:
    """Say why a readable lesion is not one for this model; ``None`` where it is."""
    point = lesion.centroid_lps_mm
    card = package.card
    shape, spacing = card.preprocessing.shape, card.preprocessing.spacing_mm
    if any(finding.code == "single-slice" for finding in volume.findings) or volume.geometry.size[2] == 1:
        return (
            f"This series is a single slice, and '{card.title}' reads a cube of "
            f"{shape[0] * spacing:g} mm: open the whole series."
        )
    outside = outside_body(volume, lesion)
    if outside is not None:
        return outside
    region = lung_region(volume)
    if card.scope == "lung":
        if not region.has_lungs:
            return (
                f"No lung was found in this scan, and '{card.title}' was made for lung lesions only: "
                "choose a model for this part of the body."
            )
        if not region.contains(point):
            return (
                f"This point does not lie in a lung, and '{card.title}' was made for lung lesions only: "
                "click a lung lesion, or choose a model for this part of the body."
            )
    if _is_aerated(volume, point):
        return (
            "There is only air or aerated lung within a few millimetres of this point: "
            "click the centre of the lesion."
        )
    padding = _padding(volume, lesion, package)
    if padding > MAX_PADDING:
        return (
            f"The lesion lies at the edge of the scan: {padding:.0%} of the {shape[0] * spacing:g} mm cube "
            f"that '{card.title}' reads would be empty: open a series that shows all of it."
        )
    return None


def notes(volume: CTVolume, lesion: Lesion, package: ModelPackage) -> tuple[str, ...]:
    """Say what an answer for a lesion must be taken with; empty where nothing is."""
    padding = _padding(volume, lesion, package)
    if padding < NOTED_PADDING:
        return ()
    gap = "" if volume.geometry.is_uniform else " or of a gap in it"
    return (
        f"The lesion lies at the edge of the scan{gap}: {padding:.0%} of what this model sees lies beyond it "
        "and was filled with air.",
    )


def _padding(volume: CTVolume, lesion: Lesion, package: ModelPackage) -> float:
    """Share (0…1) of the cube that a model reads for which the volume has no values."""
    how = package.card.preprocessing
    return 1.0 - share_inside(
        volume.geometry, crop_geometry(lesion.centroid_lps_mm, how.shape, how.spacing_mm)
    )


def outside_body(volume: CTVolume, lesion: Lesion) -> str | None:
    """Say that a lesion's centre lies outside the patient; ``None`` where it doesn't."""
    point = lesion.centroid_lps_mm
    if lung_region(volume).in_body(point):
        return None
    hu = volume.hu_at(point)
    what = "air" if hu is not None and hu < -300 else "something"
    return f"This point lies in {what} outside the body: click the lesion itself."


def _is_aerated(volume: CTVolume, point: tuple[float, float, float]) -> bool:
    """Whether nothing but gas or aerated lung is at a point, and it isn't inside a cavity.

    Voxels beyond the scan don't count.
    """
    half = int(WALL_MM)
    side = 2 * half + 1
    cube = crop(volume, point, shape=(side, side, side), spacing_mm=1.0, pad_hu=float("nan"))
    axis = (np.arange(side) - half).astype(np.float64) ** 2
    distance = np.sqrt(axis[:, None, None] + axis[:, None] + axis)
    core, near = cube[distance <= CORE_MM], cube[distance <= NEAR_MM]
    core, near = core[np.isfinite(core)], near[np.isfinite(near)]
    if not core.size or core.mean() > AERATED_HU or np.mean(near > DENSER_HU) > DENSER_SHARE:
        return False
    return not _is_walled(cube, half)


def _is_walled(cube: NDArray[np.float32], half: int) -> bool:
    """Whether denser tissue surrounds a cube's centre, as a cavity's wall does.

    An airway has a wall too, but is open at both ends: no line through the centre
    may be. Vessels and pleura near normal lung leave most lines open.
    """
    steps = np.arange(2, half + 1)
    # A spiral on the half sphere: evenly spread lines through the centre (1 mm voxels, z y x).
    n = np.arange(LINES)
    z = (n + 0.5) / LINES
    turn = n * np.pi * (3.0 - np.sqrt(5.0))
    lines = np.stack([z, np.sqrt(1 - z**2) * np.sin(turn), np.sqrt(1 - z**2) * np.cos(turn)], axis=-1)
    reached = np.rint(lines[:, None] * steps[:, None]).astype(int)
    blocked = np.stack(
        [(cube[tuple(np.moveaxis(half + sign * reached, -1, 0))] > WALL_HU).any(axis=1) for sign in (1, -1)]
    )
    return bool(blocked.mean() >= WALL_SHARE and blocked.any(axis=0).all())


def extent(geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper LPS mm corner of the box around all voxel centres of a volume."""
    corners = geometry.corners_lps()
    return corners.min(axis=0), corners.max(axis=0)


def share_inside(geometry: Geometry, grid: Geometry) -> float:
    """Share (0…1) of a crop's grid whose points a volume has values for, from every other point."""
    if geometry.is_uniform and _was_scanned(geometry, geometry.to_voxel(grid.corners_lps())).all():
        return 1.0
    axes = [
        np.arange(0.5, count - 0.5 + 1e-9, 2.0) if count > 1 else np.zeros(1) for count in grid.size[::-1]
    ]
    points = grid.to_lps(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    return float(np.mean(_was_scanned(geometry, geometry.to_voxel(points))))


def _was_scanned(geometry: Geometry, index: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether voxel indices ``(…, 3)`` lie inside a volume and not deep in a gap between its slices."""
    limit = np.array(geometry.size[::-1]) - 0.5
    inside = np.all((index >= -0.5) & (index <= limit), axis=-1)
    return np.asarray(inside & skip_gaps(geometry, index[..., 0])[1])
