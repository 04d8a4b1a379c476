"""Peak memory of opening a series, in volumes, beside SimpleITK (row 2); Linux.

``python -m benchmarks.dicom_memory [--slices 300]``. Each is measured in a process of its own that has opened
another series before, so that libraries and decoders don't count. Uncompressed, then JPEG-LS.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pydicom.uid import JPEGLSLossless

from benchmarks.rows import Quiet, Row, record
from benchmarks.series import SIDE, written

MEASURE = """
import re, sys
from pathlib import Path
import numpy as np
from benchmarks.series import simpleitk
from lesionscope.ct.scan import open_ct

def peak(field):
    return int(re.search(field + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

read = {"ours": lambda folder: open_ct(folder).hu, "simpleitk": lambda folder: simpleitk(folder)}[sys.argv[1]]
read(Path(sys.argv[2]))
before = peak("VmRSS")
kept = read(Path(sys.argv[3]))
hu = kept if isinstance(kept, np.ndarray) else kept[1]
assert hu.dtype == np.int16
print((peak("VmHWM") - before) / hu.nbytes)
"""


def volumes(reader: str, small: Path, big: Path) -> float:
    """Return the peak of a fresh process, in volumes."""
    command = [sys.executable, "-c", MEASURE, reader, str(small), str(big)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    slices = parser.parse_args().slices
    for name, syntax, most in (("uncompressed", None, 1.05), ("JPEG-LS", JPEGLSLossless, 1.3)):
        with tempfile.TemporaryDirectory() as place, Quiet() as watch:
            small, big = Path(place) / "small", Path(place) / "big"
            written(small, 4, syntax)
            written(big, slices, syntax)
            ours, theirs = (round(volumes(reader, small, big), 3) for reader in ("ours", "simpleitk"))
        record(
            Row(
                f"peak memory of opening it, {name}, {slices} × {SIDE}²",
                ours,
                "SimpleITK ImageSeriesReader",
                theirs,
                round(theirs / ours, 2),
                most,
                ours <= most,
                watch.quiet,
                limit="1.00 volumes",
                number=2,
                unit="volumes",
                load=watch.load,
            )
        )


if __name__ == "__main__":
    main()
