"""A lesion detector's package: a folder with a card, weights and two ONNX graphs.

What is between the graphs, and after the second, is arithmetic on boxes, and done outside of them:

1. :class:`~.detector.inputs.DetectorInput` makes a picture of a slice and its neighbours.
2. ``proposals.onnx``: ``slices`` ``(1, 3, h, w)`` → ``maps`` ``(1, c, h/t, w/t)``, and for each of the
   a = 9 · h/t · w/t anchors ``logits`` ``(1, a)`` and ``deltas`` ``(1, a, 4)``; t is the network's stride.
3. The ``before_nms`` best anchors are moved by their deltas, clipped to the picture, dropped where a side
   is below ``shortest``, and suppressed at ``proposal_nms``: at most ``after_nms`` are left.
4. ``head.onnx``: ``maps`` and those ``boxes`` ``(p, 4)`` → ``logits`` ``(p, 1 + C)``, none of them first,
   and ``deltas`` ``(p, C, 4)`` in units of ``head_scale``.
5. Each category's boxes above ``least`` are moved, clipped and suppressed at ``final_nms``; the ``most``
   best of all are the answer.

All arrays are float32 and boxes in the picture's pixels. The arithmetic is written down in ``detector/``
(``boxes.py``, ``anchors.py``, ``network.py``) with torch, which nothing here loads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError
from lesionscope.models.card_form import AGAIN, ModelCard, Section, common_entries, open_card
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.spec import DetectorSpec
from lesionscope.models.package import Kind, OpenedPackage, opened

TASK = "detection"
DEFAULT = "detector-demo"
FILES = {"weights": "weights.safetensors", "proposals": "proposals.onnx", "head": "head.onnx"}
"""File names by their key in the card's ``sha256`` section."""
PROPOSALS_INPUTS, PROPOSALS_OUTPUTS = ("slices",), ("maps", "logits", "deltas")
HEAD_INPUTS, HEAD_OUTPUTS = ("maps", "boxes"), ("logits", "deltas")


@dataclass(frozen=True)
class DetectionRules:
    """What is done with the graphs' answers, see above.

    Parameters
    ----------
    before_nms, after_nms, proposal_nms, shortest
        Of a slice's proposals: how many, how many are left, the overlap that two may have, pixels of the
        shorter side.
    head_scale
        Units of the head's deltas.
    final_nms
        Overlap that two boxes of a category may have.
    least, most
        Score that a candidate needs where nobody asks for another, and how many a slice may have.
    """

    before_nms: int = 2000
    after_nms: int = 300
    proposal_nms: float = 0.7
    shortest: float = 16.0
    head_scale: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    final_nms: float = 0.3
    least: float = 0.5
    most: int = 5

    def __post_init__(self) -> None:
        shares = (self.proposal_nms, self.final_nms)
        if not all(0 < share <= 1 for share in shares) or not 0 <= self.least < 1:
            raise ValueError("overlaps and scores must be shares")
        if min(self.before_nms, self.after_nms, self.most) < 1 or self.shortest <= 0:
            raise ValueError("before_nms, after_nms, most and shortest must be positive")
        if len(self.head_scale) != 4 or min(self.head_scale) <= 0:
            raise ValueError("head_scale must be four positive numbers")


@dataclass(frozen=True, kw_only=True)
class DetectorCard(ModelCard):
    """One lesion detector, described.

    ``categories`` are the kinds of lesion that it tells apart, one for a detector that tells none;
    ``padding_px`` is how far its boxes reach beyond a lesion, in pixels of the slice.
    """

    scope: str
    categories: tuple[str, ...]
    padding_px: float
    input: DetectorInput
    network: DetectorSpec
    rules: DetectionRules
    opset: int

    def as_dict(self) -> dict[str, Any]:
        """Return the content of ``card.json``."""
        return {**super().as_dict(), "network": asdict(self.network), "rules": asdict(self.rules)}


@dataclass(frozen=True)
class DetectorPackage(OpenedPackage[DetectorCard]):
    """An opened package of a lesion detector."""

    files = FILES

    @property
    def proposals_path(self) -> Path:
        """The ONNX graph from a picture to maps and what each anchor is worth."""
        return self.folder / FILES["proposals"]

    @property
    def head_path(self) -> Path:
        """The ONNX graph that judges proposals."""
        return self.folder / FILES["head"]


def open_detector_package(folder: str | Path) -> DetectorPackage:
    """Open a package folder; raises as :func:`~lesionscope.models.package.opened`."""
    return opened(folder, DetectorPackage, card_from_dict)


DETECTORS = Kind(TASK, "lesion detector", open_detector_package, DEFAULT)


def card_from_dict(data: object, origin: str) -> DetectorCard:
    """Read a card; ``origin`` names the file in errors.

    Raises
    ------
    InputError
        Anything missing, unknown, ill-typed, or at odds with the rest.
    """
    top = open_card(data, origin, DetectorCard, TASK)
    network = _network(top.section("network", (one.name for one in fields(DetectorSpec))))
    categories = top.texts("categories")
    if len(categories) != network.categories:
        raise top.refuse("categories", f"{network.categories} texts, as many as the network answers for")
    padding = top.number("padding_px")
    if padding < 0:
        raise top.refuse("padding_px", "0 or more")
    try:
        given = DetectorInput.from_dict(top.mapping("input"))
    except (ValueError, TypeError) as error:
        raise top.refuse("input", f"what this version can do ({error})") from error
    return DetectorCard(
        **common_entries(top, FILES),
        scope=top.text("scope"),
        categories=categories,
        padding_px=padding,
        input=given,
        network=network,
        rules=_rules(top.section("rules", (one.name for one in fields(DetectionRules)))),
        opset=top.whole("opset"),
    )


def _network(section: Section) -> DetectorSpec:
    return DetectorSpec(
        width=section.number("width"),
        categories=section.whole("categories"),
        pool4=section.truth("pool4"),
        hidden=section.whole("hidden"),
    )


def _rules(section: Section) -> DetectionRules:
    a, b, c, d = section.numbers("head_scale", 4)
    try:
        return DetectionRules(
            before_nms=section.whole("before_nms"),
            after_nms=section.whole("after_nms"),
            proposal_nms=section.number("proposal_nms"),
            shortest=section.number("shortest"),
            head_scale=(a, b, c, d),
            final_nms=section.number("final_nms"),
            least=section.number("least"),
            most=section.whole("most"),
        )
    except ValueError as error:
        raise InputError(f"{section.place}: {error}; {AGAIN}.") from error
