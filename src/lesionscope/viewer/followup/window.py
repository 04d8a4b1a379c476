"""The follow-up window: two studies of a patient side by side, linked, with what became of each lesion."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial

from napari.qt import get_current_stylesheet
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent, QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from lesionscope.ct.windows import Window, default_window
from lesionscope.followup.visits import LINKED_ANYWAY
from lesionscope.lesions.lesion import Point
from lesionscope.viewer import wording as room_wording
from lesionscope.viewer.cine import Cine
from lesionscope.viewer.followup import wording
from lesionscope.viewer.followup.comparing import CompareState, Comparing
from lesionscope.viewer.followup.side import Side
from lesionscope.viewer.followup.table import ComparisonPanel
from lesionscope.viewer.help import HelpWindow
from lesionscope.viewer.keys import Key, KeyBinder, merged
from lesionscope.viewer.room_keys import TOOL_KEYS, TOOLS
from lesionscope.viewer.room_state import Phase, RoomState, Tool
from lesionscope.viewer.slab import Slab
from lesionscope.viewer.view_keys import VIEW, view_keys
from lesionscope.viewer.windowing import Windowing, data_range

BASELINE_COLOUR, FOLLOW_UP_COLOUR = "#1d5fa8", "#a85400"
"""Blue and brown: told apart by every eye, and named besides."""
SIZE = (1366, 768)
PANEL_PX = 290
MARKING = (Tool.CLICK, Tool.LONG, Tool.SHORT, Tool.NAVIGATE)


class FollowupWindow(QMainWindow):
    """Shows a comparison; everything it shows is the state of its :class:`Comparing`.

    Parameters
    ----------
    comparing
        Closed with the window.
    ended
        Called once, after everything was taken down.
    """

    def __init__(self, comparing: Comparing, ended: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.comparing, self._ended = comparing, ended
        self._closed = self._busy = False
        self._shown_row: object = None
        self.setStyleSheet(get_current_stylesheet())
        self.setWindowTitle(f"Lesionscope: {wording.TITLE}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.windowing = Windowing()
        first, second = comparing.baseline, comparing.followup
        ranges = [data_range(volume) for volume in (first, second)]
        self.windowing.start(
            default_window(second), (min(low for low, _ in ranges), max(high for _, high in ranges))
        )
        self._binder = KeyBinder(self._key_pressed)
        dates = first.source.study_date, second.source.study_date
        make = partial(Side, windowing=self.windowing, binder=self._binder, activated=self._activate)
        self.sides = (
            make(comparing.rooms[0], first, wording.role_line(wording.BASELINE, dates[0]), BASELINE_COLOUR),
            make(
                comparing.rooms[1],
                second,
                wording.role_line(wording.FOLLOW_UP, dates[1], dates[0]),
                FOLLOW_UP_COLOUR,
            ),
        )
        self.active = self.sides[1]
        self.cine = Cine(self._cine_step, self)
        self._help: HelpWindow | None = None
        table = self._keys()
        self._binder.set_keys(merged(view_keys(self), table))
        self.panel = ComparisonPanel(comparing, table)
        self._lay_out()
        self.windowing.changed.connect(self._window_was_set)
        for side in self.sides:
            side.cursor_moved.connect(partial(self._cursor_moved, side))
            side.pointed.connect(lambda text: self.statusBar().showMessage(text))
            side.room.changed.connect(self._room_changed)
        comparing.changed.connect(self._draw)
        self.resize(*SIZE)
        self._draw(comparing.state)
        comparing.begin()

    # -- laying out -----------------------------------------------------------------------

    def _lay_out(self) -> None:
        canvases = QSplitter(Qt.Orientation.Horizontal)
        canvases.setChildrenCollapsible(False)
        for side in self.sides:
            canvases.addWidget(side.widget)
        self._canvases = canvases
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.setChildrenCollapsible(False)
        whole.addWidget(canvases)
        whole.addWidget(self.panel)
        whole.setStretchFactor(0, 1)
        whole.setSizes([SIZE[1] - PANEL_PX, PANEL_PX])
        self._bar = QWidget()
        self._bar.setObjectName("lesionscope-followup-bar")
        line = QHBoxLayout(self._bar)
        line.setContentsMargins(8, 2, 8, 2)
        self.message, self.progress = QLabel(), QProgressBar()
        self.message.setWordWrap(True)
        self.message.setStyleSheet("color: #f2b134; font-weight: bold;")
        self.progress.setMaximumWidth(220)
        self.cancel_button = QPushButton(room_wording.CANCEL)
        self.cancel_button.clicked.connect(lambda *_: self.comparing.cancel())
        self.align_button = QPushButton(wording.ALIGN_AGAIN)
        self.align_button.clicked.connect(lambda *_: self.comparing.begin())
        self.overrule_button = QPushButton(wording.LINK_ANYWAY)
        self.overrule_button.clicked.connect(lambda *_: self.comparing.overrule())
        line.addWidget(self.message, 1)
        for widget in (self.progress, self.cancel_button, self.align_button, self.overrule_button):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            line.addWidget(widget)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar)
        column.addWidget(whole, 1)
        self.setCentralWidget(body)
        research = QLabel(room_wording.RESEARCH)
        self.statusBar().addPermanentWidget(research)

    def _keys(self) -> tuple[Key, ...]:
        c, group = self.comparing, wording.TITLE
        actions: dict[str, Callable[[], object]] = {
            "Return": c.confirm,
            "U": c.refuse,
            "J": c.join,
            "A": partial(c.set_new, True),
            "H": partial(c.set_new, False),
            "T": c.toggle_target,
            "K": c.toggle_node,
            "F": c.toggle_link,
            "N": partial(c.step, 1),
            "P": partial(c.step, -1),
            "Ctrl+Z": c.undo,
            "Ctrl+Shift+Z": c.redo,
            "Ctrl+S": self._ask_and_write,
            **{key: partial(c.set_fate, fate) for key, fate in wording.FATE_KEYS.items()},
        }
        tools = (
            Key(TOOL_KEYS[tool], room_wording.TOOL_TIPS[tool.value], TOOLS, partial(self._use, tool))
            for tool in MARKING
        )
        return (
            *(Key(key, title, group, actions[key]) for key, title in wording.KEYS.items()),
            *tools,
            Key("Escape", room_wording.KEY_ESCAPE, TOOLS, partial(self._use, Tool.NAVIGATE)),
            Key("Delete", room_wording.KEY_DELETE, TOOLS, lambda: self.active.room.delete()),
            Key("Ctrl+Alt+Z", wording.UNDO_MARK, TOOLS, lambda: self.active.room.undo()),
            Key("F1", room_wording.KEY_HELP, VIEW, self.show_help),
        )

    def _ask_and_write(self) -> None:
        """Ask where to, then write the report."""
        if self.comparing.state.unready:
            self.comparing.write_report("")
            return
        folder = QFileDialog.getExistingDirectory(self, room_wording.EXPORT_WHERE)
        if folder:
            self.comparing.write_report(folder)

    def _use(self, tool: Tool) -> None:
        for side in self.sides:
            side.room.set_tool(tool)

    # -- drawing --------------------------------------------------------------------------

    def _draw(self, state: CompareState) -> None:
        if self._closed:
            return
        self._draw_bar(state)
        self.panel.show_state(state)
        row = state.row
        shown = None if row is None else (state.selected, row.baseline, row.followup, state.alignment)
        if row is not None and shown != self._shown_row:
            self._shown_row = shown
            self._go_to_row(state)
        for side, lesion in zip(
            self.sides, (row.baseline, row.followup) if row else (None, None), strict=True
        ):
            if lesion is not None and side.room.state.selected != lesion.id:
                side.room.select(lesion.id)

    def _draw_bar(self, state: CompareState) -> None:
        working = state.status is not None and state.status.phase is Phase.RUNNING
        stopped = state.status is not None and not working
        parts = [
            LINKED_ANYWAY if concern.grave and state.overruled else concern.message
            for concern in state.concerns
        ]
        if state.status is not None:
            parts.append(state.status.message if stopped else wording.ALIGNING)
        text = "  ".join(part for part in (*parts, state.note) if part)
        self.message.setText(text)
        self.progress.setVisible(working)
        self.cancel_button.setVisible(working)
        if working and state.status is not None:
            self.progress.setMaximum(state.status.total)
            self.progress.setValue(state.status.done)
        self.align_button.setVisible(stopped and not state.blocked)
        self.overrule_button.setVisible(state.can_overrule)
        self._bar.setVisible(bool(text) or working)

    def _go_to_row(self, state: CompareState) -> None:
        """Show the selected lesion on both sides: each its own, or the place that belongs to it."""
        row, alignment = state.row, state.alignment
        if row is None:
            return
        places: list[Point | None] = [
            None if lesion is None else lesion.centroid_lps_mm for lesion in (row.baseline, row.followup)
        ]
        carried = False
        if alignment is not None and None in places:
            carried = True
            there, back = alignment.to_followup, alignment.to_followup.inverse()
            if places[0] is None and places[1] is not None:
                places[0] = back.point(places[1])
            elif places[0] is not None:
                places[1] = there.point(places[0])
        with self._quiet():
            for side, place in zip(self.sides, places, strict=True):
                if place is not None:
                    (partial(side.follow, beyond=wording.BEYOND) if carried else side.go_to)(place)

    def _cursor_moved(self, side: Side, lps: Point) -> None:
        """Let the other side follow."""
        rigid = self.comparing.to_followup
        if self._busy or self._closed or rigid is None:
            return
        other = self.sides[1] if side is self.sides[0] else self.sides[0]
        with self._quiet():
            other.follow((rigid if side is self.sides[0] else rigid.inverse()).point(lps), wording.BEYOND)

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        was, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = was

    # -- what keys ask --------------------------------------------------------------------

    def _activate(self, side: Side) -> None:
        self.active = side

    def _key_pressed(self, target: object) -> None:
        for side in self.sides:
            if target is side.view.model or any(target is layer for layer in side.view.layers):
                self.active = side

    def scroll(self, steps: int) -> bool:
        """Move the active side by slices; the other one follows."""
        return self.active.scroll(steps)

    def _cine_step(self, direction: int) -> bool:
        return self.scroll(direction)

    def set_window(self, window: Window) -> None:
        """Show another grey-scale window on both sides."""
        self.windowing.set(window)

    def _window_was_set(self, _: Window) -> None:
        for side in self.sides:
            side.describe()

    def toggle_invert(self) -> None:
        """Swap black and white on both sides."""
        self.windowing.set_inverted(not self.windowing.inverted)
        for side in self.sides:
            side.inverted = self.windowing.inverted
            side.describe()

    @property
    def slab(self) -> Slab:
        """Slab of both sides."""
        return self.active.slab

    def set_slab(self, slab: Slab) -> None:
        """Show slabs on both sides."""
        for side in self.sides:
            side.set_slab(slab)

    @property
    def crosshair(self) -> bool:
        """Whether the crosshairs are drawn."""
        return self.active.crosshair

    @crosshair.setter
    def crosshair(self, visible: bool) -> None:
        for side in self.sides:
            side.crosshair = visible

    def reset_views(self) -> None:
        """Hang both canvases anew."""
        for side in self.sides:
            side.view.hang()
            side.view.fit()

    def show_help(self) -> None:
        """List keys and mouse."""
        if self._help is None:
            self._help = HelpWindow(self)
        self._help.open_with(self._binder.keys)

    # -- end ------------------------------------------------------------------------------

    def _room_changed(self, state: RoomState) -> None:
        """Say what a room says; close with a study that its room no longer shows."""
        if state.notice:
            self.statusBar().showMessage(state.notice)
        shown = (self.comparing.baseline, self.comparing.followup)
        if any(s.room.closed or s.room.state.volume is not v for s, v in zip(self.sides, shown, strict=True)):
            self.close()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Give both studies the same room."""
        super().showEvent(event)
        half = self.width() // 2
        self._canvases.setSizes([half, half])

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Take everything down."""
        self.take_down()
        super().closeEvent(event)

    def take_down(self) -> None:
        """End the comparison; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.cine.close()
        self.comparing.changed.disconnect(self._draw, missing_ok=True)
        self.comparing.close()
        for side in self.sides:
            side.room.changed.disconnect(self._room_changed, missing_ok=True)
            side.close()
        self._binder.release_all()
        self.windowing.unlink_all()
        self._ended()
