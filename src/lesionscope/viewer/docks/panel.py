"""What every panel shares: it draws a room's state for as long as it lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room
    from lesionscope.viewer.room_state import RoomState

LONG_TEXT = 45


class Panel(QWidget):
    """A widget drawn from :class:`RoomState` alone; closing it loses nothing."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.room = room

    def follow(self) -> None:
        """Draw the present state and every later one, until the widget is gone."""
        draw = self.draw
        self.room.changed.connect(draw)
        # Closing a dock destroys its widget at once; a late signal must not reach it.
        self.destroyed.connect(partial(_unfollow, self.room, draw))
        self.draw(self.room.state)

    def draw(self, state: RoomState) -> None:
        """Show ``state``."""
        raise NotImplementedError


def _unfollow(room: Room, draw: Callable[..., None], *_: object) -> None:
    room.changed.disconnect(draw, missing_ok=True)


class Edge(QWidget):
    """A narrow coloured bar; painted, because napari's style sheet overrules palettes."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(4)
        self._colour = QColor()

    def set_colour(self, colour: QColor) -> None:
        """Use another colour."""
        if colour != self._colour:
            self._colour = QColor(colour)
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Fill the bar."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._colour)
        painter.end()


class Strip(QWidget):
    """A sentence with a coloured edge and, where something can be done, one button."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.edge = Edge()
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.button = QPushButton()
        self.button.setAutoDefault(False)
        self._beside = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._beside.setSpacing(6)
        self._beside.addWidget(self.label, 1)
        self._beside.addWidget(self.button, 0, Qt.AlignmentFlag.AlignRight)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(6)
        layout.addWidget(self.edge)
        layout.addLayout(self._beside, 1)
        self.hide()

    def show_text(self, text: str, button: str = "", tip: str = "") -> None:
        """Show a sentence and a button; an empty sentence hides the strip."""
        self.label.setText(text)
        # Beside a long sentence the button would squeeze it into a narrow column.
        way = QBoxLayout.Direction
        self._beside.setDirection(way.TopToBottom if len(text) > LONG_TEXT else way.LeftToRight)
        self.label.setToolTip(tip)
        self.button.setVisible(bool(button))
        self.button.setText(button)
        self.button.setToolTip(tip if button else "")
        self.setVisible(bool(text))
