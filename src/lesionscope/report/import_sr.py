"""Structured reports back into lesions: our own without loss, others' TID 1500 measurements as marks.

Tolerant of what others write (retired code schemes, one line or two, image or patient coordinates), strict
about where it belongs: a report on another scan is refused, and a measurement that can't be placed is named
in a note rather than guessed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError, UsageError, unreadable
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.report import sr_codes as codes
from lesionscope.report.damage import damage
from lesionscope.report.dicom_head import frame_of, is_uid, series_uid_of
from lesionscope.report.document import Content
from lesionscope.report.import_record import agreed, point
from lesionscope.report.import_segment import lines_on_segment, segment_of
from lesionscope.session.decisions import Decision

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LARGEST_BYTES = 64 * 2**20
DEFLATED = "1.2.840.10008.1.2.1.99"
UNDEFINED = 0xFFFFFFFF
"""As length: the value ends where it says so."""
DEEPEST = 40
GROUP, RECORD = codes.GROUP.value, codes.RECORD.value
LONG = frozenset((codes.LONG.value, "G-A185"))
SHORT = frozenset((codes.SHORT.value, "G-A186"))
LENGTH = frozenset((codes.LENGTH.value, "G-D7FE", "121206", "103339001"))
TRACKING_UID = codes.TRACKING_UID.value
NOT_HERE = (
    "A measurement lies on an image that the open scan does not have, or in another frame of reference: "
    "it was left out."
)
"""Said of each measurement on another scan than the one read on."""
WHICH_FRAME = (
    "A measurement lies on an image with several frames, and which of them is not known: it was left out."
)


@dataclass(frozen=True)
class Imported:
    """What a report held.

    Parameters
    ----------
    lesions
        Its lesions, numbered as the report has them where it was ours.
    content
        Our own report's content, without the study it names; ``None`` where another program wrote it.
    notes
        What could not be taken over, a sentence each.
    """

    lesions: tuple[Lesion, ...]
    content: Content | None = None
    notes: tuple[str, ...] = ()

    @property
    def edited(self) -> tuple[dict[str, Any], ...]:
        """Return our own lesions' content whose sentence a person wrote."""
        entries = () if self.content is None else self.content["lesions"]
        return tuple(entry for entry in entries if entry["sentence_edited"])

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Return what readers let stand, as a session takes it."""
        entries = () if self.content is None else self.content["lesions"]
        return tuple(
            Decision(
                entry["id"],
                one["label"],
                one["review"],
                one["reader"],
                one["at"],
                one["origin"],
            )
            for entry in entries
            for one in entry["findings"]
            if one["review"] != "unreviewed"
        )


def import_sr(path: str | Path, volume: CTVolume) -> Imported:
    """Read a structured report on a volume.

    Raises
    ------
    InputError
        It can't be read, is no TID 1500 report, or refers to another scan.
    """
    path = Path(path)
    with damage_named(path):
        return _imported(_read(path), path, volume)


def referenced_uids(path: str | Path) -> frozenset[str]:
    """Return the UIDs of the images and series that a structured report names, as its evidence or in it.

    Raises
    ------
    InputError
        It can't be read, or is no TID 1500 report.
    """
    path = Path(path)
    with damage_named(path):
        ds = _read(path)
        return frozenset(_referenced(ds) | _images(ds))


def _imported(ds: Dataset, path: Path, volume: CTVolume) -> Imported:
    named = _referenced(ds) or _images(ds)
    if named and not named & {*volume.source.sop_instance_uids, series_uid_of(volume)}:
        raise InputError(f"{path} reports on another scan than the open one: open that scan first.")
    lesions: list[Lesion] = []
    entries, notes = [], []
    for group in _groups(ds):
        entry = _record(group, volume)
        try:
            lesion = _lesion(group, volume, path.parent)
            if entry is not None:
                lesion, entry = agreed(lesion, entry, volume.geometry)
        except (InputError, UsageError) as error:
            notes.append(str(error))
            continue
        if lesion is not None and any(lesion.id == other.id for other in lesions):
            notes.append(f"Lesion {lesion.number} is there twice: its second record was left out.")
        elif lesion is not None:
            lesions.append(lesion)
            if entry is not None:
                entries.append(entry)
    rest = _own(ds)
    whole = rest is not None and len(entries) == len(lesions)
    return Imported(tuple(lesions), {**rest, "lesions": entries} if rest and whole else None, tuple(notes))


def read_bounded(path: Path) -> Dataset:
    """Read a file without images that nobody vouches for; call it within :func:`damage_named`.

    Raises
    ------
    InputError
        It is far larger than such files are, breaks off before its end, or is deflated: what it inflates to
        has no bounds.
    """
    from pydicom import dcmread
    from pydicom.dataelem import RawDataElement
    from pydicom.filereader import read_file_meta_info

    if path.stat().st_size > LARGEST_BYTES:
        raise InputError(f"{path} is larger than any report: choose another file.")
    if read_file_meta_info(path).get("TransferSyntaxUID") == DEFLATED:
        raise InputError(f"{path} is deflated: write it again without compression.")
    ds = dcmread(path)
    # pydicom reads a value as far as it goes, and what it lacks would be missed by nobody.
    unparsed = [one for tag in list(ds.keys()) if isinstance(one := ds.get_item(tag), RawDataElement)]
    if any(one.value is not None and len(one.value) < one.length < UNDEFINED for one in unparsed):
        raise InputError(f"{path} breaks off before its end: ask for it again.")
    return ds


def _read(path: Path) -> Dataset:
    ds = read_bounded(path)
    if _value(ds, "Modality") != "SR" or "ContentSequence" not in ds:
        raise InputError(f"{path} is no structured report: choose one.")
    root = ds.get("ContentTemplateSequence")
    if _code(ds) != codes.REPORT.value and not (root and root[0].get("TemplateIdentifier") == "1500"):
        raise InputError(f"{path} is not a measurement report (TID 1500): choose one.")
    return ds


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what a damaged file does to pydicom, now or when a part is first looked at, into a sentence."""
    from pydicom.errors import InvalidDicomError

    try:
        yield
    except InvalidDicomError as error:
        raise InputError(f"{path} could not be read as DICOM ({error}): choose another file.") from error
    except OSError as error:
        raise unreadable(path, "DICOM", error) from error
    except damage() as error:
        raise InputError(f"{path} is damaged ({type(error).__name__}): ask for it again.") from error


