"""The forms a report can be written in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import UsageError
from lesionscope.lesions.lesion import Lesion
from lesionscope.report import csv_form, fhir_form, html_form, json_form
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage

DEFAULT_STEM = "report"


@dataclass(frozen=True, eq=False)
class Report:
    """All that a form may be written from.

    Parameters
    ----------
    content
        From :func:`lesionscope.report.document.lesion_report`.
    images
        Key images, lesion id → picture, for the forms that show them.
    lesions, volume
        Those of the content, in its order, and the scan they lie on: DICOM forms refer to its images.
    """

    content: Content
    images: Mapping[str, KeyImage] = field(default_factory=dict)
    lesions: Sequence[Lesion] = ()
    volume: CTVolume | None = None

    def scan(self) -> CTVolume:
        """Return the scan.

        Raises
        ------
        UsageError
            There is none.
        """
        if self.volume is None:
            raise UsageError("A DICOM report refers to a scan: open it, or write JSON, HTML, PDF or CSV.")
        return self.volume


Written = tuple[Path, ...]
Writer = Callable[[Report, Path, str], Written]


def _json(report: Report, folder: Path, stem: str) -> Written:
    return (json_form.write(report.content, folder / f"{stem}.json"),)


def _csv(report: Report, folder: Path, stem: str) -> Written:
    return (csv_form.write(report.content, folder / f"{stem}.csv"),)


def _html(report: Report, folder: Path, stem: str) -> Written:
    return (html_form.write(report.content, folder / f"{stem}.html", report.images),)


def _fhir(report: Report, folder: Path, stem: str) -> Written:
    return (fhir_form.write(report.content, folder / f"{stem}.fhir.json", report.images),)


def _pdf(report: Report, folder: Path, stem: str) -> Written:
    from lesionscope.report import pdf_form

    return (pdf_form.write(report.content, folder / f"{stem}.pdf", report.images),)


def _sr(report: Report, folder: Path, stem: str) -> Written:
    from lesionscope.report import sr_form

    return (sr_form.write(report.content, report.lesions, report.scan(), folder / f"{stem}-sr.dcm"),)


def _sc(report: Report, folder: Path, stem: str) -> Written:
    from lesionscope.report import sc_form

    return sc_form.write(report.content, report.lesions, report.scan(), report.images, folder, stem)


FORMS: Mapping[str, Writer] = {
    "json": _json,
    "sr": _sr,
    "sc": _sc,
    "fhir": _fhir,
    "html": _html,
    "pdf": _pdf,
    "csv": _csv,
}
"""Form → what writes it into a folder under a stem, and returns the files."""
WITH_IMAGES = frozenset(("sc", "fhir", "html", "pdf"))
"""Forms that show key images."""


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


def write(report: Report, form: str, folder: str | Path, *, stem: str = DEFAULT_STEM) -> Written:
    """Write a report into a folder, each file whole or not at all.

    Parameters
    ----------
    report
        What is written.
    form
        A name in :data:`FORMS`.
    folder
        Where to; made where it is missing.
    stem
        The files' name without what follows for each form. Files of that name are replaced; use
        :func:`new_stem` where earlier reports should stay. Never take it from patient data or a UID.

    Raises
    ------
    UsageError
        No such form, or one that refers to images which the scan has not.
    LesionscopeError
        The disk is full, the folder read-only…; earlier files are left whole.
    """
    return FORMS[check(form)](report, Path(folder), stem)


def new_stem(folder: str | Path) -> str:
    """Return a name by date and time that no report in the folder has yet."""
    base = f"{DEFAULT_STEM}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    taken = [path.name for path in Path(folder).glob(f"{base}*")]
    names = (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3)))
    return next(name for name in names if not any(_is_of(name, file) for file in taken))


def _is_of(stem: str, file: str) -> bool:
    """Whether a file is one of a report's: ``-2`` behind a stem is another report's."""
    return file.startswith((f"{stem}.", f"{stem}-sr.", f"{stem}-key-", f"{stem}-outlines."))
