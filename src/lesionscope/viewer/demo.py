"""``lesionscope demo``: the window with a phantom chest, a lesion clicked and read.

With a folder it leaves a screenshot and a report there; with a screen the window
stays open for a person to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lesionscope.errors import LesionscopeError
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.viewer.room_state import Phase, RoomState

SIZE = (1366, 768)
WAIT_S = 120.0
REPORT_FORMS = ("html", "json")


def run(out: Path | None, stay: bool) -> int:
    """Show the demonstration.

    Parameters
    ----------
    out
        Folder for ``screenshot.png``, ``report.html`` and ``report.json``; ``None`` for neither.
    stay
        Whether the window stays open until a person closes it.

    Returns
    -------
    int
        The exit status, 0.

    Raises
    ------
    LesionscopeError
        The window, the model or the disk failed; the sentence says which.
    """
    import napari

    viewer = napari.Viewer(title="Lesionscope", show=True, show_welcome_screen=False)
    try:
        viewer.window.resize(*SIZE)
        _demonstrate(viewer, out)
    except BaseException:
        viewer.close()
        raise
    if stay:
        napari.run()
    else:
        viewer.close()
    return 0


def _demonstrate(viewer: Any, out: Path | None) -> None:
    from lesionscope.viewer.rooms import room_for, stage_of
    from lesionscope.viewer.sample import phantom_sample

    sample = phantom_sample()
    room, stage = room_for(viewer), stage_of(viewer)
    room.open(sample.volume)
    stage.show_docks()
    # A second demonstration finds its lesions marked already, perhaps read by another model.
    for lesion in room.state.lesions:
        room.read(lesion.id)
    if not room.state.lesions:
        first, second = sample.lesions[:2]
        room.mark_click(second.centroid_lps_mm)
        _wait(lambda: _settled(room.state), "the model's answer")
        for which, diameter in (("long", first.long), ("short", first.short)):
            room.set_diameter(which, *_ends(diameter))  # type: ignore[arg-type]
    room.select(room.state.lesions[-1].id, go=True)
    _wait(lambda: _settled(room.state), "the model's answer")
    _events(0.5)
    if out is None:
        return
    written: list[Path] = []
    from qtpy.QtWidgets import QDialog

    from lesionscope.viewer.export import export

    out.mkdir(parents=True, exist_ok=True)
    job = export(room, out, REPORT_FORMS, stem="report", done=written.extend)
    if job is not None:
        _wait(lambda: bool(written) or bool(room.state.notice), "the report")
    if not written:
        raise LesionscopeError(room.state.notice or "The report could not be written.")
    picture = out / "screenshot.png"
    _events(0.5)
    for note in stage.window.findChildren(QDialog):
        # napari's own pop-up notices lie over the canvas for their first seconds.
        if type(note).__name__ == "NapariQtNotification":
            note.close()
    _events(0.2)
    if not stage.window.grab().save(str(picture)):
        raise LesionscopeError(f"{picture} could not be written: check that the folder can be written to.")
    for path in (picture, *written):
        print(path)


def _ends(diameter: Diameter) -> tuple[Point, Point]:
    return diameter.start_lps_mm, diameter.end_lps_mm


def _settled(state: RoomState) -> bool:
    """Whether every lesion has a reading that belongs to it; raises where one failed."""
    failed = [status.message for status in state.statuses.values() if status.phase is Phase.FAILED]
    if failed:
        raise LesionscopeError(failed[0])
    return bool(state.lesions) and all(
        state.reading(lesion.id) is not None and not state.is_stale(lesion.id) for lesion in state.lesions
    )


def _wait(until: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not until():
        if time.monotonic() > deadline:
            raise LesionscopeError(f"Waited {WAIT_S:.0f} s for {what} in vain: run `lesionscope doctor`.")
        _events(0.02)


def _events(seconds: float) -> None:
    """Let the window live for a while."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)
