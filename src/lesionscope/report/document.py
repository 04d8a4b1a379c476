"""What a report says, as plain values: the one content that every form writes.

The keys are those of ``lesionscope read``'s JSON, with more beside them. An answer
made for marks that were changed since is left out and said to be: in its place
stands ``{"model", "refused"}``, as for any model that won't answer. What readers
decided, and whether the rest goes in, is a :class:`~lesionscope.report.reviewed.Review`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from lesionscope import __version__
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import Source
from lesionscope.followup.response import ResponseTable
from lesionscope.inference.reading import LabelAnswer, PathologyAnswer, Provenance, Reading, Refusal
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import warnings
from lesionscope.models.card import Card
from lesionscope.models.label_package import LabelCard
from lesionscope.report import wording
from lesionscope.report.response_rows import response_entry
from lesionscope.report.reviewed import Finding, Review, findings_of, how_far, summary
from lesionscope.report.sentence import lesion_sentence, other_size, size
from lesionscope.session.state import SessionState

Content = dict[str, Any]
"""A report's content: JSON values only."""
Answered = Reading | Refusal | None
AnyCard = Card | LabelCard
EVERYTHING = Review()
"""Nothing was reviewed; all answers go in and are marked as such."""


def lesion_report(
    items: Iterable[tuple[Lesion, Answered] | tuple[Lesion, Answered, Answered]],
    *,
    geometry: Geometry | None = None,
    source: Source | None = None,
    cards: Iterable[AnyCard] = (),
    patient: bool = True,
    review: Review = EVERYTHING,
    response: ResponseTable | None = None,
) -> Content:
    """Say what is known of some lesions of one series.

    Parameters
    ----------
    items
        Each lesion with its reading by a pathology model, and by a label model where one
        was asked: a :class:`Refusal` where no reading could be made, ``None`` where none was
        asked for. A lesion without a number is numbered by its place.
    geometry
        Grid of the volume as read; lets the report warn of doubtful marks.
    source
        Identifiers of the study and series.
    cards
        Cards of the models that answered: summarised, and their trees say where
        each head's "none of these" belongs.
    patient
        Whether to name the patient; leave out where the output may be logged.
    review
        What readers decided on labels, and whether undecided answers go in.
    response
        Sums and response of several visits, where there are any.

    Returns
    -------
    dict
        ``{"notice", "created", "software", "study", "models", "review", "response", "lesions": […]}``.
    """
    rows = [(lesion, answers[0], answers[1] if len(answers) > 1 else None) for lesion, *answers in items]
    known = list(cards)
    lesions = [
        lesion_entry(
            lesion,
            answer,
            labels,
            geometry=geometry,
            cards=known,
            number=lesion.number or place,
            review=review,
        )
        for place, (lesion, answer, labels) in enumerate(rows, start=1)
    ]
    trees = any("nodes" in entry.get("pathology", {}) for entry in lesions)
    return {
        "notice": _notice([answer for _, *answers in rows for answer in answers], known),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"lesionscope {__version__}",
        "study": None if source is None else study_entry(source, patient=patient),
        "models": [card_entry(card) for card in known],
        "review": summary(lesions, review, unreviewed_scores=trees),
        **({} if response is None else {"response": response_entry(response)}),
        "lesions": lesions,
    }


def session_report(
    state: SessionState,
    *,
    geometry: Geometry,
    source: Source,
    cards: Iterable[AnyCard] = (),
    patient: bool = True,
    unreviewed: bool = True,
    response: ResponseTable | None = None,
) -> Content:
    """Say what a session holds; see :func:`lesion_report`.

    ``unreviewed`` says whether answers that no reader decided on go in.
    """
    items = [
        (lesion, state.reading(lesion.id), state.reading(lesion.id, "labels")) for lesion in state.lesions
    ]
    return lesion_report(
        items,
        geometry=geometry,
        source=source,
        cards=cards,
        patient=patient,
        review=Review.of_session(state, unreviewed=unreviewed),
        response=response,
    )


