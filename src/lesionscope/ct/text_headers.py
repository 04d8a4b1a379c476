"""The text that an NRRD or MetaImage file begins with: where its voxels are, and how they lie.

ITK reads voxels from wherever that text sends it, makes up an orientation where it names none, and
takes every length for mm.
"""

from __future__ import annotations

import re
from pathlib import Path

from lesionscope.ct.facts import Unreadable
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

# What stands for mm, or for no unit at all (NRRD's "???").
_MM = re.compile(r"(?i)(mm|milli ?met(er|re)s?|\?*|)")


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
        # The field after which MetaImage's reader stops, written just so.
        end = re.search(rb"(?m)^\s*ElementDataFile\s*[=:][^\r\n]*", content)
        # An empty number takes its value from the next line, this field's, and the true one comes later.
        empty = end and content[: end.start()].rstrip().endswith((b"=", b":"))
        if empty and reader.read(file).count(b"ElementDataFile") > 1:
            raise Unreadable("its header names its voxels more than once")
    if end is None and len(content) == MAX_TEXT_BYTES:
        raise Unreadable("its header goes on without end")
    return re.sub(r"[\r\n]+", "\n", content[: end.end() if end else None].decode("latin-1"))


def data_file(reader: FileReader, file: FileRef) -> FileRef | None:
    """Return the file that holds the voxels of an NRRD or MetaImage file; ``None`` where it does itself.

    Headers send for their voxels whatever they are called: ``.nrrd`` and ``.mha`` files too.

    Raises
    ------
    Unreadable
        It is absent, or named outside the header's own folder.
    """
    text = header_text(reader, file)
    if is_nrrd(file.name):
        match = re.search(r"(?im)^\s*data\s*file\s*:(?!=)([^\n]*)", text)
        if match is None and file.name.lower().endswith(".nrrd"):
            return None
    else:
        match = re.search(r"(?m)^\s*ElementDataFile\s*[=:]([^\n]*)$", text)
    name = match.group(1).strip() if match else ""
    if is_meta_image(file.name) and name in ("LOCAL", "Local", "local"):
        return None
    if not name:
        raise Unreadable("its header does not say where its voxels are")
    if name.upper().startswith("LIST") or "%" in name:
        raise Unreadable("its voxels lie in several files; convert it to one")
    if Path(name).name != name or "\\" in name:
        raise Unreadable("it takes its voxels from outside its own folder")
    if file.member:
        raise Unreadable("its voxels lie in another file of the archive; unpack it first")
    data = FileRef(file.path.parent / name)
    if not data.path.is_file():
        raise Unreadable("the file that holds its voxels is missing")
    return data


def says_orientation(reader: FileReader, file: FileRef) -> bool:
    """Whether an NRRD or MetaImage file says how its voxels lie in the patient."""
    text = header_text(reader, file)
    if is_meta_image(file.name):
        # The names that MetaImage's reader knows for it.
        return bool(re.search(r"(?m)^[ \t]*(TransformMatrix|Rotation|Orientation)[ \t]*[=:]", text))
    space = re.search(r"(?im)^[ \t]*space[ \t]*:[ \t]*([^\n]*?)[ \t]*$", text)
    directions = re.search(r"(?im)^[ \t]*space directions[ \t]*:", text)
    return bool(space and directions and space.group(1).lower() in _PATIENT_SPACES)


def foreign_unit(reader: FileReader, file: FileRef) -> str:
    """Return the unit, other than mm, in which an NRRD or MetaImage file gives lengths; ``""`` if none."""
    text = header_text(reader, file)
    units: list[str] = []
    if is_nrrd(file.name):
        for field in re.findall(r"(?im)^[ \t]*(?:space )?units[ \t]*:(?!=)([^\n]*)", text):
            # After the axes of space come those of time and the like.
            units += re.findall(r'"([^"]*)"', field)[:3]
    else:
        units = re.findall(r"(?m)^[ \t]*DistanceUnits[ \t]*[=:]([^\n]*)", text)
    return next((unit.strip() for unit in units if not _MM.fullmatch(unit.strip())), "")
