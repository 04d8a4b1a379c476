"""What recipes can be for, and where each task's code lies: it is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """Where a task's code lies: ``module:name`` below this package.

    Parameters
    ----------
    recipe
        A :class:`~.engine.recipe.Recipe`.
    train
        ``(recipe, out, progress, cancel)`` → what a run leaves.
    evaluate
        ``(recipe, checkpoint, out, progress, cancel)`` → figures; empty where nothing is scored.
    """

    recipe: str
    train: str
    evaluate: str = ""


TASKS: Mapping[str, Task] = {
    "radpath": Task("radpath.recipe:RadPathRecipe", "radpath.pipeline:train", "radpath.evaluate:evaluate"),
    "relation": Task(
        "relations.recipe:RelationRecipe", "relations.pipeline:train", "relations.evaluate:evaluate"
    ),
    "lesanet": Task("lesanet.recipe:LesaNetRecipe", "lesanet.pipeline:train", "lesanet.evaluate:evaluate"),
    "hmlc": Task("hmlc.recipe:HmlcRecipe", "hmlc.pipeline:train", "hmlc.evaluate:evaluate"),
    "deeplesion-categories": Task(
        "deeplesion.categories.recipe:CategoriesRecipe", "deeplesion.categories.pipeline:train"
    ),
    "deeplesion-detector": Task(
        "deeplesion.detector_recipe:DetectorRecipe",
        "deeplesion.pipeline:train",
        "deeplesion.pipeline:evaluate",
    ),
}
"""By what a recipe file says as its ``task``."""


def loaded(place: str) -> Any:
    """Return what lies at ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"{__package__}.{module}"), name)


def task_of(recipe: Recipe) -> Task:
    """Return the task that a recipe is for."""
    kind = type(recipe)
    place = f"{kind.__module__}:{kind.__qualname__}".removeprefix(f"{__package__}.")
    return next(task for task in TASKS.values() if task.recipe == place)
