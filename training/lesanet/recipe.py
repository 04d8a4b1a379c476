"""A LesaNet recipe as frozen dataclasses: everything that fixes a run's result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from lesionscope.errors import InputError
from lesionscope.models.familiarity import DistanceRule
from lesionscope.models.lesanet.spec import LesaNetSpec

from ..engine.recipe import EpochRecipe, FamiliarityRecipe, PackageRecipe
from ..engine.schedule import Schedule
from .rhem import GAMMA, SAMPLES
from .triplets import MARGIN, THRESHOLD, TRIPLETS

MININGS = ("rhem", "ohem", "focal", "none")


@dataclass(frozen=True)
class Data:
    """Where lesions come from.

    ``source: phantom`` renders ``train`` + ``validation`` + ``test`` bookmarked lesions of the phantom
    clinic and mines their reports' sentences; what is true of them serves as the second, complete test set.
    ``source: deeplesion`` reads a folder with ``DL_info.csv`` and ``Images_png``, and the label lists of
    LesaNet's release; ``hand_labels`` may name a file of complete labels of test lesions in the same form.
    ``reviewed`` names a label file that readers corrected (``lesionscope review export``), for
    ``labels.source: reviewed``.
    ``resplit: k`` deals the patients of training and validation anew, the k-th of Table 3's ten ways; 0 keeps
    them.
    """

    source: str = "phantom"
    train: int = 12000
    validation: int = 1800
    test: int = 1800
    folder: str = ""
    labels: str = ""
    hand_labels: str = ""
    reviewed: str = ""
    resplit: int = 0
    cache: str = ""
    workers: int = 2

    def __post_init__(self) -> None:
        if self.source not in ("phantom", "deeplesion"):
            raise ValueError("source must be phantom or deeplesion")
        if self.source == "deeplesion" and not (self.folder and self.labels):
            raise ValueError("source: deeplesion needs 'folder' and the label file in 'labels'")
        if min(self.train, self.validation, self.test, self.workers) < 1 or self.resplit < 0:
            raise ValueError("train, validation, test and workers must be at least 1, resplit not negative")


@dataclass(frozen=True)
class LabelRules:
    """What of a report's labels is learnt.

    Parameters
    ----------
    source
        "mined", or "reviewed": training and validation lesions of ``data.reviewed`` have the labels that
        readers left them. ``--set labels=reviewed`` is short for this.
    expansion
        Whether what a relevant label implies is a label too (§4.2).
    text_mining
        Whether relations were told apart (§3.2); without it every label of the sentence counts as relevant.
    uncertain
        Whether uncertain labels are positives, as relevant ones are (§5.1).
    above
        Keep only labels with more training lesions than this (Figure 5); the others are not learnt.
    """

    SHORTHAND: ClassVar[str] = "source"

    source: str = "mined"
    expansion: bool = True
    text_mining: bool = True
    uncertain: bool = True
    above: int = 0

    def __post_init__(self) -> None:
        if self.source not in ("mined", "reviewed"):
            raise ValueError("source must be mined or reviewed")


@dataclass(frozen=True)
class Losses:
    """The loss: L = L_WCE + L_mining + L_WCE,SPL + λ L_triplet (Eq. 5), or another row's.

    Parameters
    ----------
    scores
        "wce" (Eq. 1), or "warp": ranking by WARP, fine labels above coarse ones (Table 1's second row).
    mining
        "rhem" (§4.2), "ohem" or "focal" in its place, "none".
    reliable
        Whether only reliable pairs are mined.
    samples, gamma
        S and γ.
    triplet
        λ; 0 for no triplet loss.
    triplets, threshold, margin
        T, θ and μ.
    """

    scores: str = "wce"
    mining: str = "rhem"
    reliable: bool = True
    samples: int = SAMPLES
    gamma: float = GAMMA
    triplet: float = 5.0
    triplets: int = TRIPLETS
    threshold: float = THRESHOLD
    margin: float = MARGIN

    def __post_init__(self) -> None:
        if self.scores not in ("wce", "warp") or self.mining not in MININGS:
            raise ValueError(f"scores must be wce or warp, and mining one of {', '.join(MININGS)}")
        if self.samples < 1 or self.triplets < 1 or min(self.gamma, self.triplet, self.margin) < 0:
            raise ValueError(
                "samples and triplets must be at least 1; gamma, triplet and margin not negative"
            )


@dataclass(frozen=True, kw_only=True)
class Optimisation(Schedule):
    """SGD as in §5.2: ``lr``, after ``step_epochs`` a tenth of it; biases learn twice as fast, undecayed.

    ``clip`` bounds the gradient's norm.
    """

    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay < 0 or not 0 <= self.momentum < 1 or self.clip <= 0:
            raise ValueError(
                "weight_decay must not be negative, momentum lie in 0…1 (not 1), clip be positive"
            )


@dataclass(frozen=True, kw_only=True)
class TextureFamiliarity(FamiliarityRecipe):
    """Familiarity of patches' textures."""

    rule: DistanceRule = field(default_factory=lambda: DistanceRule(components=32))


@dataclass(frozen=True, kw_only=True)
class LesaNetRecipe(EpochRecipe):
    """One training run of LesaNet or a system that it is compared with.

    Parameters
    ----------
    package
        The card's words.
    data, labels, network, losses, optimisation, familiarity
        See their classes.
    epochs, batch
        §5.2: 15 and 128.
    calibration_penalty
        Pull of each label's calibration towards that of all labels, see ``calibrate.py``.
    """

    FREE = (  # labels are compared as such, wherever they are from
        *EpochRecipe.FREE,
        *("familiarity", "calibration_penalty", "data.reviewed", "labels.source"),
    )

    package: PackageRecipe
    data: Data = field(default_factory=Data)
    labels: LabelRules = field(default_factory=LabelRules)
    network: LesaNetSpec = field(default_factory=LesaNetSpec)
    losses: Losses = field(default_factory=Losses)
    optimisation: Optimisation = field(default_factory=Optimisation)
    familiarity: TextureFamiliarity = field(default_factory=TextureFamiliarity)
    epochs: int = 15
    batch: int = 128
    calibration_penalty: float = 10.0
    seed: int = 123

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.batch < 3 or self.calibration_penalty < 0:
            raise ValueError("epochs must be at least 1, batch at least 3, calibration_penalty not negative")

    def checked(self) -> Self:
        """Return it, unless its network can't learn by its losses, or labels to learn are missing.

        Raises
        ------
        InputError
            With a sentence.
        """
        embedding_only = self.network.kind == "lesion-embedding"
        if embedding_only and (self.losses.mining != "none" or self.losses.scores != "wce"):
            raise InputError(
                f"The recipe '{self.name}' trains a lesion embedding, which knows no hard examples and no "
                "ranking: set losses.mining=none and losses.scores=wce."
            )
        reviewed = self.labels.source == "reviewed"
        if reviewed and (self.data.source != "deeplesion" or not self.data.reviewed):
            raise InputError(
                f"The recipe '{self.name}' is to learn reviewed labels: set data.source=deeplesion, "
                "data.folder, and data.reviewed to the file that `lesionscope review export` wrote."
            )
        if self.data.reviewed and not reviewed:
            raise InputError(
                f"The recipe '{self.name}' names reviewed labels but learns the mined ones: set "
                "labels=reviewed, or leave data.reviewed out."
            )
        return self