def _referenced(ds: Dataset) -> set[str]:
    """Return the UIDs of the images and series that a report names as evidence."""
    found = set()
    for name in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence"):
        for study in ds.get(name) or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                found.add(_value(series, "SeriesInstanceUID"))
                for one in series.get("ReferencedSOPSequence") or ():
                    found.add(_value(one, "ReferencedSOPInstanceUID"))
    return found - {""}


def _images(ds: Dataset) -> set[str]:
    """Return the UIDs of the images that a report refers to in its text, evidence or not."""
    return {
        _value(reference, "ReferencedSOPInstanceUID")
        for item in _items(ds)
        for reference in item.get("ReferencedSOPSequence") or ()
    } - {""}


def _items(ds: Dataset, depth: int = 0) -> Iterator[Dataset]:
    """Go through every content item, but no deeper than reports are."""
    if depth > DEEPEST:
        return
    for item in ds.get("ContentSequence") or ():
        yield item
        yield from _items(item, depth + 1)


def _groups(ds: Dataset) -> Iterator[Dataset]:
    return (item for item in _items(ds) if _value(item, "ValueType") == "CONTAINER" and _code(item) == GROUP)


def _own(ds: Dataset) -> dict[str, Any] | None:
    """Return what our own report says of itself as a whole."""
    for item in _items(ds):
        if _code(item) == codes.EVALUATIONS.value:
            for text in item.get("ContentSequence") or ():
                if _code(text) == RECORD:
                    return _json(text)
    return None


def _record(group: Dataset, volume: CTVolume) -> dict[str, Any] | None:
    for item in group.get("ContentSequence") or ():
        if _code(item) == RECORD:
            return _json(item)
    return None


