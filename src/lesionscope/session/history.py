"""The steps of a session in memory: what they add up to, and what undo takes back.

Nothing here touches a disk. A step is planned first and recorded after it was
written, so that a failed write leaves memory as it was; replaying the written
entries in order rebuilds the same history. Entries are only ever appended: undo
and redo are entries themselves, and a new step after an undo leaves the undone
branch in the log but out of reach.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from lesionscope.errors import UsageError
from lesionscope.followup.choices import Visit
from lesionscope.inference.reading import Reading, Task
from lesionscope.lesions.lesion import Lesion
from lesionscope.session.commands import (
    AddLesion,
    AddMined,
    Compare,
    Decide,
    NoteForReport,
    RemoveLesion,
    ReplaceLesion,
    StepCommand,
)
from lesionscope.session.decisions import Decision, standing
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.session.report_notes import ReportNote
from lesionscope.session.review import complete

Kind = Literal["add", "replace", "remove", "decide", "import", "compare", "note", "undo", "redo"]


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    Edits say what a lesion was before and after (``None`` = not marked); ``decide``, ``import``, ``compare``
    and ``note`` what they add. For ``undo`` and ``redo`` of an edit, ``before`` and ``after`` are what
    that step changes, in its own direction; of the others they say nothing more.
    """

    kind: Kind
    lesion_id: str = ""
    before: Lesion | None = None
    after: Lesion | None = None
    decisions: tuple[Decision, ...] = ()
    studies: tuple[Study, ...] = ()
    mined: tuple[MinedLesion, ...] = ()
    visits: tuple[Visit, ...] = ()
    notes: tuple[ReportNote, ...] = ()


