"""What a person chose for a report, and the report that follows; no widget knows how one is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from psygnal import Signal

from lesionscope.ct.windows import Window
from lesionscope.errors import UsageError
from lesionscope.progress import CancelToken, Progress
from lesionscope.report import forms as report_forms
from lesionscope.report.document import Content, session_report
from lesionscope.report.key_image import KeyImage, key_images
from lesionscope.session.commands import AddLesion, Command, Decide, NoteForReport
from lesionscope.session.report_notes import ReportNote, View
from lesionscope.viewer.propose import masks_of

if TYPE_CHECKING:
    from lesionscope.followup.response import ResponseTable
    from lesionscope.report.deidentify import UidMap
    from lesionscope.report.import_sr import Imported
    from lesionscope.viewer.followup.window import FollowupWindow
    from lesionscope.viewer.room import Room
    from lesionscope.viewer.room_state import RoomState

DICOM_FORMS = ("sr", "sc")
SHORTEST_FIELD_MM, LONGEST_FIELD_MM = 20.0, 500.0


@dataclass(frozen=True)
class Draft:
    """One report as it is being made.

    Parameters
    ----------
    unreviewed
        Whether answers that no reader decided on go in, marked as such.
    deidentify
        Whether names, dates and typed text stay out.
    forms
        What it is written as.
    folder
        Where to; empty until one was chosen.
    """

    unreviewed: bool = False
    deidentify: bool = False
    forms: tuple[str, ...] = tuple(report_forms.FORMS)
    folder: str = ""


class Drafts:
    """Holds a room's draft and tells who draws it of each change."""

    changed = Signal(Draft)

    def __init__(self) -> None:
        self.draft = Draft()

    def set(self, **changes: Any) -> None:
        """Change parts of the draft."""
        draft = replace(self.draft, **changes)
        if draft != self.draft:
            self.draft = draft
            self.changed.emit(draft)

    def choose_form(self, form: str, wanted: bool) -> None:
        """Tick a form, or not."""
        chosen = {*self.draft.forms, form} if wanted else set(self.draft.forms) - {form}
        self.set(forms=tuple(name for name in report_forms.FORMS if name in chosen))


def edit_sentence(room: Room, lesion_id: str, text: str | None) -> None:
    """Keep a sentence as a person wrote it; ``None`` goes back to the one made from the labels."""
    room.apply(NoteForReport(replace(_note(room, lesion_id), sentence=text)))


def mark_key_image(room: Room, lesion_id: str, window: Window | None, field_mm: float) -> bool:
    """Give a lesion's key image the window and zoom that the views have now.

    Returns
    -------
    bool
        Whether the session has them; where it can't be changed, the room's notice says why.
    """
    view = View(window, min(max(field_mm, SHORTEST_FIELD_MM), LONGEST_FIELD_MM))
    room.apply(NoteForReport(replace(_note(room, lesion_id), view=view)))
    return _note(room, lesion_id).view == view


def _note(room: Room, lesion_id: str) -> ReportNote:
    session = room.state.session
    known = None if session is None else session.notes.get(lesion_id)
    return ReportNote(lesion_id) if known is None else known


_DRAFTS: WeakKeyDictionary[Room, Drafts] = WeakKeyDictionary()


def drafts_of(room: Room) -> Drafts:
    """Return the one draft of a room."""
    return _DRAFTS.setdefault(room, Drafts())


def offered(state: RoomState) -> tuple[str, ...]:
    """Return the forms that the open scan can be reported in: DICOM ones need its images."""
    dicom = state.volume is not None and bool(state.volume.source.sop_instance_uids)
    return tuple(form for form in report_forms.FORMS if dicom or form not in DICOM_FORMS)


def comparison_of(state: RoomState) -> FollowupWindow | None:
    """Return the open comparison of this study with another one."""
    from lesionscope.viewer.followup.opening import opened

    uid = None if state.volume is None else state.volume.source.uid
    for window in opened():
        if uid in (window.comparing.baseline.source.uid, window.comparing.followup.source.uid):
            return window
    return None


def response_for(state: RoomState) -> ResponseTable | None:
    """Return the response that an open comparison of this study shows, once nothing in it is open."""
    window = comparison_of(state)
    return None if window is None else window.comparing.state.response


def content_of(state: RoomState, draft: Draft, response: ResponseTable | None = None) -> Content | None:
    """Return what the report says; ``None`` where no study is open."""
    volume, session = state.volume, state.session
    if volume is None or session is None:
        return None
    cards = [package.card for package in (state.package, state.label_package) if package is not None]
    return session_report(
        session,
        geometry=volume.geometry,
        source=volume.source,
        cards=cards,
        unreviewed=draft.unreviewed,
        response=response,
    )


