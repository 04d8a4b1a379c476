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
from lesionscope.models.card import FamiliarityCard, Section, familiarity_from
from lesionscope.models.familiarity import Bank, p_value
from lesionscope.models.package import (
    BUNDLED,
    CARD,
    package_folders,
    read_bank,
    read_card,
    sha256_of,
    user_folder,
    verify_files,
)
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


@dataclass(frozen=True)
class LabelCard:
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

    name: str
    version: str
    task: str
    title: str
    demonstration: bool
    scope: str
    intended_use: str
    limits: tuple[str, ...]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    calibration: LabelCalibration | None
    preprocessing: Mapping[str, Any]
    network: Mapping[str, Any]
    onnx: Mapping[str, Any]
    familiarity: FamiliarityCard | None = field(repr=False)
    training_data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    licence: str
    ontology: str
    sha256: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``card.json``."""
        entries = {one.name: getattr(self, one.name) for one in fields(self)}
        return entries | {
            "calibration": None if self.calibration is None else asdict(self.calibration),
            "familiarity": None if self.familiarity is None else self.familiarity.as_dict(),
        }

    def as_json(self) -> str:
        """Return ``card.json``'s text; refuses numbers that JSON has no word for (NaN)."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True)
class LabelPackage:
    """An opened package: its folder and its card, already checked for form."""

    folder: Path
    card: LabelCard

    @property
    def name(self) -> str:
        """Name by which it is found."""
        return self.card.name

    @property
    def onnx_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / FILES["onnx"]

    @property
    def weights_path(self) -> Path:
        """The safetensors weights."""
        return self.folder / FILES["weights"]

    @property
    def bank_path(self) -> Path:
        """The safetensors bank of embeddings."""
        return self.folder / BANK["bank"]

    @cached_property
    def sha256(self) -> str:
        """A digest of the whole package: the card's, which holds the other files' digests."""
        return sha256_of(self.folder / CARD)

    @cached_property
    def embedding_sha256(self) -> str:
        """A digest of what makes an embedding: network and preprocessing, not the scores on the card."""
        parts = [self.card.preprocessing, {name: self.card.sha256[name] for name in FILES}]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def verify(self) -> None:
        """Compare every file with the digest in the card.

        Raises
        ------
        InputError
            A file is missing, unreadable, or not the one the card was made for.
        """
        verify_files(self.folder, _files(self.card.familiarity is not None), self.card.sha256)

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
    """Open a package folder: read its card, check that its files are there.

    Raises
    ------
    InputError
        No folder, no card, a card that can't be understood, a missing file.
    """
    folder = Path(folder)
    card = card_from_dict(read_card(folder, FILES), str(folder / CARD))
    read_card(folder, _files(card.familiarity is not None))
    return LabelPackage(folder, card)


def find_label_package(name_or_path: str | Path | None = None) -> LabelPackage:
    """Return one package: by path, by name (the user's before the bundled), or the default.

    Raises
    ------
    InputError
        There is none, or it can't be opened.
    """
    wanted = DEFAULT if name_or_path is None else name_or_path
    if (Path(wanted) / CARD).is_file():
        return open_label_package(wanted)
    for folder in (user_folder(), BUNDLED):
        if (folder / wanted / CARD).is_file():
            return open_label_package(folder / wanted)
    names = ", ".join(dict.fromkeys(package.name for package in label_packages())) or "none"
    raise InputError(
        f"There is no label model named '{wanted}'; installed: {names}. "
        "Give one of these names or the path of a package folder."
    )


@dataclass(frozen=True)
class LabelSurvey:
    """What the folders hold: label models that open, and a sentence for each that doesn't."""

    packages: tuple[LabelPackage, ...]
    problems: tuple[str, ...]


def survey_labels(folders: Sequence[Path] | None = None) -> LabelSurvey:
    """Look through folders of packages; by default the user's, then the bundled ones.

    A card that can't be read may be a label model's, so it counts among the problems.
    """
    found, problems = [], []
    for folder in (*package_folders(TASK, folders), *package_folders(None, folders)):
        try:
            found.append(open_label_package(folder))
        except InputError as error:
            problems.append(str(error))
    return LabelSurvey(tuple(found), tuple(problems))


def label_packages(folders: Sequence[Path] | None = None) -> tuple[LabelPackage, ...]:
    """Return the label models that open, by default the user's, then the bundled ones."""
    return survey_labels(folders).packages


def card_from_dict(data: object, origin: str) -> LabelCard:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown, ill-typed, or at odds with the ontology.
    """
    top = Section(data, origin, "")
    top.only({one.name for one in fields(LabelCard)})
    if top.text("task") != TASK:
        raise top.refuse("task", f"'{TASK}'")
    labels = top.texts("labels")
    strange = [name for name in labels if name not in load_labels().by_name]
    if strange or not labels or len(set(labels)) != len(labels):
        raise top.refuse("labels", f"labels of the ontology, each once ({', '.join(strange[:3]) or 'none'})")
    thresholds = top.numbers("thresholds", len(labels))
    if not all(0 < value <= 1 for value in thresholds):
        raise top.refuse("thresholds", "probabilities above 0")
    if top.mapping("preprocessing") != PREPROCESSING:
        raise top.refuse("preprocessing", f"what this version does ({json.dumps(PREPROCESSING)})")
    onnx = Section(top.data["onnx"], origin, "'onnx'")
    onnx.only({"inputs", "outputs", "opset"})
    if onnx.texts("inputs") != INPUTS:
        raise onnx.refuse("inputs", " and ".join(INPUTS))
    if not set(OUTPUTS) <= set(onnx.texts("outputs")):
        raise onnx.refuse("outputs", f"a list with {', '.join(OUTPUTS)}")
    familiarity = None
    if top.data["familiarity"] is not None:
        familiarity = familiarity_from(Section(top.data["familiarity"], origin, "'familiarity'"))
        if familiarity.layer not in onnx.texts("outputs"):
            raise top.refuse("familiarity", "of one of the graph's outputs")
    sha256 = Section(top.data["sha256"], origin, "'sha256'")
    sha256.only(set(_files(familiarity is not None)))
    return LabelCard(
        name=top.text("name"),
        version=top.text("version"),
        task=TASK,
        title=top.text("title"),
        demonstration=top.truth("demonstration"),
        scope=top.text("scope"),
        intended_use=top.text("intended_use"),
        limits=top.texts("limits"),
        labels=labels,
        thresholds=thresholds,
        calibration=_calibration(top.data["calibration"], origin, len(labels)),
        preprocessing=top.mapping("preprocessing"),
        network=top.mapping("network"),
        onnx={"inputs": INPUTS, "outputs": onnx.texts("outputs"), "opset": onnx.whole("opset")},
        familiarity=familiarity,
        training_data=top.mapping("training_data"),
        metrics=top.mapping("metrics"),
        licence=top.text("licence"),
        ontology=top.text("ontology"),
        sha256={key: sha256.text(key) for key in _files(familiarity is not None)},
    )


def _calibration(data: object, origin: str, count: int) -> LabelCalibration | None:
    if data is None:
        return None
    section = Section(data, origin, "'calibration'")
    section.only({one.name for one in fields(LabelCalibration)})
    scale = section.numbers("scale", count)
    if any(value <= 0 for value in scale):
        raise section.refuse("scale", "positive numbers")
    return LabelCalibration(
        section.text("method"), section.text("population"), scale, section.numbers("shift", count)
    )


def _files(familiar: bool) -> dict[str, str]:
    return FILES | BANK if familiar else FILES
