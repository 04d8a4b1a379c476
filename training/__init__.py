"""Training and evaluation of the models that the package ships or a user makes.

``run`` and ``evaluate`` are the interface; torch and the recipes load when one is called.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.errors import UsageError
from lesionscope.progress import CancelToken, Progress, silent

if TYPE_CHECKING:
    from .deeplesion.categories.pipeline import CategoriesResult
    from .deeplesion.pipeline import TrainingResult as DetectorResult
    from .hmlc.pipeline import TrainingResult as XrayResult
    from .lesanet.pipeline import TrainingResult as LabelResult
    from .radpath.pipeline import TrainingResult
    from .recipes import Overrides
    from .relations.pipeline import TrainingResult as RelationResult

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


def run(
    recipe: str | Path,
    overrides: Overrides = (),
    out: str | Path = "runs/radpath",
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> TrainingResult | RelationResult | LabelResult | XrayResult | CategoriesResult | DetectorResult:
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
    """
    wait_without_spinning()
    from .deeplesion.categories.recipe import CategoriesRecipe
    from .deeplesion.detector_recipe import DetectorRecipe
    from .hmlc.recipe import HmlcRecipe
    from .lesanet.recipe import LesaNetRecipe
    from .radpath.pipeline import train
    from .recipes import load
    from .relations.recipe import RelationRecipe

    loaded = load(recipe, overrides)
    if isinstance(loaded, RelationRecipe):
        from .relations.pipeline import train as train_relations

        return train_relations(loaded, Path(out), progress, cancel)
    if isinstance(loaded, LesaNetRecipe):
        from .lesanet.pipeline import train as train_labels

        return train_labels(loaded, Path(out), progress, cancel)
    if isinstance(loaded, HmlcRecipe):
        from .hmlc.pipeline import train as train_xrays

        return train_xrays(loaded, Path(out), progress, cancel)
    if isinstance(loaded, CategoriesRecipe):
        from .deeplesion.categories.pipeline import train as find_categories

        return find_categories(loaded, Path(out), progress, cancel)
    if isinstance(loaded, DetectorRecipe):
        from .deeplesion.pipeline import train as train_detector

        return train_detector(loaded, Path(out), progress, cancel)
    return train(loaded, Path(out), progress, cancel)


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
    from .deeplesion.categories.recipe import CategoriesRecipe
    from .deeplesion.detector_recipe import DetectorRecipe
    from .hmlc.recipe import HmlcRecipe
    from .lesanet.recipe import LesaNetRecipe
    from .radpath.evaluate import evaluate as score
    from .recipes import load
    from .relations.recipe import RelationRecipe

    loaded = load(recipe, overrides)
    if isinstance(loaded, RelationRecipe):
        from .relations.evaluate import evaluate as score_relations

        return score_relations(loaded, Path(checkpoint), Path(out), progress, cancel)
    if isinstance(loaded, LesaNetRecipe):
        from .lesanet.evaluate import evaluate as score_labels

        return score_labels(loaded, Path(checkpoint), Path(out), progress, cancel)
    if isinstance(loaded, HmlcRecipe):
        from .hmlc.evaluate import evaluate as score_xrays

        return score_xrays(loaded, Path(checkpoint), Path(out), progress, cancel)
    if isinstance(loaded, CategoriesRecipe):
        raise UsageError(
            f"The recipe '{loaded.name}' finds categories, which have no test split: its metrics.json has "
            "every round's figures."
        )
    if isinstance(loaded, DetectorRecipe):
        from .deeplesion.pipeline import evaluate as score_detector

        return score_detector(loaded, Path(checkpoint), Path(out), progress, cancel)
    return score(loaded, Path(checkpoint), Path(out), progress, cancel)
