"""Looking for lesions on a window: its keys, its dock beside the reading's, its frame on the canvas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from lesionscope.viewer.canvas import weak_call
from lesionscope.viewer.find import words
from lesionscope.viewer.find.finding import Finding, MakeDetector, default_detector
from lesionscope.viewer.find.frames import Frames
from lesionscope.viewer.find.keys import list_keys
from lesionscope.viewer.find.state import FindState
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.keys import Key, merged

if TYPE_CHECKING:
    from lesionscope.viewer.stage import Stage


class FindDesk:
    """Holds the finding of one stage.

    Parameters
    ----------
    stage
        The window.
    make_detector
        As :class:`Finding` takes it.
    """

    def __init__(self, stage: Stage, make_detector: MakeDetector = default_detector) -> None:
        self._stage = stage
        self.finding = Finding(stage.room, make_detector)
        self._frames: Frames | None = None
        self._in_sight = self._closed = False
        self.finding.changed.connect(self._draw)

    # -- searching ------------------------------------------------------------------------

    def here(self) -> None:
        """Search the axial slice in sight, and show what comes of it."""
        self.show()
        study = self._stage.study
        if study is None or study.shown is None:
            self.finding.search_volume()  # which says what to open
            return
        x, y, _ = Grid.of(study.shown.geometry).middle()
        self.finding.search_slice((x, y, float(study.axial.slice_position_mm)))

    def through(self) -> None:
        """Search every slice, and show what comes of it."""
        self.show()
        self.finding.search_volume()

    # -- dock -----------------------------------------------------------------------------

    def new_panel(self) -> QWidget:
        """Make the dock's widget."""
        from lesionscope.viewer.docks.candidates import CandidatesPanel

        return CandidatesPanel(self)

    def show(self) -> None:
        """Open the dock or bring it to the front, and give it the keyboard."""
        self._stage.show_dock(words.DOCK)
        QTimer.singleShot(0, weak_call(self, "take_focus"))

    def take_focus(self) -> None:
        """Give the dock the keyboard, where it is open."""
        panel = self._stage.dock_widget(words.DOCK)
        if panel is not None:
            panel.take_focus()

    def leave(self) -> None:
        """Stop the search; where there is none, give the keyboard back to the image."""
        study = self._stage.study
        if self.finding.state.searching:
            self.finding.stop()
        elif study is not None:
            study.axial.native.setFocus()

    def dock_keys(self) -> Iterable[Key]:
        """Return the keys that the dock knows: the window's, and those of its list in their place."""
        return merged(self._stage.keys, list_keys(self.finding, self.leave))

    # -- deciding -------------------------------------------------------------------------

    def accept(self) -> None:
        """Accept the candidate in view, where it is in sight."""
        if self._sees():
            self.finding.accept()

    def refuse(self) -> None:
        """Refuse the candidate in view, or take that back, where it is in sight."""
        if self._sees():
            self.finding.refuse()

    def _sees(self) -> bool:
        """Whether the list is in sight and so its candidate framed; else say how it comes there."""
        if not self._in_sight:
            self._stage.room.notify(words.OUT_OF_SIGHT)
        return self._in_sight

    # -- canvas ---------------------------------------------------------------------------

    def set_in_sight(self, in_sight: bool) -> None:
        """Say whether the list is; only then is its candidate framed."""
        self._in_sight = in_sight
        if not self._closed:
            self._draw(self.finding.state)

    def _draw(self, state: FindState) -> None:
        study = self._stage.study
        if study is None or study.shown is None or study.volume is not state.volume:
            self._strip()
            return
        canvas, candidate = study.axial, state.candidate if self._in_sight else None
        if self._frames is None or self._frames.canvas is not canvas:
            self._strip()
            if candidate is None:
                return
            self._frames = Frames(canvas)
        self._frames.show(candidate, Grid.of(study.shown.geometry))

    def _strip(self) -> None:
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def close(self) -> None:
        """End the search and take the frame off."""
        self._closed = True
        self.finding.changed.disconnect(self._draw, missing_ok=True)
        self.finding.close()
        self._strip()
