"""Which room belongs to which napari viewer; nothing here keeps a closed one alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

from lesionscope.viewer.desk import default_labels
from lesionscope.viewer.propose import default_propose
from lesionscope.viewer.room import Room
from lesionscope.viewer.stage import Stage
from lesionscope.viewer.warm import warm_up

_rooms: weakref.WeakKeyDictionary[Any, Room] = weakref.WeakKeyDictionary()
_stages: weakref.WeakKeyDictionary[Room, Stage] = weakref.WeakKeyDictionary()


def room_for(viewer: Any, **options: Any) -> Room:
    """Return the room of a napari viewer, made and put on its window when first asked for.

    Parameters
    ----------
    viewer
        A :class:`napari.Viewer`, also as the proxy that napari hands to plugins.
    options
        Of :class:`Room`; taken only by the call that makes it. Clicks get proposals, and studies are
        warmed up, unless they say otherwise.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    room = _rooms.get(viewer)
    if room is None or room.closed:
        usual = {"propose": default_propose, "make_labels": default_labels, "warm": warm_up}
        room = Room(**{**usual, **options})
        _rooms[viewer] = room
        _stages[room] = Stage(room, viewer, partial(_forget, weakref.ref(viewer), weakref.ref(room)))
    return room


def _forget(viewer: Callable[[], Any], room: Callable[[], Room | None]) -> None:
    """Drop a closed room; a room that was made for the same viewer since stays."""
    gone = room()
    if gone is not None:
        _stages.pop(gone, None)
        if _rooms.get(viewer()) is gone:
            del _rooms[viewer()]


def known_room(viewer: Any) -> Room | None:
    """Return a viewer's room where it has one, without making it."""
    return _rooms.get(getattr(viewer, "__wrapped__", viewer))


def stage_of(viewer: Any) -> Stage:
    """Return what a viewer's room put on its window."""
    return _stages[room_for(viewer)]
