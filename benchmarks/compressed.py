"""Compressed series to HU, beside SimpleITK (row 3): JPEG-LS, JPEG 2000, run lengths.

``python -m benchmarks.compressed [--slices 40] [--rounds 5]``. Smoothed noise packs about as well
as a CT does.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from benchmarks.rows import interleaved, record
from benchmarks.series import SIDE, simpleitk, written
from lesionscope.ct.scan import open_ct

SYNTAXES = (
    ("JPEG-LS", JPEGLSLossless, 2.5, 2.5),
    ("JPEG 2000", JPEG2000Lossless, 1.7, 2.1),
    ("RLE", RLELossless, 60.0, 60.0),
)
"""Name, UID, the ratio of a good implementation, and the one aimed at."""


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for name, syntax, good, target in SYNTAXES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            written(folder, arguments.slices, syntax)
            _image, theirs = simpleitk(folder)
            assert np.array_equal(open_ct(folder).hu, theirs)
            record(
                interleaved(
                    f"{name} series {arguments.slices} × {SIDE}² → HU",
                    lambda folder=folder: open_ct(folder),
                    "SimpleITK ImageSeriesReader",
                    lambda folder=folder: simpleitk(folder),
                    target=target,
                    good=good,
                    rounds=arguments.rounds,
                    limit="2 × one core's decoding",
                    number=3,
                )
            )


if __name__ == "__main__":
    main()
