"""A network's crop and patch cut from a CT, beside SimpleITK and a zoom of the whole volume (row 6).

``python -m benchmarks.crops [--rounds 31] [--zooms 1]``. The bundled patient's first lesion: 48³ voxels of
1 mm, and three slices 2 mm apart of 120² pixels.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from benchmarks.rows import interleaved, record
from benchmarks.sample import as_image, patient, resampled
from lesionscope.ct.crops import crop, crop_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.patches import OFFSETS_MM, SIZE, lesion_patch
from lesionscope.ct.volume import CTVolume

MANY = 20
"""Cuts in one timing: one alone is too short to time."""


def zoomed(volume: CTVolume, centre: tuple[float, float, float]) -> NDArray[np.float32]:
    """Bring the whole volume to 1 mm, then cut the nearest voxels."""
    factors = volume.geometry.spacing_mm[::-1]
    whole = zoom(volume.hu.astype(np.float32), factors, order=1, grid_mode=True, mode="nearest")
    middle = (volume.geometry.to_voxel(centre) + 0.5) * factors
    start = [max(round(float(m)) - 24, 0) for m in middle]
    return whole[tuple(slice(s, s + 48) for s in start)]


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--zooms", type=int, default=1)
    arguments = parser.parse_args()
    volume, lesions = patient()
    image, lesion = as_image(volume), lesions[0]
    cube = crop_geometry(lesion.centroid_lps_mm)
    origin = lesion_patch(volume, lesion).origin_lps_mm
    step = OFFSETS_MM[1] - OFFSETS_MM[0]
    flat = Geometry((SIZE, SIZE, len(OFFSETS_MM)), (1.0, 1.0, step), origin)
    # ITK interpolates in double precision, we in single: a hundredth of a HU apart at most.
    assert np.allclose(crop(volume, lesion.centroid_lps_mm), resampled(image, cube), atol=0.02)
    assert np.allclose(lesion_patch(volume, lesion).hu, resampled(image, flat), atol=0.02)
    for name, ours, grid in (
        ("crop 48³", lambda: crop(volume, lesion.centroid_lps_mm), cube),
        (f"patch 3 × {SIZE}²", lambda: lesion_patch(volume, lesion), flat),
    ):
        record(
            interleaved(
                f"{name} at 1 mm, {MANY} times",
                lambda ours=ours: [ours() for _ in range(MANY)],
                "SimpleITK resampling of the region",
                lambda grid=grid: [resampled(image, grid) for _ in range(MANY)],
                target=6.0,
                good=3.4,
                rounds=arguments.rounds,
                limit="copy, 0.03 ms each",
                number=6,
            )
        )
    if arguments.zooms:
        record(
            interleaved(
                "crop 48³ at 1 mm",
                lambda: crop(volume, lesion.centroid_lps_mm),
                "scipy zoom of the whole volume",
                lambda: zoomed(volume, lesion.centroid_lps_mm),
                target=2900.0,
                good=2900.0,
                rounds=arguments.zooms,
                limit="copy, 0.03 ms each",
                note=f"a volume of {'×'.join(map(str, volume.geometry.size))}; the peer's grid is only close",
                number=6,
            )
        )


if __name__ == "__main__":
    main()
