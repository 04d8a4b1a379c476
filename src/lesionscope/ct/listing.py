"""Headers to the list of series: what each holds, and what speaks against using it."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from lesionscope.ct.decode import LOSSY, missing_frames, syntax_name, undecodable_reason
from lesionscope.ct.facts import Header
from lesionscope.ct.grouping import (
    by_frame_of_reference,
    by_shape,
    describe_bad,
    has_geometry,
    is_localizer,
    plan,
    split_sideways,
)
from lesionscope.ct.repeats import split_repeats
from lesionscope.ct.series import SeriesInfo, Slice, named
from lesionscope.ct.sources import FileReader
from lesionscope.ct.volume import Finding, Source

MAX_VOLUME_VOXELS = 1 << 31


@dataclass(frozen=True)
class _Bad:
    """A slice that can't be had: the finding's code and the reason."""

    item: Slice
    code: str
    reason: str


def list_series(reader: FileReader, headers: Sequence[Header], path: str) -> list[SeriesInfo]:
    """List the series that DICOM headers make up, in the order of their first files.

    Parameters
    ----------
    reader
        Reads what a check needs beyond the headers (the lengths of compressed fragments).
    headers
        Of all image files found.
    path
        Where they were found, for :attr:`Source.path`.
    """
    series: dict[Hashable, list[Header]] = {}
    for header in headers:
        key = header.series_uid or (header.study_uid, header.modality, header.file.path.parent)
        series.setdefault(key, []).append(header)
    found: list[SeriesInfo] = []
    for members in series.values():
        owners = _by_owner(members)
        listed = [_one_series(reader, owned, path) for owned in owners]
        if len(owners) > 1:
            why = _several_owners(members, len(owners))
            listed = [[replace(i, findings=(why, *i.findings)) for i in infos] for infos in listed]
        found += _distinct_uids([info for infos in listed for info in infos])
    return found


def _by_owner(headers: Sequence[Header]) -> list[list[Header]]:
    """Part files of one SeriesInstanceUID by patient and study; biggest first.

    A blank goes with whatever the rest agrees with, so that a file that lacks one of the two stays with
    its own.
    """
    parts: list[tuple[list[str], list[Header]]] = []
    for header in sorted(headers, key=lambda h: not (h.study_uid and h.patient.patient_id)):
        mine = [header.study_uid, header.patient.patient_id]
        for owner, part in parts:
            if all(not a or not b or a == b for a, b in zip(owner, mine, strict=True)):
                owner[:] = [a or b for a, b in zip(owner, mine, strict=True)]
                part.append(header)
                break
        else:
            parts.append((mine, [header]))
    made_up = len(parts) == len(headers) > 2 and len({h.patient.patient_id for h in headers}) == 1
    if len(parts) == 1 or made_up:  # a study UID a file: some anonymisers do so
        return [list(headers)]
    return [part for _, part in sorted(parts, key=lambda p: (-len(p[1]), p[0]))]


def _several_owners(headers: Sequence[Header], parts: int) -> Finding:
    patients = len({h.patient.patient_id for h in headers} - {""})
    whose = "patients" if patients > 1 else "studies"
    return Finding(
        "mixed-series",
        f"Files of {parts} {whose} bear the same SeriesInstanceUID, which must be unique: listed apart. "
        "Make sure that this is the one you mean.",
    )


def _one_series(reader: FileReader, headers: Sequence[Header], path: str) -> list[SeriesInfo]:
    good, bad = _readable(reader, headers)
    everything = good + [b.item for b in bad]
    scouts = [item for item in everything if is_localizer(item)]
    flat = [item for item in everything if not has_geometry(item) and not is_localizer(item)]
    placed = [item for item in good if has_geometry(item) and not is_localizer(item)]
    shapes = [part for shape in by_shape(placed) for part in by_frame_of_reference(shape)]
    volumes: list[tuple[list[Slice], list[Finding]]] = []
    mixed = len(shapes) > 1
    for shape in shapes:
        for part, findings in split_repeats(shape):
            stacks = split_sideways(part)
            mixed = mixed or len(stacks) > 1
            volumes += [(stack, list(findings)) for stack in stacks]

    listed: list[SeriesInfo] = []
    for stack, findings in volumes:
        if mixed:
            findings.insert(0, _mixed(len(volumes)))
        mine = [b for b in bad if has_geometry(b.item) and not is_localizer(b.item) and _fits(b.item, stack)]
        listed.append(_volume(stack, findings, mine, path))
    hopeless = [b for b in bad if has_geometry(b.item) and not is_localizer(b.item)]
    if hopeless and not volumes:
        listed.append(_hopeless(hopeless, path))
    if flat:
        listed.append(_without_geometry(flat, path))
    if scouts:
        listed.append(_scouts(scouts, path))
    return listed


def _readable(reader: FileReader, headers: Sequence[Header]) -> tuple[list[Slice], list[_Bad]]:
    """Part slices into those that can be decoded and those that can't."""
    good: list[Slice] = []
    bad: list[_Bad] = []
    for header in headers:
        reason = undecodable_reason(header.pixels)
        missing = frozenset() if reason else missing_frames(reader, header)
        for frame in header.frames:
            item = Slice(header, frame)
            if reason:
                bad.append(_Bad(item, "undecodable", reason))
            elif frame.index in missing:
                bad.append(_Bad(item, "truncated", "the file ends before its pixels do; fetch it again"))
            else:
                good.append(item)
    return good, bad


