"""Content items of a structured report (DICOM PS3.3 C.17.3), each a pydicom dataset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lesionscope.ontology.labels import Code
from lesionscope.report.dicom_head import long_text, person_name
from lesionscope.report.text import typewritten
from lesionscope.showable import showable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CONTAINS, MODIFIES, OBSERVED = "CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT"
INFERRED, SELECTED = "INFERRED FROM", "SELECTED FROM"


def dataset() -> Dataset:
    """Return an empty dataset that is written as it stands: nothing in a report has a VR to be guessed."""
    from pydicom.charset import default_encoding
    from pydicom.dataset import Dataset

    ds = Dataset()
    ds.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=default_encoding)
    return ds


def put_code(ds: Dataset, keyword: str, code: Code) -> None:
    """Set a code sequence; a code is encoded once, for a report names the same few thousands of times."""
    from pydicom.datadict import tag_for_keyword
    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    tag = Tag(tag_for_keyword(keyword))
    value = _encoded(code)
    ds[tag] = RawDataElement(tag, "SQ", len(value), value, 0, False, True)


@lru_cache(maxsize=4096)
def _encoded(code: Code) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_sequence_item

    ds = dataset()
    ds.CodeValue, ds.CodingSchemeDesignator = code.value, code.scheme
    ds.CodeMeaning = long_text(code.meaning) or code.value
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_sequence_item(stream, ds, ["utf8"])
    return bytes(stream.getvalue())


def item(relation: str, kind: str, name: Code | None, children: Iterable[Dataset] = ()) -> Dataset:
    """Return a content item without its value."""
    ds = dataset()
    if relation:
        ds.RelationshipType = relation
    ds.ValueType = kind
    if name is not None:
        put_code(ds, "ConceptNameCodeSequence", name)
    inner = list(children)
    if inner:
        ds.ContentSequence = inner
    return ds


def container(
    name: Code, children: Iterable[Dataset], *, relation: str = CONTAINS, template: str = ""
) -> Dataset:
    """Return a container, by the DICOM template of that number where there is one."""
    ds = item(relation, "CONTAINER", name, children)
    ds.ContinuityOfContent = "SEPARATE"
    if template:
        by = dataset()
        by.MappingResource, by.TemplateIdentifier = "DCMR", template
        ds.ContentTemplateSequence = [by]
    return ds


def code(name: Code, value: Code, *, relation: str = CONTAINS, children: Iterable[Dataset] = ()) -> Dataset:
    """Return a code item."""
    ds = item(relation, "CODE", name, children)
    put_code(ds, "ConceptCodeSequence", value)
    return ds


def text(name: Code, value: object, *, relation: str = CONTAINS) -> Dataset:
    """Return a text item; an empty text reads as a dash, because DICOM wants one.

    Signs such as "×" are typewritten: dcmjs, and so OHIF, forgets a report's character set in sequences.
    """
    ds = item(relation, "TEXT", name)
    # Of the control characters UT holds line breaks, but no tabs (PS3.5 6.2).
    ds.TextValue = typewritten(showable(value)).replace("\t", "    ").strip() or "-"
    return ds


def person(name: Code, value: object, *, relation: str = OBSERVED) -> Dataset:
    """Return a person's name."""
    ds = item(relation, "PNAME", name)
    ds.PersonName = person_name(value) or "Unknown^"
    return ds


def uid(name: Code, value: str, *, relation: str = OBSERVED) -> Dataset:
    """Return a UID."""
    ds = item(relation, "UIDREF", name)
    ds.UID = value
    return ds


def number(name: Code, value: float, unit: Code, children: Iterable[Dataset] = ()) -> Dataset:
    """Return a number: as decimal text of at most 16 characters, and exactly beside it."""
    from pydicom.valuerep import format_number_as_ds

    ds = item(CONTAINS, "NUM", name, children)
    measured = dataset()
    put_code(measured, "MeasurementUnitsCodeSequence", unit)
    if not math.isfinite(value):
        raise ValueError(f"{value} can't be reported")
    measured.NumericValue = format_number_as_ds(float(value))
    measured.FloatingPointValue = float(value)
    ds.MeasuredValueSequence = [measured]
    return ds


def image(
    sop_class: str, sop_instance: str, *, relation: str = CONTAINS, frame: int | None = None
) -> Dataset:
    """Return a reference to an image, or to one frame of it (from 1)."""
    ds = item(relation, "IMAGE", None)
    to = dataset()
    to.ReferencedSOPClassUID, to.ReferencedSOPInstanceUID = sop_class, sop_instance
    if frame is not None:
        to.ReferencedFrameNumber = frame
    ds.ReferencedSOPSequence = [to]
    return ds


def on_image(
    graphic: str, points: Sequence[Sequence[float]], source: Dataset, relation: str, name: Code | None = None
) -> Dataset:
    """Return points on an image, (column, row): (0.5, 0.5) is the middle of the first pixel."""
    ds = item(relation, "SCOORD", name, [source])
    ds.GraphicType, ds.GraphicData = graphic, [float(v) for point in points for v in point]
    return ds


def in_patient(
    graphic: str,
    points: Sequence[Sequence[float]],
    frame_of_reference: str,
    relation: str,
    name: Code | None = None,
) -> Dataset:
    """Return points in the patient, (x, y, z) LPS mm."""
    ds = item(relation, "SCOORD3D", name)
    ds.GraphicType, ds.GraphicData = graphic, [float(v) for point in points for v in point]
    ds.ReferencedFrameOfReferenceUID = frame_of_reference
    return ds