def lesion_entry(
    lesion: Lesion,
    answer: Answered,
    labels: Answered = None,
    *,
    geometry: Geometry | None = None,
    cards: Iterable[AnyCard] = (),
    number: int | None = None,
    review: Review = EVERYTHING,
) -> Content:
    """Return one lesion's part of a report; sizes in mm, positions LPS mm."""
    reading = answer if isinstance(answer, Reading) else None
    stale = reading is not None and reading.is_stale(lesion.fingerprint)
    entry: Content = {
        "id": lesion.id,
        "number": lesion.number if number is None else number,
        "tracking_uid": lesion.tracking_uid,
        "centroid_lps_mm": [float(v) for v in lesion.centroid_lps_mm],
        "box_lps_mm": [float(v) for v in lesion.box_lps_mm],
        "box_declared": lesion.box_declared,
        "long_mm": None if lesion.long is None else lesion.long.length_mm,
        "short_mm": None if lesion.short is None else lesion.short.length_mm,
        "long_lps_mm": _ends(lesion.long),
        "short_lps_mm": _ends(lesion.short),
        "warnings": [] if geometry is None else list(warnings(lesion, geometry)),
        "stale": stale,
    }
    if isinstance(answer, Refusal):
        entry["pathology"] = {"model": None, "refused": answer.sentence}
    elif reading is not None:
        if reading.pathology is not None:
            entry["pathology"] = _pathology_entry(reading.pathology, reading.provenance, cards, stale)
            if "nodes" in entry["pathology"] and not review.unreviewed:
                entry["pathology"] = {"model": reading.provenance.model, "refused": wording.LEFT_OUT}
        entry["provenance"] = _provenance_entry(reading)
        entry["timings_ms"] = {name: float(ms) for name, ms in reading.timings_ms.items()}
    answered = labels.labels if isinstance(labels, Reading) else None
    current = isinstance(labels, Reading) and not labels.is_stale(lesion.fingerprint)
    findings, undecided = findings_of(
        lesion.id, answered if isinstance(answered, LabelAnswer) and current else None, review
    )
    if isinstance(labels, Refusal):
        entry["labels"] = {"model": None, "refused": labels.sentence}
    elif labels is not None and answered is not None:
        entry |= _labels_part(labels, answered, not current, findings, undecided, review)
        timings = {f"labels_{name}": float(ms) for name, ms in labels.timings_ms.items()}
        entry["timings_ms"] = entry.get("timings_ms", {}) | timings
    left = bool(undecided) or stale or (answered is not None and not current)
    held = [finding.label for finding in findings if finding.state != "unreviewed"]
    edited = review.sentences.get(lesion.id)
    entry |= {
        "findings": [finding.as_dict() for finding in findings],
        "undecided": list(undecided),
        "review": how_far(bool(review.of(lesion.id)), left),
        "sentence": edited
        if edited is not None
        else lesion_sentence(held, long_mm=entry["long_mm"], short_mm=entry["short_mm"]),
        "sentence_edited": edited is not None,
    }
    entry["warnings"] += sentence_warnings(entry)
    return entry


def sentence_warnings(entry: Content) -> list[str]:
    """Say where a lesion's sentence contradicts what was measured."""
    stated = other_size(entry["sentence"], entry["long_mm"], entry["short_mm"])
    if not stated:
        return []
    measured = size(entry["long_mm"], entry["short_mm"])
    return [wording.OTHER_SIZE.format(stated=stated, measured=measured)]


def study_entry(source: Source, *, patient: bool = True) -> Content:
    """Return the identification of a study and series, with or without the patient."""
    entry: Content = {
        "series_uid": source.uid,
        "study_uid": source.study_uid,
        "study_date": source.study_date,
        "study_description": source.study_description,
        "series_number": source.series_number,
        "series_description": source.description,
        "modality": source.modality,
        "kernel": source.kernel,
    }
    if patient:
        who = source.patient
        entry["patient"] = {
            "name": who.name,
            "id": who.patient_id,
            "birth_date": who.birth_date,
            "sex": who.sex,
        }
    return entry


def card_entry(card: AnyCard) -> Content:
    """Return what a report says of a model: what it is for, and where it ends."""
    calibration = card.calibration
    return {
        "model": card.called,
        "title": card.title,
        "demonstration": card.demonstration,
        "scope": card.scope,
        "intended_use": card.intended_use,
        "limits": list(card.limits),
        "calibration": f"{calibration.method}; {calibration.population}" if calibration else "none",
        "licence": card.licence,
    }


