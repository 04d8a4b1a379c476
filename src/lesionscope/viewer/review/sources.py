"""Where a review begins: a project, mined labels of others, or the phantom clinic. Runs on a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lesionscope.errors import InputError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.progress import CancelToken, Progress
from lesionscope.session.importing import LABELS, Imported, from_deeplesion, from_table
from lesionscope.session.mixing import import_warnings
from lesionscope.session.store import Session

PROJECT = "review.sqlite"
CLINIC_PATIENTS, CLINIC_MATRIX, CLINIC_AROUND_MM = 12, 256, 10.0
"""Few and coarse, so that it is there in less than a minute."""


@dataclass(frozen=True)
class Opened:
    """An open project, and sentences for the person about how it was opened."""

    session: Session
    notes: tuple[str, ...]


Source = Callable[[CancelToken, Progress], Opened]


def project(path: Path) -> Source:
    """Open a project that is there."""

    def task(cancel: CancelToken, progress: Progress) -> Opened:
        if not path.is_file():
            raise InputError(f"There is no project {path}: choose mined labels to begin one.")
        return _opened(path, None, cancel)

    return task


def folder(root: Path, path: Path, labels: Path | None = None) -> Source:
    """Take lesions in DeepLesion's layout into a project; ``labels`` where the file lies elsewhere."""

    def task(cancel: CancelToken, progress: Progress) -> Opened:
        progress(0, 0, f"Reading {root.name}")
        return _opened(path, from_deeplesion(root, load_labels(), labels=labels), cancel)

    return task


def needs_labels(root: Path) -> bool:
    """Whether a folder lacks LesaNet's label file, so that a person must say where it is."""
    return not (root / LABELS).is_file()


def table(file: Path, path: Path) -> Source:
    """Take the lesions of a person's own table into a project."""

    def task(cancel: CancelToken, progress: Progress) -> Opened:
        progress(0, 0, f"Reading {file.name}")
        return _opened(path, from_table(file, load_labels()), cancel)

    return task


def clinic(root: Path | None = None) -> Source:
    """Make phantom patients, once, and take their lesions into a project beside them.

    Parameters
    ----------
    root
        Where they are kept; by default among the samples in the user's cache folder.
    """

    def task(cancel: CancelToken, progress: Progress) -> Opened:
        place = clinic_folder() if root is None else root

        def told(done: int, total: int, label: str) -> None:
            progress(done, total, label)
            cancel.check()

        if needs_labels(place):
            from lesionscope.phantom.clinic.deeplesion import write_deeplesion

            told(0, CLINIC_PATIENTS, "Scanning phantom patients")
            # In this process: others would start by running the script that opened the window.
            write_deeplesion(
                place,
                CLINIC_PATIENTS,
                matrix=CLINIC_MATRIX,
                around_mm=CLINIC_AROUND_MM,
                workers=1,
                progress=told,
            )
        return folder(place, place / PROJECT)(cancel, progress)

    return task


def clinic_folder() -> Path:
    """Return where the phantom clinic of this recipe is kept."""
    from lesionscope.sample_data import sample_folder

    return sample_folder() / f"phantom-clinic-{CLINIC_PATIENTS}-{CLINIC_MATRIX}-{CLINIC_AROUND_MM:g}"


def _opened(path: Path, imported: Imported | None, cancel: CancelToken) -> Opened:
    cancel.check()
    session = Session.open(path)
    try:
        notes = session.notices
        if imported is not None:
            notes += _few(imported.left_out) + import_warnings(session.state, imported.command)
            if not session.read_only:
                session.apply(imported.command)
        cancel.check()
    except BaseException:
        session.close()
        raise
    return Opened(session, notes)


def _few(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Say the first of many sentences, and how many more there are."""
    if len(sentences) < 2:
        return sentences
    return (f"{sentences[0]} {len(sentences) - 1} more rows were left out.",)
