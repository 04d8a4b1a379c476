"""A scanner: what slice thickness, kernel and noise make of an implicit scene.

A scene is painted on a grid fine enough along z, averaged over the slice
thickness, smoothed in the plane as the kernel does, and given noise whose
correlation is the kernel's own (J. T. Bushberg et al., *The Essential Physics of
Medical Imaging*, 3rd ed. 2012, chapter 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas, Field
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

FINE_STEP_MM = 1.3
"""Slices further apart than this are averaged over several painted ones."""
KERNELS = {"soft": (0.62, 0.75), "standard": (0.48, 0.55), "lung": (0.34, 0.38)}
"""Kernel: sd of its blur, and of its noise's correlation, mm in the plane."""

Paint = Callable[[Canvas], object]
Slab = tuple[int, Geometry]
"""Number of the first slice, and the grid of some slices from there."""


@dataclass(frozen=True)
class Scanner:
    """Spacing in the plane and between slices (mm), slice thickness (mm), kernel, noise (sd, HU)."""

    pixel_mm: float
    slice_step_mm: float
    thickness_mm: float
    kernel: str
    noise_hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Scanner:
        """Draw the protocol of one scan."""
        step, thickness = ((1.0, 1.0), (1.25, 1.25), (1.0, 1.5), (2.0, 2.0), (2.5, 2.5))[
            int(rng.choice(5, p=(0.33, 0.27, 0.16, 0.14, 0.10)))
        ]
        kernel = ("soft", "standard", "lung")[int(rng.choice(3, p=(0.3, 0.45, 0.25)))]
        noise = float(rng.uniform(9, 20)) * {"soft": 0.8, "standard": 1.0, "lung": 1.5}[kernel]
        return cls(float(rng.uniform(0.64, 0.86)), step, thickness, kernel, noise)


def _sub_slices(geometry: Geometry) -> tuple[Geometry, int]:
    """Return a grid with ``m`` slices for each of the given ones (even stacks only)."""
    step = geometry.spacing_mm[2]
    m = 1 if step is None else max(1, round(step / FINE_STEP_MM))
    if m == 1 or step is None:
        return geometry, 1
    shift = geometry.axes[:, 2] * step * (-(m - 1) / (2 * m))
    origin = np.array(geometry.origin_lps_mm) + shift
    return (
        Geometry(
            (geometry.size[0], geometry.size[1], geometry.size[2] * m),
            (geometry.spacing_mm[0], geometry.spacing_mm[1], step / m),
            (float(origin[0]), float(origin[1]), float(origin[2])),
            geometry.direction,
        ),
        m,
    )


def render(paint: Paint, geometry: Geometry, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """Scan a scene on any grid.

    Parameters
    ----------
    paint
        Paints the scene onto a canvas.
    geometry
        The grid; its own spacing counts, not the scanner's.
    scanner
        Thickness, kernel and noise.
    rng
        Draws the noise.

    Returns
    -------
    ndarray
        HU, int16 ``geometry.size[::-1]``, clipped to -1024…3071.
    """
    fine, m = _sub_slices(geometry)
    canvas = Canvas(fine)
    paint(canvas)
    hu = canvas.hu
    if m > 1:
        hu = hu.reshape(geometry.size[2], m, *hu.shape[1:]).mean(axis=1)
    hu = blur(hu, geometry, scanner)
    hu += noise(hu.shape, geometry, scanner, rng)
    np.rint(hu, out=hu)
    return np.clip(hu, -1024, 3071).astype(np.int16)


def slabs(geometry: Geometry, slices: int) -> Iterator[Slab]:
    """Cut an even grid into slabs of at most so many slices."""
    ni, nj, nk = geometry.size
    for start in range(0, nk, slices):
        x, y, z = map(float, geometry.to_lps([start, 0, 0]))
        size = (ni, nj, min(slices, nk - start))
        yield start, Geometry(size, geometry.spacing_mm, (x, y, z), geometry.direction)


def scan(
    scan_slab: Callable[[Slab], NDArray[np.int16]],
    geometry: Geometry,
    slices: int,
    *,
    title: str,
    workers: int = 1,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> NDArray[np.int16]:
    """Scan an even grid slab by slab, so that only the volume and a few slabs are in memory.

    Parameters
    ----------
    scan_slab
        Makes the HU of a slab from nothing but its number and grid; can be pickled where there are
        several workers.
    geometry
        The grid.
    slices
        In a slab: the noise depends on it, the number of workers changes nothing.
    title
        What the progress says.
    workers
        Processes.
    progress, cancel
        Told and asked after each slab.

    Returns
    -------
    ndarray
        HU, int16 ``geometry.size[::-1]``.
    """
    jobs = list(slabs(geometry, slices))
    hu = np.empty(geometry.size[::-1], dtype=np.int16)
    for (start, _), slab in zip(jobs, ordered(scan_slab, jobs, workers), strict=True):
        if cancel is not None:
            cancel.check()
        hu[start : start + len(slab)] = slab
        progress(start + len(slab), len(hu), title)
    return hu


def blur(hu: Field, geometry: Geometry, scanner: Scanner) -> Field:
    """Smooth in the plane by the kernel, and along z where slices overlap."""
    from scipy.ndimage import gaussian_filter1d

    sd = KERNELS[scanner.kernel][0]
    overlap = max(scanner.thickness_mm**2 - geometry.slice_step_mm**2, 0.0) / 12
    for axis, mm, step in (
        (2, sd, geometry.spacing_mm[0]),
        (1, sd, geometry.spacing_mm[1]),
        (0, overlap**0.5, geometry.slice_step_mm),
    ):
        if mm > 0.15 * step and hu.shape[axis] > 1:
            hu = gaussian_filter1d(hu, mm / step, axis=axis, mode="nearest", truncate=3.0)
    return np.asarray(hu, dtype=np.float32)


def noise(shape: tuple[int, ...], geometry: Geometry, scanner: Scanner, rng: np.random.Generator) -> Field:
    """Draw noise of the scanner's sd, correlated in the plane as its kernel has it."""
    from scipy.ndimage import gaussian_filter1d

    field = rng.standard_normal(shape, dtype=np.float32)
    sd = KERNELS[scanner.kernel][1]
    scale = scanner.noise_hu
    for axis, step in ((2, geometry.spacing_mm[0]), (1, geometry.spacing_mm[1])):
        if shape[axis] > 1:
            field = gaussian_filter1d(field, sd / step, axis=axis, mode="wrap", truncate=3.0)
            taps = np.exp(-0.5 * (np.arange(-9, 10) * step / sd) ** 2)
            taps /= taps.sum()
            scale /= float(np.sqrt(np.sum(taps**2)))
    return np.asarray(field * np.float32(scale))
