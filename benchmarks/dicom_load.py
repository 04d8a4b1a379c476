"""A folder of uncompressed DICOM slices to HU and geometry, beside SimpleITK (row 1).

``python -m benchmarks.dicom_load [--slices 300] [--rounds 11]``. The limit is a bare read: the same
bytes into the same array on one thread, nothing looked at.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.rows import in_turn, interleaved, record
from benchmarks.series import SIDE, simpleitk, written
from lesionscope.ct.scan import open_ct, scan
from lesionscope.ct.series import SeriesInfo


def bare_read(series: SeriesInfo) -> np.ndarray:
    """Read the pixels of known files into an array."""
    hu = np.empty(series.size[::-1], np.int16)
    for k, item in enumerate(series.slices):
        file = os.open(item.header.file.path, os.O_RDONLY)
        os.preadv(file, [hu[k]], item.header.pixels.offset)
        os.close(file)
    return hu


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written(folder, arguments.slices)
        volume, (image, theirs) = open_ct(folder), simpleitk(folder)
        assert np.array_equal(volume.hu, theirs)
        assert np.allclose(volume.geometry.origin_lps_mm, image.GetOrigin())
        assert np.allclose(volume.geometry.spacing_mm, image.GetSpacing())
        assert np.allclose(volume.geometry.direction, image.GetDirection())
        del volume, image, theirs
        (series,) = scan(folder).series
        bare, ours = in_turn(arguments.rounds, lambda: bare_read(series), lambda: open_ct(folder))
        record(
            interleaved(
                f"DICOM series {arguments.slices} × {SIDE}² → int16 HU and geometry",
                lambda: open_ct(folder),
                "SimpleITK ImageSeriesReader",
                lambda: simpleitk(folder),
                target=12.0,
                good=11.0,
                rounds=arguments.rounds,
                limit="14×",
                note=f"{ours.ms / bare.ms:.1f} times a bare read on one thread ({bare.ms:.0f} ms)",
                number=1,
            )
        )


if __name__ == "__main__":
    main()
