"""What one DICOM file says of itself, read without its pixels and without trusting it.

pydicom parses the data set; this module bounds what reaches it. The file meta group is
read here, a deflated data set is inflated up to a cap, and every count that would
size an allocation is checked first. Values are taken from the raw elements, so that a
malformed one neither stops the reading nor prints a warning that quotes it.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lesionscope.ct.elements import Elements, floats, number, plain, text, texts, whole, words
from lesionscope.ct.quick_header import PIXEL_DATA as PIXEL_DATA
from lesionscope.ct.quick_header import quick_elements
from lesionscope.ct.sources import FileReader, FileRef
from lesionscope.ct.volume import Patient

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"

FIRST_READ_BYTES = 1 << 16
MAX_HEADER_BYTES = 1 << 25
"""A header longer than this (32 MiB) isn't read on; real ones stay below a few MiB."""
MAX_ELEMENTS = 20_000
MAX_HEADER_READS = 2_000_000
MAX_SLICE_PIXELS = 1 << 26
MAX_FILE_VOXELS = 1 << 30
MAX_FRAMES = 1 << 16

_PREAMBLE = 128
_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, PIXEL_DATA)
_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_UNDEFINED = 0xFFFFFFFF

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


# SOP classes whose modality tag is missing now and then (PS3.4 B.5).
CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image",
}
# Objects that hold pixels, or stand among images, without being pictures of a slice.
_NOT_IMAGES = {
    "RTSTRUCT": "an RT structure set (contours), not an image",
    "RTDOSE": "an RT dose grid, not an image",
    "RTPLAN": "an RT plan, not an image",
    "SR": "a structured report, not an image",
    "SEG": "a segmentation, not an image",
    "PR": "a presentation state, not an image",
    "KO": "a key object selection, not an image",
    "REG": "a registration, not an image",
    "DOC": "a document, not an image",
}
_DICOMDIR_CLASS = "1.2.840.10008.1.3.10"

_TAGS = [
    0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080020, 0x00080032, 0x00080033, 0x00080060,
    0x00081030, 0x0008103E, 0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00180050, 0x00180060,
    0x00181060, 0x00181120, 0x00181210, 0x0020000D, 0x0020000E, 0x00200011, 0x00200012, 0x00200013,
    0x00200032, 0x00200037, 0x00200052, 0x00200100, 0x00209241, 0x00280002, 0x00280004, 0x00280008,
    0x00280010, 0x00280011, 0x00280030, 0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120,
    0x00280121, 0x00281052, 0x00281053, 0x00281054, 0x00282110, 0x52009229, 0x52009230,
]  # fmt: skip
_WANTED = frozenset(_TAGS)


def looks_like_dicom(head: bytes) -> bool:
    """Whether a file's first bytes (at least 136) are DICOM's, with or without its preamble."""
    if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM":
        return True
    # Old archives left the preamble out: then the first element is of group 0002 or 0008.
    if len(head) < 8 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    if head[4:6].isalpha() and head[4:6].isupper():
        return True
    return int.from_bytes(head[4:8], "little") < 256


