"""A scanner: what slice thickness, kernel and noise make of an implicit scene.

A scene is painted on a grid fine enough along z, averaged over the slice
thickness, smoothed in the plane as the kernel does, and given noise whose
correlation is the kernel's own (J. T. Bushberg et al., *The Essential Physics of
Medical Imaging*, 3rd ed. 2012, chapter 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas, Field

FINE_STEP_MM = 1.3
"""Slices further apart than this are averaged over several painted ones."""
KERNELS = {"soft": (0.62, 0.75), "standard": (0.48, 0.55), "lung": (0.34, 0.38)}
"""Kernel: sd of its blur, and of its noise's correlation, mm in the plane."""

Paint = Callable[[Canvas], object]


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
