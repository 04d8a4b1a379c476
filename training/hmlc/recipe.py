"""An HMLC recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from lesionscope.models.hmlc.network import TRUNKS

from ..engine.precision import FLOAT32, PRECISIONS
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


@dataclass(frozen=True)
class Stage:
    """One loss for some epochs of Adam; a later stage starts from the best epoch of the one before.

    Parameters
    ----------
    loss
        ``br-leaf``, ``br-all``, ``hlcp``, ``hlup``, ``hlup-naive``, ``hlup-rescaled``.
    epochs, lr
        How long, and the highest rate (paper 003 gives none).
    schedule, step_epochs, step_factor, warm_up
        See :func:`~..engine.schedule.learning_rate`.
    """

    loss: str
    epochs: int
    lr: float
    schedule: str = "one-cycle"
    step_epochs: int = 10
    step_factor: float = 0.1
    warm_up: float = 0.2

    def __post_init__(self) -> None:
        if self.loss not in OBJECTIVES:
            raise ValueError(f"loss must be one of {', '.join(OBJECTIVES)}")
        if self.schedule not in ("step", "one-cycle"):
            raise ValueError("schedule must be step or one-cycle")
        if self.epochs < 1 or self.lr <= 0 or self.step_epochs < 1 or not 0 < self.warm_up < 1:
            raise ValueError(
                "epochs and step_epochs must be at least 1, lr positive, warm_up between 0 and 1"
            )


@dataclass(frozen=True)
class Words:
    """What the card of the resulting package says in words."""

    name: str
    title: str
    version: str
    intended_use: str
    limits: tuple[str, ...]
    demonstration: bool = True
    licence: str = "BSD-3-Clause"


@dataclass(frozen=True)
class HmlcRecipe:
    """One training run of HMLC or a system that it is compared with.

    Parameters
    ----------
    name, title
        What the run is called.
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
    batch, seed, threads, device, precision
        As in other recipes.
    """

    name: str
    title: str
    package: Words
    stages: tuple[Stage, ...]
    data: Data = field(default_factory=Data)
    trunk: str = "small"
    imagenet: str = ""
    shift_px: int = 3
    batch: int = 64
    seed: int = 1
    threads: int = 2
    device: str = "auto"
    precision: str = FLOAT32

    def __post_init__(self) -> None:
        if self.trunk not in TRUNKS:
            raise ValueError(f"trunk must be one of {', '.join(TRUNKS)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}")
        if not self.stages or self.batch < 2 or self.threads < 0 or self.shift_px < 0:
            raise ValueError("stages must not be empty, batch at least 2, threads and shift_px not negative")

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def output(self) -> str:
        """What the trained network's outputs mean."""
        return OBJECTIVES[self.stages[-1].loss].output

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a recipe file holds them."""
        return dataclasses.asdict(self)

    def fixing(self) -> dict[str, Any]:
        """Return the part that fixes the trained weights; a run resumes only if it is unchanged."""
        values = self.as_dict()
        for key in ("name", "title", "package", "threads", "device"):
            values.pop(key)
        values["data"] = {k: v for k, v in values["data"].items() if k not in ("cache", "workers", "test")}
        return values
