"""A lesion's images in the room: put up after a moment of quiet, and known to be gone when others come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer.review import words
from lesionscope.viewer.room_state import RoomState

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

PUT_UP_AFTER_MS = 30
"""Quiet time before images are put up, which takes ten times as long as drawing the dock: it comes
first, and who leafs through lesions waits for the images of the last one only."""


class LightBox:
    """Shows a review's images in a room that shows a patient's as well.

    Parameters
    ----------
    room
        Where they are shown.
    on_quiet
        Called with a lesion's id and its images, when it is time to put them up.
    on_gone
        Called when something else has taken their place, or that of images still to come.
    """

    def __init__(
        self, room: Room, on_quiet: Callable[[str, CTVolume], None], on_gone: Callable[[], None]
    ) -> None:
        self._room, self._on_quiet, self._on_gone = room, on_quiet, on_gone
        self._coming: tuple[str, CTVolume] | None = None
        self._held = room.state.volume
        self._own = self._changing = False
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(PUT_UP_AFTER_MS)
        self._timer.timeout.connect(self._quiet)
        room.changed.connect(self._follow)

    @property
    def own(self) -> bool:
        """Whether nothing is in the room but what was put up here."""
        return self._held is None or self._own

    def soon(self, lesion_id: str, volume: CTVolume) -> None:
        """Have a lesion's images put up once nothing else has come for a moment."""
        self._coming = lesion_id, volume
        self._timer.start()

    def _quiet(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            self._on_quiet(*coming)

    def put_up(self, volume: CTVolume, lesion: Lesion) -> None:
        """Show a lesion in the room."""
        self._change(lambda: self._room.look_at(volume, lesion, words.GUEST))

    def empty(self) -> None:
        """Leave nothing in the room."""
        if self._room.state.volume is not None:
            self._change(self._room.leave)

    def _change(self, change: Callable[[], None]) -> None:
        self._changing = True
        try:
            change()
        finally:
            self._changing = False
            self._held, self._own = self._room.state.volume, True

    def _follow(self, room: RoomState) -> None:
        if self._changing or room.volume is self._held:
            return
        self._held, self._own = room.volume, False
        self.stop()
        self._on_gone()

    def stop(self) -> None:
        """Put nothing up after all."""
        self._timer.stop()
        self._coming = None

    def close(self) -> None:
        """Follow the room no longer."""
        self.stop()
        self._held = None
        self._room.changed.disconnect(self._follow, missing_ok=True)
