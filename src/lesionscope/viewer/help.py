"""The help window: every key and every habit of the mouse, grouped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from napari.utils.interactions import Shortcut
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from lesionscope.viewer.keys import Key, grouped

MOUSE = (
    ("Left drag", "Move the crosshair; with a tool, draw"),
    ("Wheel", "Slices"),
    ("Ctrl + wheel", "Zoom at the pointer"),
    ("Right drag", "Window: sideways width, up and down centre"),
    ("Middle drag, Shift + drag", "Pan"),
)
SPELT = {"Up": "↑", "Down": "↓", "Return": "Enter", "PageUp": "Page ↑", "PageDown": "Page ↓"}


def spelt(key: str) -> str:
    """Write a key as this platform's keyboards label it."""
    if key in SPELT:
        return SPELT[key]
    return key if "+" not in key or key == "+" else str(Shortcut(key).platform)


def help_html(keys: Iterable[Key]) -> str:
    """Write the table of keys as HTML, one heading a group, keys that do the same thing on one line."""
    parts = [_table("Mouse", MOUSE)]
    for group, entries in grouped(keys):
        rows: dict[str, list[str]] = {}
        for entry in entries:
            rows.setdefault(entry.title, []).append(spelt(entry.key))
        parts.append(_table(group, tuple((", ".join(names), title) for title, names in rows.items())))
    return "\n".join(parts)


def _table(heading: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = "".join(
        f'<tr><td style="padding-right:18px"><b>{escape(keys)}</b></td><td>{escape(title)}</td></tr>'
        for keys, title in rows
    )
    return f"<h4>{escape(heading)}</h4><table>{lines}</table>"


class HelpWindow(QDialog):
    """A window beside the viewer that lists the keys; it blocks nothing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys and mouse")
        self.setModal(False)
        layout = QVBoxLayout(self)
        self.text = QTextBrowser()
        self.text.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout.addWidget(self.text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        self.resize(440, 560)

    def open_with(self, keys: Iterable[Key]) -> None:
        """Show these keys, in front."""
        self.text.setHtml(help_html(keys))
        self.show()
        self.raise_()
        self.activateWindow()
