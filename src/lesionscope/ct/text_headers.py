"""The text that an NRRD or MetaImage file begins with: what ITK takes for granted where it is silent."""

from __future__ import annotations

import re

from lesionscope.ct.headers import Unreadable
from lesionscope.ct.sources import FileReader, FileRef

MAX_TEXT_BYTES = 1 << 20

# Spaces whose axes are the patient's; the others name none of left, right, front and back.
_PATIENT_SPACES = frozenset(
    name + time
    for name in (
        "left-posterior-superior", "lps", "right-anterior-superior", "ras", "left-anterior-superior", "las",
    )
    for time in ("", "-time", "t")
)  # fmt: skip


def is_nrrd(name: str) -> bool:
    """Whether a file name is that of an NRRD file, attached or detached."""
    return name.lower().endswith((".nrrd", ".nhdr"))


def is_meta_image(name: str) -> bool:
    """Whether a file name is that of a MetaImage file, attached or detached."""
    return name.lower().endswith((".mha", ".mhd"))


def header_text(reader: FileReader, file: FileRef) -> str:
    """Return the header of an NRRD or MetaImage file, its lines ended by line feeds alone.

    Raises
    ------
    Unreadable
        It is longer than any header.
    """
    content = reader.read(file, 0, MAX_TEXT_BYTES)
    if is_nrrd(file.name):
        end = re.search(rb"\n\r?\n", content)
    else:
        # The field after which MetaImage's reader stops.
        end = re.search(rb"(?m)^[ \t]*ElementDataFile[ \t]*[=:][^\n]*", content)
    if end is None and len(content) == MAX_TEXT_BYTES:
        raise Unreadable("its header goes on without end")
    return re.sub(r"[\r\n]+", "\n", content[: end.end() if end else None].decode("latin-1"))


def says_orientation(reader: FileReader, file: FileRef) -> bool:
    """Whether an NRRD or MetaImage file says how its voxels lie in the patient."""
    text = header_text(reader, file)
    if is_meta_image(file.name):
        # The names that MetaImage's reader knows for it.
        return bool(re.search(r"(?m)^[ \t]*(TransformMatrix|Rotation|Orientation)[ \t]*[=:]", text))
    space = re.search(r"(?im)^[ \t]*space[ \t]*:[ \t]*([^\n]*?)[ \t]*$", text)
    directions = re.search(r"(?im)^[ \t]*space directions[ \t]*:", text)
    return bool(space and directions and space.group(1).lower() in _PATIENT_SPACES)
