"""A model package's card: what the model is for, how to feed it, how to read it.

``card.json`` is read strictly: a missing, unknown or ill-typed entry is refused
with a sentence that names the file and the entry, because a half-understood card
would give wrong numbers that look right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.models.familiarity import DistanceRule
from lesionscope.models.prediction_sets import SetRule
from lesionscope.models.probabilities import VectorScaling
from lesionscope.ontology.tree import PathologyTree, tree_from_dict

TASKS = ("pathology",)
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


@dataclass(frozen=True)
class Card:
    """One model package, described.

    ``network`` fixes the architecture, ``onnx`` names the graph's input and
    outputs (``input`` cubes ``(n, 1, 48, 48, 48)`` float32; one output a head
    with raw logits, the leak last; ``embedding`` ``(n, d)``), ``training_data``
    and ``metrics`` are what people read, ``sha256`` guards the other files.
    """

    name: str
    version: str
    task: str
    title: str
    demonstration: bool
    scope: str
    intended_use: str
    limits: tuple[str, ...]
    tree: PathologyTree
    preprocessing: Preprocessing
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]
    calibration: CalibrationCard
    familiarity: FamiliarityCard
    training_data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str
    sha256: Mapping[str, str]
    prediction_sets: SetRule | None = None
    """``None``: the package makes none."""

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``card.json``."""
        return {
            "name": self.name,
            "version": self.version,
            "task": self.task,
            "title": self.title,
            "demonstration": self.demonstration,
            "scope": self.scope,
            "intended_use": self.intended_use,
            "limits": list(self.limits),
            "tree": self.tree.as_dict(),
            "preprocessing": self.preprocessing.as_dict(),
            "network": dict(self.network),
            "onnx": dict(self.onnx),
            "calibration": self.calibration.as_dict(),
            "familiarity": self.familiarity.as_dict(),
            "training_data": dict(self.training_data),
            "metrics": dict(self.metrics),
            "licence": self.licence,
            "sha256": dict(self.sha256),
            **({} if self.prediction_sets is None else {"prediction_sets": self.prediction_sets.as_dict()}),
        }

    def as_json(self) -> str:
        """Return ``card.json``'s text; refuses numbers that JSON has no word for (NaN)."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


class Section:
    """One JSON object of a card, read key by key with errors that name the place."""

    def __init__(self, data: object, origin: str, where: str) -> None:
        self.place = f"{origin}: {where}" if where else origin
        if not isinstance(data, Mapping):
            raise InputError(f"{self.place} must be a JSON object; install the model package again.")
        self.data = data

    def refuse(self, key: str, wanted: str) -> InputError:
        """Return the error for an entry that isn't what is wanted."""
        return InputError(
            f"{self.place}: the entry '{key}' must be {wanted}; install the model package again."
        )

    def only(self, known: set[str], optional: frozenset[str] = frozenset()) -> None:
        """Refuse missing and unknown entries; those of ``optional`` may be there or not."""
        missing, unknown = known - set(self.data), set(self.data) - known - optional
        if missing:
            raise InputError(
                f"{self.place} lacks {', '.join(sorted(missing))}; install the model package again."
            )
        if unknown:
            raise InputError(
                f"{self.place} has entries this version does not know ({', '.join(sorted(unknown))}); "
                "update Lesionscope or use another model package."
            )

    def text(self, key: str) -> str:
        """Return an entry that must be a text with something in it."""
        value = self.data[key]
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(key, "a text")
        return value

    def truth(self, key: str) -> bool:
        """Return an entry that must be true or false."""
        value = self.data[key]
        if not isinstance(value, bool):
            raise self.refuse(key, "true or false")
        return value

    def number(self, key: str) -> float:
        """Return an entry that must be a finite number."""
        return self.numbers(key, wrapped=[self.data[key]])[0]

    def whole(self, key: str) -> int:
        """Return an entry that must be a whole number."""
        value = self.data[key]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refuse(key, "a whole number")
        return value

    def numbers(self, key: str, count: int | None = None, wrapped: object = None) -> tuple[float, ...]:
        """Return an entry that must be a list of finite numbers, ``count`` of them where given."""
        values = self.data[key] if wrapped is None else wrapped
        wanted = "a finite number" if wrapped is not None else f"a list of {count or ''} finite numbers"
        if not isinstance(values, list | tuple) or (count is not None and len(values) != count):
            raise self.refuse(key, wanted)
        for value in values:
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise self.refuse(key, wanted)
        return tuple(float(value) for value in values)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return an entry that must be a list of texts."""
        values = self.data[key]
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise self.refuse(key, "a list of texts")
        return tuple(values)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return an entry that must be a JSON object."""
        value = self.data[key]
        if not isinstance(value, Mapping):
            raise self.refuse(key, "a JSON object")
        return value