class History:
    """What was marked, decided, imported and compared; numbers given so far; the stacks of undo and redo."""

    def __init__(self) -> None:
        self._lesions: dict[str, Lesion] = {}
        self._numbers: dict[str, int] = {}
        self._done: list[Entry] = []
        self._undone: list[Entry] = []
        self.decisions: tuple[Decision, ...] = ()
        self.decided: dict[str, tuple[Decision, ...]] = {}
        self.unveiled: dict[str, frozenset[str]] = {}
        self.mined: dict[str, MinedLesion] = {}
        self.studies: dict[str, Study] = {}
        self._compared: tuple[Visit, ...] = ()
        self._noted: tuple[ReportNote, ...] = ()

    @property
    def visits(self) -> dict[str, Visit]:
        """What was decided last of each later study, by its series' UID."""
        return {visit.series_uid: visit for visit in self._compared}

    @property
    def notes(self) -> dict[str, ReportNote]:
        """What a person chose last for the report of each lesion, by its id."""
        return {note.lesion_id: note for note in self._noted}

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """Lesions marked now, by number."""
        return tuple(sorted(self._lesions.values(), key=lambda lesion: lesion.number))

    @property
    def undo_title(self) -> str | None:
        """What undo would take back."""
        return _title(self._done[-1]) if self._done else None

    @property
    def redo_title(self) -> str | None:
        """What redo would repeat."""
        return _title(self._undone[-1]) if self._undone else None

    @property
    def undo_reader(self) -> str | None:
        """Whose decisions undo would take back; ``None`` where it would be something else."""
        return _reader(self._done)

    @property
    def redo_reader(self) -> str | None:
        """Whose decisions redo would repeat; ``None`` where it would be something else."""
        return _reader(self._undone)

    def __contains__(self, lesion_id: str) -> bool:
        return lesion_id in self._lesions or lesion_id in self.mined

    def plan(self, command: StepCommand) -> Entry | None:
        """Return the entry that a command amounts to, ``None`` where it changes nothing.

        Raises
        ------
        UsageError
            A lesion added twice, one changed, removed or decided on that isn't there, one
            whose coordinates aren't finite, or a decision without a reader.
        """
        match command:
            case AddLesion(lesion=lesion):
                if lesion.id in self._lesions:
                    number = self._lesions[lesion.id].number
                    raise UsageError(f"Lesion {number} is marked already: change it instead of adding it.")
                _check_finite(lesion)
                number = self._numbers.get(lesion.id, max(self._numbers.values(), default=0) + 1)
                return Entry("add", lesion.id, None, replace(lesion, number=number))
            case ReplaceLesion(lesion=lesion):
                before = self._known(lesion.id)
                _check_finite(lesion)
                after = replace(lesion, number=before.number)
                return None if after == before else Entry("replace", lesion.id, before, after)
            case RemoveLesion(lesion_id=lesion_id):
                return Entry("remove", lesion_id, self._known(lesion_id), None)
            case Decide(decisions=decisions):
                news = tuple(one for one in decisions if self._is_news(one))
                return Entry("decide", decisions=news) if news else None
            case AddMined(studies=studies, lesions=lesions):
                return self._plan_import(studies, lesions)
            case Compare(visit=visit):
                known = self.visits.get(visit.series_uid)
                return None if known == visit else Entry("compare", visits=(visit,))

            case NoteForReport(note=note):
                self._known(note.lesion_id)
                known_note = self.notes.get(note.lesion_id, ReportNote(note.lesion_id))
                return None if known_note == note else Entry("note", notes=(note,))

    def plan_undo(self) -> Entry | None:
        """Return the entry that takes back the last step, ``None`` where there is none."""
        if not self._done:
            return None
        step = self._done[-1]
        return Entry("undo", step.lesion_id, step.after, step.before)

    def plan_redo(self) -> Entry | None:
        """Return the entry that repeats the step last undone, ``None`` where there is none."""
        if not self._undone:
            return None
        step = self._undone[-1]
        return Entry("redo", step.lesion_id, step.before, step.after)

    def record(self, entry: Entry) -> None:
        """Take an entry that is on disk into account.

        Raises
        ------
        ValueError
            The entry does not follow from those before it: the log is damaged.
        """
        if self._lesions.get(entry.lesion_id) != entry.before:
            raise ValueError(f"a {entry.kind} entry does not fit the lesion as the log has it")
        if entry.kind in ("undo", "redo"):
            expected = self.plan_undo() if entry.kind == "undo" else self.plan_redo()
            if entry != expected:
                raise ValueError(f"an {entry.kind} entry does not fit the step it should change")
            source, target = self._done, self._undone
            if entry.kind == "redo":
                source, target = target, source
            step = source.pop()
            target.append(step)
        else:
            step = entry
            self._done.append(step)
            self._undone.clear()
        if step.kind == "decide":
            self._turn_decisions(step.decisions, back=entry.kind == "undo")
        elif step.kind == "import":
            self._turn_import(step, back=entry.kind == "undo")
        elif step.kind == "compare":
            # Those taken back are the last ones, since undo goes backwards.
            self._compared = self._compared[:-1] if entry.kind == "undo" else self._compared + step.visits
        elif step.kind == "note":
            self._noted = self._noted[:-1] if entry.kind == "undo" else self._noted + step.notes
        elif entry.after is None:
            del self._lesions[entry.lesion_id]
        else:
            self._lesions[entry.lesion_id] = entry.after
            self._numbers[entry.lesion_id] = entry.after.number

    def _turn_decisions(self, decisions: tuple[Decision, ...], *, back: bool) -> None:
        """Take decisions in, or back: they are the last ones then, since undo goes backwards."""
        count = Counter(decision.lesion_id for decision in decisions)
        if back:
            self.decisions = self.decisions[: -len(decisions)]
            for lesion_id, number in count.items():
                self.decided[lesion_id] = self.decided[lesion_id][:-number]
            return
        self.decisions += decisions
        for lesion_id in count:
            here = tuple(one for one in decisions if one.lesion_id == lesion_id)
            self.decided[lesion_id] = self.decided.get(lesion_id, ()) + here
            self._unveil(lesion_id, here)

    def _unveil(self, lesion_id: str, decisions: tuple[Decision, ...]) -> None:
        """Remember for good who has seen, or sees now, more of a lesion than was mined for it."""
        known = self.mined.get(lesion_id)
        mined = frozenset() if known is None else frozenset(known.labels)
        before = self.unveiled.get(lesion_id, frozenset())
        for reader in {one.reader for one in decisions} - before:
            own = {one.label for one in self.decided[lesion_id] if one.reader == reader}
            saw_more = any(
                not own.union(mined).issuperset(one.seen) for one in decisions if one.reader == reader
            )
            if saw_more or complete(mined, own):
                self.unveiled[lesion_id] = self.unveiled.get(lesion_id, frozenset()) | {reader}

    def _turn_import(self, step: Entry, *, back: bool) -> None:
        """Take studies and lesions in, or back; ``mined`` is another mapping then, and only then."""
        studies = {study.id: study for study in step.studies}
        mined = {lesion.id: lesion for lesion in self._numbered_on(step.mined)}
        if back:
            self.studies = {key: one for key, one in self.studies.items() if key not in studies}
            self.mined = {key: one for key, one in self.mined.items() if key not in mined}
        else:
            self.studies, self.mined = self.studies | studies, self.mined | mined

    def _is_news(self, decision: Decision) -> bool:
        """Whether a decision says something that its reader's last one on the label didn't."""
        if decision.lesion_id not in self:
            raise UsageError("That lesion is no longer there to decide on: undo its removal first.")
        if not decision.reader.strip():
            raise UsageError("A decision needs the name of its reader: give yours first.")
        if not decision.label:
            raise UsageError("A decision needs a label of the ontology.")
        key = (decision.lesion_id, decision.label, decision.reader)
        last = standing(self.decided.get(decision.lesion_id, ())).get(key)
        return last is None or (last.verdict, last.replaces) != (decision.verdict, decision.replaces)

    def _plan_import(self, studies: tuple[Study, ...], lesions: tuple[MinedLesion, ...]) -> Entry | None:
        """Leave out what is there already, and refuse what only seems to be the same."""
        for study in studies:
            if self.studies.get(study.id, study) != study:
                raise UsageError(
                    f"The project has another study by the id {study.id}: import into a new one."
                )
        for lesion in lesions:
            known = self.mined.get(lesion.id, lesion)
            same = known == (lesion if lesion.slices else replace(lesion, row=known.row))
            if not same or lesion.id in self._lesions:
                raise UsageError(
                    f"The project has another lesion by the id {lesion.id}: import into a new one."
                )
            _check_finite(lesion.lesion)
        new_studies = {study.id: study for study in studies if study.id not in self.studies}
        new_lesions = {lesion.id: lesion for lesion in lesions if lesion.id not in self.mined}
        for lesion in new_lesions.values():
            if lesion.study not in self.studies and lesion.study not in new_studies:
                raise UsageError(f"Lesion {lesion.id} lies in no study of the project.")
        self._check_rows(tuple(new_lesions.values()))
        if not new_studies and not new_lesions:
            return None
        return Entry("import", studies=tuple(new_studies.values()), mined=tuple(new_lesions.values()))

    def _check_rows(self, lesions: tuple[MinedLesion, ...]) -> None:
        """Refuse lesions whose rows would not be told from those of others: training knows them by these."""
        rows = {one.row for one in self.mined.values()}
        if lesions and len({bool(one.slices) for one in (*self.mined.values(), *lesions)}) > 1:
            raise UsageError(
                "The project would hold lesions of DeepLesion's table and of another one, whose rows an "
                "export couldn't tell apart: import them into a project of their own."
            )
        if twice := [one.row for one in lesions if one.slices and one.row in rows]:
            raise UsageError(
                f"The project has another lesion of row {twice[0]} of DeepLesion's table: import into a new "
                "one."
            )

    def _numbered_on(self, lesions: tuple[MinedLesion, ...]) -> tuple[MinedLesion, ...]:
        """Let the rows of a second table of one's own go on after those that are there; none comes twice."""
        rows = {one.row for one in self.mined.values()}
        if all(one.slices or one.row not in rows for one in lesions):
            return lesions
        start = max(rows) + 1
        return tuple(one if one.slices else replace(one, row=start + one.row) for one in lesions)

    def _known(self, lesion_id: str) -> Lesion:
        if lesion_id not in self._lesions:
            raise UsageError("That lesion is no longer marked: undo its removal first, or mark it again.")
        return self._lesions[lesion_id]