def _json(item: Dataset) -> dict[str, Any] | None:
    try:
        values = json.loads(str(item.get("TextValue")))
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _lesion(group: Dataset, volume: CTVolume, folder: Path) -> Lesion | None:
    """Return the lesion that a group measures; ``None`` where it measures none."""
    uid, numbers = "", {}
    for item in group.get("ContentSequence") or ():
        if _code(item) == TRACKING_UID:
            uid = _value(item, "UID")
        if _value(item, "ValueType") != "NUM":
            continue
        code = _code(item)
        axis = "long" if code in LONG else "short" if code in SHORT else "length" if code in LENGTH else ""
        if axis:
            numbers[axis] = item
    segment = segment_of(group)
    if segment is not None and not any("ContentSequence" in number for number in numbers.values()):
        lines = _on_segment(segment, numbers, folder)
    else:
        lines = {axis: (_line(item, volume), _millimetres(item)) for axis, item in numbers.items()}
    long = lines.get("long") or lines.get("length")
    if long is None:
        return None
    for diameter, stated in lines.values():
        if math.isfinite(stated) and abs(diameter.length_mm - stated) > max(1.0, 0.05 * stated):
            raise InputError(
                f"A measurement says {stated:.1f} mm where its line is {diameter.length_mm:.1f} mm long: "
                "it was left out."
            )
    short = lines.get("short")
    lesion = lesion_from_diameters(long[0], short[0] if short else None, geometry=volume.geometry)
    # Without a proper UID of its own it keeps the one that it was just given.
    return replace(lesion, tracking_uid=uid) if is_uid(uid) else lesion


def _on_segment(
    segment: tuple[str, int], numbers: Mapping[str, Dataset], folder: Path
) -> dict[str, tuple[Diameter, float]]:
    """Return the lines of lengths that are stated of a segment."""
    axes = [axis for axis in ("long", "length", "short") if axis in numbers][:2]
    lengths = tuple(_millimetres(numbers[axis]) for axis in axes)
    if not lengths or not all(math.isfinite(length) and length > 0 for length in lengths):
        return {}
    found = lines_on_segment(*segment, lengths, folder)
    return {axis: (line, line.length_mm) for axis, line in zip(axes, found, strict=True)}


def _line(number: Dataset, volume: CTVolume) -> Diameter:
    """Return the line that a measurement was inferred from, in the patient."""
    for item in number.get("ContentSequence") or ():
        kind, data = _value(item, "ValueType"), item.get("GraphicData")
        if data is None or kind not in ("SCOORD", "SCOORD3D"):
            continue
        if kind == "SCOORD3D" and _value(item, "ReferencedFrameOfReferenceUID") != frame_of(volume):
            raise InputError(NOT_HERE)
        values = [float(v) for v in data]
        width = 2 if kind == "SCOORD" else 3
        if len(values) < 2 * width or not all(map(math.isfinite, values)):
            continue
        points = np.reshape(values[: len(values) // width * width], (-1, width))[[0, -1]]
        if kind == "SCOORD":
            points = volume.geometry.to_lps([(_slice(item, volume), y - 0.5, x - 0.5) for x, y in points])
        start, end = map(point, points)
        if not (volume.geometry.contains(start) and volume.geometry.contains(end)):
            raise InputError("A measurement lies outside the scan: it was left out.")
        return Diameter(start, end)
    raise InputError("A measurement has no place on an image: it was left out.")


def _slice(item: Dataset, volume: CTVolume) -> int:
    for image in item.get("ContentSequence") or ():
        for reference in image.get("ReferencedSOPSequence") or ():
            found = _slices(reference, volume)
            if len(found) == 1:
                return found[0]
            if found:
                raise InputError(WHICH_FRAME)
    raise InputError(NOT_HERE)


def _slices(reference: Dataset, volume: CTVolume) -> list[int]:
    """Return the slices that a reference to an image, or to frames of it, names."""
    uids, numbers = volume.source.sop_instance_uids, volume.source.frame_numbers
    count = volume.geometry.size[2]
    if len(uids) == 1:
        uids *= count
    uid, named = _value(reference, "ReferencedSOPInstanceUID"), reference.get("ReferencedFrameNumber")
    found = [k for k, one in enumerate(uids) if one == uid]
    if named is None or not numbers:
        return found
    frames = {str(one) for one in ([named] if isinstance(named, int | str) else named)}
    return [k for k in found if str(numbers[k]) in frames]


def _millimetres(number: Dataset) -> float:
    measured = number.get("MeasuredValueSequence")
    if not measured:
        return math.nan
    unit = measured[0].get("MeasurementUnitsCodeSequence")
    factor = {"mm": 1.0, "cm": 10.0}.get(_value(unit[0], "CodeValue") if unit else "mm", math.nan)
    try:
        return float(measured[0].NumericValue) * factor
    except (AttributeError, TypeError, ValueError):
        return math.nan


def _code(item: Dataset) -> str:
    name = item.get("ConceptNameCodeSequence")
    return _value(name[0], "CodeValue") if name else ""


def _value(ds: Dataset, name: str) -> str:
    value = ds.get(name)
    return "" if value is None else str(value)
