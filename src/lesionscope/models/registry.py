"""Every kind of model package, and finding one: the user's, the bundled ones, or a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lesionscope.models.card import TASK
from lesionscope.models.package import BUNDLED as BUNDLED
from lesionscope.models.package import (
    Kind,
    OpenedPackage,
    meant_folder,
    no_such,
    open_package,
    said_of,
)

PATHOLOGY = Kind(TASK, "pathology model", open_package, "radpath-demo")
find, survey = PATHOLOGY.find, PATHOLOGY.survey
"""Of pathology models, which a tree is read with."""


def kinds() -> tuple[Kind[Any], ...]:
    """Return the kinds of packages, one for each of :data:`~lesionscope.models.card_form.TASKS`."""
    from lesionscope.models.detector_package import DETECTORS
    from lesionscope.models.hmlc.package import XRAYS
    from lesionscope.models.label_package import LABELS
    from lesionscope.models.relation_package import RELATIONS

    return (PATHOLOGY, LABELS, RELATIONS, DETECTORS, XRAYS)


def find_any(name_or_path: str | Path) -> OpenedPackage[Any]:
    """Return one package of whatever task, opened: by path, or by name (see :func:`meant_folder`).

    Raises
    ------
    InputError
        There is none, or it can't be opened.
    """
    by_task = {kind.task: kind for kind in kinds()}
    folder = meant_folder(name_or_path, (*by_task, None))
    if folder is None:
        raise no_such("model", name_or_path, [kind.survey() for kind in by_task.values()])
    package: OpenedPackage[Any] = by_task.get(str(said_of(folder, "task")), PATHOLOGY).opener(folder)
    return package
