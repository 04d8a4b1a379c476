"""The forms a report can be written in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from lesionscope.errors import UsageError
from lesionscope.report import csv_form, html_form, json_form
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage

Writer = Callable[[Content, Path, Mapping[str, KeyImage] | None], Path]

FORMS: Mapping[str, Writer] = {
    "json": json_form.write,
    "csv": csv_form.write,
    "html": html_form.write,
}
"""Form → its writer ``(content, path, images)``; the name is the file's suffix too."""
DEFAULT_STEM = "report"


def check(form: str) -> str:
    """Return the form's name if there is one like it.

    Raises
    ------
    UsageError
        There is none; the sentence names those there are.
    """
    if form not in FORMS:
        raise UsageError(
            f"Reports can be written as {', '.join(FORMS)}, not as '{form}': choose one of them."
        )
    return form


def write(
    content: Content,
    form: str,
    folder: str | Path,
    *,
    images: Mapping[str, KeyImage] | None = None,
    stem: str = DEFAULT_STEM,
) -> Path:
    """Write a report into a folder, whole or not at all.

    Parameters
    ----------
    content
        From :func:`lesionscope.report.document.lesion_report`.
    form
        A name in :data:`FORMS`.
    folder
        Where to; made where it is missing.
    images
        Key images, lesion id → picture, for the forms that show them.
    stem
        The file's name without its suffix. A file of that name is replaced; use
        :func:`new_stem` where earlier reports should stay. Never take it from
        patient data or a UID.

    Raises
    ------
    UsageError
        No such form.
    LesionscopeError
        The disk is full, the folder read-only…; an earlier file is left whole.
    """
    return FORMS[check(form)](content, Path(folder) / f"{stem}.{form}", images)


def new_stem(folder: str | Path) -> str:
    """Return a name by date and time that no report in the folder has yet."""
    base = f"{DEFAULT_STEM}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    taken = {path.stem for path in Path(folder).glob(f"{base}*")}
    if base not in taken:
        return base
    return next(f"{base}-{n}" for n in range(2, len(taken) + 3) if f"{base}-{n}" not in taken)
