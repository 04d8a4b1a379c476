"""Asking a person for files, then beginning or writing what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from lesionscope.viewer.review import sources, words

if TYPE_CHECKING:
    from lesionscope.viewer.review.review import Review


def ask_project(review: Review, parent: QWidget) -> None:
    """Open a project that a person chooses."""
    name, _ = QFileDialog.getOpenFileName(parent, words.WHERE_PROJECT, "", words.PROJECTS)
    if name:
        review.open_project(name)


def ask_folder(review: Review, parent: QWidget) -> None:
    """Begin, or go on, with a folder in DeepLesion's layout."""
    folder = QFileDialog.getExistingDirectory(parent, words.WHERE_FOLDER)
    if not folder:
        return
    root, labels = Path(folder), None
    if sources.needs_labels(root):
        name, _ = QFileDialog.getOpenFileName(parent, words.WHERE_LABELS, folder, words.LABEL_FILES)
        if not name:
            return
        labels = Path(name)
    project = _ask_where(parent, root / sources.PROJECT)
    if project is not None:
        review.open(sources.folder(root, project, labels))


def ask_table(review: Review, parent: QWidget) -> None:
    """Begin, or go on, with a table of a person's own."""
    name, _ = QFileDialog.getOpenFileName(parent, words.WHERE_TABLE, "", words.TABLES)
    if name:
        project = _ask_where(parent, Path(name).with_suffix("." + sources.PROJECT))
        if project is not None:
            review.open(sources.table(Path(name), project))


def ask_export(review: Review, parent: QWidget) -> None:
    """Write the reviewed labels where a person says."""
    path = review.state.path
    if path is None:
        return
    proposed = str(path.with_suffix(".json"))
    name, _ = QFileDialog.getSaveFileName(parent, words.WHERE_EXPORT, proposed, words.LABEL_FILES)
    if name:
        review.export(name)


def _ask_where(parent: QWidget, proposed: Path) -> Path | None:
    # A project that is there is continued, so nothing is overwritten and nothing to be warned of.
    name, _ = QFileDialog.getSaveFileName(
        parent,
        words.WHERE_SAVED,
        str(proposed),
        words.PROJECTS,
        options=QFileDialog.Option.DontConfirmOverwrite,
    )
    return Path(name) if name else None
