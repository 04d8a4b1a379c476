"""Opening the follow-up window: the study in a napari window beside another one, or the sample patient."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import Any

from napari.qt import QtViewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QMainWindow

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import Cancelled, LesionscopeError
from lesionscope.followup.sample import drawn
from lesionscope.followup.sites import Site
from lesionscope.followup.visits import in_order
from lesionscope.progress import CancelToken, Progress
from lesionscope.session.commands import AddLesion
from lesionscope.viewer.canvas import weak_call
from lesionscope.viewer.desk import default_labels
from lesionscope.viewer.followup import wording
from lesionscope.viewer.followup.comparing import Comparing
from lesionscope.viewer.followup.window import FollowupWindow
from lesionscope.viewer.panes import WindowWatch
from lesionscope.viewer.propose import default_propose
from lesionscope.viewer.room import Room

_open: list[tuple[FollowupWindow, tuple[Room, ...], WindowWatch | None]] = []
"""Windows that are open, with the rooms that close with them."""


def extra_room(**options: Any) -> Room:
    """Make a room for a study that has no napari window: marks, and labels that say where lesions lie."""
    usual = {"make_reader": lambda: (None, None), "make_labels": default_labels, "propose": default_propose}
    return Room(**{**usual, **options})


def compare(
    first: Room, second: Room, *, owned: tuple[Room, ...] = (), beside: QMainWindow | None = None
) -> FollowupWindow:
    """Open the follow-up window on two rooms, the earlier study being the baseline.

    Parameters
    ----------
    first, second
        Rooms with a study each.
    owned
        Those of them that are closed with the window.
    beside
        A window that takes this one with it when it closes.

    Raises
    ------
    LesionscopeError
        A room has no study, or the comparison can't be kept.
    """
    volumes = [room.state.volume for room in (first, second)]
    if volumes[0] is None or volumes[1] is None:
        raise LesionscopeError(wording.NO_STUDY)
    swapped = in_order(volumes[0], volumes[1])[0] is not volumes[0]
    rooms = (second, first) if swapped else (first, second)
    window = FollowupWindow(Comparing(*rooms), ended=lambda: _ended(window))
    watch = None if beside is None else WindowWatch(beside, weak_call(window, "close"))
    _open.append((window, owned, watch))
    window.show()
    window.sides[1].view.native.setFocus()
    return window


def open_beside(viewer: Any) -> FollowupWindow | None:
    """Ask for the other study of the patient whose study a napari window shows, and compare them."""
    from lesionscope.viewer.reader import open_study
    from lesionscope.viewer.rooms import stage_of

    stage = stage_of(viewer)
    room, parent = stage.room, stage.window
    if room.state.volume is None:
        room.notify(wording.NO_STUDY)
        return None
    folder = QFileDialog.getExistingDirectory(parent, wording.CHOOSE)
    if not folder:
        return None
    other: Room | None = None
    try:
        opened = open_study(Path(folder))
        if opened is None:
            return None
        other = extra_room()
        other.open(opened[0])
        return compare(room, other, owned=(other,), beside=parent)
    except Cancelled:
        return None
    except LesionscopeError as error:
        room.notify(str(error))
        if other is not None:
            other.close()
        return None


def compare_sample(beside: QMainWindow | None = None, **options: Any) -> FollowupWindow | None:
    """Compare both visits of the sample patient, with a reader's marks where none are there yet.

    Parameters
    ----------
    beside
        A window that takes this one with it when it closes. A visit that it shows is compared as it is
        marked there.
    options
        Of :func:`extra_room`; nothing is read by a model unless they say so.
    """
    from lesionscope.ct.scan import open_ct
    from lesionscope.sample_data import SERIES, VISITS, sample_visit
    from lesionscope.viewer.busy import with_progress

    folders = [sample_visit(visit) for visit in VISITS]

    def work(progress: Progress, cancel: CancelToken) -> list[CTVolume]:
        return [open_ct(folder / SERIES, progress=progress, cancel=cancel) for folder in folders]

    try:
        volumes = with_progress(wording.OPENING, work)
    except Cancelled:
        return None
    shown = None if beside is None else _room_of(beside)
    rooms: list[Room] = []
    owned: list[Room] = []
    sites: dict[str, Site] = {}
    try:
        for folder, volume in zip(folders, volumes, strict=True):
            # A second room would find the session of a visit that is open already locked.
            if shown is not None and _shows(shown, volume):
                room = shown
            else:
                room = extra_room(**{"make_labels": None, "auto_read": False, **options})
                owned.append(room)
                room.open(volume)
            rooms.append(room)
            if not room.state.lesions:
                for lesion, site in drawn(folder, volume.geometry):
                    room.apply(AddLesion(lesion))
                    sites[lesion.id] = site
            room.select(None)
        window = compare(rooms[0], rooms[1], owned=tuple(owned), beside=beside)
    except LesionscopeError:
        for room in owned:
            room.close()
        raise
    marked = {lesion.id for room in rooms for lesion in room.state.lesions}
    sites = {id: site for id, site in sites.items() if id in marked}
    if sites:
        window.comparing.take_sites(sites)
    return window


def _room_of(window: QMainWindow) -> Room | None:
    """Return the room of a napari window, without making it."""
    from lesionscope.viewer.rooms import known_room

    known = (known_room(widget.viewer) for widget in window.findChildren(QtViewer))
    return next((room for room in known if room is not None and not room.closed), None)


def _shows(room: Room, volume: CTVolume) -> bool:
    return room.state.volume is not None and room.state.volume.source.uid == volume.source.uid


def _ended(window: FollowupWindow) -> None:
    """Close what belonged to a window that has gone."""
    for known, owned, watch in tuple(_open):
        if known is window:
            _open.remove((known, owned, watch))
            if watch is not None:
                watch.stop()
            for room in owned:
                with contextlib.suppress(RuntimeError):  # Qt may have gone first
                    room.close()
    # napari's viewers are full of cycles: collected while another canvas paints, they take its GL context.
    QTimer.singleShot(0, gc.collect)


def opened() -> tuple[FollowupWindow, ...]:
    """Return the windows that are open."""
    return tuple(window for window, _, _ in _open)
