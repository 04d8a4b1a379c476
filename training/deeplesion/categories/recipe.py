"""A recipe of categories as frozen dataclasses: everything that fixes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from lesionscope.models.lesanet.spec import WIDTHS
from lesionscope.models.vgg16 import FEATURES

from ...engine.recipe import NetworkRecipe
from ...lesanet.recipe import Optimisation
from .clusters import LEAST_SHARE

STARTS = ("imagenet", "lesanet", "scratch")


@dataclass(frozen=True)
class Data:
    """Where lesions come from.

    ``source: phantom`` scans so many ``patients`` of the phantom clinic, 3 to 4 lesions each, in DeepLesion's
    layout; ``source: deeplesion`` reads the ``folder``. Pictures have ``side`` × ``side`` pixels and are
    shown in the bookmark's window, or in ``window_hu`` (the HU of black and white) where it is given.
    """

    source: str = "phantom"
    patients: int = 220
    folder: str = ""
    side: int = 224
    window_hu: tuple[float, ...] = ()
    cache: str = ""
    workers: int = 2

    def __post_init__(self) -> None:
        if self.source not in ("phantom", "deeplesion"):
            raise ValueError("source must be phantom or deeplesion")
        if self.source == "deeplesion" and not self.folder:
            raise ValueError("source: deeplesion needs 'folder'")
        if len(self.window_hu) not in (0, 2):
            raise ValueError("window_hu must hold two numbers, or none for the bookmark's window")
        if min(self.patients, self.workers) < 1 or self.side < 32:
            raise ValueError("patients and workers must be at least 1, side at least 32")


@dataclass(frozen=True)
class Start:
    """What the first round's features come from.

    Parameters
    ----------
    features
        "imagenet": VGG-16 with the weights of a file (§2.2); "lesanet": the embedding of a label package,
        whose convolutions VGG-16 then starts from; "scratch": VGG-16 with random weights. After the first
        round VGG-16 gives them in any case.
    weights
        For "imagenet": a file of torchvision's ``vgg16``.
    package
        For "lesanet": a label package's name or folder; empty for the bundled one.
    """

    features: str = "lesanet"
    weights: str = ""
    package: str = ""

    def __post_init__(self) -> None:
        if self.features not in STARTS:
            raise ValueError(f"features must be one of {', '.join(STARTS)}")
        if (self.features == "imagenet") != bool(self.weights):
            raise ValueError("features: imagenet needs a file in 'weights', and nothing else does")


@dataclass(frozen=True)
class Loop:
    """When the rounds end, and what each does.

    Parameters
    ----------
    k
        Clusters; 0 to choose by silhouette in each round.
    least_share
        Share of the lesions that a cluster must hold.
    layer
        "fc6" or "fc7".
    purity, nmi
        Agreement with the round before that ends the rounds; both must reach it (the paper names no value).
    rounds
        At most.
    epochs, batch
        Of each round's learning.
    """

    k: int = 5
    least_share: float = LEAST_SHARE
    layer: str = "fc7"
    purity: float = 0.9
    nmi: float = 0.9
    rounds: int = 12
    epochs: int = 4
    batch: int = 32

    def __post_init__(self) -> None:
        if self.k < 0 or self.k == 1 or not 0 <= self.least_share < 0.5 or self.layer not in FEATURES:
            raise ValueError("k must be 0 or at least 2, least_share below 0.5, layer fc6 or fc7")
        if not 0 < self.purity <= 1 or not 0 < self.nmi <= 1:
            raise ValueError("purity and nmi must lie between 0 and 1")
        if min(self.rounds, self.epochs, self.batch - 1) < 1:
            raise ValueError("rounds and epochs must be at least 1, batch at least 2")


@dataclass(frozen=True, kw_only=True)
class CategoriesRecipe(NetworkRecipe):
    """One search for categories.

    Parameters
    ----------
    data, start, loop, optimisation
        See their classes.
    width, batch_norm
        Of VGG-16. Weights of ImageNet need the width 1, and torchvision's ``vgg16`` has no ``batch_norm``;
        LesaNet's need the package's width.
    """

    FREE = (  # lesions are compared as such
        *NetworkRecipe.FREE,
        *("data.source", "data.folder", "data.patients", "loop.rounds"),
    )

    data: Data = field(default_factory=Data)
    start: Start = field(default_factory=Start)
    loop: Loop = field(default_factory=Loop)
    optimisation: Optimisation = field(default_factory=Optimisation)
    width: float = 1.0
    batch_norm: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width not in WIDTHS:
            raise ValueError(f"width must be one of {', '.join(map(str, WIDTHS))}")
