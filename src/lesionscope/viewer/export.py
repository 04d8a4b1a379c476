"""Writing the report of a room's lesions, in the background, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer import wording
from lesionscope.viewer.docks.report_draft import content_of, drafts_of, pictures
from lesionscope.viewer.propose import masks_of

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

    Lesions that are as a click proposed them have their voxels written beside the report, as DICOM
    segmentation where the volume came from DICOM images, else as NIfTI.

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
    volume, session = state.volume, state.session
    if volume is None or session is None or not session.lesions:
        room.notify(wording.NO_LESIONS_TO_EXPORT)
        return None
    # Written at once, without a look at the dock: nothing is left out, and what is open is marked so.
    draft = replace(drafts_of(room).draft, unreviewed=True)

    def write(cancel: CancelToken, progress: Progress) -> tuple[Path, ...]:
        from lesionscope.report import forms as report_forms
        from lesionscope.report.segmentation import write_masks

        content = content_of(state, draft)
        assert content is not None
        images = pictures(state, content) if report_forms.WITH_IMAGES.intersection(forms) else {}
        report = report_forms.Report(content, images, session.lesions, volume)
        name = report_forms.new_stem(folder) if stem is None else stem
        written = []
        for number, form in enumerate(forms):
            cancel.check()
            progress(number, len(forms), form)
            written += report_forms.write(report, form, folder, stem=name)
        masks = masks_of(session.lesions, state.proposed, volume.hu.shape)
        if masks:
            written.append(write_masks(masks, volume, folder, f"{name}-outlines"))
        return tuple(written)

    def ended(files: tuple[Path, ...]) -> None:
        room.notify(wording.SAVED.format(names=", ".join(file.name for file in files), folder=folder))
        if done is not None:
            done(files)

    return room.worker.submit(write, done=ended, failed=room.notify)


def ask_and_export(room: Room, parent: QWidget | None = None) -> Job | None:
    """Ask for a folder, then write every form there."""
    from qtpy.QtWidgets import QFileDialog

    if not room.state.lesions:
        room.notify(wording.NO_LESIONS_TO_EXPORT)
        return None
    folder = QFileDialog.getExistingDirectory(parent, wording.EXPORT_WHERE)
    return export(room, folder) if folder else None
