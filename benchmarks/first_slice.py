"""Time until a series' middle slice can be shown, beside a pass of pydicom (row 4).

``python -m benchmarks.first_slice [--slices 300] [--rounds 11]``. Both read every file's header,
order the slices, and decode one. The window shows a series when it is loaded, which row 1 measures.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from benchmarks.rows import interleaved, record
from benchmarks.series import SIDE, written
from lesionscope.ct.decode import FrameDecoder
from lesionscope.ct.scan import scan
from lesionscope.ct.sources import FileReader


def ours(folder: Path) -> NDArray[np.float64]:
    series = scan(folder).preferred()[0]
    item = series.slices[len(series.slices) // 2]
    with FileReader() as reader, FrameDecoder(reader) as decoder:
        stored = decoder.stored(item.header, item.frame.index)
    return stored * (item.frame.slope or 1.0) + (item.frame.intercept or 0.0)


def peer(folder: Path) -> NDArray[np.float64]:
    headers = [(dcmread(file, stop_before_pixels=True), file) for file in folder.iterdir()]
    headers.sort(key=lambda one: one[0].ImagePositionPatient[2])
    ds = dcmread(headers[len(headers) // 2][1])
    return ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written(folder, arguments.slices)
        assert np.array_equal(ours(folder), peer(folder))
        record(
            interleaved(
                f"first viewable slice of {arguments.slices} × {SIDE}²",
                lambda: ours(folder),
                "pydicom headers + one slice",
                lambda: peer(folder),
                target=20.0,
                good=13.0,
                rounds=arguments.rounds,
                limit="5 ms",
                number=4,
            )
        )


if __name__ == "__main__":
    main()
