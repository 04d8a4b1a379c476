"""A room on a napari window: study view, marks, tools, keys and docks, and their end."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow, QWidget

from lesionscope.lesions.lesion import Point
from lesionscope.viewer import wording
from lesionscope.viewer.canvas import Canvas, qt_viewer_of, weak_call
from lesionscope.viewer.docks.lesion_list import LesionListPanel
from lesionscope.viewer.docks.reading import ReadingPanel
from lesionscope.viewer.docks.report_keys import report_keys
from lesionscope.viewer.find.keys import find_keys
from lesionscope.viewer.find.words import DOCK as CANDIDATES_DOCK
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.help import HelpWindow
from lesionscope.viewer.keys import Key, merged
from lesionscope.viewer.layout import dock_of, reset_layout
from lesionscope.viewer.marks import Marks
from lesionscope.viewer.panes import WindowWatch
from lesionscope.viewer.report_words import DOCK as REPORT_DOCK
from lesionscope.viewer.review.words import DOCK as REVIEW_DOCK
from lesionscope.viewer.room_keys import room_keys
from lesionscope.viewer.room_state import RoomState
from lesionscope.viewer.study_view import StudyView
from lesionscope.viewer.tools import Tools
from lesionscope.viewer.view_keys import VIEW

if TYPE_CHECKING:
    from lesionscope.viewer.find.desk import FindDesk
    from lesionscope.viewer.review.bench import Bench
    from lesionscope.viewer.room import Room

PLUGIN = "napari-lesionscope"
MODELS = "Models"
TAB_KEYS = {
    "tree": ("F2", wording.KEY_TREE),
    "labels": ("F3", wording.KEY_LABELS),
    "similar": ("F4", wording.KEY_SIMILAR),
}
DOCKS = {
    wording.LESIONS_DOCK: "left",
    wording.READING_DOCK: "right",
    REPORT_DOCK: "right",
    CANDIDATES_DOCK: "right",
    REVIEW_DOCK: "right",
}
"""Our docks and their sides, in the order of their tabs."""


def dock_name(title: str) -> str:
    """Name of a dock as napari's own Plugins menu gives it, so that menu and room share one dock."""
    return f"{title} ({PLUGIN})"