def read_header(reader: FileReader, file: FileRef) -> Header:
    """Read what one DICOM file says of itself.

    Raises
    ------
    Unreadable
        It isn't DICOM, holds no picture, or is damaged or hostile beyond use.
    InputError
        The operating system would not read it.
    """
    head = reader.read(file, 0, FIRST_READ_BYTES)
    if not looks_like_dicom(head):
        raise Unreadable("it is not a DICOM file")
    syntax = ""
    try:
        syntax, start, media_class = _file_meta(head)
        if media_class == _DICOMDIR_CLASS:
            raise Unreadable("a DICOMDIR (an index of files), not an image")
        if syntax not in ("", DEFLATED, EXPLICIT_BIG) and _standard(syntax):
            quick = quick_elements(head, start, implicit=syntax == IMPLICIT_LITTLE, wanted=_WANTED)
            if quick is not None:
                stop = _Stop(PIXEL_DATA, quick.pixel_length, quick.pixels_at)
                return _header(file, quick, syntax, stop, 0, start)
        if syntax == DEFLATED:
            data, offset = inflate(reader.read(file, start), MAX_HEADER_BYTES), 0
            dataset, stop = _parse(data, syntax)
        else:
            offset = start
            dataset, stop = _parse_growing(reader, file, head, start, syntax)
        return _header(file, dataset, syntax or stop.guessed, stop, offset, start)
    except Unreadable:
        raise
    except RecursionError as error:
        raise Unreadable("its header nests sequences too deeply to be read safely") from error
    except DAMAGE as error:
        private = f" or written in the private transfer syntax {syntax}" if not _standard(syntax) else ""
        raise Unreadable(f"its header is damaged{private}") from error


def _standard(syntax: str) -> bool:
    return not syntax or syntax.startswith(IMPLICIT_LITTLE)


def _file_meta(head: bytes) -> tuple[str, int, str]:
    """Read group 0002 (PS3.10 §7.1): transfer syntax, where the data set begins, SOP class."""
    at = _PREAMBLE + 4 if head[_PREAMBLE : _PREAMBLE + 4] == b"DICM" else 0
    syntax = media_class = ""
    while len(head) >= at + 8 and head[at : at + 2] == b"\x02\x00":
        element = int.from_bytes(head[at + 2 : at + 4], "little")
        long = head[at + 4 : at + 6] in _LONG_VRS
        length = int.from_bytes(head[at + 8 : at + 12] if long else head[at + 6 : at + 8], "little")
        value_at = at + (12 if long else 8)
        value = head[value_at : value_at + length]
        if element == 0x0010:
            syntax = plain(value)
        elif element == 0x0002:
            media_class = plain(value)
        at = value_at + length
    return syntax, at, media_class


def inflate(packed: bytes, limit: int) -> bytes:
    """Inflate a deflated data set (PS3.5 A.5), but no further than ``limit`` bytes."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit)


def _parse_growing(
    reader: FileReader, file: FileRef, head: bytes, start: int, syntax: str
) -> tuple[Dataset, _Stop]:
    """Parse what was read of a file; read more of it only where its header goes on."""
    size, count = reader.size(file), len(head)
    while True:
        whole = count >= min(size, MAX_HEADER_BYTES)
        try:
            dataset, stop = _parse(head[start:], syntax)
            if stop.tag or whole:
                return dataset, stop
        except DAMAGE:
            if whole:
                raise
        count *= 16
        head = reader.read(file, 0, count)


@dataclass
class _Stop:
    """Where parsing stopped: the pixel data element, if it was reached."""

    tag: int = 0
    length: int = 0
    value_at: int = 0
    guessed: str = ""
    elements: int = 0


class _Bounded(io.BytesIO):
    """A header in memory that stops whoever reads it forever (in nested items, say)."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_HEADER_READS:
            raise Unreadable("its header goes on without end")
        return super().read(size)


def _parse(data: bytes, syntax: str) -> tuple[Dataset, _Stop]:
    """Parse a data set up to its pixel data; only the elements we use are kept."""
    from pydicom.filereader import read_dataset

    stop = _Stop()
    if not syntax:
        explicit = data[4:6].isalpha() and data[4:6].isupper()
        stop.guessed = EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE
    used = syntax or stop.guessed

    def at_pixels(tag: int, vr: str | None, length: int) -> bool:
        stop.elements += 1
        if stop.elements > MAX_ELEMENTS:
            raise Unreadable("its header goes on without end")
        if tag not in _PIXEL_TAGS:
            return False
        stop.tag, stop.length, stop.value_at = int(tag), length, stream.tell()
        return True

    stream = _Bounded(data)
    dataset = read_dataset(
        stream, used == IMPLICIT_LITTLE, used != EXPLICIT_BIG, stop_when=at_pixels, specific_tags=_TAGS
    )
    return dataset, stop


