"""Training and evaluation of the models that the package ships or a user makes.

``run`` and ``evaluate`` are the interface; torch and the recipes load when one is called.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.progress import CancelToken, Progress, silent

if TYPE_CHECKING:
    from .deeplesion.categories.pipeline import CategoriesResult
    from .recipes import Overrides
    from .run_folder import TrainingResult

__all__ = ["evaluate", "recipes_by_name", "run", "wait_without_spinning"]


def wait_without_spinning() -> None:
    """Let torch's threads sleep while they wait for each other.

    On a machine that does anything else besides, threads that spin at every
    barrier made training five times slower. Heeded when torch is first imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def recipes_by_name() -> tuple[str, ...]:
    """Names of the recipes that ship."""
    from .recipes import names

    return names()


def _make_writable(out: Path) -> None:
    """Make a run's folder where it is missing, and try whether it takes a file: not after hours."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise LesionscopeError(
            f"{out} can't be written ({error.strerror or error}): choose another folder."
        ) from error


def run(
    recipe: str | Path,
    overrides: Overrides = (),
    out: str | Path = "runs/radpath",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> TrainingResult[Any] | CategoriesResult:
    """Train a recipe and package the result; a run that was stopped goes on where it was.

    Parameters
    ----------
    recipe
        Name of a recipe that ships, or the path of a YAML file.
    overrides
        ``["optimisation.lr=0.003", "epochs=5"]`` or a mapping.
    out
        Folder for ``checkpoint.pt``, ``log.jsonl``, ``metrics.json`` and ``package/`` (of a search for
        categories: ``categories.csv``).

    Raises
    ------
    InputError, UsageError
        The recipe, a change to it, or the data can't be used.
    LesionscopeError
        ``out`` can't be written.
    """
    wait_without_spinning()
    from .engine.devices import pick_device
    from .engine.recipe import NetworkRecipe
    from .recipes import load
    from .tasks import loaded, task_of

    chosen = load(recipe, overrides)
    if isinstance(chosen, NetworkRecipe):
        pick_device(chosen.device)  # before the data are read, which may take an hour
    _make_writable(Path(out))
    result: TrainingResult[Any] | CategoriesResult
    result = loaded(task_of(chosen).train)(chosen, Path(out), progress, cancel)
    return result


def evaluate(
    recipe: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    overrides: Overrides = (),
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Score a package on a recipe's test split and write the figures to its card.

    Parameters
    ----------
    recipe, overrides
        As for :func:`run`; the test split is the recipe's.
    checkpoint
        A package folder, or the folder of a run (its ``package`` is taken).
    out
        Folder for ``metrics.json``.

    Returns
    -------
    dict
        The figures, as ``metrics.json`` and the card's ``metrics`` → ``test`` have them.

    Raises
    ------
    InputError, UsageError
        The recipe, a change to it, the package or the data can't be used.
    """
    wait_without_spinning()
    from .recipes import load
    from .tasks import loaded, task_of

    chosen = load(recipe, overrides)
    place = task_of(chosen).evaluate
    if not place:
        raise UsageError(
            f"The recipe '{chosen.name}' makes no model and has no test split: its run's metrics.json has "
            "all figures."
        )
    figures: dict[str, Any] = loaded(place)(chosen, Path(checkpoint), Path(out), progress, cancel)
    return figures
