"""A RadPath training recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from lesionscope.errors import InputError
from lesionscope.models.card import Preprocessing
from lesionscope.models.pathology_net import NetworkSpec

from ..engine.recipe import EpochRecipe, FamiliarityRecipe, PackageRecipe
from ..engine.schedule import Schedule
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


@dataclass(frozen=True, kw_only=True)
class Optimisation(Schedule):
    """Adam and its learning-rate schedule.

    ``schedule: step`` with these defaults is the paper's; ``one-cycle`` needs far fewer epochs. ``ema``
    averages the weights over about 1/(1 − ema) steps; 0 = off.
    """

    step_epochs: int = 20
    step_factor: float = 1 / 3
    warm_up: float = 0.25
    weight_decay: float = 0.0
    ema: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay < 0 or not 0 <= self.ema < 1:
            raise ValueError("weight_decay must not be negative, ema lie in 0…1 (not 1)")


@dataclass(frozen=True, kw_only=True)
class RadPathRecipe(EpochRecipe):
    """One training run of paper 000's network.

    Parameters
    ----------
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
    """

    FREE = (*EpochRecipe.FREE, "familiarity", "calibration_penalty", "network.embedding")

    package: PackageRecipe
    data: Data = field(default_factory=Data)
    network: NetworkSpec = field(default_factory=NetworkSpec)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: Optimisation = field(default_factory=Optimisation)
    familiarity: FamiliarityRecipe = field(default_factory=FamiliarityRecipe)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    epochs: int = 200
    class_weights: bool = True
    calibration_penalty: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.batch < 2 or self.calibration_penalty < 0:
            raise ValueError("epochs must be at least 1, batch at least 2, calibration_penalty not negative")

    def checked(self) -> Self:
        """Return it, unless no network here takes its crops.

        Raises
        ------
        InputError
            With a sentence.
        """
        sides = set(self.preprocessing.shape)
        if len(sides) != 1 or not sides <= {32, 48}:
            raise InputError(
                f"The recipe '{self.name}' asks for a crop of {self.preprocessing.shape}; networks here take "
                "cubes of 48 voxels, or of 32 for quick comparisons."
            )
        return self
