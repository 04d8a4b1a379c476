"""A small volume with marks that tell every mirroring and every swap of axes apart."""

from __future__ import annotations

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source

BACKGROUND_HU = -900
CORNER_HU = tuple(100 * (number + 1) for number in range(8))
"""HU at corner (k, j, i), each 0 at the low and 1 at the high end: number 4k + 2j + i."""
BALL_HU = 1500
BALL_FRACTION = (0.30, 0.62, 0.41)
"""Where the ball lies, as shares of the volume's extent along (k, j, i): off every symmetry."""


def corner_blocks(geometry: Geometry) -> dict[int, tuple[slice, slice, slice]]:
    """HU of each corner mark and the voxels it fills (an eighth of each side, at least one)."""
    width = [max(1, count // 8) for count in geometry.size[::-1]]
    blocks = {}
    for number, hu in enumerate(CORNER_HU):
        ends = ((number >> 2) & 1, (number >> 1) & 1, number & 1)
        blocks[hu] = tuple(
            slice(count - w, count) if end else slice(0, w)
            for end, count, w in zip(ends, geometry.size[::-1], width, strict=True)
        )
    return {hu: (block[0], block[1], block[2]) for hu, block in blocks.items()}


def ball_centre(geometry: Geometry) -> tuple[float, float, float]:
    """Centre of the ball, LPS mm."""
    kji = [share * (count - 1) for share, count in zip(BALL_FRACTION, geometry.size[::-1], strict=True)]
    x, y, z = (float(value) for value in geometry.to_lps(kji))
    return x, y, z


def corner_marked(geometry: Geometry, ball_radius_mm: float | None = None) -> CTVolume:
    """Make a volume whose eight corners and one ball carry HU of their own.

    Parameters
    ----------
    geometry
        Any grid.
    ball_radius_mm
        A sixth of the shortest side unless given.
    """
    hu = np.full(geometry.size[::-1], BACKGROUND_HU, dtype=np.int16)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in hu.shape), indexing="ij"), axis=-1)
    steps = (geometry.slice_step_mm, geometry.spacing_mm[1], geometry.spacing_mm[0])
    if ball_radius_mm is None:
        ball_radius_mm = min(count * step for count, step in zip(hu.shape, steps, strict=True)) / 6
    distance = np.linalg.norm(geometry.to_lps(index) - np.array(ball_centre(geometry)), axis=-1)
    hu[distance <= ball_radius_mm] = BALL_HU
    for mark, block in corner_blocks(geometry).items():
        hu[block] = mark
    return CTVolume(hu, geometry, Source(uid="phantom-corners", description="Corner-marked phantom"))