class KeptReadings:
    """The latest reading for each task and mark (fingerprint) of each lesion, oldest first."""

    def __init__(self) -> None:
        self._by_lesion: dict[str, dict[Task, dict[str, Reading]]] = {}
        self._ids: set[str] = set()

    def holds(self, reading: Reading) -> bool:
        """Whether this very reading was kept before."""
        return reading.id in self._ids

    def add(self, reading: Reading) -> None:
        """Take a reading that is on disk into account; it is the latest."""
        marks = self._by_lesion.setdefault(reading.lesion_id, {}).setdefault(reading.task, {})
        marks.pop(reading.provenance.lesion_fingerprint, None)  # so that it comes last in the dict
        marks[reading.provenance.lesion_fingerprint] = reading
        self._ids.add(reading.id)

    def know(self, identifiers: list[str]) -> None:
        """Remember readings that are on disk but that no mark shows any more."""
        self._ids.update(identifiers)

    def shown(self, lesion: Lesion) -> Iterator[Reading]:
        """Give each task's latest reading of a lesion as it is marked, else its latest of all."""
        for marks in self._by_lesion.get(lesion.id, {}).values():
            yield marks.get(lesion.fingerprint) or next(reversed(marks.values()))


def _check_finite(lesion: Lesion) -> None:
    ends = [p for d in (lesion.long, lesion.short) if d is not None for p in (d.start_lps_mm, d.end_lps_mm)]
    if not all(map(math.isfinite, itertools.chain(lesion.centroid_lps_mm, lesion.box_lps_mm, *ends))):
        raise UsageError("A lesion's coordinates must be finite numbers in LPS millimetres.")


