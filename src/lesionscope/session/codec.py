"""Lesions and readings as plain JSON values and back, without loss.

Floats survive exactly: JSON text made by Python carries the shortest decimal that
reads back as the same number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    PredictionSet,
    Provenance,
    Reading,
    Refusal,
)
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.retrieval.known import Neighbour, Origin


def lesion_to_dict(lesion: Lesion) -> dict[str, Any]:
    """Return a lesion as JSON values."""
    return {
        "id": lesion.id,
        "tracking_uid": lesion.tracking_uid,
        "number": int(lesion.number),
        "centroid_lps_mm": _floats(lesion.centroid_lps_mm),
        "box_lps_mm": _floats(lesion.box_lps_mm),
        "box_declared": bool(lesion.box_declared),
        "long": _diameter_to_list(lesion.long),
        "short": _diameter_to_list(lesion.short),
    }


def lesion_from_dict(data: Mapping[str, Any]) -> Lesion:
    """Return the lesion that :func:`lesion_to_dict` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        The values are not a lesion.
    """
    x0, y0, z0, x1, y1, z1 = _floats(data["box_lps_mm"])
    return Lesion(
        id=str(data["id"]),
        tracking_uid=str(data["tracking_uid"]),
        centroid_lps_mm=_point(data["centroid_lps_mm"]),
        box_lps_mm=(x0, y0, z0, x1, y1, z1),
        long=_diameter_from_list(data["long"]),
        short=_diameter_from_list(data["short"]),
        box_declared=bool(data["box_declared"]),
        number=int(data["number"]),
    )


def reading_to_dict(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON values, everything that made it included."""
    values: dict[str, Any] = {
        "id": reading.id,
        "lesion_id": reading.lesion_id,
        "created": reading.created,
        "provenance": {**asdict(reading.provenance), "notes": list(reading.provenance.notes)},
        "pathology": _pathology_to_dict(reading.pathology),
        "embedding": _floats(reading.embedding),
        "timings_ms": _numbers(reading.timings_ms),
    }
    if reading.labels is not None:
        values["labels"] = _labels_to_dict(reading.labels)
    if reading.neighbours is not None:
        values["neighbours"] = [
            {**asdict(known), "distance": float(known.distance)} for known in reading.neighbours
        ]
    if reading.banks:
        values["banks"] = list(reading.banks)
    return values


def reading_from_dict(data: Mapping[str, Any]) -> Reading:
    """Return the reading that :func:`reading_to_dict` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        The values are not a reading.
    """
    made_by = dict(data["provenance"])
    known = data.get("neighbours")
    return Reading(
        id=str(data["id"]),
        lesion_id=str(data["lesion_id"]),
        created=str(data["created"]),
        provenance=Provenance(**{**made_by, "notes": tuple(made_by["notes"])}),
        pathology=_pathology_from_dict(data["pathology"]),
        embedding=tuple(_floats(data["embedding"])),
        timings_ms=_numbers(data["timings_ms"]),
        labels=_labels_from_dict(data.get("labels")),
        neighbours=None if known is None else tuple(map(_neighbour_from_dict, known)),
        banks=tuple(map(str, data.get("banks", ()))),
    )


def _pathology_to_dict(answer: PathologyAnswer | Refusal | None) -> dict[str, Any] | None:
    match answer:
        case None:
            return None
        case Refusal(sentence=sentence):
            return {"refused": sentence}
    nodes = [
        {**asdict(node), "conditional": float(node.conditional), "probability": float(node.probability)}
        for node in answer.nodes
    ]
    values: dict[str, Any] = {
        "nodes": nodes,
        "leak": _numbers(answer.leak),
        "familiarity": float(answer.familiarity),
        "unfamiliar": bool(answer.unfamiliar),
    }
    if answer.prediction_set is not None:
        values["prediction_set"] = asdict(answer.prediction_set)
    return values


def _pathology_from_dict(answer: Any) -> PathologyAnswer | Refusal | None:
    if answer is None:
        return None
    if "refused" in answer:
        return Refusal(str(answer["refused"]))
    return PathologyAnswer(
        nodes=tuple(NodeScore(**node) for node in answer["nodes"]),
        leak=_numbers(answer["leak"]),
        familiarity=float(answer["familiarity"]),
        unfamiliar=bool(answer["unfamiliar"]),
        prediction_set=_set_from_dict(answer.get("prediction_set")),
    )


def _set_from_dict(data: Any) -> PredictionSet | None:
    if data is None:
        return None
    return PredictionSet(float(data["level"]), tuple(data["nodes"]), tuple(data["names"]))


def _labels_to_dict(answer: LabelAnswer | Refusal) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return {"refused": answer.sentence}
    return {
        "scores": [asdict(score) for score in answer.scores],
        "conflicts": [list(pair) for pair in answer.conflicts],
        "familiarity": answer.familiarity,
        "unfamiliar": answer.unfamiliar,
    }


def _labels_from_dict(answer: Any) -> LabelAnswer | Refusal | None:
    if answer is None:
        return None
    if "refused" in answer:
        return Refusal(str(answer["refused"]))
    return LabelAnswer(
        scores=tuple(
            LabelScore(**{**score, "sources": tuple(score["sources"])}) for score in answer["scores"]
        ),
        conflicts=tuple((str(one), str(other)) for one, other in answer["conflicts"]),
        familiarity=answer["familiarity"],
        unfamiliar=bool(answer["unfamiliar"]),
    )


def _neighbour_from_dict(data: Mapping[str, Any]) -> Neighbour:
    origin = dict(data["origin"])
    place = origin.pop("centroid_lps_mm")
    return Neighbour(
        id=str(data["id"]),
        distance=float(data["distance"]),
        labels=tuple(data["labels"]),
        sentence=str(data["sentence"]),
        origin=Origin(**origin, centroid_lps_mm=None if place is None else _point(place)),
    )


def to_text(values: Mapping[str, Any]) -> str:
    """Return JSON text on one line; any character string comes back as it went in."""
    return json.dumps(values, separators=(",", ":"))


def from_text(text: str) -> dict[str, Any]:
    """Return the object in JSON text.

    Raises
    ------
    ValueError
        The text is not JSON, or not an object.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("a JSON object was expected")
    return values


def _floats(values: Any) -> list[float]:
    return [float(value) for value in values]


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(key): float(value) for key, value in values.items()}


def _point(values: Any) -> Point:
    x, y, z = _floats(values)
    return x, y, z


def _diameter_to_list(diameter: Diameter | None) -> list[list[float]] | None:
    if diameter is None:
        return None
    return [_floats(diameter.start_lps_mm), _floats(diameter.end_lps_mm)]


def _diameter_from_list(values: Any) -> Diameter | None:
    if values is None:
        return None
    start, end = values
    return Diameter(_point(start), _point(end))
