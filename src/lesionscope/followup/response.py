"""RECIST 1.1 as frozen data and pure functions: sums, nadir, response at each visit.

Source: Eisenhauer et al., *New response evaluation criteria in solid tumours: revised RECIST
guideline (version 1.1)*, Eur J Cancer 45 (2009) 228–247; sections are quoted as ``§``; and the
EORTC's *RECIST 1.1 questions and clarifications*, quoted as Q&A. All sizes are millimetres. What
the guideline leaves to the reader (whether non-targets have progressed unequivocally, whether a
lesion is new or was only overlooked) is an input here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lesionscope.errors import UsageError

PARTIAL_RESPONSE = 0.30
"""Share of the baseline sum that must have gone for a partial response (§4.3.1)."""
PROGRESSION = 0.20
"""Share of the nadir by which the sum must have grown for progression (§4.3.1)."""
PROGRESSION_MM = 5.0
"""Absolute growth over the nadir that progression needs besides (§4.3.1)."""
NORMAL_NODE_MM = 10.0
"""Nodes with a short axis below it are normal (§3.1, §4.3.1)."""
TOO_SMALL_MM = 5.0
"""What is written for a target that is there but too small to measure (§4.3.2)."""
ROUNDING_MM = 1e-6
"""Sums within it of a threshold lie on the threshold: binary fractions must decide nothing."""


class Role(StrEnum):
    """What a lesion counts as."""

    TARGET = "target"
    NON_TARGET = "non-target"
    NEW = "new"


class Seen(StrEnum):
    """How a lesion was found at a visit."""

    MEASURED = "measured"
    PRESENT = "present"
    """There, without a measurement: enough for non-targets and new lesions."""
    TOO_SMALL = "too small to measure"
    GONE = "disappeared"
    PROGRESSED = "unequivocal progression"
    """A non-target that the reader calls progressed (§4.3.4)."""
    NOT_EVALUABLE = "not evaluable"


class Outcome(StrEnum):
    """A response, at one visit, of targets, non-targets or all of it."""

    CR = "CR"
    PR = "PR"
    SD = "SD"
    PD = "PD"
    NON_CR_NON_PD = "Non-CR/Non-PD"
    NE = "NE"

    @property
    def words(self) -> str:
        """The outcome written out."""
        return _WORDS[self]


_WORDS = {
    Outcome.CR: "complete response",
    Outcome.PR: "partial response",
    Outcome.SD: "stable disease",
    Outcome.PD: "progressive disease",
    Outcome.NON_CR_NON_PD: "neither complete response nor progression",
    Outcome.NE: "not evaluable",
}


@dataclass(frozen=True)
class Size:
    """A lesion at one visit; diameters only where it was measured."""

    seen: Seen = Seen.MEASURED
    long_mm: float | None = None
    short_mm: float | None = None


@dataclass(frozen=True)
class Followed:
    """One lesion through all visits.

    Parameters
    ----------
    id
        Identity across visits: the tracking UID.
    name
        What people call it.
    organ
        Where it lies.
    node
        Whether it is a lymph node, which is measured by its short axis.
    role
        What it counts as.
    sizes
        One a visit, baseline first; ``None`` where it wasn't looked for.
    """

    id: str
    name: str
    organ: str
    node: bool
    role: Role
    sizes: tuple[Size | None, ...]

    def recist_mm(self, visit: int) -> float | None:
        """Return what it adds to the sum at a visit; ``None`` where that can't be told.

        The long diameter, of nodes the short axis (§4.2); 0 where it has disappeared; 5 mm where
        it is too small to measure, but its measurement where there is one (§4.3.2).
        """
        size = self.sizes[visit]
        if size is None:
            return None
        if size.seen is Seen.GONE:
            return 0.0
        axis = size.short_mm if self.node else size.long_mm
        if size.seen is Seen.TOO_SMALL:
            return TOO_SMALL_MM if axis is None else axis
        return axis if size.seen in (Seen.MEASURED, Seen.PRESENT, Seen.PROGRESSED) else None

    def is_clear(self, visit: int) -> bool | None:
        """Whether nothing of it is left at a visit: gone, or a node below 10 mm; ``None`` = unknown."""
        size = self.sizes[visit]
        if size is None or size.seen is Seen.NOT_EVALUABLE:
            return None
        if size.seen is Seen.GONE:
            return True
        if not self.node:
            return False
        axis = self.recist_mm(visit)
        return False if axis is None else _below(axis, NORMAL_NODE_MM)


@dataclass(frozen=True)
class Response:
    """What RECIST 1.1 says at one visit.

    Parameters
    ----------
    date
        The visit's date as the study has it.
    sum_mm
        Sum of the targets; of those that were evaluable where ``complete`` is false.
    complete
        Whether every target went into the sum.
    nadir_mm
        The smallest complete sum at any earlier visit, the baseline included; ``None`` at baseline.
    from_baseline, from_nadir
        Change of the sum as a share (0.2 = 20 % more); ``None`` where there is nothing to divide.
    from_nadir_mm
        Change of the sum in mm.
    target, non_target
        ``None`` at baseline, and where there are no such lesions.
    new
        Whether a new lesion has been seen.
    overall
        ``None`` at baseline.
    concern
        What spoke against comparing the visit with the baseline, where the reader overruled it.
    """

    date: str
    sum_mm: float
    complete: bool
    nadir_mm: float | None = None
    from_baseline: float | None = None
    from_nadir: float | None = None
    from_nadir_mm: float | None = None
    target: Outcome | None = None
    non_target: Outcome | None = None
    new: bool = False
    overall: Outcome | None = None
    concern: str = ""


@dataclass(frozen=True)
class ResponseTable:
    """Lesions (rows) and visits (columns) with the response at each; the first visit is the baseline.

    ``missing`` are sentences on what is not in it: a visit whose marks can't be read might be the nadir.
    """

    lesions: tuple[Followed, ...]
    visits: tuple[Response, ...]
    missing: tuple[str, ...] = ()

    def of_role(self, role: Role) -> tuple[Followed, ...]:
        """Return the lesions that count as this."""
        return _of(self.lesions, role)


def assess(lesions: tuple[Followed, ...], dates: tuple[str, ...]) -> ResponseTable:
    """Work out sums and responses of all visits.

    Parameters
    ----------
    lesions
        Targets, non-targets and new lesions, each with one size a visit.
    dates
        Of the visits, baseline first.

    Raises
    ------
    UsageError
        There is no visit, a lesion has another number of sizes, or a length isn't positive.
    """
    if not dates:
        raise UsageError("A response needs at least a baseline visit.")
    for lesion in lesions:
        _check(lesion, len(dates))
    targets = _of(lesions, Role.TARGET)
    visits: list[Response] = []
    for visit, date in enumerate(dates):
        sizes = [lesion.recist_mm(visit) for lesion in targets]
        known = [size for size in sizes if size is not None]
        total, complete = sum(known), len(known) == len(sizes)
        if visit == 0:
            visits.append(Response(date, total, complete))
            continue
        nadir = min((one.sum_mm for one in visits if one.complete), default=None)
        baseline = visits[0].sum_mm if visits[0].complete else None
        target = _target(targets, visit, total, complete, baseline, nadir) if targets else None
        non_target = _non_target(lesions, visit)
        if any(one.overall is Outcome.CR for one in visits):
            target = _after_cr(targets, visit, target)
            non_target = _after_cr(_of(lesions, Role.NON_TARGET), visit, non_target)
        new = any(_is_new(lesion, visit) for lesion in lesions)
        visits.append(
            Response(
                date,
                total,
                complete,
                nadir,
                total / baseline - 1 if complete and baseline else None,
                total / nadir - 1 if complete and nadir else None,
                total - nadir if complete and nadir is not None else None,
                target,
                non_target,
                new,
                overall(target, non_target, new),
            )
        )
    return ResponseTable(lesions, tuple(visits))


def target_response(
    total_mm: float, baseline_mm: float, nadir_mm: float, *, all_clear: bool = False
) -> Outcome:
    """Say how the targets respond by their sums (§4.3.1); progression goes before partial response.

    Parameters
    ----------
    total_mm, baseline_mm, nadir_mm
        Sum now, at baseline, and the smallest one before now.
    all_clear
        Whether all targets have gone and all target nodes are below 10 mm: then the sum of
        nodes may be above 0 and is no matter.
    """
    if all_clear:
        return Outcome.CR
    if has_progressed(total_mm, nadir_mm):
        return Outcome.PD
    if total_mm <= baseline_mm * (1 - PARTIAL_RESPONSE) + ROUNDING_MM:
        return Outcome.PR
    return Outcome.SD


def has_progressed(total_mm: float, nadir_mm: float) -> bool:
    """Whether a sum is 20 % *and* 5 mm above the nadir, or more (§4.3.1)."""
    grown = total_mm - nadir_mm + ROUNDING_MM
    return grown >= nadir_mm * PROGRESSION and grown >= PROGRESSION_MM


def overall(target: Outcome | None, non_target: Outcome | None, new: bool) -> Outcome:
    """Put the parts together (§4.4.3, Tables 1 and 2).

    ``None`` stands for a patient without such lesions at baseline. A patient with neither
    can only have progressed by a new lesion; else there is nothing to evaluate.
    """
    if new or Outcome.PD in (target, non_target):
        return Outcome.PD
    if target is None:
        return Outcome.NE if non_target is None else non_target
    if target is Outcome.CR and non_target not in (None, Outcome.CR):
        return Outcome.PR
    return target


def _target(
    targets: tuple[Followed, ...],
    visit: int,
    total: float,
    complete: bool,
    baseline: float | None,
    nadir: float | None,
) -> Outcome:
    """Response of the targets; missing ones leave only a progression that stands without them (§4.4.2)."""
    if nadir is None or baseline is None:
        return Outcome.NE
    if not complete:
        return Outcome.PD if has_progressed(total, nadir) else Outcome.NE
    clear = all(lesion.is_clear(visit) for lesion in targets)
    return target_response(total, baseline, nadir, all_clear=clear)


def _non_target(lesions: tuple[Followed, ...], visit: int) -> Outcome | None:
    """Response of the non-targets (§4.3.3)."""
    others = _of(lesions, Role.NON_TARGET)
    if not others:
        return None
    sizes = [lesion.sizes[visit] for lesion in others]
    if any(size is not None and size.seen is Seen.PROGRESSED for size in sizes):
        return Outcome.PD
    clear = [lesion.is_clear(visit) for lesion in others]
    if None in clear:
        return Outcome.NE
    return Outcome.CR if all(clear) else Outcome.NON_CR_NON_PD


def _after_cr(lesions: tuple[Followed, ...], visit: int, outcome: Outcome | None) -> Outcome | None:
    """After an overall complete response whatever reappears is progression, of any size (Q&A)."""
    return Outcome.PD if any(lesion.is_clear(visit) is False for lesion in lesions) else outcome


def _is_new(lesion: Followed, visit: int) -> bool:
    """Whether a new lesion has been seen by a visit; a node below 10 mm is none."""
    return lesion.role is Role.NEW and any(lesion.is_clear(v) is False for v in range(1, visit + 1))


def _of(lesions: tuple[Followed, ...], role: Role) -> tuple[Followed, ...]:
    return tuple(lesion for lesion in lesions if lesion.role is role)


def _below(value: float, threshold: float) -> bool:
    return value < threshold - ROUNDING_MM


def _check(lesion: Followed, visits: int) -> None:
    if len(lesion.sizes) != visits:
        raise UsageError(f"{lesion.name} has {len(lesion.sizes)} sizes for {visits} visits.")
    for size in lesion.sizes:
        for length in (size.long_mm, size.short_mm) if size is not None else ():
            if length is not None and not 0 <= length < float("inf"):
                raise UsageError(f"{lesion.name} has a diameter of {length} mm, which is no length.")
