"""A RadPath training recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from lesionscope.errors import InputError
from lesionscope.models.card import Preprocessing
from lesionscope.models.familiarity import DistanceRule
from lesionscope.models.pathology_net import NetworkSpec

from ..engine.precision import PRECISIONS
from .augment import Augmentation


@dataclass(frozen=True)
class Data:
    """Where cubes come from.

    ``source: phantom`` renders ``train`` + ``validation`` + ``test`` cubes whose
    patients differ, with Table 1's class frequencies (``table1``) or equally many
    of each leaf (``balanced``). ``source: cohort`` renders phantoms with Table 1's very
    counts (see ``cohort.py``), ``source: manifest`` reads volumes listed in a CSV file (see
    ``manifest.py``); both tell the splits apart by subset 0–4. ``tree`` is the path of
    another class tree than Pulmonary-RadPath's, for a manifest.
    """

    source: str = "phantom"
    tree: str = ""
    train: int = 3300
    validation: int = 660
    test: int = 2200
    frequencies: str = "balanced"
    manifest: str = ""
    train_subsets: tuple[int, ...] = (0, 1, 2)
    validation_subsets: tuple[int, ...] = (3,)
    test_subsets: tuple[int, ...] = (4,)
    cache: str = ""
    workers: int = 2

    def __post_init__(self) -> None:
        if self.source not in ("phantom", "cohort", "manifest"):
            raise ValueError("source must be phantom, cohort or manifest")
        if self.tree and self.source != "manifest":
            raise ValueError("phantoms have Pulmonary-RadPath's classes: give 'tree' with source: manifest")
        if self.source == "manifest" and not self.manifest:
            raise ValueError("source: manifest needs the path of a CSV file in 'manifest'")
        if self.frequencies not in ("balanced", "table1"):
            raise ValueError("frequencies must be balanced or table1")
        if min(self.train, self.validation, self.test) < 1:
            raise ValueError("train, validation and test must be at least 1")
        groups = (self.train_subsets, self.validation_subsets, self.test_subsets)
        together = [subset for group in groups for subset in group]
        if len(set(together)) != len(together) or not all(groups) or not set(together) <= set(range(5)):
            raise ValueError("train, validation and test subsets must be different ones of 0…4")


@dataclass(frozen=True)
class Optimisation:
    """Adam and its learning-rate schedule.

    ``schedule: step`` multiplies the rate by ``step_factor`` every ``step_epochs``
    (the paper: 0.01, ⅓, 20); ``one-cycle`` rises to ``lr`` over the ``warm_up``
    share of all steps and falls to nearly 0 along a cosine, which needs far fewer
    epochs. ``ema`` averages the weights over about 1/(1 − ema) steps; 0 = off.
    """

    lr: float = 0.01
    schedule: str = "step"
    step_epochs: int = 20
    step_factor: float = 1 / 3
    warm_up: float = 0.25
    weight_decay: float = 0.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        if self.schedule not in ("step", "one-cycle"):
            raise ValueError("schedule must be step or one-cycle")
        if self.lr <= 0 or self.weight_decay < 0 or self.step_epochs < 1 or self.step_factor <= 0:
            raise ValueError("lr, step_epochs and step_factor must be positive, weight_decay not negative")
        if not 0 <= self.ema < 1 or not 0 < self.warm_up < 1:
            raise ValueError("ema must lie in 0…1 (not 1), warm_up between 0 and 1")


@dataclass(frozen=True)
class FamiliarityRecipe:
    """Familiarity: embeddings that the package keeps, the distance, the p-value that means unfamiliar.

    The threshold stands below 0.05, so that flagging at most 5 % of cases like
    the training data also holds when a few hundred calibration cases fix it.
    """

    bank: int = 300
    threshold: float = 0.03
    rule: DistanceRule = field(default_factory=DistanceRule)

    def __post_init__(self) -> None:
        if self.bank < 2 or not 0 < self.threshold < 1:
            raise ValueError("bank must be at least 2 and threshold between 0 and 1")


@dataclass(frozen=True)
class PackageRecipe:
    """What the card of the resulting package says in words."""

    name: str
    title: str
    version: str
    scope: str
    intended_use: str
    limits: tuple[str, ...]
    demonstration: bool = True
    licence: str = "BSD-3-Clause"


@dataclass(frozen=True)
class RadPathRecipe:
    """One training run of paper 000's network.

    Parameters
    ----------
    name, title
        What the run is called.
    package
        The card's words.
    data, network, augmentation, optimisation, familiarity, preprocessing
        See their classes.
    epochs, batch
        The paper: 200 and 16.
    class_weights
        Whether the loss weighs classes within each head.
    calibration_penalty
        Pull of vector scaling towards the identity, see ``calibrate.py``.
    seed
        Of initialisation, order and augmentation.
    threads
        CPU threads of torch; 0 = torch's own choice.
    precision
        ``float32``, or ``bfloat16`` for convolutions where the processor is fast at it.
    device
        ``auto`` (CUDA where there is one), ``cpu``, ``cuda:0``…
    """

    name: str
    title: str
    package: PackageRecipe
    data: Data = field(default_factory=Data)
    network: NetworkSpec = field(default_factory=NetworkSpec)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    familiarity: FamiliarityRecipe = field(default_factory=FamiliarityRecipe)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    epochs: int = 200
    batch: int = 16
    class_weights: bool = True
    calibration_penalty: float = 0.01
    seed: int = 0
    threads: int = 2
    device: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be {' or '.join(PRECISIONS)}")
        if self.epochs < 1 or self.batch < 2 or self.threads < 0:
            raise ValueError("epochs must be at least 1, batch at least 2, threads not negative")
        if self.calibration_penalty < 0:
            raise ValueError("calibration_penalty must not be negative")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a recipe file holds them."""
        return dataclasses.asdict(self)

    def fixing(self) -> dict[str, Any]:
        """Return the part that fixes the trained weights; a run resumes only if it is unchanged."""
        keys = ("data", "network", "augmentation", "optimisation", "preprocessing", "epochs")
        values = self.as_dict()
        fixed = {key: values[key] for key in (*keys, "batch", "class_weights", "seed", "precision")}
        fixed["network"] = {k: v for k, v in fixed["network"].items() if k != "embedding"}
        fixed["data"] = {k: v for k, v in fixed["data"].items() if k not in ("cache", "workers", "test")}
        return fixed


def check(recipe: RadPathRecipe) -> RadPathRecipe:
    """Refuse combinations that no field can see alone.

    Raises
    ------
    InputError
        With a sentence.
    """
    sides = set(recipe.preprocessing.shape)
    if len(sides) != 1 or not sides <= {32, 48}:
        raise InputError(
            f"The recipe '{recipe.name}' asks for a crop of {recipe.preprocessing.shape}; networks here take "
            "cubes of 48 voxels, or of 32 for quick comparisons."
        )
    return recipe