def _fits(item: Slice, stack: Sequence[Slice]) -> bool:
    return len(by_shape([stack[0], item])) == 1


def _mixed(count: int) -> Finding:
    return Finding(
        "mixed-series",
        f"This series holds {count} stacks of different size, orientation, position or frame of reference: "
        "listed apart.",
    )


def _volume(stack: list[Slice], findings: list[Finding], bad: Sequence[_Bad], path: str) -> SeriesInfo:
    planned = plan(stack)
    findings = findings + _left_out(bad) + list(planned.findings)
    if bad and not any(f.code == "missing-slices" for f in findings):
        findings.append(
            Finding("missing-slices", f"{len(bad)} slices could not be used: the volume is incomplete.")
        )
    first = planned.slices[0].header
    usable = not any(f.code == "shifted-slices" for f in findings)
    about_values, right_kind = _values(planned.slices)
    columns, rows, count = planned.geometry.size
    if columns * rows * count > MAX_VOLUME_VOXELS:
        usable = False
        findings.append(
            Finding("too-big", f"{columns}×{rows}×{count} voxels are more than this program opens.")
        )
    return SeriesInfo(
        source=_source(planned.slices, path),
        size=planned.geometry.size,
        geometry=planned.geometry,
        usable=usable and right_kind and first.modality == "CT",
        findings=(*findings, *about_values),
        slices=planned.slices,
    )


def _left_out(bad: Sequence[_Bad]) -> list[Finding]:
    findings = []
    for code in dict.fromkeys(b.code for b in bad):
        same = [b for b in bad if b.code == code]
        findings.append(describe_bad(code, [b.item.name for b in same], [b.reason for b in same]))
    return findings