def card_from_dict(data: object, origin: str) -> Card:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown, ill-typed, or at odds with the tree.
    """
    top = Section(data, origin, "")
    top.only({f.name for f in fields(Card)} - OPTIONAL, OPTIONAL)
    if top.text("task") not in TASKS:
        raise top.refuse("task", " or ".join(TASKS))
    tree = tree_from_dict(top.mapping("tree"), f"{origin}: 'tree'")
    onnx = Section(top.data["onnx"], origin, "'onnx'")
    onnx.only({"input", "outputs", "opset"})
    if set(onnx.texts("outputs")) != {head.name for head in tree.heads} | {"embedding"}:
        raise onnx.refuse("outputs", "the heads' names and 'embedding'")
    sha256 = Section(top.data["sha256"], origin, "'sha256'")
    sha256.only({"weights", "onnx", "bank"})
    return Card(
        name=top.text("name"),
        version=top.text("version"),
        task=top.text("task"),
        title=top.text("title"),
        demonstration=top.truth("demonstration"),
        scope=top.text("scope"),
        intended_use=top.text("intended_use"),
        limits=top.texts("limits"),
        tree=tree,
        preprocessing=_preprocessing(Section(top.data["preprocessing"], origin, "'preprocessing'")),
        network=top.mapping("network"),
        onnx={"input": onnx.text("input"), "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
        calibration=_calibration(top.data["calibration"], origin, tree),
        familiarity=familiarity_from(Section(top.data["familiarity"], origin, "'familiarity'")),
        training_data=top.mapping("training_data"),
        metrics=top.mapping("metrics"),
        licence=top.text("licence"),
        sha256={key: sha256.text(key) for key in ("weights", "onnx", "bank")},
        prediction_sets=_prediction_sets(top.data.get("prediction_sets"), origin),
    )


def _prediction_sets(data: object, origin: str) -> SetRule | None:
    if data is None:
        return None
    section = Section(data, origin, "'prediction_sets'")
    section.only({"level", "threshold", "population", "cases"})
    try:
        return SetRule(
            section.number("level"),
            section.number("threshold"),
            section.text("population"),
            section.whole("cases"),
        )
    except ValueError as error:
        raise section.refuse("threshold", f"one of a set's ({error})") from error


def _preprocessing(section: Section) -> Preprocessing:
    section.only({"spacing_mm", "shape", "clip_hu", "range"})
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


def _calibration(data: object, origin: str, tree: PathologyTree) -> CalibrationCard:
    section = Section(data, origin, "'calibration'")
    section.only({"method", "population", "heads"})
    heads = Section(section.data["heads"], origin, "'calibration' → 'heads'")
    heads.only({head.name for head in tree.heads})
    scalings = {}
    for head in tree.heads:
        one = Section(heads.data[head.name], origin, f"'calibration' → '{head.name}'")
        one.only({"scale", "shift"})
        scalings[head.name] = VectorScaling(
            one.numbers("scale", head.width), one.numbers("shift", head.width)
        )
    return CalibrationCard(section.text("method"), section.text("population"), scalings)


def familiarity_from(section: Section) -> FamiliarityCard:
    """Read a card's ``familiarity`` section; raises :class:`InputError` as :func:`card_from_dict`."""
    section.only({"method", "components", "k", "groups", "layer", "threshold", "calibration_distances"})
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
