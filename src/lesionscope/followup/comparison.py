"""Two studies compared: what the reader decided, and the RECIST table that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from lesionscope.followup.choices import ABSENT, Choices
from lesionscope.followup.growth import Growth, days_between, growth
from lesionscope.followup.pairing import Pair, Pairing, Verdict
from lesionscope.followup.response import Followed, ResponseTable, Role, Seen, Size, assess
from lesionscope.followup.sites import Site
from lesionscope.followup.targets import Candidate, is_disease, propose_targets, wrong_with_targets
from lesionscope.followup.visits import LINKED_ANYWAY
from lesionscope.lesions.lesion import Lesion

_NO_SITES: Mapping[str, Site] = MappingProxyType({})


@dataclass(frozen=True)
class MarkedStudy:
    """A study as it is compared: its lesions as marked now.

    Parameters
    ----------
    date
        Of the study, as DICOM writes it; may be empty.
    lesions
        By number.
    sites
        Lesion id → where it lies, by its labels.
    slice_mm
        What one slice stands for.
    """

    date: str = ""
    lesions: tuple[Lesion, ...] = ()
    sites: Mapping[str, Site] = field(default_factory=lambda: _NO_SITES)
    slice_mm: float = 0.0

    def lesion(self, lesion_id: str) -> Lesion | None:
        """Return the lesion of that id, or ``None``."""
        return next((one for one in self.lesions if one.id == lesion_id), None)


@dataclass(frozen=True)
class Row:
    """One lesion as a table shows it: at baseline, at follow-up, and what became of it.

    ``outgrown``: a node that was normal at baseline and is not at follow-up. It is new disease, where
    the reader doesn't say that 9 and 11 mm are one size (EORTC, *RECIST 1.1 questions and clarifications*).
    """

    baseline: Lesion | None
    followup: Lesion | None
    pair: Pair | None
    role: Role | None
    site: Site
    fate: Seen | None = None
    new: bool | None = None
    growth: Growth | None = None
    outgrown: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the reader still has to say what became of it."""
        if self.outgrown:
            return self.new is None
        if self.pair is not None:
            return self.pair.verdict is Verdict.PROPOSED
        return self.fate is None if self.baseline is not None else self.new is None


