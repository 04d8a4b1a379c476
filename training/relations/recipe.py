"""A relation recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..engine.recipe import CardWords, Recipe


@dataclass(frozen=True)
class Sentences:
    """Where annotated sentences come from.

    ``source: phantom`` writes them: ``train`` sentences in the wording of the phantom's
    validation patients (the paper trained its relation model on the validation patients'
    annotated sentences and applied it to the training set), ``test`` in that of test
    patients. ``source: lines`` reads one's own from the JSON-lines files ``lines`` and
    ``test_lines``. ``held_out`` is the share that is left out of training for tuning:
    of constructions where they are known, else of sentences.
    """

    source: str = "phantom"
    train: int = 8000
    test: int = 2000
    held_out: float = 0.04
    lines: str = ""
    test_lines: str = ""

    def __post_init__(self) -> None:
        if self.source not in ("phantom", "lines"):
            raise ValueError("source must be phantom or lines")
        if self.source == "lines" and not self.lines:
            raise ValueError("source: lines needs the path of a file of JSON lines in 'lines'")
        if min(self.train, self.test) < 1 or not 0 <= self.held_out < 1:
            raise ValueError("train and test must be at least 1, held_out between 0 and 1 (not 1)")


@dataclass(frozen=True)
class Network:
    """Shape of the CNN; ``dims`` are the lengths of the features' embeddings, the word's first."""

    dims: tuple[int, ...] = (24, 8, 6, 8, 6, 10, 10, 4, 4)
    widths: tuple[int, ...] = (3, 5, 7)
    filters: int = 64
    dropout: float = 0.3
    word_dropout: float = 0.4


@dataclass(frozen=True, kw_only=True)
class RelationRecipe(Recipe):
    """One training run of the relation model (LesaNet §3.2).

    Parameters
    ----------
    package, data, network
        See their classes.
    epochs, batch, lr, weight_decay
        Of AdamW with a one-cycle schedule; ``batch`` counts mention–bookmark pairs.
    """

    package: CardWords
    data: Sentences = field(default_factory=Sentences)
    network: Network = field(default_factory=Network)
    epochs: int = 6
    batch: int = 256
    lr: float = 0.004
    weight_decay: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.batch < 1:
            raise ValueError("epochs and batch must be at least 1")
        if self.lr <= 0 or self.weight_decay < 0:
            raise ValueError("lr must be positive, weight_decay not negative")
