"""State and actions of a comparison of two rooms' studies; knows nothing of widgets and canvases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from psygnal import Signal

from lesionscope.errors import LesionscopeError
from lesionscope.followup.choices import Choices, Visit
from lesionscope.followup.comparison import Comparison
from lesionscope.followup.pairing import Verdict, propose
from lesionscope.followup.registration import Alignment, register
from lesionscope.followup.response import Role, Seen
from lesionscope.followup.rigid import Rigid
from lesionscope.followup.sites import NODE, Site, body_parts
from lesionscope.followup.visits import concerns
from lesionscope.session.commands import Compare
from lesionscope.session.paths import default_path
from lesionscope.session.visits import earlier_visits, labels_of
from lesionscope.viewer import wording as room_wording
from lesionscope.viewer.docks.report_draft import Draft, drafts_of
from lesionscope.viewer.export import FORMS
from lesionscope.viewer.followup import wording
from lesionscope.viewer.followup.compare_state import CompareState, ids_of, marked
from lesionscope.viewer.followup.writing import Writing
from lesionscope.viewer.room import Room
from lesionscope.viewer.room_state import Phase, RoomState, Status
from lesionscope.viewer.workers import Job, Worker


class Comparing:
    """Compares the studies that two rooms show; what is decided is a step of the baseline's session.

    Parameters
    ----------
    baseline, followup
        Rooms with a study each; both stay their owner's.
    session_path
        From a series' UID to its session file: visits between are read there.

    Raises
    ------
    LesionscopeError
        A room shows no study.

    Attributes
    ----------
    changed
        Emitted with the new :class:`CompareState`.
    """

    changed = Signal(CompareState, reemission="latest-only")

    def __init__(
        self, baseline: Room, followup: Room, *, session_path: Callable[[str], Path] = default_path
    ) -> None:
        self.rooms = (baseline, followup)
        volumes = [room.state.volume for room in self.rooms]
        if volumes[0] is None or volumes[1] is None:
            raise LesionscopeError(wording.NO_STUDY)
        self.baseline, self.followup = volumes[0], volumes[1]
        self._worker = Worker("lesionscope-followup")
        self._job: Job | None = None
        self._writing: list[Writing] = []
        self._closed = False
        first, second = marked(baseline.state), marked(followup.state)
        self._earlier, self._missing = (), ()
        if baseline.state.session is not None:
            self._earlier, self._missing = earlier_visits(
                baseline.state.session, first, second.date, path_of=session_path
            )
        said = dict.fromkeys((baseline.state.session_note, followup.state.session_note, *self._missing))
        self._state = CompareState(
            Comparison(first, second, Choices(), self._earlier, self._missing),
            concerns=concerns(self.baseline.source, self.followup.source),
            note=" ".join(filter(None, said)),
        )
        shown = replace(self._state.comparison, choices=self._standing)
        self._state = replace(self._state, comparison=shown)
        self._sessions = [room.state.session for room in self.rooms]
        self._picked = [room.state.selected for room in self.rooms]
        for room in self.rooms:
            room.changed.connect(self._room_changed)

    @property
    def state(self) -> CompareState:
        """The comparison now."""
        return self._state

    # -- registration ---------------------------------------------------------------------

    def begin(self) -> None:
        """Align the studies in the background, unless something grave speaks against it."""
        if self._state.blocked or self._job is not None or self._closed:
            return
        self._set(status=Status(Phase.RUNNING))
        self._job = self._worker.submit(
            lambda cancel, progress: register(self.baseline, self.followup, progress=progress, cancel=cancel),
            done=self._aligned,
            failed=lambda sentence: self._ended(Status(Phase.FAILED, message=sentence)),
            cancelled=lambda: self._ended(Status(Phase.CANCELLED, message=wording.ALIGNING_STOPPED)),
            progress=lambda done, total, label: self._set(status=Status(Phase.RUNNING, done, total, label)),
        )

    def cancel(self) -> None:
        """Stop aligning."""
        if self._job is not None:
            self._job.cancel()

    def overrule(self) -> None:
        """Link the studies although something grave speaks against it, and align them."""
        if not self._state.can_overrule:
            self._refuse("")
            return
        self._set(overruled=True, notice="")
        self._refresh()
        self.begin()

    def toggle_link(self) -> None:
        """Scroll the studies together, or each for itself."""
        if self._state.alignment is None:
            self._set(notice=wording.NOT_ALIGNED)
        else:
            self._set(linked=not self._state.linked, notice="")

    @property
    def to_followup(self) -> Rigid | None:
        """The map from the baseline's LPS mm to the follow-up's, while the studies are linked."""
        alignment = self._state.alignment
        return alignment.to_followup if alignment is not None and self._state.linked else None

    def _aligned(self, alignment: Alignment) -> None:
        self._state = replace(self._state, alignment=alignment)
        self._ended(None)
        self._refresh()
        if self._state.selected is None:
            self.step(1)

    def _ended(self, status: Status | None) -> None:
        self._job = None
        self._set(status=status)

    # -- what the reader decides ------------------------------------------------------------

    def confirm(self) -> None:
        """Confirm the selected pair, and go on to the next lesion that is open."""
        self._decide(Verdict.CONFIRMED)

    def refuse(self) -> None:
        """Say that the selected pair's lesions aren't the same one."""
        self._decide(Verdict.REFUSED)

    def join(self) -> None:
        """Pair the lesions that are selected in either study."""
        first, second = (room.state.lesion for room in self.rooms)
        if first is None or second is None:
            self._refuse(wording.SELECT_BOTH)
            return
        alignment, distance = self._state.alignment, float("inf")
        if alignment is not None:
            carried = alignment.to_followup.points(first.centroid_lps_mm)
            distance = float(np.linalg.norm(np.subtract(second.centroid_lps_mm, carried)))
        pairing = self._choices.pairing.joined(first.id, second.id, distance)
        self._record(self._choices.with_pair(first.id, pairing))

    def set_fate(self, fate: Seen) -> None:
        """Say what became of the selected baseline lesion; the same again takes it back."""
        row = self._state.row
        if row is None or row.baseline is None:
            self._refuse(wording.SELECT_BASELINE)
            return
        if fate is Seen.PROGRESSED and row.role is not Role.NON_TARGET:
            self._refuse(wording.ONLY_NON_TARGETS)
            return
        self._record(
            self._choices.with_fate(row.baseline.id, None if row.fate is fate else fate), row.fate is not fate
        )

    def set_new(self, new: bool) -> None:
        """Say that the selected follow-up lesion is new, or isn't; the same again takes it back."""
        row = self._state.row
        if row is None or row.followup is None or (row.baseline is not None and not row.outgrown):
            self._refuse(wording.SELECT_UNPAIRED)
            return
        self._record(
            self._choices.with_news(row.followup.id, None if row.new is new else new), row.new is not new
        )

    def toggle_target(self) -> None:
        """Make the selected baseline lesion a target, or none any more; the proposal becomes a choice."""
        row = self._state.row
        if row is None or row.baseline is None:
            self._refuse(wording.SELECT_BASELINE)
            return
        targets = self._state.comparison.targets
        chosen = row.baseline.id
        after = tuple(t for t in targets if t != chosen) if chosen in targets else (*targets, chosen)
        self._record(replace(self._choices, targets=after))

    def toggle_node(self) -> None:
        """Say that the selected lesion is a lymph node, or isn't."""
        row = self._state.row
        if row is not None:
            site = Site("" if row.site.node else NODE, not row.site.node)
            self._record(self._choices.with_site(ids_of(row)[0], site))

    def undo(self) -> None:
        """Take back the last step of the baseline's session, which decisions are in; says which it was."""
        session = self.rooms[0].state.session
        if session is None or session.undo_title is None:
            self._set(notice=room_wording.NOTHING_TO_UNDO)
        elif self._change(self.rooms[0].undo):
            self._set(notice=room_wording.UNDONE.format(what=session.undo_title))

    def redo(self) -> None:
        """Repeat the step last undone."""
        session = self.rooms[0].state.session
        if session is None or session.redo_title is None:
            self._set(notice=room_wording.NOTHING_TO_REDO)
        elif self._change(self.rooms[0].redo):
            self._set(notice=room_wording.REDONE.format(what=session.redo_title))

    def take_sites(self, sites: dict[str, Site]) -> None:
        """Take word of where lesions lie, from a report for example; what the reader said stays."""
        known = self._choices
        for lesion_id, site in sites.items():
            if lesion_id not in known.sites and (site.organ or site.node):
                known = known.with_site(lesion_id, site)
        self._record(known)

    # -- report -------------------------------------------------------------------------------

    def write_report(self, folder: str | Path, forms: Sequence[str] = FORMS) -> Job | None:
        """Write the follow-up's report with the response in it, in the background.

        Returns
        -------
        Job or None
            ``None`` where the state is ``unready``; the notice says why.
        """
        if self._state.unready:
            self._set(notice=self._state.unready)
            return None
        state, table = self.rooms[1].state, self._state.response
        draft = Draft(
            unreviewed=True,
            # Either study's name is the patient's.
            deidentify=any(drafts_of(room).draft.deidentify for room in self.rooms),
            forms=tuple(forms),
            folder=str(folder),
        )
        writing = Writing(state, draft, table)

        def ended(sentence: str) -> None:
            self._writing.remove(writing)
            self._set(notice=sentence)

        self._set(notice=wording.WRITING)
        self._writing.append(writing)
        return self._worker.submit(writing.work, done=ended, failed=ended)

    # -- selection ----------------------------------------------------------------------------

    def select(self, lesion_id: str | None) -> None:
        """Select the row of a lesion, and the row's lesions in their rooms."""
        self._set(selected=lesion_id, notice="")
        row = self._state.row
        if row is not None:
            for room, lesion in zip(self.rooms, (row.baseline, row.followup), strict=True):
                if lesion is not None and room.state.selected != lesion.id:
                    room.select(lesion.id)

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) row, round the end."""
        rows = self._state.comparison.rows
        if rows:
            here = next((n for n, row in enumerate(rows) if self._state.selected in ids_of(row)), None)
            start = here if here is not None else (-1 if by > 0 else 0)
            self.select(ids_of(rows[(start + by) % len(rows)])[0])

    def _next_open(self) -> None:
        rows = self._state.comparison.rows
        here = next((n for n, row in enumerate(rows) if self._state.selected in ids_of(row)), -1)
        ahead = [row for row in (*rows[here + 1 :], *rows[: here + 1]) if row.is_open]
        if ahead:
            self.select(ids_of(ahead[0])[0])

    # -- inside ---------------------------------------------------------------------------

    @property
    def _choices(self) -> Choices:
        return self._state.comparison.choices

    def _decide(self, verdict: Verdict) -> None:
        row = self._state.row
        if row is None or row.pair is None:
            self._refuse(wording.NO_PAIR)
            return
        same, pairing = verdict is Verdict.CONFIRMED, self._choices.pairing.decided(row.pair, verdict)
        choices = self._choices
        paired = choices.with_pair(row.pair.baseline, pairing) if same else replace(choices, pairing=pairing)
        self._record(paired, same)

    def _record(self, choices: Choices, go_on: bool = False) -> None:
        """Keep what was decided, not what is only proposed; then show it. Nothing of blocked studies."""
        if self._state.blocked:
            self._refuse("")
            return
        source = self.followup.source
        visit = Visit(source.uid, source.study_date, choices.decided)
        if choices.decided == self._kept or self._change(lambda: self.rooms[0].apply(Compare(visit))):
            self._set(notice="")
            if go_on:
                self._next_open()

    def _refuse(self, sentence: str) -> None:
        """Say why something isn't done: what speaks against the studies first."""
        self._set(notice=self._state.objection or sentence)

    def _change(self, change: Callable[[], None]) -> bool:
        """Change the baseline's session; where that can't be, say why not."""
        room = self.rooms[0]
        before = room.state.session
        change()
        if room.state.session is before:
            self._set(notice=room.state.notice)
            return False
        self._refresh()
        return True

    @property
    def _kept(self) -> Choices:
        """What is kept of this comparison; at first, what the visit before it leaves to it."""
        session = self.rooms[0].state.session
        visit = None if session is None else session.visits.get(self.followup.source.uid)
        if visit is not None:
            return visit.choices
        return self._earlier[-1].choices.for_another_visit if self._earlier else Choices()

    @property
    def _standing(self) -> Choices:
        """What counts of what is kept: nothing of studies that may not be compared."""
        if self._state.blocked:
            return Choices()
        return replace(self._kept, overruled=self._state.overruled)

    def _refresh(self) -> None:
        """Take the rooms' marks and the kept choices, and propose pairs for what is not decided."""
        first, second = (marked(room.state) for room in self.rooms)
        choices = self._standing
        if self._state.alignment is not None:
            parts = {
                one.id: body_parts(labels_of(room.state.session, one.id))
                for room in self.rooms
                if room.state.session is not None
                for one in room.state.lesions
            }
            pairing = propose(
                first.lesions,
                second.lesions,
                self._state.alignment.to_followup,
                parts=parts,
                earlier=choices.pairing,
                absent=choices.absent,
            )
            choices = replace(choices, pairing=pairing)
        earlier = tuple(replace(one, baseline=first) for one in self._earlier)
        self._set(comparison=Comparison(first, second, choices, earlier, self._missing))

    def _room_changed(self, _: RoomState) -> None:
        shown = (self.baseline, self.followup)
        if any(room.state.volume is not volume for room, volume in zip(self.rooms, shown, strict=True)):
            return  # its owner closes us
        # Picks come first: a lesion just drawn is picked, and the row shown before must not take its place.
        for place, room in enumerate(self.rooms):
            picked = room.state.selected
            if picked != self._picked[place]:
                self._picked[place] = picked
                row = self._state.row
                if picked is not None and (row is None or picked not in ids_of(row)):
                    self._set(selected=picked)
        sessions = [room.state.session for room in self.rooms]
        if any(one is not known for one, known in zip(sessions, self._sessions, strict=True)):
            self._sessions = sessions
            self._refresh()

    def _set(self, **changes: object) -> None:
        state = replace(self._state, **changes)  # type: ignore[arg-type]
        if not self._closed and state != self._state:
            self._state = state
            self.changed.emit(state)

    def close(self) -> None:
        """Stop aligning, write reports to their end, and let go of the rooms, which stay open."""
        if self._closed:
            return
        self._closed = True
        self.cancel()
        for room in self.rooms:
            room.changed.disconnect(self._room_changed, missing_ok=True)
        for sentence in [writing.finish() for writing in self._writing]:
            for room in self.rooms:
                if not room.closed:
                    room.notify(sentence)
        self._worker.close()
