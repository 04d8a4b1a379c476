"""Volumes of one series over the same ground: time points, acquisitions, reconstructions, copies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from lesionscope.ct.decode import LOSSY
from lesionscope.ct.grouping import FEWEST_SLICES, STEP_TOLERANCE, Floats, axes_of, positions_of
from lesionscope.ct.series import Slice
from lesionscope.ct.volume import Finding


def _tolerance(steps: Floats) -> float:
    """How far apart two positions may be and still count as one, in mm."""
    real = steps[steps > STEP_TOLERANCE]
    return max(STEP_TOLERANCE, STEP_TOLERANCE * float(np.median(real))) if real.size else STEP_TOLERANCE


def _places(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Sort slices along their normal and put those at one position together."""
    along = positions_of(slices) @ axes_of(slices[0])[2]
    order = np.argsort(along, kind="stable")
    steps = np.diff(along[order])
    tolerance = _tolerance(steps)
    places = [[slices[order[0]]]]
    for index, step in zip(order[1:], steps, strict=True):
        if step <= tolerance:
            places[-1].append(slices[index])
        else:
            places.append([slices[index]])
    return places


_Value = Callable[[Slice], Hashable]


def _discriminators(slices: Sequence[Slice], most: int) -> list[tuple[str, _Value]]:
    """Return what tells time points and reconstructions apart where positions repeat, in this order.

    ``most`` is how many lie at one position.
    """
    return [
        ("time point", lambda item: item.frame.temporal),
        ("acquisition", lambda item: item.frame.acquisition),
        ("multi-frame file", lambda item: item.header.sop_uid if item.header.pixels.frames > 1 else None),
        ("cardiac phase", lambda item: item.frame.phase),
        ("tube voltage", lambda item: item.frame.voltage),
        ("acquisition time", lambda item: item.frame.time or None),
        ("kernel", lambda item: item.header.kernel or None),
        ("slice thickness", _thicknesses(slices)),
        ("kind of image", lambda item: item.frame.image_type or None),
        (TRIGGER, _triggers(slices, most)),
    ]


def _thicknesses(slices: Sequence[Slice]) -> _Value:
    """Tell thicknesses apart that differ by more than rounding."""
    known = sorted({item.frame.thickness for item in slices if item.frame.thickness is not None})
    return _classes(known, [b > a * (1 + SAME_THICKNESS) for a, b in itertools.pairwise(known)], "thickness")


def _triggers(slices: Sequence[Slice], parts: int) -> _Value:
    """Part the times after the heart's trigger at the widest gaps: from beat to beat they vary a little."""
    known = sorted({item.frame.trigger for item in slices if item.frame.trigger is not None})
    gaps = [b - a for a, b in itertools.pairwise(known)]
    widest = set(sorted(range(len(gaps)), key=lambda k: -gaps[k])[: parts - 1])
    return _classes(known, [k in widest for k in range(len(gaps))], "trigger")


def _classes(known: Sequence[float], cuts: Sequence[bool], attribute: str) -> _Value:
    """Give all values between two cuts one number."""
    classes = dict(zip(known, itertools.accumulate(cuts, initial=0), strict=False))
    return lambda item: classes.get(getattr(item.frame, attribute))


TRIGGER = "trigger time"
_MEASURED = {
    "cardiac phase": ("phase", "%"),
    "tube voltage": ("voltage", "kV"),
    "slice thickness": ("thickness", "mm"),
    TRIGGER: ("trigger", "ms"),
}
_OVER_TIME = ("time point", "acquisition", "acquisition time", "cardiac phase", TRIGGER)
_BETWEEN_SLICES = ("time point", "acquisition", "kernel", "slice thickness")
SAME_THICKNESS = 0.05
"""Share by which thicknesses of one reconstruction may differ: rounding, and what a tilt makes of them."""
MOST_INTERLEAVED = 4
"""More parts than this are the steps of one scan, not volumes."""