def _header(file: FileRef, dataset: Elements, syntax: str, stop: _Stop, offset: int, body: int) -> Header:
    from lesionscope.ct.multiframe import frames_of

    sop_class = text(dataset, 0x00080016)
    modality = text(dataset, 0x00080060).upper() or ("CT" if sop_class in CT_CLASSES else "")
    if modality in _NOT_IMAGES:
        raise Unreadable(_NOT_IMAGES[modality])
    rows, columns = number(dataset, 0x00280010), number(dataset, 0x00280011)
    if not stop.tag or not rows or not columns:
        raise Unreadable("a DICOM object without a picture")
    count = whole(dataset, 0x00280008)
    pixels = Pixels(
        syntax=syntax,
        rows=rows,
        columns=columns,
        frames=1 if count is None else count,
        allocated=number(dataset, 0x00280100) or 16,
        stored=number(dataset, 0x00280101) or number(dataset, 0x00280100) or 16,
        high_bit=(number(dataset, 0x00280102) or (number(dataset, 0x00280101) or 16) - 1),
        signed=number(dataset, 0x00280103) == 1,
        samples=number(dataset, 0x00280002) or 1,
        photometric=text(dataset, 0x00280004),
        padding=number(dataset, 0x00280120, signed=number(dataset, 0x00280103) == 1),
        padding_limit=number(dataset, 0x00280121, signed=number(dataset, 0x00280103) == 1),
        tag=stop.tag,
        offset=offset + stop.value_at,
        length=None if stop.length == _UNDEFINED else stop.length,
    )
    _check_limits(pixels)
    tilt = floats(dataset, 0x00181120)
    return Header(
        file=file,
        pixels=pixels,
        frames=frames_of(dataset, pixels.frames),
        sop_class=sop_class,
        sop_uid=text(dataset, 0x00080018),
        modality=modality,
        image_type=texts(dataset, 0x00080008),
        study_uid=text(dataset, 0x0020000D),
        series_uid=text(dataset, 0x0020000E),
        series_number=whole(dataset, 0x00200011),
        description=words(dataset, 0x0008103E),
        study_description=words(dataset, 0x00081030),
        study_date=text(dataset, 0x00080020),
        frame_of_reference=text(dataset, 0x00200052),
        kernel=words(dataset, 0x00181210),
        tilt_deg=tilt[0] if tilt else None,
        lossy=text(dataset, 0x00282110) == "01",
        body=body,
        patient=Patient(
            name=words(dataset, 0x00100010),
            patient_id=words(dataset, 0x00100020),
            birth_date=text(dataset, 0x00100030),
            sex=text(dataset, 0x00100040),
        ),
    )


def _check_limits(pixels: Pixels) -> None:
    """Refuse a picture that its header makes too big to be one, before anything is allocated."""
    if not 1 <= pixels.frames <= MAX_FRAMES:
        raise Unreadable(f"its header announces {pixels.frames} frames")
    if pixels.rows * pixels.columns > MAX_SLICE_PIXELS:
        raise Unreadable(
            f"its header announces {pixels.columns}×{pixels.rows} pixels, more than a CT slice can have"
        )
    if pixels.rows * pixels.columns * pixels.frames > MAX_FILE_VOXELS:
        raise Unreadable(
            f"its header announces {pixels.frames} frames of {pixels.columns}×{pixels.rows} pixels, "
            "more than this program reads from one file"
        )
    if pixels.allocated not in (8, 16, 32):
        raise Unreadable(f"its header announces {pixels.allocated} bits a pixel")
    if not (
        0 < pixels.stored <= pixels.allocated and pixels.stored - 1 <= pixels.high_bit < pixels.allocated
    ):
        raise Unreadable("its header contradicts itself about the bits of a pixel")