def _values(slices: Sequence[Slice]) -> tuple[list[Finding], bool]:
    """Judge whether stored values become HU; also whether they are grey values of a CT at all."""
    findings: list[Finding] = []
    header = slices[0].header
    right_kind = True
    if header.modality != "CT":
        right_kind = False
        findings.append(
            Finding(
                "not-hu", f"The modality is {header.modality or 'not given'}, not CT: its values are no HU."
            )
        )
    elif any(item.header.pixels.samples != 1 for item in slices):
        right_kind = False
        findings.append(Finding("not-hu", "These are colour pictures: their values are no HU."))
    elif unscaled := [
        i for i in slices if i.frame.slope is None or i.frame.intercept is None or not i.frame.slope
    ]:
        findings.append(
            Finding(
                "not-hu",
                f"{len(unscaled)} of {len(slices)} slices have no rescale to HU "
                f"({named(i.name for i in unscaled)}): their values are taken as stored.",
            )
        )
    elif units := sorted({i.frame.rescale_type for i in slices} - {"", "HU"}):
        unit = ", ".join("unspecified (US)" if u == "US" else u for u in units)
        findings.append(Finding("not-hu", f"The files call the unit of their values {unit}, not HU."))
    if lossy := [i for i in slices if i.header.lossy or i.header.pixels.syntax in LOSSY]:
        names = sorted({syntax_name(i.header.pixels.syntax) for i in lossy})
        findings.append(
            Finding(
                "lossy",
                f"{len(lossy)} of {len(slices)} slices were compressed with loss ({', '.join(names)}): "
                "HU are approximate.",
            )
        )
    if any(item.header.pixels.photometric == "MONOCHROME1" for item in slices):
        findings.append(
            Finding("monochrome1", "The files ask for inverted display (MONOCHROME1); HU are not affected.")
        )
    return findings, right_kind


def _hopeless(bad: Sequence[_Bad], path: str) -> SeriesInfo:
    """List a series none of whose slices can be read: with the grid its headers describe."""
    slices = by_shape([b.item for b in bad])[0]
    planned = plan(split_repeats(slices)[0][0])
    findings = [
        Finding(
            f.code,
            f.message.replace("were left out", "cannot be read").replace("was left out", "cannot be read"),
        )
        for f in _left_out(bad)
    ]
    return SeriesInfo(
        source=_source(planned.slices, path),
        size=planned.geometry.size,
        geometry=planned.geometry,
        usable=False,
        findings=(*findings, *planned.findings),
        slices=planned.slices,
    )


def _without_geometry(slices: list[Slice], path: str) -> SeriesInfo:
    about_values, _ = _values(slices)
    text = (
        "The files do not say where they lie in the patient (no position, orientation or pixel spacing): "
        "a picture such as a dose page or a screen capture, not a volume to measure in."
    )
    return _set_aside(slices, Finding("no-geometry", text), about_values, path)


def _scouts(slices: list[Slice], path: str) -> SeriesInfo:
    text = "Scout views (localizers) for planning the scan: projections, not slices."
    return _set_aside(slices, Finding("localizer", text), [], path)


def _set_aside(slices: list[Slice], why: Finding, others: Sequence[Finding], path: str) -> SeriesInfo:
    pixels = slices[0].header.pixels
    return SeriesInfo(
        source=_source(slices, path),
        size=(pixels.columns, pixels.rows, len(slices)),
        geometry=None,
        usable=False,
        findings=(why, *others),
        slices=tuple(slices),
    )


def _source(slices: Sequence[Slice], path: str) -> Source:
    first = slices[0].header
    uids = tuple(dict.fromkeys(item.header.sop_uid for item in slices))
    uid = first.series_uid
    if not uid:
        digest = hashlib.sha256("\n".join(sorted(uids)).encode()).digest()
        uid = f"2.25.{int.from_bytes(digest[:16], 'big')}"
    return Source(
        uid=uid,
        modality=first.modality,
        description=first.description,
        path=path,
        study_uid=first.study_uid,
        study_date=first.study_date,
        study_description=first.study_description,
        series_number=first.series_number,
        frame_of_reference_uid=first.frame_of_reference,
        sop_class_uid=first.sop_class,
        sop_instance_uids=uids if len(uids) in (1, len(slices)) else tuple(i.header.sop_uid for i in slices),
        frame_numbers=tuple(item.frame.index + 1 for item in slices)
        if any(item.header.pixels.frames > 1 for item in slices)
        else (),
        kernel=first.kernel,
        patient=first.patient,
    )


def _distinct_uids(listed: list[SeriesInfo]) -> list[SeriesInfo]:
    """Give further volumes of one series the suffixes ``#2``, ``#3`` and so on."""
    return [
        info if index == 0 else replace(info, source=replace(info.source, uid=f"{info.uid}#{index + 1}"))
        for index, info in enumerate(listed)
    ]
