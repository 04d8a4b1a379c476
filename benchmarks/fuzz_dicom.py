"""Damage DICOM files at random and read them, quickly and carefully: nothing but our own errors may come.

``python -m benchmarks.fuzz_dicom --minutes 10 [--seed N] [--files FOLDER] [--out JSON]``. Bytes of headers
(seldom of pixels) are flipped, cut, inserted, repeated, or made the lengths and tags that parsers trip
over. Files are phantom slices in explicit and implicit VR, with sequences of undefined length, JPEG-LS,
JPEG 2000 and RLE; ``--files`` adds others. What the reading ends in is counted. A file that crashes it,
takes long, or is read otherwise by the careful way is kept below ``--keep``, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.careful import careful_only
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import Scan, load, scan
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.phantom.dicom_series import write_series

SLOW_SECONDS = 5.0
LENGTHS = (0, 1, 2, 7, 8, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
PIECES = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff",
    b"\x08\x00\x40\x11\xff\xff\xff\xff",
    b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100",
    b"\x00\x52\x30\x92SQ\0\0\0\0\0\0",
    b"\xe0\x7f\x10\x00OW\0\0\x10\0\0\0",
    b"\x28\x00\x08\x00IS\x02\x009 ",
)


def originals(folder: Path) -> list[bytes]:
    """Write small phantom slices in the forms that readers treat differently."""
    import imagecodecs
    from pydicom import dcmread
    from pydicom.dataset import Dataset
    from pydicom.encaps import encapsulate
    from pydicom.sequence import Sequence
    from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

    hu = np.random.default_rng(0).integers(-1000, 1500, (2, 12, 10)).astype(np.int16)
    volume = CTVolume(hu, Geometry((10, 12, 2), (0.7, 0.7, 2.0), (0.0, 0.0, 0.0)), Source("fuzz"))
    plain = write_series(volume, folder / "plain")[0]
    forms = [plain.read_bytes(), write_series(volume, folder / "packed", compressed=True)[0].read_bytes()]
    ds = dcmread(plain)
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "T-1", "Thorax"
    item.is_undefined_length_sequence_item = True
    outer = Dataset()
    outer.ConceptNameCodeSequence = Sequence([item])
    ds.ReferencedImageSequence = Sequence([outer, item])
    ds["ReferencedImageSequence"].is_undefined_length = True
    ds.add_new(0x00090010, "LO", "PRIVATE")
    ds.add_new(0x00091010, "SQ", Sequence([item]))
    ds[0x00091010].is_undefined_length = True
    for syntax in (None, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless):
        if syntax == RLELossless:
            ds = dcmread(plain)
            ds.compress(RLELossless)
        elif syntax == JPEG2000Lossless:
            ds = dcmread(plain)
            pixels = ds.pixel_array
            packed = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="J2K", reversible=True)
            ds.PixelData, ds.file_meta.TransferSyntaxUID = encapsulate([bytes(packed)]), syntax
            ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        elif syntax:
            ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(folder / "one.dcm", enforce_file_format=True)
        forms.append((folder / "one.dcm").read_bytes())
    return forms


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Change one to four places of a file."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        header = min(len(data), 2000)
        at = rng.randrange(132, max(header, 133)) if rng.random() < 0.9 else rng.randrange(max(len(data), 1))
        kind = rng.randrange(8)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + rng.choice((1, 2, 4, 8, rng.randrange(1, 200)))]
        elif kind == 4:
            data[at:at] = rng.choice(PIECES)
        elif kind == 5:
            data[at:at] = rng.randbytes(rng.randrange(1, 20))
        elif kind == 6:
            piece = data[at : at + rng.randrange(1, 200)]
            data[at:at] = piece * rng.choice((1, 2, 50))
        else:
            length = rng.choice(LENGTHS)
            packed = struct.pack("<I", length) if rng.random() < 0.5 else struct.pack("<H", length & 0xFFFF)
            data[at : at + len(packed)] = packed
    return bytes(data)


def reading(path: Path) -> tuple[str, Scan | str, list[CTVolume | str]]:
    """Scan and load; return what it ended in, what was found, and what was loaded or why not."""
    try:
        found = scan(path)
    except InputError as error:
        return "refused", str(error), []
    loaded: list[CTVolume | str] = []
    for series in found.series:
        try:
            loaded.append(load(series))
        except InputError as error:
            loaded.append(str(error))
    read = sum(isinstance(one, CTVolume) for one in loaded)
    outcome = "read" if read else "set aside" if found.series else "skipped"
    return outcome, found, loaded


def same(one: CTVolume | str, other: CTVolume | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    facts = [(v.geometry, v.source, v.findings, v.hu.dtype) for v in (one, other)]
    return facts[0] == facts[1] and np.array_equal(one.hu, other.hu, equal_nan=True)


def check(path: Path) -> tuple[str, str]:
    """Read a file both ways; return what it ended in, and what is wrong with that (nothing: ``""``)."""
    start = time.process_time()
    outcome, found, volumes = reading(path)
    took = time.process_time() - start
    with careful_only():
        _, careful_found, careful_volumes = reading(path)
    if took > SLOW_SECONDS:
        return outcome, f"took {took:.1f} s"
    if found != careful_found:
        return outcome, "the careful way finds something else"
    if len(volumes) != len(careful_volumes) or not all(map(same, volumes, careful_volumes)):
        return outcome, "the careful way loads something else"
    return outcome, ""


def hunt(
    contents: list[bytes], path: Path, seed: int, going_on: Callable[[], bool], keep: Path
) -> tuple[Counter[str], list[str]]:
    """Damage and read until ``going_on`` says no; return outcomes, and what went wrong."""
    rng, outcomes, wrong = random.Random(seed), Counter[str](), []
    while going_on():
        content = damaged(rng.choice(contents), rng)
        path.write_bytes(content)
        try:
            outcome, fault = check(path)
        except Exception as error:  # whatever comes is what is looked for
            outcome, fault = "crash", f"{type(error).__name__}: {error}"
        outcomes[outcome] += 1
        if fault:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{len(wrong)}.dcm").write_bytes(content)
            wrong.append(fault)
    return outcomes, wrong


def main() -> int:
    """Hunt for some minutes and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=Path, help="a folder with more files to damage")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--out", type=Path, help="where to write the counts as JSON")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        contents = originals(Path(folder))
        if arguments.files:
            contents += [p.read_bytes() for p in sorted(arguments.files.rglob("*")) if p.is_file()]
        end = time.monotonic() + 60 * arguments.minutes
        path = Path(folder) / "damaged.dcm"
        outcomes, wrong = hunt(contents, path, arguments.seed, lambda: time.monotonic() < end, arguments.keep)
    result = {
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "files": len(contents),
        "executions": outcomes.total(),
        "outcomes": dict(outcomes.most_common()),
        "wrong": dict(Counter(wrong).most_common()),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