def as_written(content: Content, draft: Draft) -> Content:
    """Return what a report will say, without identities where it is to have none; its lesions keep their ids.

    Pseudonyms are of this program's run; those of each report that is written are its own.
    """
    if not draft.deidentify:
        return content
    from lesionscope.report.deidentify import deidentified

    said = deidentified(report_forms.Report(content), _pseudonyms()).content
    for entry, known in zip(said["lesions"], content["lesions"], strict=True):
        entry["id"] = known["id"]
    return said


@cache
def _pseudonyms() -> UidMap:
    from lesionscope.report.deidentify import UidMap

    return UidMap()


def pictures(state: RoomState, content: Content) -> dict[str, KeyImage]:
    """Draw the key images; 30 ms each, so on a worker's thread."""
    assert state.volume is not None and state.session is not None
    return key_images(
        state.volume, state.session.lesions, notice=content["notice"], notes=state.session.notes
    )


def thumbnails(images: Mapping[str, KeyImage], side_px: int) -> dict[str, bytes]:
    """Return smaller PNGs of key images, smoothly scaled, so that a page of many is quick to lay out."""
    import io

    from PIL import Image

    small = {}
    for lesion_id, image in images.items():
        stream = io.BytesIO()
        picture = Image.fromarray(image.pixels)
        picture.resize((side_px, side_px), Image.Resampling.LANCZOS).save(stream, "PNG", compress_level=1)
        small[lesion_id] = stream.getvalue()
    return small


def steps_of(imported: Imported, state: RoomState) -> list[Command]:
    """Return what takes a read report into the session: new lesions, decisions, edited sentences."""
    there = {lesion.id for lesion in state.lesions} | {lesion.tracking_uid for lesion in state.lesions}
    fresh = [one for one in imported.lesions if one.id not in there and one.tracking_uid not in there]
    steps: list[Command] = [AddLesion(lesion) for lesion in fresh]
    ids = {lesion.id for lesion in fresh}
    decisions = tuple(decision for decision in imported.decisions if decision.lesion_id in ids)
    edited = [ReportNote(entry["id"], entry["sentence"]) for entry in imported.edited if entry["id"] in ids]
    return [*steps, *([Decide(decisions)] if decisions else []), *map(NoteForReport, edited)]


def write_draft(
    state: RoomState,
    draft: Draft,
    cancel: CancelToken,
    progress: Progress,
    response: ResponseTable | None = None,
    *,
    stem: str | None = None,
    outlines: bool = False,
) -> tuple[Path, ...]:
    """Write the report as it was drafted.

    Parameters
    ----------
    stem
        Name of the files without suffix; by default one that no report in the folder has yet.
    outlines
        Whether the voxels of lesions that are as a click proposed them go beside it: as DICOM
        segmentation where there are images to refer to, which name the patient; else, and without
        identities, as NIfTI.

    Raises
    ------
    UsageError, LesionscopeError
        As :func:`lesionscope.report.forms.write`.
    """
    from lesionscope.report.deidentify import UidMap, deidentified, write_images

    content = content_of(state, draft, response)
    assert content is not None and state.session is not None
    chosen = [form for form in draft.forms if form in offered(state)]
    steps = len(chosen) + 1
    progress(0, steps, "key images")
    images = pictures(state, content) if report_forms.WITH_IMAGES.intersection(chosen) else {}
    report = report_forms.Report(content, images, state.session.lesions, state.volume)
    folder, written = Path(draft.folder), []
    stem = report_forms.new_stem(folder) if stem is None else stem
    if draft.deidentify:
        cancel.check()
        uids = UidMap()
        if set(DICOM_FORMS).intersection(chosen):
            written += write_images(report, uids, folder / f"{stem}-images")
        report = deidentified(report, uids)
    for number, form in enumerate(chosen, start=1):
        cancel.check()
        progress(number, steps, form)
        written += report_forms.write(report, form, folder, stem=stem)
    if outlines:
        written += _write_outlines(state, draft, folder, f"{stem}-outlines")
    return tuple(written)


def _write_outlines(state: RoomState, draft: Draft, folder: Path, stem: str) -> list[Path]:
    from lesionscope.report.segmentation import write_masks, write_nifti

    assert state.volume is not None
    masks = masks_of(state.lesions, state.proposed, state.volume.hu.shape)
    if not masks:
        return []
    if not draft.deidentify:
        return [write_masks(masks, state.volume, folder, stem)]
    try:
        return [write_nifti(masks, state.volume, folder / f"{stem}.nii.gz")]
    except UsageError:  # NIfTI has no such grid, and a segmentation's images would name the patient
        return []