def _reader(steps: list[Entry]) -> str | None:
    """Return whose decisions the last step is; ``None`` where it is of another kind or of several."""
    readers = {decision.reader for decision in steps[-1].decisions} if steps else set()
    return readers.pop() if len(readers) == 1 else None


def _title(entry: Entry) -> str:
    if entry.kind == "decide":
        return _decided_title(entry.decisions)
    if entry.kind == "import":
        return f"Import {len(entry.mined)} lesions"
    if entry.kind == "compare":
        return "Follow-up decision"
    if entry.kind == "note":
        return "Change the report"
    lesion = entry.after or entry.before
    assert lesion is not None
    if entry.kind == "add":
        verb = "Mark"
    elif entry.kind == "remove":
        verb = "Remove"
    elif entry.before is not None and _same_marks(entry.before, lesion):
        verb = "Move"
    elif entry.before is not None and (entry.before.long, entry.before.short) != (lesion.long, lesion.short):
        verb = "Measure"
    else:
        verb = "Change"
    return f"{verb} lesion {lesion.number}"


def _decided_title(decisions: tuple[Decision, ...]) -> str:
    first = decisions[0]
    verb = {"accepted": "Accept", "rejected": "Reject", "uncertain": "Doubt", "added": "Add"}[first.verdict]
    if first.replaces is not None:
        verb = f"Replace {first.replaces} by"
    return f"{verb} {first.label}" + (f" and {len(decisions) - 1} more" if len(decisions) > 1 else "")


def _same_marks(before: Lesion, after: Lesion) -> bool:
    """Whether only the place changed: the same lengths and box edges within a micrometre."""

    def shape(lesion: Lesion) -> tuple[float, ...]:
        box = lesion.box_lps_mm
        lengths = [d.length_mm if d is not None else -1.0 for d in (lesion.long, lesion.short)]
        return (*(round(box[axis + 3] - box[axis], 3) for axis in range(3)), *(round(v, 3) for v in lengths))

    return before.centroid_lps_mm != after.centroid_lps_mm and shape(before) == shape(after)
