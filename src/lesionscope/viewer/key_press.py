"""Handing a widget's key presses to a table of keys, where the canvas' own bindings don't reach."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence

from lesionscope.viewer.keys import Key

MODIFIERS = (
    ("Ctrl", Qt.KeyboardModifier.ControlModifier),
    ("Alt", Qt.KeyboardModifier.AltModifier),
    ("Shift", Qt.KeyboardModifier.ShiftModifier),
)
NAMES = {"PgUp": "PageUp", "PgDown": "PageDown", "Enter": "Return", "Del": "Delete", "Esc": "Escape"}
"""Qt's names of keys, as napari and our tables write them."""


def name_of(event: QKeyEvent) -> str:
    """Return a pressed key as tables write it: ``"Ctrl+Shift+Z"``, ``"PageUp"``."""
    held = [name for name, modifier in MODIFIERS if event.modifiers() & modifier]
    name = QKeySequence(event.key()).toString()
    return "+".join([*held, NAMES.get(name, name)])


def acted(keys: Iterable[Key], event: QKeyEvent) -> bool:
    """Claim a key that a table knows before the window's menus do, and act when it is pressed."""
    if event.type() not in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
        return False
    pressed = name_of(event)
    action = next((key.action for key in keys if key.key == pressed), None)
    if action is None:
        return False
    if event.type() == QEvent.Type.KeyPress:
        action()
    event.accept()
    return True
