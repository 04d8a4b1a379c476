"""A ``.nii.gz`` to HU and geometry, beside nibabel (row 5).

``python -m benchmarks.nifti [--slices 100] [--rounds 7]``. Ours also checks that the file is
whole, digests it for a UID, and looks whether its values can be HU. nibabel
comes with the extra ``bench``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK

from benchmarks.rows import interleaved, record
from benchmarks.sample import as_image
from benchmarks.series import SIDE, volume
from lesionscope.ct.scan import open_ct


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "ct.nii.gz"
        SimpleITK.WriteImage(as_image(volume(arguments.slices, smooth=True)), str(path), useCompression=True)
        peer = None
        try:
            import nibabel
        except ImportError:
            pass
        else:

            def peer() -> np.ndarray:
                return np.asanyarray(nibabel.load(path).dataobj)

            ours = open_ct(path)
            assert np.array_equal(ours.hu, peer().T)
            affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ nibabel.load(path).affine
            assert np.allclose(affine[:3, 3], ours.geometry.origin_lps_mm, atol=1e-3)
            assert np.allclose(affine[:3, :3], ours.geometry.axes * ours.geometry.spacing_mm, atol=1e-5)
        record(
            interleaved(
                f".nii.gz {arguments.slices} × {SIDE}² → HU and geometry",
                lambda: open_ct(path),
                "nibabel dataobj",
                peer,
                target=2.4,
                good=2.5,
                rounds=arguments.rounds,
                limit="inflating",
                note="" if peer else "nibabel isn't installed: it comes with the extra bench",
                number=5,
            )
        )


if __name__ == "__main__":
    main()
