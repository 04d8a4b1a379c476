"""Cine: run through the slices of a canvas by itself, back and forth."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

SLOWEST_FPS, USUAL_FPS, FASTEST_FPS = 1.0, 10.0, 60.0


class Cine:
    """A timer that steps through slices.

    Parameters
    ----------
    step
        Called with +1 or −1; moves one slice and answers whether there was one.
    parent
        Qt object that the timer dies with.
    """

    changed = Signal(bool)

    def __init__(self, step: Callable[[int], bool], parent: QObject | None = None) -> None:
        self._step = step
        self._direction = 1
        self._fps = USUAL_FPS
        self._timer = QTimer(parent)
        self._timer.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return bool(self._timer.isActive())

    @property
    def fps(self) -> float:
        """Slices a second that it aims at; a slow machine shows fewer."""
        return self._fps

    @fps.setter
    def fps(self, value: float) -> None:
        self._fps = min(max(float(value), SLOWEST_FPS), FASTEST_FPS)
        self._timer.setInterval(round(1000 / self._fps))

    def start(self) -> None:
        """Run, upwards first."""
        if not self.running:
            self._direction = 1
            self._timer.start(round(1000 / self._fps))
            self.changed.emit(True)

    def stop(self) -> None:
        """Stand still."""
        if self.running:
            self._timer.stop()
            self.changed.emit(False)

    def toggle(self) -> None:
        """Start or stop."""
        if self.running:
            self.stop()
        else:
            self.start()

    def close(self) -> None:
        """Stop for good and let go of the timer."""
        self._timer.stop()
        self._timer.timeout.disconnect(self._tick)
        self._timer.deleteLater()

    def _tick(self) -> None:
        if not self._step(self._direction):
            self._direction = -self._direction
            if not self._step(self._direction):
                self.stop()
