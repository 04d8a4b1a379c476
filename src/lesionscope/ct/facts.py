"""What is known of a DICOM file without its pixels: a header, its pixels' layout, its frames."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from lesionscope.ct.sources import FileRef
from lesionscope.ct.volume import Patient

DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"

PIXEL_DATA = 0x7FE00010

# What the parser trips over in files that are cut, garbled or hostile.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    KeyError,
    IndexError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Unreadable(Exception):
    """The file is no image we can list; ``str(error)`` is the reason, fit for ``skipped``."""


@dataclass(frozen=True)
class Frame:
    """One slice's facts: where it lies and how its numbers become HU.

    ``position`` and ``orientation`` are LPS mm and direction cosines (PS3.3 C.7.6.2.1.1);
    ``spacing`` is (between rows, between columns) in mm, as PixelSpacing has it; ``phase`` is
    the heart's in percent, ``trigger`` ms since its beat, ``voltage`` the tube's in kV.
    """

    index: int = 0
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, float] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    instance: int | None = None
    acquisition: int | None = None
    temporal: int | None = None
    time: str = ""
    thickness: float | None = None
    phase: float | None = None
    trigger: float | None = None
    voltage: float | None = None
    image_type: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pixels:
    """How a file's pixels are encoded and where they lie in it (or in its inflated data set)."""

    syntax: str
    rows: int
    columns: int
    frames: int
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    samples: int
    photometric: str
    padding: int | None
    padding_limit: int | None
    """The other end of a range of padding, inclusive; none where one value is all."""
    tag: int
    offset: int
    length: int | None

    @property
    def encapsulated(self) -> bool:
        """Whether the pixels come as compressed fragments."""
        return self.syntax not in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.allocated // 8


@dataclass(frozen=True)
class Header:
    """What one DICOM image file says of itself."""

    file: FileRef
    pixels: Pixels
    frames: tuple[Frame, ...]
    sop_class: str = ""
    sop_uid: str = ""
    modality: str = ""
    image_type: tuple[str, ...] = ()
    study_uid: str = ""
    series_uid: str = ""
    series_number: int | None = None
    description: str = ""
    study_description: str = ""
    study_date: str = ""
    frame_of_reference: str = ""
    kernel: str = ""
    tilt_deg: float | None = None
    lossy: bool = False
    body: int = 0
    """Where the data set begins in the file, after the file meta group."""
    patient: Patient = field(default_factory=Patient)
