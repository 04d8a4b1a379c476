"""A room's state, and what a person changes of it without a session: tools, rulers, folded rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psygnal import Signal

from lesionscope.ct.windows import Window
from lesionscope.viewer.room_rules import warnings_of
from lesionscope.viewer.room_state import Circle, RoomState, Ruler, Tool


class HeldState:
    """Holds a :class:`RoomState` and tells everyone who draws of each new one.

    Attributes
    ----------
    changed
        Emitted with the new :class:`RoomState`, after the change is on disk.
    pointed
        Emitted with an LPS point that the canvases should show.
    leaving
        Emitted before a study's session closes: the last moment to keep what was typed.
    """

    # "latest-only": who changes the room while it tells of a change must not have the older state drawn last.
    changed = Signal(RoomState, reemission="latest-only")
    pointed = Signal(object)
    leaving = Signal()

    def __init__(self) -> None:
        self._state = RoomState()
        self._closed = False

    @property
    def state(self) -> RoomState:
        """The room now."""
        return self._state

    @property
    def closed(self) -> bool:
        """Whether the window has gone."""
        return self._closed

    def _set(self, **changes: Any) -> None:
        if found := changes.pop("found", None):
            changes["known"] = {**self._state.known, **found}
        state = replace(self._state, **changes)
        if state.session is not self._state.session or state.selected != self._state.selected:
            state = replace(state, warnings=warnings_of(state))
        if not self._closed and state != self._state:
            self._state = state
            self.changed.emit(state)

    def notify(self, sentence: str) -> None:
        """Tell the person something; the next action clears it."""
        self._set(notice=sentence)

    def redraw(self) -> None:
        """Have everyone draw the state again, because something else was drawn over it."""
        self.changed.emit(self._state)

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does; navigating again clears rulers and circles."""
        clear = tool is Tool.NAVIGATE and self._state.tool is Tool.NAVIGATE
        cleared: dict[str, Any] = {"rulers": (), "circles": ()} if clear else {}
        self._set(tool=tool, **cleared)

    def add_ruler(self, ruler: Ruler) -> None:
        """Show a distance until it is cleared."""
        self._set(rulers=(*self._state.rulers, ruler), notice="")

    def add_circle(self, circle: Circle) -> None:
        """Show a circle until it is cleared."""
        self._set(circles=(*self._state.circles, circle), notice="")

    def fold(self, tag: str, opened: bool) -> None:
        """Remember that a person opened or closed a node of the tree."""
        mine = frozenset((tag,))
        folded, unfolded = self._state.folded, self._state.unfolded
        if opened:
            self._set(folded=folded - mine, unfolded=unfolded | mine)
        else:
            self._set(folded=folded | mine, unfolded=unfolded - mine)

    def show_window(self, window: Window) -> None:
        """Tell which window the views have, so that pictures beside them have it too."""
        self._set(window=window)

    def search_labels(self, words: str) -> None:
        """Show only the labels that hold these words; all predicted ones without any."""
        self._set(wanted_label=words)
