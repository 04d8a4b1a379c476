"""A pathology model's card: what the model is for, how to feed it, how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.models.card_form import ModelCard, common_entries, open_card
from lesionscope.models.card_form import Section as Section
from lesionscope.models.familiarity import DistanceRule
from lesionscope.models.prediction_sets import SetRule
from lesionscope.models.probabilities import VectorScaling
from lesionscope.ontology.tree import PathologyTree, tree_from_dict

TASK = "pathology"
SCOPES = ("lung", "any")
"""Which lesions a model answers for: those in a lung, or all."""
OPTIONAL = frozenset({"prediction_sets"})
"""Entries that a card may lack."""


@dataclass(frozen=True)
class Preprocessing:
    """How a crop becomes a network's input: grid (mm, voxels), clipped HU, value range."""

    spacing_mm: float = 1.0
    shape: tuple[int, int, int] = (48, 48, 48)
    clip_hu: tuple[float, float] = (-1024.0, 400.0)
    range: tuple[float, float] = (-1.0, 1.0)

    def normalise(self, hu: NDArray[Any]) -> NDArray[np.float32]:
        """Clip HU and map ``clip_hu`` linearly onto ``range``; any shape, float32."""
        low, high = self.clip_hu
        a, b = self.range
        scale = np.float32((b - a) / (high - low))
        values = np.clip(hu, low, high).astype(np.float32)
        return np.asarray((values - np.float32(low)) * scale + np.float32(a), dtype=np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``preprocessing`` section."""
        return {
            "spacing_mm": self.spacing_mm,
            "shape": list(self.shape),
            "clip_hu": list(self.clip_hu),
            "range": list(self.range),
        }


@dataclass(frozen=True)
class CalibrationCard:
    """How raw logits were calibrated, to which population, and each head's numbers."""

    method: str
    population: str
    heads: Mapping[str, VectorScaling]

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``calibration`` section."""
        heads = {
            name: {"scale": list(head.scale), "shift": list(head.shift)} for name, head in self.heads.items()
        }
        return {"method": self.method, "population": self.population, "heads": heads}


@dataclass(frozen=True)
class FamiliarityCard:
    """The distance, where the embedding is taken, and the calibration cases' distances.

    A cube is unfamiliar where its p-value is *below* ``threshold``.
    """

    rule: DistanceRule
    layer: str
    threshold: float
    calibration_distances: tuple[float, ...] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``familiarity`` section."""
        return {
            "method": self.rule.method,
            "components": self.rule.components,
            "k": self.rule.k,
            "groups": list(self.rule.groups),
            "layer": self.layer,
            "threshold": self.threshold,
            "calibration_distances": list(self.calibration_distances),
        }


@dataclass(frozen=True, kw_only=True)
class Card(ModelCard):
    """One pathology model, described.

    ``network`` fixes the architecture, ``onnx`` names the graph's input and
    outputs (``input`` cubes ``(n, 1, 48, 48, 48)`` float32; one output a head
    with raw logits, the leak last; ``embedding`` ``(n, d)``).
    """

    scope: str
    """One of :data:`SCOPES`."""
    tree: PathologyTree
    """Siblings exclude each other."""
    preprocessing: Preprocessing
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]
    calibration: CalibrationCard
    familiarity: FamiliarityCard
    prediction_sets: SetRule | None = None
    """``None``: the package makes none."""

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``card.json``."""
        return {key: part for key, part in super().as_dict().items() if part is not None}


def card_from_dict(data: object, origin: str) -> Card:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown, ill-typed, or at odds with the tree.
    """
    top = open_card(data, origin, Card, TASK, OPTIONAL)
    scope, tree = top.text("scope"), tree_from_dict(top.mapping("tree"), f"{origin}: 'tree'")
    refuse_misread(scope, tree, origin)
    onnx = top.section("onnx", ("input", "outputs", "opset"))
    if set(onnx.texts("outputs")) != {head.name for head in tree.heads} | {"embedding"}:
        raise onnx.refuse("outputs", "the heads' names and 'embedding'")
    return Card(
        **common_entries(top, ("weights", "onnx", "bank")),
        scope=scope,
        tree=tree,
        preprocessing=_preprocessing(top),
        network=top.mapping("network"),
        onnx={"input": onnx.text("input"), "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
        calibration=_calibration(top, tree),
        familiarity=familiarity_of(top),
        prediction_sets=_prediction_sets(top),
    )


def refuse_misread(scope: str, tree: PathologyTree, origin: str) -> None:
    """Refuse a model whose answers would be taken for something else here; ``origin`` begins the sentence.

    Raises
    ------
    InputError
        Its scope is none of :data:`SCOPES`, or several siblings of its tree may hold together.
    """
    if scope not in SCOPES:
        raise InputError(
            f"{origin}: the scope must be {' or '.join(SCOPES)}, not '{scope}': "
            "no other is kept to here, so correct it or use another model."
        )
    if not tree.exclusive:
        raise InputError(
            f"{origin}: siblings in the tree '{tree.title}' are independent, and a pathology model's must be "
            "exclusive, for their probabilities add up to 1: use another tree or another model."
        )


def _prediction_sets(top: Section) -> SetRule | None:
    if top.data.get("prediction_sets") is None:
        return None
    section = top.section("prediction_sets", ("level", "threshold", "population", "cases"))
    try:
        return SetRule(
            section.number("level"),
            section.number("threshold"),
            section.text("population"),
            section.whole("cases"),
        )
    except ValueError as error:
        raise section.refuse("threshold", f"one of a set's ({error})") from error


def _preprocessing(top: Section) -> Preprocessing:
    section = top.section("preprocessing", ("spacing_mm", "shape", "clip_hu", "range"))
    shape = section.numbers("shape", 3)
    clip = section.numbers("clip_hu", 2)
    span = section.numbers("range", 2)
    spacing = section.number("spacing_mm")
    if spacing <= 0:
        raise section.refuse("spacing_mm", "a positive number")
    if any(side < 1 or side > 512 or side != int(side) for side in shape):
        raise section.refuse("shape", "three whole numbers in 1…512")
    if clip[0] >= clip[1]:
        raise section.refuse("clip_hu", "a lower and a higher number")
    z, y, x = (int(side) for side in shape)
    return Preprocessing(spacing, (z, y, x), (clip[0], clip[1]), (span[0], span[1]))


def _calibration(top: Section, tree: PathologyTree) -> CalibrationCard:
    section = top.section("calibration", ("method", "population", "heads"))
    heads = section.section("heads", [head.name for head in tree.heads])
    scalings = {}
    for head in tree.heads:
        one = heads.section(head.name, ("scale", "shift"))
        scalings[head.name] = VectorScaling(
            one.numbers("scale", head.width), one.numbers("shift", head.width)
        )
    return CalibrationCard(section.text("method"), section.text("population"), scalings)


def familiarity_of(top: Section) -> FamiliarityCard:
    """Read a card's ``familiarity`` section; raises :class:`InputError` as :func:`card_from_dict`."""
    known = ("method", "components", "k", "groups", "layer", "threshold", "calibration_distances")
    section = top.section("familiarity", known)
    distances = section.numbers("calibration_distances")
    if not distances or any(b < a for a, b in pairwise(distances)):
        raise section.refuse("calibration_distances", "a sorted list of numbers")
    threshold = section.number("threshold")
    if not 0 < threshold < 1:
        raise section.refuse("threshold", "a number between 0 and 1")
    try:
        rule = DistanceRule(
            section.text("method"),
            section.whole("components"),
            section.whole("k"),
            tuple(int(width) for width in section.numbers("groups")),
        )
    except ValueError as error:
        raise section.refuse("method", f"a known distance ({error})") from error
    return FamiliarityCard(rule, section.text("layer"), threshold, distances)