@dataclass(frozen=True)
class Comparison:
    """Two marked studies and what the reader decided of them.

    Parameters
    ----------
    baseline, followup
        The studies.
    choices
        The reader's.
    earlier
        Comparisons of the same baseline with the visits between, oldest first: the nadir may be theirs.
    missing
        A sentence for each visit between whose marks can't be read.
    """

    baseline: MarkedStudy
    followup: MarkedStudy
    choices: Choices = field(default_factory=Choices)
    earlier: tuple[Comparison, ...] = ()
    missing: tuple[str, ...] = ()

    @cached_property
    def pairing(self) -> Pairing:
        """The pairs whose lesions are both marked: a mark that was deleted takes its pair along.

        What is only proposed for a lesion that has gone, or that can't be seen, is no pair: the follow-up's
        lesion is decided on for itself.
        """
        absent = self.choices.absent
        pairs = (
            pair
            for pair in self.choices.pairing.pairs
            if self.baseline.lesion(pair.baseline)
            and self.followup.lesion(pair.followup)
            and not (pair.verdict is Verdict.PROPOSED and pair.baseline in absent)
        )
        return Pairing(tuple(pairs))

    def site(self, lesion: Lesion) -> Site:
        """Where a lesion lies: by the reader's word, its labels, or those of the lesion it is paired with."""
        pair = self.pairing.of(lesion.id)
        ids = (lesion.id, pair.baseline, pair.followup) if pair is not None else (lesion.id,)
        for known in (self.choices.sites, self.baseline.sites, self.followup.sites):
            for one in ids:
                if one in known and (known[one].organ or known[one].node):
                    return known[one]
        return Site()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The baseline's lesions as RECIST sees them."""
        step = self.baseline.slice_mm
        return tuple(_candidate(lesion, self.site(lesion), step) for lesion in self.baseline.lesions)

    @property
    def targets(self) -> tuple[str, ...]:
        """Ids of the targets: those chosen, else those proposed."""
        if self.choices.targets is None:
            return propose_targets(self.candidates)
        return tuple(id for id in self.choices.targets if self.baseline.lesion(id) is not None)

    @property
    def against_targets(self) -> tuple[str, ...]:
        """What RECIST 1.1 has against the targets."""
        return wrong_with_targets(one for one in self.candidates if one.id in self.targets)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All lesions: the baseline's by number, then those that only the follow-up has."""
        choices, targets, pairing = self.choices, self.targets, self.pairing
        followed = {one.id: is_disease(one) for one in self.candidates}
        days = days_between(self.baseline.date, self.followup.date)
        rows = []
        for lesion in self.baseline.lesions:
            pair = pairing.of(lesion.id)
            later = None if pair is None else self.followup.lesion(pair.followup)
            role = Role.TARGET if lesion.id in targets else Role.NON_TARGET if followed[lesion.id] else None
            site, fate = self.site(lesion), choices.fates.get(lesion.id)
            change = None
            if fate is Seen.GONE:
                change = growth(diameters(lesion), (0.0, 0.0), node=site.node)
            elif later is not None and fate is not Seen.NOT_EVALUABLE:
                change = growth(diameters(lesion), diameters(later), node=site.node, days=days)
            outgrown = (
                later is not None
                and role is None
                and fate in (None, Seen.PROGRESSED)
                and _is_confirmed(pair)
                and is_disease(_candidate(later, site))
            )
            new = choices.news.get(later.id) if later is not None and outgrown else None
            role = Role.NEW if new else role
            rows.append(Row(lesion, later, pair, role, site, fate, new, change, outgrown))
        for lesion in self.followup.lesions:
            if pairing.of(lesion.id) is None:
                new = choices.news.get(lesion.id)
                rows.append(Row(None, lesion, None, Role.NEW if new else None, self.site(lesion), None, new))
        return tuple(rows)

    @property
    def open_rows(self) -> tuple[Row, ...]:
        """Lesions of which the reader still has to say what became; till then the response is open."""
        return tuple(row for row in self.rows if row.is_open)

    @property
    def response(self) -> ResponseTable:
        """The RECIST 1.1 table of all visits; the baseline comes first, the follow-up last.

        Confirmed pairs and the reader's words only; what is open is missing. Targets and places are
        those of this comparison, also at the visits between.
        """
        visits = (*self.earlier, self)
        later = [{row.baseline.id: row for row in one.rows if row.baseline is not None} for one in visits]
        lesions = []
        for row in self.rows:
            if row.role in (Role.TARGET, Role.NON_TARGET) and row.baseline is not None:
                rows = [known.get(row.baseline.id) for known in later]
                sizes = tuple(None if one is None else _later_size(one) for one in rows)
                lesions.append(_followed(row, (_size(row.baseline), *sizes)))
        for place, visit in enumerate(visits):
            before, after = (None,) * (1 + place), (None,) * (len(visits) - 1 - place)
            then = "" if visit is self else f" (visit {place + 2})"
            new = (row for row in visit.rows if row.role is Role.NEW)
            lesions += [_followed(row, (*before, _size(row.followup), *after), then) for row in new]
        dates = (self.baseline.date, *(visit.followup.date for visit in visits))
        table = assess(tuple(lesions), dates)
        concerns = ("", *(LINKED_ANYWAY if visit.choices.overruled else "" for visit in visits))
        said = (replace(one, concern=text) for one, text in zip(table.visits, concerns, strict=True))
        return replace(table, visits=tuple(said), missing=self.missing)


def _candidate(lesion: Lesion, site: Site, slice_mm: float = 0.0) -> Candidate:
    name = f"Lesion {lesion.number}"
    return Candidate(lesion.id, name, site.organ, site.node, *diameters(lesion), slice_mm)


def _is_confirmed(pair: Pair | None) -> bool:
    return pair is not None and pair.verdict is Verdict.CONFIRMED


def _followed(row: Row, sizes: tuple[Size | None, ...], then: str = "") -> Followed:
    assert row.role is not None
    uid, name = _called(row)
    return Followed(uid, name + then, row.site.organ, row.site.node, row.role, sizes)


def _called(row: Row) -> tuple[str, str]:
    """Return a row's tracking UID and name: those of the follow-up, where it is known there."""
    before, now = row.baseline, row.followup
    if before is None:
        assert now is not None
        return now.tracking_uid, f"New lesion {now.number}"
    if now is None or not _is_confirmed(row.pair):
        return before.tracking_uid, f"Baseline lesion {before.number}"
    was = "" if before.number == now.number else f" (baseline {before.number})"
    return now.tracking_uid, f"Lesion {now.number}{was}"


def diameters(lesion: Lesion) -> tuple[float | None, float | None]:
    """Return a lesion's long and short diameter in mm, the longer one first; ``None`` where not drawn."""
    lengths = [None if one is None else one.length_mm for one in (lesion.long, lesion.short)]
    if None not in lengths:
        lengths.sort(key=lambda length: -(length or 0.0))
    return lengths[0], lengths[1]


def _size(lesion: Lesion | None, seen: Seen = Seen.MEASURED) -> Size | None:
    if lesion is None:
        return None
    long, short = diameters(lesion)
    return Size(Seen.PRESENT if long is None and seen is Seen.MEASURED else seen, long, short)


def _later_size(row: Row) -> Size | None:
    """Return what is known of a baseline lesion at follow-up."""
    if row.fate in ABSENT:
        return Size(row.fate)
    if _is_confirmed(row.pair):
        return _size(row.followup, row.fate or Seen.MEASURED)
    return None if row.fate is None else Size(row.fate)
