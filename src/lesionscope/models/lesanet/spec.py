"""Everything that fixes the shape of a network of LesaNet's family; needs no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lesionscope.errors import InputError
from lesionscope.models.card_form import AGAIN

KINDS = ("lesanet", "lesanet-tree", "lesion-embedding")
WIDTHS = (1.0, 0.5, 0.25, 0.125)
ROI_RULES = ("clamped", "released")
SLICES, SIZE = 3, 120
"""A patch: three slices of 120 × 120 pixels of 1 mm (§5.2)."""
POOLED = 5
"""RoI pooling's grid (§4.1)."""
PROJECTED = 256
"""Length of each block's projection (§4.1); no width narrows it."""
BLOCKS = 5
CHANNELS = (64, 128, 256, 512, 512)
"""Channels of VGG-16's blocks at width 1."""
LAYERS = (2, 2, 3, 3, 3)
"""Convolutions in each of them."""


@dataclass(frozen=True)
class LesaNetSpec:
    """Shape of a network.

    Parameters
    ----------
    kind
        "lesanet"; "lesanet-tree", the same with HMLC's scores (see ``tree_scores.py``); or
        "lesion-embedding": a classifier on an embedding that the labels don't train.
    width
        Share of VGG-16's channels that the convolutions have: 1, ½, ¼ or ⅛. It narrows nothing else: the
        projections stay at 256 values, so features, embeddings and scores keep their lengths.
    classes
        C, the number of labels.
    embedding
        Length of the embedding; 0 for none of its own: the features take its place.
    score_propagation
        Whether a score propagation layer refines the scores (§4.3).
    roi
        How boxes are taken to feature maps: "clamped" to the map on every side, or as in the authors'
        "released" code, whose boxes may pass the right and lower edges (see ``roi_pool.py``).
    """

    kind: str = "lesanet"
    width: float = 1.0
    classes: int = 171
    embedding: int = 256
    score_propagation: bool = True
    roi: str = "clamped"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"there is no network {self.kind!r}: choose one of {', '.join(KINDS)}.")
        if self.width not in WIDTHS:
            raise InputError(f"width must be one of {', '.join(map(str, WIDTHS))}, not {self.width}.")
        if self.roi not in ROI_RULES:
            raise InputError(f"roi must be one of {', '.join(ROI_RULES)}, not {self.roi!r}.")
        if self.classes < 1 or self.embedding < 0:
            raise InputError("classes must be positive, and embedding not negative.")
        if self.kind == "lesanet-tree" and self.score_propagation:
            raise InputError("score propagation would undo what lesanet-tree guarantees: set it to false.")
        if self.kind == "lesion-embedding" and (self.embedding < 1 or self.score_propagation):
            raise InputError("a lesion embedding has a length, and no score propagation layer.")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the five blocks."""
        return tuple(round(count * self.width) for count in CHANNELS)

    @property
    def embedding_length(self) -> int:
        """Length of the embedding that the network gives."""
        return self.embedding or BLOCKS * PROJECTED

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``network`` section."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], origin: str = "the card") -> LesaNetSpec:
        """Read a card's ``network`` section.

        Raises
        ------
        InputError
            An unknown or missing key, or a value that no network has.
        """
        types = {"kind": str, "width": float, "classes": int, "embedding": int}
        types |= {"score_propagation": bool, "roi": str}
        if set(data) != set(types):
            wrong = ", ".join(sorted(set(data) ^ set(types)))
            raise InputError(
                f"{origin}: the section 'network' has missing or unknown keys ({wrong}); {AGAIN}."
            )
        for key, kind in types.items():
            if type(data[key]) is not kind and not (kind is float and type(data[key]) is int):
                raise InputError(
                    f"{origin}: 'network' has a {key} of {data[key]!r}, which is no {kind.__name__}; {AGAIN}."
                )
        return cls(**{key: kind(data[key]) for key, kind in types.items()})
