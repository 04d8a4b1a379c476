"""What one DICOM file says of itself, read without its pixels and without trusting it.

Three ways, each the reference of the one before: like the last file's header
(:mod:`lesionscope.ct.alike`), by an ordinary file's elements (:mod:`lesionscope.ct.quick_header`), by pydicom
(:mod:`lesionscope.ct.careful_header`). Every count that would size an allocation is checked. Values are
taken from the raw elements, so that a malformed one neither stops the reading nor prints a warning that
quotes it.
"""

from __future__ import annotations

from lesionscope.ct.alike import AlikeHeaders
from lesionscope.ct.careful_header import MAX_HEADER_BYTES, Stop, inflate, parse, parse_growing
from lesionscope.ct.elements import Elements, floats, number, plain, text, texts, whole, words
from lesionscope.ct.facts import (
    DAMAGE,
    DEFLATED,
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    PIXEL_DATA,
    Header,
    Pixels,
    Unreadable,
)
from lesionscope.ct.multiframe import frames_of
from lesionscope.ct.quick_header import PREAMBLE_BYTES, meta_places, quick_elements
from lesionscope.ct.sources import FileReader, FileRef
from lesionscope.ct.volume import Patient

FIRST_READ_BYTES = 1 << 13
"""Enough for most headers."""
SECOND_READ_BYTES = 1 << 16
MAX_SLICE_PIXELS = 1 << 26
MAX_FILE_VOXELS = 1 << 30
MAX_FRAMES = 1 << 16

_UNDEFINED = 0xFFFFFFFF

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
    if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM":
        return True
    # Old archives left the preamble out: then the first element is of group 0002 or 0008.
    if len(head) < 8 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    if head[4:6].isalpha() and head[4:6].isupper():
        return True
    return int.from_bytes(head[4:8], "little") < 256


def alike_headers() -> AlikeHeaders:
    """Return what remembers the headers of a series, for :func:`read_header`."""
    return AlikeHeaders(_WANTED)


def read_header(reader: FileReader, file: FileRef, alike: AlikeHeaders | None = None) -> Header:
    """Read what one DICOM file says of itself.

    Parameters
    ----------
    reader, file
        Where it is.
    alike
        Remembers the headers read so far, so that one like them is read sooner.

    Raises
    ------
    Unreadable
        It isn't DICOM, holds no picture, or is damaged or hostile beyond use.
    InputError
        The operating system would not read it.
    """
    first = max(FIRST_READ_BYTES, alike.reach) if alike is not None else FIRST_READ_BYTES
    head = reader.read(file, 0, first)
    if not looks_like_dicom(head):
        raise Unreadable("it is not a DICOM file")
    syntax = ""
    try:
        header = _quickly(head, file, alike)
        if header is None and len(head) == first < SECOND_READ_BYTES:
            head = reader.read(file, 0, SECOND_READ_BYTES)
            header = _quickly(head, file, alike)
        if header is not None:
            return header
        syntax, start, media_class = _file_meta(head)
        if media_class == _DICOMDIR_CLASS:
            raise Unreadable("a DICOMDIR (an index of files), not an image")
        if syntax == DEFLATED:
            data, offset = inflate(reader.read(file, start), MAX_HEADER_BYTES), 0
            dataset, stop = parse(data, syntax, _TAGS)
        else:
            offset = start
            dataset, stop = parse_growing(reader, file, head, start, syntax, _TAGS)
        return _header(file, dataset, syntax or stop.guessed, stop, offset, start)
    except Unreadable:
        raise
    except RecursionError as error:
        raise Unreadable("its header nests sequences too deeply to be read safely") from error
    except DAMAGE as error:
        private = f" or written in the private transfer syntax {syntax}" if not _standard(syntax) else ""
        raise Unreadable(f"its header is damaged{private}") from error
    except Exception as error:
        # pydicom's own errors share no base, and it isn't loaded where all files are ordinary.
        if type(error).__module__ != "pydicom.errors":
            raise
        raise Unreadable("its header is damaged") from error


def _quickly(head: bytes, file: FileRef, alike: AlikeHeaders | None) -> Header | None:
    """Read an ordinary file's header from its first bytes; ``None`` where it is none, or longer."""
    if alike is not None and (header := alike.read(head, file)) is not None:
        return header
    syntax, start, _media_class = _file_meta(head)
    if syntax in ("", DEFLATED, EXPLICIT_BIG) or not _standard(syntax):
        return None
    elements = quick_elements(head, start, implicit=syntax == IMPLICIT_LITTLE, wanted=_WANTED)
    if elements is None:
        return None
    stop = Stop(PIXEL_DATA, elements.pixel_length, elements.pixels_at)
    header = _header(file, elements, syntax, stop, 0, start)
    if alike is not None:
        alike.learn(head, header, elements)
    return header


def _standard(syntax: str) -> bool:
    return not syntax or syntax.startswith(IMPLICIT_LITTLE)


def _file_meta(head: bytes) -> tuple[str, int, str]:
    """Read group 0002 (PS3.10 §7.1): transfer syntax, where the data set begins, SOP class."""
    syntax = media_class = ""
    at = PREAMBLE_BYTES + 4 if head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM" else 0
    for place in meta_places(head, at):
        at = place.end
        if place.tag == 0x00020010:
            syntax = plain(head[place.value_at : place.end])
        elif place.tag == 0x00020002:
            media_class = plain(head[place.value_at : place.end])
    return syntax, at, media_class


def _header(file: FileRef, dataset: Elements, syntax: str, stop: Stop, offset: int, body: int) -> Header:
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
