"""Augmentation of cubes (paper 000, §2.3: "random rotation, flipping and translation").

A 48³ crop is cut from a cached 64³ cube of HU (int16, 1 mm), so that
translation costs an index; right-angled rotations and flips are transposed views;
rotation by a small free angle resamples trilinearly. Every draw comes from one
generator per case, so a cube's augmentation does not depend on its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

Cube = NDArray[np.int16]
PAD_HU = -1024
"""What lies outside a scan; crops at its border hold slabs of it."""
AXES = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


@dataclass(frozen=True)
class Augmentation:
    """What is drawn for each cube, each time it is shown.

    Parameters
    ----------
    shift
        Largest translation along each axis in voxels (mm); at most 8.
    flip
        Mirror each axis with probability ½.
    rotate90
        Exchange axes at random; with ``flip``, all 48 symmetries of the cube.
    angle_deg
        Largest free rotation about a random axis; 0 leaves the voxels as they are.
    pad
        Probability of slabs of padding at one face, or two opposite ones, as a
        crop at the border of a scan has them.
    pad_voxels
        Thickest slab.
    """

    shift: int = 4
    flip: bool = True
    rotate90: bool = True
    angle_deg: float = 0.0
    pad: float = 0.1
    pad_voxels: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 8:
            raise ValueError("shift must lie in 0…8 (a 48³ crop from a 64³ cube)")
        if not 0 <= self.pad <= 1 or not 1 <= self.pad_voxels <= 24:
            raise ValueError("pad must lie in 0…1 and pad_voxels in 1…24")
        if not 0 <= self.angle_deg <= 45:
            raise ValueError("angle_deg must lie in 0…45")


NONE = Augmentation(shift=0, flip=False, rotate90=False, angle_deg=0.0, pad=0.0)


def centre_crop(cube: Cube, side: int = 48, shift: tuple[int, int, int] = (0, 0, 0)) -> Cube:
    """Cut the central ``side``³ of a cube, moved by whole voxels; a view."""
    starts = [(size - side) // 2 + offset for size, offset in zip(cube.shape, shift, strict=True)]
    if any(s < 0 or s + side > size for s, size in zip(starts, cube.shape, strict=True)):
        raise ValueError(f"a crop of {side} moved by {shift} leaves a cube of shape {cube.shape}")
    z, y, x = starts
    return cube[z : z + side, y : y + side, x : x + side]


def pad_slabs(cube: Cube, rng: np.random.Generator, thickest: int = 16) -> Cube:
    """Return a copy with padding at a random face, or with probability ½ at the opposite one too."""
    padded = cube.copy()
    view = np.moveaxis(padded, int(rng.integers(3)), 0)
    if rng.random() < 0.5:
        view = view[::-1]
    view[: int(rng.integers(1, thickest + 1))] = PAD_HU
    if rng.random() < 0.5:
        view[-int(rng.integers(1, thickest + 1)) :] = PAD_HU
    return padded


def augment(cube: Cube, rng: np.random.Generator, settings: Augmentation, side: int = 48) -> Cube:
    """Draw one augmented crop ``(side, side, side)`` from a larger cube, int16 HU."""
    z, y, x = (int(v) for v in rng.integers(-settings.shift, settings.shift + 1, size=3))
    order = AXES[int(rng.integers(len(AXES)))]
    mirrored = rng.random(3) < 0.5
    direction = rng.normal(size=3)
    angle = np.deg2rad(rng.uniform(-settings.angle_deg, settings.angle_deg))
    padded = rng.random() < settings.pad
    if settings.angle_deg > 0:
        crop = _rotated_crop(cube, direction / np.linalg.norm(direction) * angle, (z, y, x), side)
    else:
        crop = centre_crop(cube, side, (z, y, x))
    if settings.rotate90:
        crop = crop.transpose(order)
    if settings.flip:
        crop = crop[tuple(slice(None, None, -1 if m else 1) for m in mirrored)]
    if padded:
        crop = pad_slabs(crop, rng, settings.pad_voxels)
    return crop


def _rotated_crop(
    cube: Cube, rotation_vector: NDArray[np.float64], shift: tuple[int, int, int], side: int
) -> Cube:
    """Cut a crop rotated about the cube's centre, moved by ``shift``; trilinear, edges repeated."""
    matrix = Rotation.from_rotvec(rotation_vector).as_matrix()
    centre_in = (np.array(cube.shape) - 1) / 2 + np.array(shift)
    centre_out = (side - 1) / 2 * np.ones(3)
    rotated = affine_transform(
        cube,
        matrix,
        offset=centre_in - matrix @ centre_out,
        output_shape=(side, side, side),
        order=1,
        mode="nearest",
        output=np.float32,
    )
    return np.asarray(np.rint(rotated), dtype=np.int16)
