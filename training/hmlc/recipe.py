"""An HMLC recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesionscope.models.hmlc.network import TRUNKS

from ..engine.recipe import EpochRecipe
from ..engine.schedule import Schedule
from .objective import OBJECTIVES

SOURCES = ("phantom", "xrays")


@dataclass(frozen=True)
class Data:
    """Where images come from.

    ``source: phantom`` projects ``train`` + ``validation`` + ``test`` phantom chests of 96 × 96 pixels.
    ``source: xrays`` reads the images that the CSV file ``table`` names (see ``xrays.py``), relative to
    ``folder``, at ``side`` × ``side`` pixels. ``tree`` is a class tree's file, by default the bundled tree of
    19 chest X-ray labels.
    """

    source: str = "phantom"
    train: int = 4000
    validation: int = 1000
    test: int = 2000
    table: str = ""
    folder: str = ""
    side: int = 224
    tree: str = ""
    cache: str = ""
    workers: int = 2

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"source must be {' or '.join(SOURCES)}")
        if self.source == "xrays" and not self.table:
            raise ValueError("source: xrays needs the path of a CSV file in 'table'")
        if self.source == "phantom" and self.tree:
            raise ValueError("phantoms are labelled by the bundled tree: leave 'tree' empty")
        if min(self.train, self.validation, self.test, self.workers) < 1 or self.side < 32:
            raise ValueError("train, validation, test and workers must be at least 1, side at least 32")


@dataclass(frozen=True, kw_only=True)
class Stage(Schedule):
    """One loss for some epochs of Adam; a later stage starts from the best epoch of the one before.

    Parameters
    ----------
    loss
        ``br-leaf``, ``br-all``, ``hlcp``, ``hlup``, ``hlup-naive``, ``hlup-rescaled``.
    epochs, lr
        How long, and the highest rate (paper 003 gives none).
    """

    loss: str
    epochs: int
    lr: float = field()
    schedule: str = "one-cycle"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in OBJECTIVES:
            raise ValueError(f"loss must be one of {', '.join(OBJECTIVES)}")
        if self.epochs < 1:
            raise ValueError("epochs must be at least 1")


@dataclass(frozen=True, kw_only=True)
class HmlcRecipe(EpochRecipe):
    """One training run of HMLC or a system that it is compared with.

    Parameters
    ----------
    package, data
        See their classes.
    stages
        Losses one after another (§2.1: HLCP, then HLUP from it).
    trunk
        ``small`` for 96 pixels, ``densenet121`` (the paper's).
    imagenet
        File of the trunk's weights to start from, in torchvision's names; empty for a fresh start.
    shift_px
        Training images are moved by up to so many pixels each way.
    """

    stages: tuple[Stage, ...]
    data: Data = field(default_factory=Data)
    trunk: str = "small"
    imagenet: str = ""
    shift_px: int = 3
    batch: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trunk not in TRUNKS:
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)}")
        if not self.stages or self.batch < 2 or self.shift_px < 0:
            raise ValueError("stages must not be empty, batch at least 2, shift_px not negative")

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def output(self) -> str:
        """What the trained network's outputs mean."""
        return OBJECTIVES[self.stages[-1].loss].output
