"""The keys of the report: one opens its dock, one marks a key image, one copies a sentence."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lesionscope.viewer import report_words as words
from lesionscope.viewer import wording
from lesionscope.viewer.keys import Key

if TYPE_CHECKING:
    from lesionscope.viewer.stage import Stage

REPORT = "Report"


def report_keys(stage: Stage) -> tuple[Key, ...]:
    """Return the keys of one window's report."""
    return (
        Key("F5", words.KEY_DOCK, REPORT, partial(stage.show_dock, words.DOCK)),
        Key("K", words.KEY_IMAGE, REPORT, partial(mark_key_image, stage)),
        Key("Ctrl+C", words.KEY_COPY, REPORT, partial(copy_sentence, stage)),
    )


def mark_key_image(stage: Stage) -> None:
    """Give the selected lesion's key image the window and zoom of the axial view."""
    from lesionscope.viewer.docks.report_draft import mark_key_image as keep_view

    room, study = stage.room, stage.study
    lesion = room.state.lesion
    if lesion is None or study is None:
        room.notify(wording.NOTHING_SELECTED)
        return
    canvas = study.axial
    field_mm = min(canvas.native.width(), canvas.native.height()) / float(canvas.model.scene.camera.zoom)
    if keep_view(room, lesion.id, room.state.window, field_mm):
        room.notify(words.KEPT_VIEW.format(number=lesion.number))


def copy_sentence(stage: Stage) -> None:
    """Put the selected lesion's sentence on the clipboard."""
    from qtpy.QtGui import QGuiApplication

    from lesionscope.viewer.docks.report_draft import content_of, drafts_of

    room = stage.room
    content = content_of(room.state, drafts_of(room).draft)
    entries = () if content is None else content["lesions"]
    entry = next((entry for entry in entries if entry["id"] == room.state.selected), None)
    if entry is None:
        room.notify(wording.NOTHING_SELECTED)
        return
    QGuiApplication.clipboard().setText(entry["sentence"])
    room.notify(words.COPIED)
