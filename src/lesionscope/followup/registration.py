"""Rigid registration of two studies of one patient, from coarse to fine, with SimpleITK.

Both volumes are sampled on 4 mm grids along the patient's axes and their bodies found, so that
tables and blankets count for nothing. Where the follow-up lies, roughly, comes from normalised
correlation over all shifts at once (Padfield, IEEE Trans Image Process 21 (2012) 2706–2718); from
there mutual information (Mattes et al., IEEE Trans Med Imaging 22 (2003) 120–128), which bears
contrast medium and another kernel, is climbed at two smoothings. The result is held to what the
bodies share under it: studies that don't show the same part of the same body are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import AIR_HU, sample_grid
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.lungs import find_body
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.followup.rigid import Rigid
from lesionscope.lesions.lesion import Point
from lesionscope.progress import CancelToken, Progress, silent

if TYPE_CHECKING:
    import SimpleITK

GRID_MM = 4.0
SEARCH_STRIDE = 2
"""The search over all shifts goes by every other voxel of that grid."""
SEARCH_OVERLAPS = (0.6, 0.2)
"""Shifts that leave less than this share of the greatest overlap aren't looked at: small overlaps
correlate well by chance, so they are tried only where large ones lead nowhere."""
HU_RANGE = (-1000.0, 300.0)
"""Dense bone and metal are few voxels; they must not outweigh the rest."""
FEWEST_VOXELS = 4
LEVELS = ((4.0, 0.2, 2.0), (2.0, 0.5, 0.5))
"""Smoothing (mm), share of voxels looked at, first step (mm) of each level."""
SMALLEST_STEP_MM, MOST_STEPS, STEP_RELAXATION = 0.01, 100, 0.8
LEAST_OVERLAP, LEAST_SIMILARITY = 0.25, 0.7
"""What bodies must share, as a share of the smaller one, and correlate there. Right alignments of the
tests' scans correlate by 0.84 or more, of different patients and upside-down ones by 0.66 or less."""
TITLE = "Aligning the two studies"
TOO_LITTLE = (
    "The two studies share too little of the body to be linked: choose series that show the same part of it."
)
TOO_DIFFERENT = (
    "The two studies look too different where they overlap (correlation {similarity:.2f}) to be linked: "
    "check that both show the same part of the same patient."
)


class NotAligned(LesionscopeError):
    """Two studies could not be aligned; the sentence says why."""


@dataclass(frozen=True)
class Alignment:
    """How a follow-up lies against its baseline.

    Parameters
    ----------
    to_followup
        Maps the baseline's LPS mm to the follow-up's.
    overlap
        Share of the smaller body that lies in the other one.
    similarity
        Correlation of HU where the bodies overlap, at most 1.
    """

    to_followup: Rigid
    overlap: float
    similarity: float

    @property
    def is_good(self) -> bool:
        """Whether it may be relied on."""
        return self.overlap >= LEAST_OVERLAP and self.similarity >= LEAST_SIMILARITY


@dataclass(frozen=True, eq=False)
class _Coarse:
    """A study on the coarse grid: HU within :data:`HU_RANGE`, and its body, (z, y, x)."""

    hu: NDArray[np.float32]
    body: NDArray[np.bool_]
    geometry: Geometry