class Stage:
    """Draws one room in one viewer's window.

    The study view comes with the first study, so that a window without CT keeps
    napari's own keys and mouse.

    Parameters
    ----------
    room
        The room; closed with the window.
    viewer
        A napari viewer with a window.
    ended
        Called once, after everything was taken down.
    """

    def __init__(self, room: Room, viewer: Any, ended: Callable[[], None]) -> None:
        self.room, self.viewer, self._ended = room, viewer, ended
        self.study: StudyView | None = None
        self.marks: dict[Canvas, Marks] = {}
        self._stripped = False
        self._tools: dict[Canvas, Tools] = {}
        self._notice = ""
        self._closed = False
        self._help: HelpWindow | None = None
        self._bench: Bench | None = None
        self._find: FindDesk | None = None
        self._followed: weakref.WeakSet[QDockWidget] = weakref.WeakSet()
        self.window: QMainWindow = qt_viewer_of(viewer).window()
        self._laid_out_unseen = False
        self._watch = WindowWatch(self.window, weak_call(self, "close"), weak_call(self, "_lay_out_in_sight"))
        room.changed.connect(self._draw)
        room.pointed.connect(self._go_to)

    # -- drawing --------------------------------------------------------------------------

    def _draw(self, state: RoomState) -> None:
        if self._closed:
            return
        self._show_study(state)
        for canvas, tools in self._tools.items():
            tools.choose(state.tool)
            self.marks[canvas].show(state)
        if state.notice and state.notice != self._notice:
            self.viewer.status = state.notice
        self._notice = state.notice

    def _show_study(self, state: RoomState) -> None:
        study = self.study
        if state.volume is not (None if study is None else study.volume):
            if study is None:
                study = self._new_study()
            if state.volume is None:
                study.clear()
            else:
                study.show(state.volume)
                self.viewer.help = wording.HELP_HINT
                self.viewer.status = ""
        if study is not None:
            self._dress(study.canvases)

    def _new_study(self) -> StudyView:
        study = self.study = StudyView(self.viewer)
        self.set_keys()
        study.canvases_changed.connect(self._dress)
        study.study_changed.connect(self._study_changed)
        study.window_changed.connect(self.room.show_window)
        study.closed.connect(self.close)
        return study

    def set_keys(self) -> None:
        """Bind the keys that are in force now."""
        if self.study is not None:
            self.study.set_keys(self._keys())

    @property
    def keys(self) -> tuple[Key, ...]:
        """The table of keys that are in force."""
        return self.study.keys if self.study is not None else self._keys()

    def _keys(self) -> tuple[Key, ...]:
        more = self._bench.keys if self._bench is not None else ()
        return merged(self._own_keys(), more)

    def _own_keys(self) -> tuple[Key, ...]:
        return (
            *room_keys(self.room),
            *(Key(key, title, MODELS, partial(self.show_tab, tab)) for tab, (key, title) in TAB_KEYS.items()),
            *report_keys(self),
            *find_keys(self),
            Key("Ctrl+F", wording.KEY_SEARCH, MODELS, partial(self.show_tab, "labels", search=True)),
            Key("F1", wording.KEY_HELP, VIEW, self.show_help),
        )

    def _dress(self, canvases: tuple[Canvas, ...]) -> None:
        """Give marks and tools to the canvases that show a study, take them from the others."""
        study = self.study
        shown = None if study is None else study.shown
        for canvas in tuple(self.marks):
            if canvas not in canvases or shown is None:
                self._strip(canvas)
        if study is None or shown is None:
            return
        grid = Grid.of(shown.geometry)
        for canvas in canvases:
            if canvas.image is None:
                continue
            # First: making marks has napari show it.
            canvas.image.help = wording.HELP_HINT
            if canvas not in self.marks:
                # Where marks were taken off, Mesa may crash in a canvas that is drawn without new ones.
                marks = Marks(self.room, canvas, grid, at_once=self._stripped)
                self.marks[canvas] = marks
                self._tools[canvas] = Tools(self.room, study, canvas, marks)
                marks.show(self.room.state)
            self.marks[canvas].lie_on(grid)

    def _undress(self) -> None:
        with contextlib.ExitStack() as batches:
            for canvas in tuple(self.marks):
                batches.enter_context(canvas.batch())
                self._strip(canvas)

    def _strip(self, canvas: Canvas) -> None:
        self._stripped = True
        self._tools.pop(canvas).close()
        self.marks.pop(canvas).close()

    def _study_changed(self, volume: object) -> None:
        if volume is None and self.room.state.volume is not None and not self._closed:
            # The image was deleted in napari's own list: the study is left, its session stays on disk.
            # Drawn when that is done: on the way the room still has the study, and would show it again.
            self.room.changed.disconnect(self._draw)
            self.room.leave()
            self.room.changed.connect(self._draw)
            self._draw(self.room.state)

    def _go_to(self, lps: Point) -> None:
        if self.study is not None:
            self.study.go_to(lps)

    # -- docks ----------------------------------------------------------------------------

    def show_docks(self) -> None:
        """Open the lesion list on the left and the reading dock on the right, and lay the window out."""
        for title in (wording.LESIONS_DOCK, wording.READING_DOCK):
            self.show_dock(title)
        self.reset_layout()
        self._laid_out_unseen = not self.window.isVisible()

    def _lay_out_in_sight(self) -> None:
        """Lay out again for the size that napari gives a window which its command opened with a study."""
        if self._laid_out_unseen and not self._closed:
            self._laid_out_unseen = False
            self.window.resize(self.window.size().boundedTo(self.window.screen().availableSize()))
            self.reset_layout()

    def show_dock(self, title: str) -> QDockWidget:
        """Open one dock, or bring it to the front; on the right, as a tab where a dock of ours is in sight.

        One above the other, two would cut each other's words, and make the window higher than a small screen.
        """
        beside = self._in_sight_on_the_right()
        dock, fresh = self._dock(title), False
        if dock is None:
            dock, fresh = self._new_dock(title), True
        for ours in DOCKS:
            self._follow(ours)
        if (fresh or dock.isHidden()) and self._on_the_right(dock):
            # First: a dock that is shown has the window take its least height at once.
            self._put_beside(beside, dock)
        if not fresh:
            dock.show()
        dock.raise_()
        return dock

    def _new_dock(self, title: str) -> QDockWidget:
        dock: QDockWidget = self.viewer.window.add_dock_widget(
            self.new_panel(title), name=dock_name(title), area=DOCKS[title]
        )
        shorten = partial(_shorten_title, dock, title)
        for moved in (dock.dockLocationChanged, dock.topLevelChanged):
            moved.connect(shorten)
        shorten()
        return dock

    def _dock(self, title: str) -> QDockWidget | None:
        widget = self.dock_widget(title)
        return None if widget is None else dock_of(widget)

    def _in_sight_on_the_right(self) -> QDockWidget | None:
        """Return a dock of ours on the right that isn't hidden; it may lie behind another's tab."""
        docks = (self._dock(title) for title in DOCKS)
        return next(
            (dock for dock in docks if dock and not dock.isHidden() and self._on_the_right(dock)), None
        )

    def _on_the_right(self, dock: QDockWidget) -> bool:
        on_the_right = self.window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea
        return on_the_right and not dock.isFloating()

    def _put_beside(self, other: QDockWidget | None, dock: QDockWidget) -> None:
        """Make a dock a tab of another, or, where there is none, put it beside the planes."""
        planes = None if self.study is None or self.study.panes is None else dock_of(self.study.panes)
        if other is not None:
            self.window.tabifyDockWidget(other, dock)
            # The tab is there once the window was laid out anew.
            QTimer.singleShot(0, dock.raise_)
        elif planes is not None and not planes.isHidden():
            self.window.splitDockWidget(planes, dock, Qt.Orientation.Horizontal)

    def _follow(self, title: str) -> None:
        """Hear of a dock that it comes to the front of its tabs, or goes behind: no widget is told."""
        dock = self._dock(title)
        if dock is not None and dock not in self._followed:
            self._followed.add(dock)
            dock.visibilityChanged.connect(partial(self._sight_changed, title))

    def _sight_changed(self, title: str, in_sight: bool) -> None:
        """Let no key decide on what lies behind another dock's tab."""
        panel = self.dock_widget(title)
        if panel is None or self._closed:
            return
        if title == REVIEW_DOCK:
            self.bench.set_in_sight(in_sight)
        elif title == CANDIDATES_DOCK:
            self.find.set_in_sight(in_sight)
        if in_sight or self.window.isMinimized() or self.study is None:
            return
        keyboard = self.window.focusWidget()
        if keyboard is not None and panel.isAncestorOf(keyboard):
            self.study.axial.native.setFocus()

    def show_tab(self, tab: str, *, search: bool = False) -> None:
        """Bring one way of reading a lesion to the front; ``search`` goes to its search field."""
        self.show_dock(wording.READING_DOCK)
        panel = self.dock_widget(wording.READING_DOCK)
        if isinstance(panel, ReadingPanel):
            panel.show_tab(tab, search=search)

    def new_panel(self, title: str) -> QWidget:
        """Make the widget of one dock."""
        if title == REVIEW_DOCK:
            return self.bench.new_panel()
        if title == CANDIDATES_DOCK:
            return self.find.new_panel()
        if title == REPORT_DOCK:
            from lesionscope.viewer.docks.report import ReportPanel

            return ReportPanel(self.room)
        return {wording.LESIONS_DOCK: LesionListPanel, wording.READING_DOCK: ReadingPanel}[title](self.room)

    @property
    def bench(self) -> Bench:
        """The review in this window, begun when first asked for."""
        if self._bench is None:
            from lesionscope.viewer.review.bench import Bench

            self._bench = Bench(self)
        return self._bench

    @property
    def find(self) -> FindDesk:
        """The search for lesions in this window, made when first asked for."""
        if self._find is None:
            from lesionscope.viewer.find.desk import FindDesk

            self._find = FindDesk(self)
        return self._find

    def dock_widget(self, title: str) -> QWidget | None:
        """Return the widget in one of our docks where that is open."""
        widget: QWidget | None = self.viewer.window.dock_widgets.get(dock_name(title))
        return widget

    def reset_layout(self) -> None:
        """Put every dock back where it belongs."""
        panes = None
        if self.study is not None and self.study.volume is not None:
            self.study.show_panes()
            self._dress(self.study.canvases)
            panes = self.study.panes
        left, *right = map(self.dock_widget, DOCKS)
        reset_layout(
            self.window,
            left=[left] if left is not None else [],
            planes=panes,
            right=[widget for widget in right if widget is not None],
        )

    def show_help(self) -> None:
        """List every key and habit of the mouse."""
        if self._help is None:
            self._help = HelpWindow(self.window)
        self._help.open_with(self.keys)

    # -- end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Take everything down and end the room."""
        if self._closed:
            return
        self._closed = True
        self._watch.stop()
        self.room.changed.disconnect(self._draw, missing_ok=True)
        self.room.pointed.disconnect(self._go_to, missing_ok=True)
        with contextlib.suppress(RuntimeError):  # Qt may have deleted the canvases with the window
            self._undress()
        if self._bench is not None:
            self._bench.close()
        if self._find is not None:
            self._find.close()
        self.room.close()
        if self.study is not None:
            self.study.close()
        self._ended()


def _shorten_title(dock: QDockWidget, title: str, *_: object) -> None:
    """Leave the plugin's name out of a dock's title bar and tab: a narrow dock would show little else."""

    def shorten() -> None:
        with contextlib.suppress(RuntimeError):  # the dock may have gone meanwhile
            dock.setWindowTitle(title)
            bar = dock.titleBarWidget()
            for label in bar.findChildren(QLabel) if bar is not None else ():
                if label.text() == dock_name(title):
                    label.setText(title)

    # napari makes a new title bar after a dock has moved.
    QTimer.singleShot(0, shorten)
