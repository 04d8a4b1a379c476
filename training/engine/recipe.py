"""What every training recipe says, whatever it trains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from lesionscope.models.familiarity import DistanceRule

from .precision import FLOAT32, PRECISIONS


@dataclass(frozen=True, kw_only=True)
class CardWords:
    """What the card of the resulting package says in words."""

    name: str
    title: str
    version: str
    intended_use: str
    limits: tuple[str, ...]
    demonstration: bool = True
    licence: str = "BSD-3-Clause"


@dataclass(frozen=True, kw_only=True)
class PackageRecipe(CardWords):
    """The card's words of a package that says which lesions it answers for."""

    scope: str


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run of any kind.

    Parameters
    ----------
    name, title
        What the run is called.
    seed
        Of all random numbers.
    threads
        CPU threads of torch; 0 = torch's own choice.
    """

    name: str
    title: str
    seed: int = 1
    threads: int = 2

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ValueError("threads must not be negative")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as a recipe file holds them."""
        return dataclasses.asdict(self)

    def checked(self) -> Self:
        """Return it, unless its parts don't go together, which no field can see alone.

        Raises
        ------
        InputError
            With a sentence.
        """
        return self


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe(Recipe):
    """A run that trains on a device and goes on from its checkpoint.

    Parameters
    ----------
    device
        ``auto`` (CUDA where there is one), ``cpu``, ``cuda:0``…
    precision
        ``float32``, or ``bfloat16`` for convolutions where the processor is fast at it.
    """

    FREE: ClassVar[tuple[str, ...]] = ("name", "title", "threads", "device", "data.cache", "data.workers")
    """What does not fix the trained weights; ``section.key`` where only a part of a section does not."""

    device: str = "auto"
    precision: str = FLOAT32

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}")

    def fixing(self) -> dict[str, Any]:
        """Return the part that fixes the trained weights; a run resumes only if it is unchanged."""
        values = self.as_dict()
        for place in self.FREE:
            *sections, key = place.split(".")
            inner = values
            for section in sections:
                inner = inner[section]
            del inner[key]
        return values


@dataclass(frozen=True, kw_only=True)
class EpochRecipe(NetworkRecipe):
    """A run of :class:`~.trainer.EpochTrainer` that ends with a package.

    Parameters
    ----------
    package
        The card's words.
    batch
        Cases a step, of all processes together.
    """

    FREE = (*NetworkRecipe.FREE, "package", "data.test")

    package: CardWords
    batch: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch < 1:
            raise ValueError("batch must be at least 1")
