"""One reading room per napari viewer: the state that every panel and mark is drawn from.

A room takes what a person asks, makes it a command of the session (so it is on
disk before anything shows it), asks the model, and tells everyone who draws. It
knows nothing of widgets, canvases or layers; :mod:`lesionscope.viewer.stage`
puts it on a window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import QTimer

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.inference.reading import Reading
from lesionscope.lesions import marking
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.session.commands import AddLesion, AddReading, Command, RemoveLesion, ReplaceLesion
from lesionscope.session.paths import default_path
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session
from lesionscope.viewer import wording
from lesionscope.viewer.beside_desk import BesideDesk
from lesionscope.viewer.desk import MakeReader, default_reader
from lesionscope.viewer.held_state import HeldState
from lesionscope.viewer.propose import Propose, Proposer, take
from lesionscope.viewer.readings import Readings
from lesionscope.viewer.room_rules import changed_lesions, marked_already, neighbour, reaches
from lesionscope.viewer.room_state import RoomState, Tool
from lesionscope.viewer.warm import Warm
from lesionscope.viewer.workers import Worker

if TYPE_CHECKING:
    from lesionscope.inference.click_box import Proposal

Which = Literal["long", "short"]
READ_AFTER_MS = 500
"""Quiet time after the last edit before a lesion is read again by itself: long
enough to draw the short diameter after the long one, or to drag both end points."""
PREPARE_AFTER_MS = 400
"""After the event that opens a study: it is drawn first, and imports on a thread hold up the window."""
SHORTEST_MM = 1.0
KEPT = ("package", "label_package", "labels_missing", "known", "window")
"""Parts of the state that another study leaves alone."""


class Room(HeldState):
    """State and actions of one viewer.

    Parameters
    ----------
    make_reader, make_labels
        Make the pathology and the label model's readers on the worker's thread, when first
        needed; without the second, labels are not read.
    session_path
        From a series UID to its session file.
    auto_read
        Whether a lesion is read by itself when it is marked and after an edit.
        It is, so that the scores in sight belong to the marks in sight; in the
        moment between they show as stale, and they stay so where reading is
        stopped or fails. Return reads again at any time.
    propose
        Proposes diameters for a click; nothing is proposed without it.
    warm
        Called on the worker's thread with each study, so that its first click is as fast as the next.
    """

    def __init__(
        self,
        *,
        make_reader: MakeReader = default_reader,
        make_labels: MakeReader | None = None,
        session_path: Callable[[str], Path] = default_path,
        auto_read: bool = True,
        propose: Propose | None = None,
        warm: Warm | None = None,
    ) -> None:
        super().__init__()
        self._session: Session | None = None
        self._session_path = session_path
        self._auto_read = auto_read
        self._warm = warm
        self._due: set[str] = set()
        self.worker = Worker("lesionscope-room")
        self.readings = Readings(
            self.worker, make_reader, make_labels, show=self._set, on_reading=self._keep_reading
        )
        self.proposer = Proposer(
            self.worker, propose, on_proposal=self._take_proposal, on_failure=self.notify
        )
        self.beside = BesideDesk(self._set)
        self._timer = QTimer(singleShot=True, interval=READ_AFTER_MS)
        self._timer.timeout.connect(self._read_due)
        self._shown_timer = QTimer(singleShot=True, interval=PREPARE_AFTER_MS)
        self._shown_timer.timeout.connect(self._prepare)
        self._opened_timer = QTimer(singleShot=True, interval=0)
        self._opened_timer.timeout.connect(self._shown_timer.start)

    def _set(self, **changes: Any) -> None:
        super()._set(**changes)
        if not self._closed:
            self.readings.look_up(self._state)

    # -- study ----------------------------------------------------------------------------

    def open(self, volume: CTVolume) -> None:
        """Show a volume and reopen its session as it was left, at the lesion that is selected."""
        self._end_study()
        note = ""
        try:
            self._session = Session.open(self._session_path(volume.source.uid), series_uid=volume.source.uid)
            note = " ".join(self._session.notices)
        except LesionscopeError as error:
            note = str(error)
        session = self._session.state if self._session is not None else None
        selected = session.lesions[-1].id if session is not None and session.lesions else None
        self._show(RoomState(volume=volume, session=session, session_note=note, selected=selected))
        self._opened_timer.start()

    def _prepare(self) -> None:
        """Load what the first click needs, so that it is as fast as the next."""
        self.readings.prepare()
        volume, warm = self._state.volume, self._warm
        if volume is not None and warm is not None:
            self.worker.submit(lambda cancel, _: warm(volume, cancel))

    def look_at(self, volume: CTVolume, lesion: Lesion, note: str) -> None:
        """Show a lesion of another's project: its marks are drawn, and ``note`` says why they stay."""
        self._end_study()
        shown = SessionState(lesions=(lesion,))
        self._show(RoomState(volume=volume, session=shown, session_note=note, selected=lesion.id))

    def leave(self) -> None:
        """Let go of the study: its session closes, its readings stop."""
        self._end_study()
        self._show(RoomState())

    def _show(self, fresh: RoomState) -> None:
        """Begin anew, at the lesion that is selected; only the model stays."""
        kept = {name: getattr(self._state, name) for name in KEPT}
        self._set(**{field.name: getattr(fresh, field.name) for field in fields(fresh)} | kept)
        if self._state.lesion is not None:
            self.pointed.emit(self._state.lesion.centroid_lps_mm)

    def _end_study(self) -> None:
        self.leaving.emit()
        for timer in (self._timer, self._opened_timer, self._shown_timer):
            timer.stop()
        self._due.clear()
        self.readings.clear()
        self.beside.leave()
        if self._session is not None:
            self._session.close()
            self._session = None

    def close(self) -> None:
        """End everything: no thread, no lock and no callback is left."""
        if self._closed:
            return
        self.leaving.emit()
        for timer in (self._timer, self._opened_timer, self._shown_timer):
            timer.stop()
        self._closed = True
        self.beside.close()
        if self.worker.close():
            self.readings.close()
        if self._session is not None:
            self._session.close()
            self._session = None

    # -- marking --------------------------------------------------------------------------

    def mark_click(self, lps: Point) -> None:
        """Mark a lesion by its centre, select it, and read it."""
        volume = self._volume()
        if volume is None:
            return
        if not volume.geometry.contains(lps):
            self.notify(wording.OUTSIDE_VOLUME)
            return
        lesion = marking.lesion_from_click(lps)
        # Before the reading: the worker answers in this order, and a proposal takes a moment only.
        self.proposer.ask(volume, lesion)
        self._add(lesion)

    def _take_proposal(self, clicked: Lesion, proposal: Proposal) -> None:
        """Give a click its proposed diameters, unless it was edited or has gone meanwhile."""
        volume, lesion = self._state.volume, self._lesion(clicked.id)
        if volume is None or lesion is None or lesion.fingerprint != clicked.fingerprint:
            return
        if proposal.found:
            measured = proposal.lesion(volume.geometry, lesion)
            self._do(lambda session: take(session, measured, proposal))
            if self._auto_read:
                self.read(lesion.id)
        already = marked_already(self._state.lesions, clicked)
        self.notify(f"{already} {proposal.sentence}".strip())

    def set_diameter(self, which: Which, start: Point, end: Point) -> None:
        """Take a diameter as drawn.

        It belongs to the selected lesion where its middle lies in or by that
        lesion's box. Elsewhere a long diameter marks a new lesion, and a short
        one is refused.
        """
        volume = self._volume()
        if volume is None:
            return
        diameter = Diameter(start, end)
        if diameter.length_mm < SHORTEST_MM:
            self.notify(wording.TOO_SHORT)
            return
        lesion = self._state.lesion
        if lesion is not None and reaches(lesion, diameter):
            self._replace(marking.with_diameter(lesion, which, diameter, geometry=volume.geometry))
        elif which == "long":
            lesion = None
            self._add(marking.lesion_from_diameters(diameter, geometry=volume.geometry))
        else:
            self.notify(wording.LONG_FIRST)
            return
        if which == "long" and (lesion is None or lesion.short is None):
            self.set_tool(Tool.SHORT)
        elif which == "short":
            self.set_tool(Tool.NAVIGATE)

    def move_end(self, lesion_id: str, which: Which, end: int, lps: Point) -> None:
        """Take an end point (0 the start, 1 the end) where it was dropped."""
        volume, lesion = self._volume(), self._lesion(lesion_id)
        diameter = getattr(lesion, which, None)
        if volume is None or lesion is None or diameter is None:
            return
        points = [diameter.start_lps_mm, diameter.end_lps_mm]
        points[end] = lps
        moved = Diameter(points[0], points[1])
        if moved.length_mm < SHORTEST_MM:
            self.notify(wording.TOO_SHORT)
            self.redraw()
            return
        self._replace(marking.with_diameter(lesion, which, moved, geometry=volume.geometry))

    def move_lesion(self, lesion_id: str, lps: Point) -> None:
        """Carry a whole lesion to where its centre was dropped."""
        volume, lesion = self._volume(), self._lesion(lesion_id)
        if volume is None or lesion is None:
            return
        if not volume.geometry.contains(lps):
            self.notify(wording.OUTSIDE_VOLUME)
            self.redraw()
            return
        self._replace(marking.moved(lesion, lps))

    def delete(self, lesion_id: str | None = None) -> None:
        """Remove a lesion, by default the selected one; undo brings it back with its readings."""
        lesion = self._lesion(lesion_id or self._state.selected)
        if lesion is None:
            self.notify(wording.NOTHING_SELECTED)
            return
        self.readings.forget(lesion.id)
        self._do(lambda session: session.apply(RemoveLesion(lesion.id)))

    def undo(self) -> None:
        """Take back the last step."""
        if self._state.session is not None and not self._state.session.can_undo:
            self.notify(wording.NOTHING_TO_UNDO)
            return
        self._do(lambda session: session.undo())

    def redo(self) -> None:
        """Repeat the step last undone."""
        if self._state.session is not None and not self._state.session.can_redo:
            self.notify(wording.NOTHING_TO_REDO)
            return
        self._do(lambda session: session.redo())

    # -- selection ----------------------------------------------------------------------------

    def select(self, lesion_id: str | None, *, go: bool = False) -> None:
        """Select a lesion; with ``go`` the canvases travel to it."""
        self._set(selected=lesion_id, notice="")
        lesion = self._state.lesion
        if go and lesion is not None:
            self.pointed.emit(lesion.centroid_lps_mm)

    def step(self, by: int) -> None:
        """Go to the next (1) or the previous (-1) lesion, round the end."""
        ids = [lesion.id for lesion in self._state.lesions]
        if ids:
            start = ids.index(self._state.selected) if self._state.selected in ids else (-1 if by > 0 else 0)
            self.select(ids[(start + by) % len(ids)], go=True)

    # -- reading --------------------------------------------------------------------------

    def read(self, lesion_id: str | None = None) -> None:
        """Have the model read a lesion (again), by default the selected one."""
        lesion = self._lesion(lesion_id or self._state.selected)
        volume = self._state.volume
        if lesion is None or volume is None:
            self.notify(wording.NOTHING_SELECTED if volume is not None else wording.OPEN_FIRST)
            return
        if self._session is None:  # a guest's: no answer would be kept
            self.notify(self._state.session_note)
            return
        self._due.discard(lesion.id)
        self._set(notice="")
        self.readings.read(self._state, volume, lesion)

    def read_anyway(self, lesion_id: str | None = None) -> None:
        """Read a lesion although the model says that it is outside its scope."""
        lesion = self._lesion(lesion_id or self._state.selected)
        if lesion is not None:
            self._set(overrides=self._state.overrides | {lesion.id})
            self.read(lesion.id)

    def cancel(self, lesion_id: str | None = None) -> None:
        """Stop reading a lesion, by default the selected one."""
        chosen = lesion_id or self._state.selected
        if chosen is not None:
            self._due.discard(chosen)
            self.readings.cancel(chosen)

    def _keep_reading(self, reading: Reading) -> None:
        """Keep an answer; where its lesion or study has gone meanwhile, drop it."""
        session, volume = self._session, self._state.volume
        if session is None or volume is None or reading.provenance.series_uid != volume.source.uid:
            return
        if session.state.lesion(reading.lesion_id) is None:
            return
        try:
            self._set(session=session.apply(AddReading(reading)))
        except LesionscopeError as error:
            self.notify(str(error))

    def _read_later(self, before: SessionState | None, after: SessionState) -> None:
        """Read what a change left without a reading of its own, after a moment of quiet."""
        if not self._auto_read:
            return
        for lesion_id, unread in changed_lesions(before, after, self.readings.tasks(self._state)):
            (self._due.add if unread else self._due.discard)(lesion_id)
        if self._due:
            self._timer.start()

    def _read_due(self) -> None:
        for lesion_id in tuple(self._due):
            if self._lesion(lesion_id) is not None:
                self.read(lesion_id)
        self._due.clear()

    # -- the session ----------------------------------------------------------------------

    def _volume(self) -> CTVolume | None:
        if self._state.volume is None:
            self.notify(wording.OPEN_FIRST)
        return self._state.volume

    def _lesion(self, lesion_id: str | None) -> Lesion | None:
        return next((lesion for lesion in self._state.lesions if lesion.id == lesion_id), None)

    def _add(self, lesion: Lesion) -> None:
        marked = self._do(lambda session: session.apply(AddLesion(lesion)), select=lesion.id)
        if marked and self._auto_read and lesion.long is None:
            # A click wants an answer now; only edits wait for a moment of quiet.
            self.read(lesion.id)
        if marked and (already := marked_already(self._state.lesions, lesion)):
            self.notify(already)

    def _replace(self, lesion: Lesion) -> None:
        self._do(lambda session: session.apply(ReplaceLesion(lesion)), select=lesion.id)

    def apply(self, command: Command) -> None:
        """Make any command of the session's own; marks use it for what napari's tools did."""
        self._do(lambda session: session.apply(command))

    def _do(self, change: Callable[[Session], SessionState], select: str | None = None) -> bool:
        """Make one change of the session: on disk first, then in the state; else say why not."""
        if self._session is None:
            self.notify(self._state.session_note or wording.OPEN_FIRST)
            return False
        before = self._state.session
        try:
            after = change(self._session)
        except LesionscopeError as error:
            self.notify(str(error))
            self.redraw()
            return False
        ids = [lesion.id for lesion in after.lesions]
        selected = select or self._state.selected
        if selected not in ids:
            selected = neighbour(before, ids, selected)
        self._set(session=after, selected=selected, notice="")
        self._forget_gone(before, ids)
        self._read_later(before, after)
        return True

    def _forget_gone(self, before: SessionState | None, ids: list[str]) -> None:
        for lesion in before.lesions if before is not None else ():
            if lesion.id not in ids:
                self.readings.forget(lesion.id)
                self._due.discard(lesion.id)
