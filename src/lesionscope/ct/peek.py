"""A quick guess whether a path may hold a CT, for the viewer's reader plugin: no parsing, bounded time."""

from __future__ import annotations

import gzip
import os
import re
import time
import zipfile
import zlib
from collections import deque
from pathlib import Path

SECONDS = 0.06
MAX_ENTRIES = 20_000
HEAD_BYTES = 4096

# Storage SOP classes (PS3.4 B.5).
_CLASS = b"1.2.840.10008.5.1.4.1.1."
_NOT_DICOM = frozenset(
    f".{suffix}"
    for line in (
        "jpg jpeg png gif tif tiff bmp webp svg mp4 avi mov mp3 wav czi lif nd2",
        "txt csv tsv json xml yaml yml md html htm pdf doc docx xls xlsx ppt pptx log",
        "py pyc ipynb js c h cpp o so dll exe gz tar 7z rar",
        "npy npz h5 hdf5 zarr pt pth onnx safetensors",
    )
    for suffix in line.split()
)
# NIfTI-1 data types of CTs: int16, int32, float32, float64, uint16, uint32 (nifti1.h).
_NIFTI_TYPES = frozenset((4, 8, 16, 64, 512, 768))


def probably_ct(path: str | Path) -> bool:
    """Guess within 100 ms whether a path may hold a CT.

    DICOM of any kind counts, so that whoever reads it can say what was found instead of a CT.
    Looks at the first bytes of files, breadth first, for at most ``SECONDS``. A folder
    whose CT lies behind thousands of other files may be missed; opening it through the
    menu still finds it.
    """
    deadline = time.perf_counter() + SECONDS
    root = Path(path)
    try:
        if root.is_file():
            return _file(root, deadline)
        if not root.is_dir():
            return False
    except OSError:
        return False
    folders, seen = deque([root]), 0
    while folders:
        try:
            with os.scandir(folders.popleft()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES or time.perf_counter() > deadline:
                        return False
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif _worth_opening(entry.name) and _file(Path(entry.path), deadline):
                        return True
        except OSError:
            continue
    return False


def _worth_opening(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(".nii.gz") or os.path.splitext(lower)[1] not in _NOT_DICOM  # noqa: PTH122


def _file(path: Path, deadline: float) -> bool:
    name = path.name.lower()
    try:
        if name.endswith((".nii", ".nii.gz")):
            return _nifti(path)
        if name.endswith((".nrrd", ".nhdr")):
            return _text_header(
                path,
                rb"NRRD",
                rb"(?im)^dimension:\s*3\b",
                rb"(?im)^type:\s*(?:u?int8|u?char|(?:un)?signed char)",
            )
        if name.endswith((".mha", ".mhd")):
            return _text_header(path, rb"", rb"(?im)^NDims\s*=\s*3\b", rb"(?im)^ElementType\s*=\s*MET_U?CHAR")
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        if head[:4] == b"PK\x03\x04":
            return _zip(path, deadline)
        return _dicom(head)
    except (OSError, EOFError, LookupError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile):
        return False


def _dicom(head: bytes) -> bool:
    if head[128:132] == b"DICM":
        return True
    bare = head[:2] in (b"\x08\x00", b"\x02\x00")
    return bare and _CLASS in head and (b"\x08\x00\x16\x00" in head or b"\x02\x00\x02\x00" in head)


def _nifti(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            head = packed.read(352)
    if len(head) < 348:
        return False
    order = "little" if head[:4] == b"\x5c\x01\x00\x00" else "big"
    dimensions = int.from_bytes(head[40:42], order)  # type: ignore[arg-type]
    kind = int.from_bytes(head[70:72], order)  # type: ignore[arg-type]
    return dimensions in (3, 4) and kind in _NIFTI_TYPES


def _text_header(path: Path, magic: bytes, three: bytes, mask: bytes) -> bool:
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    return head.startswith(magic) and bool(re.search(three, head)) and not re.search(mask, head)


def _zip(path: Path, deadline: float) -> bool:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if time.perf_counter() > deadline:
                return False
            name = entry.filename.lower()
            if entry.is_dir() or not _worth_opening(name):
                continue
            if name.endswith((".nii", ".nii.gz", ".nrrd", ".mha")):
                return True
            with archive.open(entry) as stream:
                if _dicom(stream.read(HEAD_BYTES)):
                    return True
    return False