def _notice(answers: Iterable[Answered], cards: Iterable[AnyCard]) -> str:
    """Choose the demonstration notice, unless every model at work is known to be none."""
    asked = [answer for answer in answers if answer is not None]
    known = [answer.provenance.demonstration for answer in asked if isinstance(answer, Reading)]
    known += [card.demonstration for card in cards]
    return wording.NOTICE if any(known) or (asked and not known) else wording.RESEARCH_NOTICE


def _pathology_entry(
    answer: PathologyAnswer | Refusal, provenance: Provenance, cards: Iterable[AnyCard], stale: bool
) -> Content:
    if isinstance(answer, Refusal):
        return {"model": provenance.model, "refused": answer.sentence}
    if stale:
        return {"model": provenance.model, "refused": wording.STALE}
    entry: Content = {
        "model": provenance.model,
        "nodes": [
            {
                "tag": node.tag,
                "name": node.name,
                "parent": node.parent,
                "conditional": float(node.conditional),
                "probability": float(node.probability),
            }
            for node in answer.nodes
        ],
        "leak": {head: float(mass) for head, mass in answer.leak.items()},
        "familiarity": float(answer.familiarity),
        "unfamiliar": answer.unfamiliar,
        "review": "unreviewed",
    }
    if answer.prediction_set is not None:
        given = asdict(answer.prediction_set)
        entry["prediction_set"] = {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}
    heads = _heads(answer, cards)
    if heads is not None:
        entry["heads"] = heads
    return entry


def _labels_part(
    reading: Reading,
    answer: LabelAnswer | Refusal,
    stale: bool,
    findings: Iterable[Finding],
    undecided: tuple[str, ...],
    review: Review,
) -> Content:
    """Return ``labels``; and ``neighbours`` and the names of ``banks`` where there were any to look in."""
    kept = {finding.label for finding in findings}
    model = reading.provenance.model
    if isinstance(answer, Refusal) or stale:
        sentence = wording.STALE if stale else answer.sentence  # type: ignore[union-attr]
        return {"labels": {"model": model, "refused": sentence}}
    part: Content = {
        "labels": {
            "model": model,
            "scores": [
                {
                    "label": score.label,
                    "class": score.kind,
                    "probability": float(score.probability),
                    "threshold": float(score.threshold),
                    "predicted": score.predicted,
                    "own": float(score.own),
                    "why": score.why,
                    "sources": list(score.sources),
                }
                for score in answer.scores
                if review.unreviewed or score.label in kept
            ],
            "conflicts": [
                list(pair) for pair in answer.conflicts if review.unreviewed or kept.issuperset(pair)
            ],
            "familiarity": answer.familiarity,
            "unfamiliar": answer.unfamiliar,
            "review": how_far(bool(review.of(reading.lesion_id)), bool(undecided)),
            "provenance": _provenance_entry(reading),
        }
    }
    if reading.neighbours is not None and review.unreviewed:
        part["neighbours"] = [
            {
                "id": known.id,
                "distance": float(known.distance),
                "labels": list(known.labels),
                "sentence": known.sentence,
                "reference": known.origin.reference,
                "series_uid": known.origin.series_uid,
            }
            for known in reading.neighbours
        ]
        part["banks"] = list(reading.banks)
    return part


def _heads(answer: PathologyAnswer, cards: Iterable[AnyCard]) -> Mapping[str, str | None] | None:
    """Head → the node whose children it decides, from the card whose tree the answer has."""
    tags = [node.tag for node in answer.nodes]
    for card in cards:
        if isinstance(card, Card) and [node.tag for node in card.tree.nodes] == tags:
            return {head.name: head.parent for head in card.tree.heads}
    return None


def _provenance_entry(reading: Reading) -> Content:
    made = reading.provenance
    return {
        "reading_id": reading.id,
        "created": reading.created,
        "model": made.model,
        "package_sha256": made.package_sha256,
        "software": made.software,
        "device": made.device,
        "precision": made.precision,
        "series_uid": made.series_uid,
        "demonstration": made.demonstration,
        "notes": list(made.notes),
    }


def _ends(diameter: Diameter | None) -> list[float] | None:
    if diameter is None:
        return None
    return [float(v) for v in (*diameter.start_lps_mm, *diameter.end_lps_mm)]
