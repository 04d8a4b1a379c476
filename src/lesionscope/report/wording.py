"""Every sentence that a report says of itself, in one table; windows may use it too.

A network's answer is a *model score*; nothing here calls it what only a physician gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NOTICE: Final = "Demonstration model, trained on synthetic phantoms. Not for clinical use."
RESEARCH_NOTICE: Final = "Research software. Not for clinical use."

TITLE: Final = "Lesion report"
SCORE: Final = "Model score"
WITHIN_LEVEL: Final = "Within its level"
NONE_OF_THESE: Final = "None of these"
UNFAMILIAR: Final = "Unfamiliar: unlike anything this model was trained on"
UNREVIEWED: Final = "Not reviewed by a reader"
PARTLY_REVIEWED: Final = "In part not reviewed by a reader"
OPEN_LABEL: Final = "not reviewed; {why}"
LEFT_OUT: Final = "No reader has reviewed these scores, so they are left out of this report."
REVIEWED_BY: Final = "Labels decided on: {count}, by {readers}, {when}"
MISSING: Final = (
    "{sign} stands for a character that this document's font lacks: the report as HTML, JSON or DICOM has it."
)
OTHER_SIZE: Final = "The sentence says {stated}, but {measured} was measured: check which of them holds."
NOT_MEASURED: Final = "not measured"
NOTHING_REVIEWED: Final = "No reader has reviewed the answers in this report."
STILL_OPEN: Final = "labels shown but not decided on: {count}"
MINED: Final = "from a report's sentence"
ACCEPTED: Final = "accepted by {reader}"
ADDED: Final = "added by {reader}"
NOT_READ: Final = "Not read by a model."
STALE: Final = (
    "The lesion was changed after the model read it, so those scores are left out: "
    "read it again and make the report anew."
)
CHANGED_SINCE: Final = "changed since it was read"
DECLARED_BOX: Final = "a cube around the click; nothing was measured"
MEASURED_BOX: Final = "from the diameters"
SCORE_MEANING: Final = (
    "Model scores are whole percents. A class's score is never above that of the class over it; "
    "within its level the classes share 100 % and “none of these” stands apart."
)
PREDICTION_SET: Final = "One of these, {level} % of the time: {names}"
COVERAGE: Final = (
    "“One of these” is chosen so that the right class is among them in {level} of 100 lesions like those "
    "that the model was tested on. It promises nothing for this lesion in particular, and nothing for "
    "lesions unlike those."
)
FAMILIARITY: Final = "Familiarity p {p} (small: unlike the training data)."
MEANING: Final = "How to read the scores"
LABELS: Final = "Labels"
GROUPS: Final = {"body part": "Body part", "type": "Type", "attribute": "Attribute"}
NO_LABEL: Final = "None predicted."
LABELS_LEFT_OUT: Final = "No reader has accepted or added one; those that a model predicted are left out."
CONFLICT: Final = "These exclude each other, yet both are predicted: {one} and {other}."
LABEL_MEANING: Final = (
    "A label is predicted where its score reaches its own threshold, or where a predicted label implies it; "
    "a label's score is never below that of a predicted one that implies it."
)
OWN_SCORE: Final = "own score"
PROPAGATED: Final = "{own} % on its own, lifted by {sources}"
PROPAGATED_BY_ALL: Final = "{own} % on its own, lifted by score propagation"
IMPLIED: Final = "implied by {sources}"
RESPONSE: Final = "Response to treatment (RECIST 1.1)"
NADIR: Final = "The smallest sum (nadir) may be that of a visit left out, and progression from it unseen."
VISIT_LEFT_OUT: Final = "An earlier visit is left out of the response."
NEIGHBOURS: Final = "Similar known lesions"
NO_NEIGHBOURS: Final = "No known lesion is like it."
KEY_IMAGE: Final = "Axial slice through the centre (z = {z:.1f} mm), window {window}, {field:.0f} mm wide"
PROJECTED: Final = "marks drawn off this slice are projected onto it"


def percent(value: float) -> str:
    """Whole percent of a score in 0…1; one that would round to none or all reads ``<1`` or ``>99``."""
    if 0 < value < 0.005:
        return "<1"
    if 0.995 <= value < 1:
        return ">99"
    return str(round(100 * value))


def reason(why: str, own: float, sources: Sequence[str]) -> str:
    """Say why a label's score is what it is; ``own`` is its score before propagation, 0…1."""
    named = ", ".join(sources)
    if why == "implied":
        return IMPLIED.format(sources=named)
    if why == "propagated":
        words = PROPAGATED if sources else PROPAGATED_BY_ALL
        return words.format(own=percent(own), sources=named)
    return OWN_SCORE
