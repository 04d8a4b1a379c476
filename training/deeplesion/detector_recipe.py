"""A detector's recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesionscope.models.detector.spec import DetectorSpec

from ..engine.recipe import EpochRecipe, PackageRecipe
from ..engine.schedule import learning_rate
from ..lesanet.recipe import Optimisation

CATEGORIES = ("none", "truth", "file")


@dataclass(frozen=True)
class DetectorData:
    """Where key slices come from.

    ``source: phantom`` scans ``train`` + ``validation`` + ``test`` key slices of the phantom clinic, which
    know every lesion that they show; only bookmarked ones are learnt.
    ``source: deeplesion`` reads a folder with ``DL_info.csv`` and ``Images_png``. Its patients are dealt
    70, 15 and 15 % by ``deal`` (paper 004, §3), or as the table says where that is 0.
    ``categories``: "none" for the single-class detector, "truth" for the phantoms' five, or "file" for
    those of ``categories_file``, found by clustering.
    """

    source: str = "phantom"
    train: int = 1400
    validation: int = 240
    test: int = 300
    folder: str = ""
    deal: int = 1
    categories: str = "none"
    categories_file: str = ""
    cache: str = ""
    workers: int = 2

    def __post_init__(self) -> None:
        if self.source not in ("phantom", "deeplesion") or self.categories not in CATEGORIES:
            raise ValueError(
                f"source must be phantom or deeplesion, categories one of {', '.join(CATEGORIES)}"
            )
        if self.source == "deeplesion" and (not self.folder or self.categories == "truth"):
            raise ValueError("source: deeplesion needs 'folder', and knows no truth of its lesions")
        if (self.categories == "file") != bool(self.categories_file):
            raise ValueError("categories: file needs 'categories_file', and nothing else has one")
        if self.source == "phantom" and self.categories == "file":
            raise ValueError("a file's categories are those of a table: give source: deeplesion")
        if min(self.train, self.validation, self.test, self.workers) < 1 or self.deal < 0:
            raise ValueError("train, validation, test and workers must be at least 1, deal not negative")


@dataclass(frozen=True)
class Augmentation:
    """What is changed of a slice each time that it is shown.

    Parameters
    ----------
    window
        Rows and columns of the picture that is cut from it, at a random place around a bookmark.
    scale
        It is made so much smaller or larger at most.
    flip
        How often left and right are exchanged.
    """

    window: tuple[int, int] = (320, 448)
    scale: float = 1.15
    flip: float = 0.5

    def __post_init__(self) -> None:
        if min(self.window) < 64 or any(side % 16 for side in self.window):
            raise ValueError("window's sides must be multiples of 16, and 64 or more")
        if self.scale < 1 or not 0 <= self.flip <= 1:
            raise ValueError("scale must be 1 or more, and flip a share")


@dataclass(frozen=True, kw_only=True)
class CycledOptimisation(Optimisation):
    """SGD whose one-cycle schedule begins anew.

    Parameters
    ----------
    cycle_epochs
        Epochs of a cycle, of which the last may have fewer; 0 for one that lasts the whole run.
    """

    lr: float = 0.001
    weight_decay: float = 5e-4
    cycle_epochs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycle_epochs < 0:
            raise ValueError("cycle_epochs must not be negative")

    def rate(self, epoch: int, number: int, steps: int, epochs: int) -> float:
        """Return the learning rate of a step: ``number`` of ``steps`` in an epoch (from 0) of ``epochs``."""
        first = epoch // self.cycle_epochs * self.cycle_epochs if self.cycle_epochs else 0
        length = min(self.cycle_epochs or epochs, epochs - first)
        return learning_rate(self, (epoch - first) * steps + number, steps, length)


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(EpochRecipe):
    """One training run of the lesion detector.

    Parameters
    ----------
    package
        The card's words.
    data, network, augmentation, optimisation
        See their classes; ``network.categories`` follows from the data.
    epochs, batch
        ``batch`` is the paper's 4.
    """

    FREE = (*EpochRecipe.FREE, "data.categories_file")

    package: PackageRecipe
    data: DetectorData = field(default_factory=DetectorData)
    network: DetectorSpec = field(default_factory=DetectorSpec)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimisation: CycledOptimisation = field(default_factory=CycledOptimisation)
    epochs: int = 8
    batch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1:
            raise ValueError("epochs must be at least 1")
