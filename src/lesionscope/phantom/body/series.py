"""A whole body scanned onto a grid, slab by slab."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.body.body import Body
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.scanner import Scanner, render
from lesionscope.progress import CancelToken, Progress, silent

SLAB_SLICES = 4

_Job = tuple[int, Geometry, Scanner, int]


@lru_cache(maxsize=2)
def _body(seed: int) -> Body:
    return Body(seed)


def _slab(job: _Job) -> NDArray[np.int16]:
    seed, geometry, scanner, start = job
    rng = np.random.default_rng([seed, 36, start])
    return render(_body(seed).paint, geometry, scanner, rng)


def body_hu(
    seed: int,
    geometry: Geometry,
    scanner: Scanner | None = None,
    *,
    workers: int = 1,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> NDArray[np.int16]:
    """Scan a patient onto an even grid whose axes are the patient's.

    Parameters
    ----------
    seed
        The patient.
    geometry
        The grid.
    scanner
        Thickness, kernel and noise; by default a standard one as thick as the step.
    workers
        Processes; the result doesn't depend on them.
    progress, cancel
        Told and asked after each slab.

    Returns
    -------
    ndarray
        HU, int16 ``geometry.size[::-1]``.
    """
    pixel, _, step = geometry.spacing_mm
    thick = geometry.slice_step_mm if step is None else step
    scanner = scanner or Scanner(pixel, thick, thick, "standard", 12.0)
    ni, nj, nk = geometry.size
    starts = range(0, nk, SLAB_SLICES)
    jobs: list[_Job] = []
    for start in starts:
        origin = geometry.to_lps([start, 0, 0])
        corner = (float(origin[0]), float(origin[1]), float(origin[2]))
        size = (ni, nj, min(SLAB_SLICES, nk - start))
        jobs.append((seed, Geometry(size, geometry.spacing_mm, corner, geometry.direction), scanner, start))
    hu = np.empty((nk, nj, ni), dtype=np.int16)
    for start, slab in zip(starts, ordered(_slab, jobs, workers), strict=True):
        if cancel is not None:
            cancel.check()
        hu[start : start + len(slab)] = slab
        progress(start + len(slab), nk, "Scanning a phantom body")
    return hu
