"""A reader at a napari window: mouse, wheel and keys as Qt events, and patience for what they set off."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from lesionscope.lesions.lesion import Point

SIZE = (1366, 768)
WAIT_S = 300.0


class Waits(Protocol):
    """Lets the window live: pytest-qt's ``qtbot``, or :class:`Patience`."""

    def wait(self, ms: int) -> None:
        """Handle events for so long."""


class Patience:
    """Handles Qt's events while it waits."""

    def wait(self, ms: int) -> None:
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + ms / 1000
        while True:
            QApplication.processEvents()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.002))

    def until(self, true: Callable[[], object], what: str, within_s: float = WAIT_S) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + within_s
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {within_s:.0f} s in vain for {what}")
            self.wait(0)
            time.sleep(0.001)


class Hand:
    """Presses, drags and wheel as Qt events on a canvas, the way a hand makes them."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits

    def _send(
        self, native: object, kind: str, at: object, button: str, buttons: str, modifiers: object
    ) -> None:
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        names = Qt.MouseButton
        held = getattr(names, buttons)
        local = QPointF(at)
        outer = QPointF(native.mapToGlobal(at))
        event = QMouseEvent(getattr(QEvent.Type, kind), local, outer, getattr(names, button), held, modifiers)
        QApplication.sendEvent(native, event)

    def drag(
        self, native: object, points: list[object], button: str = "LeftButton", modifiers: object = None
    ) -> None:
        """Press at the first point, move through the others, release at the last; one point is a click."""
        from qtpy.QtCore import Qt

        held = Qt.KeyboardModifier.NoModifier if modifiers is None else modifiers
        self._send(native, "MouseMove", points[0], "NoButton", "NoButton", held)
        self._waits.wait(10)
        self._send(native, "MouseButtonPress", points[0], button, button, held)
        for _, point in pairwise(points):
            self._waits.wait(10)
            self._send(native, "MouseMove", point, "NoButton", button, held)
        self._waits.wait(15)
        self._send(native, "MouseButtonRelease", points[-1], button, "NoButton", held)
        self._waits.wait(10)

    def move(self, native: object, point: object) -> None:
        """Hover."""
        from qtpy.QtCore import Qt

        self._send(native, "MouseMove", point, "NoButton", "NoButton", Qt.KeyboardModifier.NoModifier)
        self._waits.wait(15)

    def notch(self, native: object, point: object, way: int, modifiers: object = None) -> None:
        """Turn the wheel by one notch, away from you (1) or towards you (-1), and wait for nothing."""
        from qtpy.QtCore import QPoint, QPointF, Qt
        from qtpy.QtGui import QWheelEvent
        from qtpy.QtWidgets import QApplication

        event = QWheelEvent(
            QPointF(point),
            QPointF(native.mapToGlobal(point)),
            QPoint(),
            QPoint(0, 120 * way),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier if modifiers is None else modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(native, event)

    def wheel(self, native: object, point: object, notches: int, modifiers: object = None) -> None:
        """Turn the wheel away from you (positive) or towards you."""
        for _ in range(abs(notches)):
            self.notch(native, point, 1 if notches > 0 else -1, modifiers)
        self._waits.wait(10)


def pixels(native: object) -> np.ndarray:
    """Grab what a canvas has drawn, (rows, columns) grey 0…255."""
    image = native.grabFramebuffer()
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    data = image.constBits()
    if hasattr(data, "setsize"):
        data.setsize(image.bytesPerLine() * image.height())
    array = np.frombuffer(data, np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return array[:, : image.width(), :3].mean(axis=-1)


class Reader:
    """Someone who reads studies in one napari window."""

    def __init__(self) -> None:
        import napari

        self.patience = Patience()
        self.hand = Hand(self.patience)
        self.viewer = napari.Viewer(show=True, show_welcome_screen=False)
        self.viewer.window.resize(*SIZE)
        self.wait = self.patience.wait
        self.until = self.patience.until

    @property
    def room(self) -> Any:
        """The window's room."""
        from lesionscope.viewer.rooms import room_for

        return room_for(self.viewer)

    @property
    def stage(self) -> Any:
        """What the room put on the window."""
        from lesionscope.viewer.rooms import stage_of

        return stage_of(self.viewer)

    @property
    def state(self) -> Any:
        """What the room shows."""
        return self.room.state

    @property
    def axial(self) -> Any:
        """The axial canvas."""
        return self.stage.study.axial

    def open(self, folder: Path) -> None:
        """Open a series as a drop on the window does, and wait until it shows."""
        from lesionscope.viewer.rooms import known_room

        before = known_room(self.viewer)
        was = None if before is None else before.state.volume
        self.viewer.open(str(folder), plugin="napari-lesionscope")
        self.until(
            lambda: (
                (room := known_room(self.viewer)) is not None
                and room.state.volume is not None
                and room.state.volume is not was
            ),
            f"the study {folder.name}",
        )
        self.wait(20)

    def leave(self) -> None:
        """Close the study as a person does in napari: its image goes, and the window stays."""
        self.viewer.layers.remove(self.axial.image)
        self.until(lambda: self.state.volume is None, "the study's end")
        self.wait(20)

    def at(self, lps: Point, view: Any = None) -> Any:
        """Where a place lies on a canvas, in pixels; its slice comes into sight.

        ``view`` is a side of a comparison; the study's axial canvas by default.
        """
        planes, canvas = self._view(view)
        planes.go_to(lps)
        return canvas.to_pixels(lps)

    def _view(self, side: Any) -> tuple[Any, Any]:
        return (self.stage.study, self.axial) if side is None else (side, side.view)

    def click(self, lps: Point) -> Point:
        """Click a place on the axial canvas; return the place that the pixel stands for."""
        spot = self.at(lps)
        self.hand.drag(self.axial.native, [spot])
        return self.axial.to_lps(spot.x(), spot.y())

    def draw(self, start: Point, end: Point, view: Any = None) -> tuple[Point, Point]:
        """Drag from a place to another one on the slice of the first; return the places as pixels have it."""
        from qtpy.QtCore import QPoint

        first, canvas = self.at(start, view), self._view(view)[1]
        last = canvas.to_pixels(end)
        middle = QPoint((first.x() + last.x()) // 2, (first.y() + last.y()) // 2)
        self.hand.drag(canvas.native, [first, middle, last])
        return canvas.to_lps(first.x(), first.y()), canvas.to_lps(last.x(), last.y())

    def scroll(self, notches: int) -> None:
        """Turn the wheel over the axial canvas."""
        self.scroll_on(self.axial.native, notches)

    def scroll_on(self, native: Any, notches: int) -> None:
        """Turn the wheel over the middle of a canvas."""
        self.hand.wheel(native, native.rect().center(), notches)

    def press(self, *keys: str, on: Any = None) -> None:
        """Press keys on the axial canvas, or on another widget: ``"F5"``, ``"Ctrl+Z"``."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        held = {"Shift": "ShiftModifier", "Ctrl": "ControlModifier"}
        for key in keys:
            *names, last = key.split("+")
            modifiers = Qt.KeyboardModifier.NoModifier
            for name in names:
                modifiers |= getattr(Qt.KeyboardModifier, held[name])
            QTest.keyClick(on or self.axial.native, getattr(Qt.Key, f"Key_{last}"), modifiers)
            self.wait(5)

    def type(self, words: str, on: Any) -> None:
        """Type words into a widget."""
        from qtpy.QtTest import QTest

        QTest.keyClicks(on, words)
        self.wait(5)

    def answered(self) -> bool:
        """Whether nothing is being proposed, read or recalled."""
        return not self.room.worker.busy and not self.room._timer.isActive()

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()


@contextmanager
def reader() -> Iterator[Reader]:
    """Give a reader with a window, which is gone afterwards."""
    made = Reader()
    try:
        yield made
    finally:
        made.close()
        vars(made).clear()
        Patience().wait(50)
        gc.collect()
        Patience().wait(20)
