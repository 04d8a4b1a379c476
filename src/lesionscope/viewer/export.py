"""Writing the report of a room's lesions, in the background, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.viewer import wording
from lesionscope.viewer.docks.report_draft import drafts_of, response_for, write_draft

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from lesionscope.viewer.room import Room
    from lesionscope.viewer.workers import Job

FORMS = ("html", "json", "csv")


def export(
    room: Room,
    folder: str | Path,
    forms: Sequence[str] = FORMS,
    *,
    stem: str | None = None,
    done: Callable[[tuple[Path, ...]], None] | None = None,
) -> Job | None:
    """Write the present lesions and readings to a folder on the worker's thread.

    Lesions that are as a click proposed them have their voxels written beside the report, as
    :func:`~lesionscope.viewer.docks.report_draft.write_draft` says. Where the report's dock says so, all
    is written without names, dates and typed text.

    Parameters
    ----------
    room
        Whose state is reported, as it is at this moment.
    folder
        Where to; made where it is missing.
    forms
        Names of :data:`lesionscope.report.forms.FORMS`.
    stem
        Name of the files without suffix; by default one by date and time, so that
        earlier reports stay.
    done
        Called with the files, besides the room's notice.

    Returns
    -------
    Job or None
        ``None`` where there is nothing to report; the room's notice says so.
    """
    state = room.state
    if state.volume is None or not state.lesions:
        room.notify(wording.NO_LESIONS_TO_EXPORT)
        return None
    # Written at once, without a look at the dock: nothing is left out, and what is open is marked so.
    draft = replace(drafts_of(room).draft, unreviewed=True, forms=tuple(forms), folder=str(folder))
    table = response_for(state)

    def ended(files: tuple[Path, ...]) -> None:
        room.notify(wording.SAVED.format(names=", ".join(file.name for file in files), folder=folder))
        if done is not None:
            done(files)

    return room.worker.submit(
        lambda cancel, progress: write_draft(state, draft, cancel, progress, table, stem=stem, outlines=True),
        done=ended,
        failed=room.notify,
    )


def ask_and_export(room: Room, parent: QWidget | None = None) -> Job | None:
    """Ask for a folder, then write every form there."""
    from qtpy.QtWidgets import QFileDialog

    if not room.state.lesions:
        room.notify(wording.NO_LESIONS_TO_EXPORT)
        return None
    folder = QFileDialog.getExistingDirectory(parent, wording.EXPORT_WHERE)
    return export(room, folder) if folder else None
