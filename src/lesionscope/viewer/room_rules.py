"""Rules by which a room decides, as plain functions of what it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesionscope.inference.reading import Task
from lesionscope.lesions import marking
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.session.state import SessionState
from lesionscope.viewer import wording
from lesionscope.viewer.room_state import RoomState

REACH_MM = 5.0


def warnings_of(state: RoomState) -> tuple[str, ...]:
    """Return what is odd about the selected lesion's marks."""
    if state.lesion is None or state.volume is None:
        return ()
    return marking.warnings(state.lesion, state.volume.geometry)


def reaches(lesion: Lesion, diameter: Diameter) -> bool:
    """Whether the middle of a line lies in or by a lesion's box."""
    x, y, z = ((a + b) / 2 for a, b in zip(diameter.start_lps_mm, diameter.end_lps_mm, strict=True))
    return _holds(lesion.box_lps_mm, (x, y, z), REACH_MM)


def marked_already(lesions: Sequence[Lesion], fresh: Lesion) -> str:
    """Say which other lesion is where a fresh one is marked; empty where none is.

    The cube around a click that nobody measured says little: only its middle counts.
    """
    point = fresh.centroid_lps_mm
    for lesion in lesions:
        if lesion.id == fresh.id:
            continue
        clicked = lesion.box_declared
        box = (*lesion.centroid_lps_mm, *lesion.centroid_lps_mm) if clicked else lesion.box_lps_mm
        if _holds(box, point, REACH_MM if clicked else 0.0):
            return wording.MARKED_ALREADY.format(number=lesion.number)
    return ""


def _holds(box: Sequence[float], point: Point, margin_mm: float) -> bool:
    return all(box[axis] - margin_mm <= point[axis] <= box[axis + 3] + margin_mm for axis in range(3))


def neighbour(before: SessionState | None, ids: list[str], gone: str | None) -> str | None:
    """Return the lesion to select after one has gone: the next in the old order, else the last."""
    old = [lesion.id for lesion in before.lesions] if before is not None else []
    after = old[old.index(gone) :] if gone in old else []
    return next((lesion_id for lesion_id in after if lesion_id in ids), ids[-1] if ids else None)


def changed_lesions(
    before: SessionState | None, after: SessionState, tasks: Sequence[Task] = ("pathology",)
) -> Iterator[tuple[str, bool]]:
    """Give each lesion that a step marked or changed, and whether it lacks a reading of its own now."""
    known = {} if before is None else {lesion.id: lesion.fingerprint for lesion in before.lesions}
    for lesion in after.lesions:
        if known.get(lesion.id) != lesion.fingerprint:
            yield (
                lesion.id,
                any(
                    after.reading(lesion.id, task) is None or after.is_stale(lesion.id, task)
                    for task in tasks
                ),
            )