def register(
    baseline: CTVolume,
    followup: CTVolume,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Alignment:
    """Find how the follow-up lies against the baseline.

    Raises
    ------
    NotAligned
        They share too little, are too thin, or look too different where they overlap.
    Cancelled
        The person asked to stop.
    """
    check = (cancel or CancelToken()).check
    steps = 2 + len(SEARCH_OVERLAPS)
    studies = []
    for done, volume in enumerate((baseline, followup)):
        check()
        progress(done, steps, TITLE)
        studies.append(_coarse(volume))
    fixed, moving = studies
    tries = []
    for done, least in enumerate(SEARCH_OVERLAPS, 2):
        check()
        progress(done, steps, TITLE)
        found = _refine(fixed, moving, _search(fixed, moving, least), check)
        if found is None:
            continue
        tries.append(Alignment(found, *_agreement(fixed, moving, found)))
        if tries[-1].is_good:
            break
    progress(steps, steps, TITLE)
    if not tries:
        raise NotAligned(TOO_LITTLE)
    best = max(tries, key=lambda one: (one.is_good, one.overlap))
    if best.overlap < LEAST_OVERLAP:
        raise NotAligned(TOO_LITTLE)
    if not best.is_good:
        raise NotAligned(TOO_DIFFERENT.format(similarity=best.similarity))
    return best


def _coarse(volume: CTVolume) -> _Coarse:
    """Sample a volume on the coarse grid and find its body."""
    corners = volume.geometry.corners_lps()
    low, high = corners.min(axis=0), corners.max(axis=0)
    x, y, z = (int((high[axis] - low[axis]) // GRID_MM) + 1 for axis in range(3))
    if min(x, y, z) < FEWEST_VOXELS:
        raise NotAligned(
            f"One of the studies is thinner than {FEWEST_VOXELS * GRID_MM:g} mm: it can't be aligned."
        )
    origin = (float(low[0]), float(low[1]), float(low[2]))
    grid = Geometry((x, y, z), (GRID_MM, GRID_MM, GRID_MM), origin)
    sampled = np.nan_to_num(sample_grid(volume.hu, volume.geometry, grid), nan=AIR_HU)
    body = find_body(sampled, (GRID_MM, GRID_MM, GRID_MM))
    if not body.any():
        raise NotAligned("No body was found in one of the studies: they can't be aligned.")
    return _Coarse(np.clip(sampled, *HU_RANGE), body, grid)


def _search(fixed: _Coarse, moving: _Coarse, least_overlap: float) -> Point:
    """Return the shift (LPS mm) under which the bodies correlate best, to the coarse voxel."""
    from skimage.registration import phase_cross_correlation

    studies = (fixed, moving)
    stride = (slice(None, None, SEARCH_STRIDE),) * 3
    shape = np.max([study.hu[stride].shape for study in studies], axis=0)
    hu = [_padded(study.hu[stride], shape) for study in studies]
    bodies = [_padded(study.body[stride], shape) for study in studies]
    voxels, _, _ = phase_cross_correlation(
        *hu, reference_mask=bodies[0], moving_mask=bodies[1], overlap_ratio=least_overlap
    )
    step = SEARCH_STRIDE * GRID_MM
    origins = np.subtract(moving.geometry.origin_lps_mm, fixed.geometry.origin_lps_mm)
    x, y, z = (float(value) for value in origins - np.asarray(voxels)[::-1] * step)
    return (x, y, z)


def _padded(values: NDArray[Any], shape: NDArray[np.intp]) -> NDArray[Any]:
    return np.pad(values, [(0, int(more)) for more in shape - values.shape])


def _refine(fixed: _Coarse, moving: _Coarse, shift: Point, check: Callable[[], None]) -> Rigid | None:
    """Climb from a shift to the rigid map with the most mutual information; ``None`` where that fails."""
    import SimpleITK

    transform = SimpleITK.Euler3DTransform()
    middle = fixed.geometry.to_lps(np.argwhere(fixed.body).mean(axis=0))
    transform.SetCenter([float(value) for value in middle])
    transform.SetTranslation(shift)
    images = [_image(study.hu, study.geometry) for study in (fixed, moving)]
    masks = [_image(study.body.astype(np.uint8), study.geometry) for study in (fixed, moving)]
    for smoothing, share, step in LEVELS:
        check()
        method = SimpleITK.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation()
        method.SetMetricFixedMask(masks[0])
        method.SetMetricMovingMask(masks[1])
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, 1)
        method.SetInterpolator(SimpleITK.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(step, SMALLEST_STEP_MM, MOST_STEPS, STEP_RELAXATION)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetInitialTransform(transform, inPlace=True)
        _stop_on_cancel(method, check)
        smooth = [SimpleITK.SmoothingRecursiveGaussian(image, smoothing) for image in images]
        try:
            method.Execute(*smooth)
        except RuntimeError:  # too few voxels lie in both bodies
            check()
            return None
        check()
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    x, y, z = (float(v) for v in centre - rotation @ centre + np.array(transform.GetTranslation()))
    return Rigid(tuple(float(value) for value in rotation.ravel()), (x, y, z))


def _stop_on_cancel(method: Any, check: Callable[[], None]) -> None:
    """Stop between two steps of the climb; the caller's own check then says so."""
    import SimpleITK

    def step() -> None:
        try:
            check()
        except LesionscopeError:
            method.StopRegistration()

    method.AddCommand(SimpleITK.sitkIterationEvent, step)


def _agreement(fixed: _Coarse, moving: _Coarse, found: Rigid) -> tuple[float, float]:
    """Return the bodies' overlap, as a share of the smaller one, and the correlation of HU there."""
    from scipy import ndimage

    inside = np.argwhere(fixed.body)
    there = moving.geometry.to_voxel(found.points(fixed.geometry.to_lps(inside))).T
    shared = ndimage.map_coordinates(moving.body.astype(np.float32), there, order=1) > 0.5
    overlap = float(shared.sum()) / float(min(fixed.body.sum(), moving.body.sum()))
    first = fixed.hu[fixed.body][shared]
    second = ndimage.map_coordinates(moving.hu, there[:, shared], order=1)
    if shared.sum() < 2 or not (first.std() and second.std()):
        return overlap, 0.0
    return overlap, float(np.corrcoef(first, second)[0, 1])


def _image(values: NDArray[Any], geometry: Geometry) -> SimpleITK.Image:
    import SimpleITK

    image = SimpleITK.GetImageFromArray(values)
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetSpacing((GRID_MM, GRID_MM, GRID_MM))
    return image
