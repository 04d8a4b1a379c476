"""The keys of tools and lesions; the view brings its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lesionscope.viewer import wording
from lesionscope.viewer.keys import Key
from lesionscope.viewer.room_state import Tool

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

TOOLS, LESIONS = "Tools", "Lesions"
TOOL_KEYS = {
    Tool.CLICK: "C",
    Tool.LONG: "L",
    Tool.SHORT: "S",
    Tool.RULER: "R",
    Tool.CIRCLE: "O",
    Tool.NAVIGATE: "V",
}


def room_keys(room: Room) -> tuple[Key, ...]:
    """Tools, undo, and what is done to the selected lesion."""
    tools = (
        Key(key, wording.TOOL_TIPS[tool.value], TOOLS, partial(room.set_tool, tool))
        for tool, key in TOOL_KEYS.items()
    )
    return (
        *tools,
        Key("Escape", wording.KEY_ESCAPE, TOOLS, partial(room.set_tool, Tool.NAVIGATE)),
        Key("N", wording.KEY_NEXT, LESIONS, partial(room.step, 1)),
        Key("P", wording.KEY_PREVIOUS, LESIONS, partial(room.step, -1)),
        Key("Return", wording.KEY_READ, LESIONS, room.read),
        Key("Delete", wording.KEY_DELETE, LESIONS, room.delete),
        Key("Backspace", wording.KEY_DELETE, LESIONS, room.delete),
        Key("Ctrl+Z", wording.UNDO, LESIONS, room.undo),
        Key("Ctrl+Y", wording.REDO, LESIONS, room.redo),
        Key("Ctrl+Shift+Z", wording.REDO, LESIONS, room.redo),
    )