def split_repeats(slices: Sequence[Slice]) -> list[tuple[list[Slice], list[Finding]]]:
    """Part slices whose positions repeat, so that each part has one slice a position.

    Acquisitions that cover the same ground become volumes of their own. At a single
    position (bolus tracking) the first image stands for all. Anything else that repeats
    keeps the first image of each position. Where no position repeats, only a few volumes
    that reach into each other are parted: some scanners number acquisitions slice by slice.
    """
    places = _places(slices)
    if max(map(len, places)) == 1:
        return _interleaved(slices, [])
    total, copies = len(slices), 0
    unique: list[list[Slice]] = []
    for place in places:
        seen: dict[Hashable, Slice] = {}
        for item in sorted(place, key=_first_choice):
            seen.setdefault((item.header.sop_uid or id(item), item.frame.index), item)
        copies += len(place) - len(seen)
        unique.append(list(seen.values()))
    findings = []
    if copies:
        findings.append(
            Finding(
                "duplicate-positions", f"{copies} of {total} images are copies of others and were left out."
            )
        )
    most = max(map(len, unique))
    if most == 1:
        return _interleaved([place[0] for place in unique], findings)

    name, parts = _part(unique)
    if parts and len(unique) == 1:
        first = min(unique[0], key=_time_order)
        text = (
            f"{len(unique[0])} images lie at one position and differ in {name}: "
            f"{'a time series' if name in _OVER_TIME else 'several pictures of one slice'}, not a volume. "
            f"Only the first ({first.name}) is used."
        )
        return [([first], [Finding("time-points", text), *findings, Finding("duplicate-positions", text)])]
    if parts:
        text = f"{len(parts)} volumes of this series cover the same positions and differ in {name}."
        return [(part, [Finding("time-points", text + _this_one(name, part)), *findings]) for part in parts]
    repeated = sum(len(place) > 1 for place in unique)
    where = (
        "one position" if len(unique) == 1 else f"{len(unique)} positions, {repeated} of them used repeatedly"
    )
    text = f"{total} images lie at {where}. Only the first image of each position is used."
    return [([place[0] for place in unique], [Finding("duplicate-positions", text)])]


def _interleaved(slices: Sequence[Slice], findings: list[Finding]) -> list[tuple[list[Slice], list[Finding]]]:
    """Part slices of a few volumes that lie between each other's, none at another's position."""
    for name, value in _discriminators(slices, 1):
        if name not in _BETWEEN_SLICES:
            continue
        values = {value(item) for item in slices}
        if None in values or not 2 <= len(values) <= MOST_INTERLEAVED:
            continue
        parts = _by(value, slices)
        if min(map(len, parts)) < FEWEST_SLICES or not _reach_into_each_other(parts):
            continue
        text = (
            f"{len(parts)} volumes of this series, which differ in {name}, have their slices between each "
            "other's: listed apart."
        )
        return [(part, [Finding("time-points", text + _this_one(name, part)), *findings]) for part in parts]
    return [(list(slices), findings)]


def _this_one(name: str, part: Sequence[Slice]) -> str:
    """Say which of the volumes a part is, where numbers tell them apart that mean something by themselves."""
    if name not in _MEASURED:
        return ""
    attribute, unit = _MEASURED[name]
    values = [getattr(item.frame, attribute) for item in part]
    low, high = f"{min(values):g}", f"{max(values):g}"
    return f" This one: {low if low == high else f'{low} to {high}'} {unit}."


def _by(value: Callable[[Slice], Hashable], slices: Sequence[Slice]) -> list[list[Slice]]:
    """Part slices by a value, in the order of time."""
    parts: dict[Hashable, list[Slice]] = {}
    for item in sorted(slices, key=_time_order):
        parts.setdefault(value(item), []).append(item)
    return list(parts.values())


def _reach_into_each_other(parts: Sequence[list[Slice]]) -> bool:
    """Whether two or more slices of one part lie within the stretch that another covers."""
    normal = axes_of(parts[0][0])[2]
    along = [positions_of(part) @ normal for part in parts]
    return any(
        np.count_nonzero((one > other.min()) & (one < other.max())) > 1
        for one, other in itertools.permutations(along, 2)
    )


def _part(places: list[list[Slice]]) -> tuple[str, list[list[Slice]]]:
    """Find what tells repeated images apart; nothing where no attribute does so cleanly."""
    items = [item for place in places for item in place]
    most = max(map(len, places))
    for name, value in _discriminators(items, most):
        if any(value(item) is None for item in items):
            continue
        if any(len({value(item) for item in place}) < len(place) for place in places):
            continue
        parts = _by(value, items)
        # A number that changes with every slice tells nothing about volumes.
        if len(places) > 1 and (len(parts) > 2 * most or len(items) < 2 * len(parts)):
            continue
        # A time that changes from slice to slice tells phases apart only where they come out whole.
        if name == TRIGGER and any(len(part) < len(places) for part in parts):
            continue
        return name, parts
    return "", []


def _first_choice(item: Slice) -> tuple[bool, float, str]:
    header = item.header
    number = math.inf if item.frame.instance is None else item.frame.instance
    return header.lossy or header.pixels.syntax in LOSSY, number, header.file.name


def _time_order(item: Slice) -> tuple[float, float, str, float, str]:
    frame = item.frame
    return (
        math.inf if frame.temporal is None else frame.temporal,
        math.inf if frame.acquisition is None else frame.acquisition,
        frame.time,
        math.inf if frame.instance is None else frame.instance,
        item.header.file.name,
    )
