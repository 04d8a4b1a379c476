"""A label model's package: a folder with a card, weights, an ONNX graph and a bank.

The form is that of ``package.py``, with labels and their thresholds in place of a tree. A package whose
training lesions can't be had (an imported checkpoint) has no bank, and no familiarity. Nothing here
loads torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.patches import PREPROCESSING
from lesionscope.errors import InputError
from lesionscope.models.card import FamiliarityCard, familiarity_of
from lesionscope.models.card_form import ModelCard, Section, common_entries, open_card
from lesionscope.models.familiarity import Bank, p_value
from lesionscope.models.package import Kind, OpenedPackage, opened, read_bank
from lesionscope.ontology.label_graph import LabelGraph, load_labels

TASK = "labels"
DEFAULT = "lesanet-demo"
FILES = {"weights": "weights.safetensors", "onnx": "model.onnx"}
"""File names by their key in the card's ``sha256`` section."""
BANK = {"bank": "bank.safetensors"}
"""The file that a package with familiarity has beside them."""
INPUTS = ("patch", "box")
OUTPUTS = ("scores", "refined", "embedding")
"""Raw scores before and after score propagation, and the embedding; a graph may give more."""


@dataclass(frozen=True)
class LabelCalibration:
    """How raw scores become probabilities: the logistic function of ``scale`` × score + ``shift``."""

    method: str
    population: str
    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``calibration`` section."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LabelCard(ModelCard):
    """One label model, described.

    Parameters
    ----------
    labels
        Names in the order of the network's scores, all of the bundled ontology.
    thresholds
        For each label, the probability from which it is predicted.
    calibration
        ``None``: probabilities are the scores' logistic function as they are.
    preprocessing
        Must be :data:`lesionscope.ct.patches.PREPROCESSING`, which is the one way there is.
    network
        Its shape, as ``LesaNetSpec.as_dict`` gives it.
    onnx
        ``inputs``, ``outputs`` and ``opset`` of the graph.
    familiarity
        ``layer`` names the graph's output that is measured; ``None`` where there is no bank.
    ontology
        :func:`ontology_digest` of the labels when the model was made.
    """

    scope: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    calibration: LabelCalibration | None
    preprocessing: Mapping[str, Any]
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]
    familiarity: FamiliarityCard | None = field(repr=False)
    ontology: str


@dataclass(frozen=True)
class LabelPackage(OpenedPackage[LabelCard]):
    """An opened package of a label model."""

    @cached_property
    def embedding_sha256(self) -> str:
        """A digest of what makes an embedding: network and preprocessing, not the scores on the card."""
        parts = [self.card.preprocessing, {name: self.card.sha256[name] for name in FILES}]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def familiarity_bank(self) -> Bank | None:
        """The bank, ready to measure distances to; read once; ``None`` where there is none."""
        if self.card.familiarity is None:
            return None
        return read_bank(self.bank_path, self.card.familiarity.rule)

    def familiarity(self, embedding: ArrayLike) -> NDArray[np.float64] | None:
        """Conformal p-value of each embedding, ``(m, d)`` or ``(d,)`` → ``(m,)``; ``None`` without a bank."""
        if self.familiarity_bank is None or self.card.familiarity is None:
            return None
        return p_value(self.familiarity_bank.distance(embedding), self.card.familiarity.calibration_distances)


def ontology_digest(labels: Sequence[str], graph: LabelGraph | None = None) -> str:
    """Digest what a model's labels mean: their names in order, classes, ancestors and exclusives.

    Raises
    ------
    KeyError
        A name is no label.
    """
    known = load_labels() if graph is None else graph
    among = set(labels)
    facts = [
        [
            name,
            known.by_name[name].kind,
            sorted(known.ancestors(name) & among),
            sorted(known.exclusives(name) & among),
        ]
        for name in labels
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def open_label_package(folder: str | Path) -> LabelPackage:
    """Open a package folder; raises as :func:`~lesionscope.models.package.opened`."""
    return opened(folder, LabelPackage, card_from_dict)


LABELS = Kind(TASK, "label model", open_label_package, DEFAULT)
find_label_package, survey_labels = LABELS.find, LABELS.survey


def card_from_dict(data: object, origin: str) -> LabelCard:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown, ill-typed, or at odds with the ontology.
    """
    top = open_card(data, origin, LabelCard, TASK)
    labels = top.texts("labels")
    strange = [name for name in labels if name not in load_labels().by_name]
    if strange:
        raise InputError(
            f"{origin} was made for another vocabulary, whose labels are not all known here "
            f"({', '.join(strange[:3])}{', …' * (len(strange) > 3)}): "
            "use it with the Lesionscope that it came with."
        )
    if not labels or len(set(labels)) != len(labels):
        raise top.refuse("labels", "labels, each once")
    thresholds = top.numbers("thresholds", len(labels))
    if not all(0 < value <= 1 for value in thresholds):
        raise top.refuse("thresholds", "probabilities above 0")
    if top.mapping("preprocessing") != PREPROCESSING:
        raise top.refuse("preprocessing", f"what this version does ({json.dumps(PREPROCESSING)})")
    onnx = top.section("onnx", ("inputs", "outputs", "opset"))
    if onnx.texts("inputs") != INPUTS:
        raise onnx.refuse("inputs", " and ".join(INPUTS))
    if not set(OUTPUTS) <= set(onnx.texts("outputs")):
        raise onnx.refuse("outputs", f"a list with {', '.join(OUTPUTS)}")
    familiarity = None
    if top.data["familiarity"] is not None:
        familiarity = familiarity_of(top)
        if familiarity.layer not in onnx.texts("outputs"):
            raise top.refuse("familiarity", "of one of the graph's outputs")
    return LabelCard(
        **common_entries(top, FILES if familiarity is None else FILES | BANK),
        scope=top.text("scope"),
        labels=labels,
        thresholds=thresholds,
        calibration=_calibration(top, len(labels)),
        preprocessing=top.mapping("preprocessing"),
        network=top.mapping("network"),
        onnx={"inputs": INPUTS, "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
        familiarity=familiarity,
        ontology=top.text("ontology"),
    )


def _calibration(top: Section, count: int) -> LabelCalibration | None:
    if top.data["calibration"] is None:
        return None
    section = top.section("calibration", (one.name for one in fields(LabelCalibration)))
    scale = section.numbers("scale", count)
    if any(value <= 0 for value in scale):
        raise section.refuse("scale", "positive numbers")
    return LabelCalibration(
        section.text("method"), section.text("population"), scale, section.numbers("shift", count)
    )
