"""What a model answered for one lesion, frozen, with everything that made it.

This file imports neither torch nor ONNX Runtime: sessions and reports read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from lesionscope.retrieval.known import Neighbour

Task = Literal["pathology", "labels"]
Why = Literal["own score", "propagated", "implied"]

ADVICE: Final = (
    "open the original CT series",
    "mark the lesion inside it",
    "mark the lesion on a slice, or open the whole series",
    "open the whole series",
    "choose a model for this part of the body",
    "click a lung lesion, or choose a model for this part of the body",
    "click the centre of the lesion",
    "click the lesion itself",
    "open a series that shows all of it",
    "export the series again from where it came",
    "try another model, or install the package again",
)
"""What sentences of refusal tell the person who asked, after a colon and before the full stop."""


@dataclass(frozen=True)
class NodeScore:
    """One node of a class tree.

    ``conditional`` is P(node | its parent), the leak left out, summing to 1 over
    a head; ``probability`` is the product along the path from the root, so never
    above the parent's. Both in 0…1.
    """

    tag: str
    name: str
    parent: str | None
    conditional: float
    probability: float


@dataclass(frozen=True)
class PredictionSet:
    """The few classes that hold the right one in a share ``level`` of lesions like those it was fixed on.

    ``nodes`` are tags, the most probable first, each standing for all leaves at or below
    it; ``names`` says them in words.
    """

    level: float
    nodes: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class PathologyAnswer:
    """A tree of model scores; ``leak`` is each head's "none of these" (head → 0…1)."""

    nodes: tuple[NodeScore, ...]
    leak: Mapping[str, float]
    familiarity: float
    """Conformal p-value, 0…1: small = unlike anything the model was trained on."""
    unfamiliar: bool
    prediction_set: PredictionSet | None = None
    """``None`` where the package makes none, or the lesion is unfamiliar: nothing is promised there."""


@dataclass(frozen=True)
class LabelScore:
    """One label.

    Parameters
    ----------
    label, kind
        Its name, and its class: body part, type or attribute.
    probability
        0…1, after score propagation; raised to that of the most likely predicted label that implies
        it, so never below that.
    threshold
        From which the model predicts it.
    predicted
        Whether it is: by its score, or because a predicted label implies it.
    own
        Its probability before score propagation.
    why
        What its probability rests on: its own score; score propagation, without which it would not
        be predicted; or that it is implied.
    sources
        Labels that propagated to it, the strongest first, or the predicted ones that imply it.
    """

    label: str
    kind: str
    probability: float
    threshold: float
    predicted: bool
    own: float
    why: Why = "own score"
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelAnswer:
    """Every label's score, in the model's order."""

    scores: tuple[LabelScore, ...]
    conflicts: tuple[tuple[str, str], ...] = ()
    """Pairs of predicted labels that exclude each other: kept, and shown as such."""
    familiarity: float | None = None
    """Conformal p-value, 0…1: small = unlike anything the model was trained on; ``None``: not known."""
    unfamiliar: bool = False


@dataclass(frozen=True)
class Refusal:
    """The model won't answer; ``sentence`` says why and what to do."""

    sentence: str


def why(sentence: str) -> str:
    """Return why a model won't answer, without the advice: a report's readers can't follow it."""
    for advice in ADVICE:
        if sentence.endswith(f": {advice}."):
            return f"{sentence.removesuffix(f': {advice}.')}."
    return sentence


@dataclass(frozen=True)
class Provenance:
    """What made a reading."""

    model: str
    """Package name and version, as the card has them."""
    package_sha256: str
    software: str
    device: str
    """``cpu``, ``cuda:0``…, with the runtime: ``cpu (onnxruntime 1.2)``."""
    precision: str
    lesion_fingerprint: str
    series_uid: str
    demonstration: bool = True
    notes: tuple[str, ...] = ()
    """For example: the GPU's memory was full, so the CPU answered."""


@dataclass(frozen=True)
class Reading:
    """One lesion read by one model package; never changed after it is made."""

    id: str
    lesion_id: str
    created: str
    """ISO 8601, UTC."""
    provenance: Provenance
    pathology: PathologyAnswer | Refusal | None = None
    embedding: tuple[float, ...] = field(default=(), repr=False)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    labels: LabelAnswer | Refusal | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    """The most similar first; ``None`` where there was no bank to look in."""
    banks: tuple[str, ...] = ()
    """Names of the banks that were looked in."""

    @property
    def task(self) -> Task:
        """What the package was asked."""
        return "pathology" if self.labels is None else "labels"

    def is_stale(self, lesion_fingerprint: str) -> bool:
        """Whether the lesion was edited after this reading was made."""
        return self.provenance.lesion_fingerprint != lesion_fingerprint
