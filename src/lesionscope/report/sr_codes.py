"""Codes of the structured report (DICOM PS3.16), and those of labels and classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.labels import PRIVATE_SCHEME, Code, private_code
from lesionscope.showable import showable

SCHEME_NAME: Final = "Lesionscope labels and concepts"


def _dcm(value: str, meaning: str) -> Code:
    return Code("DCM", value, meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(PRIVATE_SCHEME, value, meaning)


REPORT: Final = _dcm("126000", "Imaging Measurement Report")
LANGUAGE: Final = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH: Final = Code("RFC5646", "en", "English")
OBSERVER_TYPE: Final = _dcm("121005", "Observer Type")
PERSON: Final = _dcm("121006", "Person")
DEVICE: Final = _dcm("121007", "Device")
PERSON_NAME: Final = _dcm("121008", "Person Observer Name")
DEVICE_UID: Final = _dcm("121012", "Device Observer UID")
DEVICE_NAME: Final = _dcm("121013", "Device Observer Name")
DEVICE_MAKER: Final = _dcm("121014", "Device Observer Manufacturer")
DEVICE_MODEL: Final = _dcm("121015", "Device Observer Model Name")
DEVICE_SERIAL: Final = _dcm("121016", "Device Observer Serial Number")
PROCEDURE: Final = _dcm("121058", "Procedure Reported")
CT: Final = Code("SCT", "77477000", "Computed tomography")
LIBRARY: Final = _dcm("111028", "Image Library")
LIBRARY_GROUP: Final = _dcm("126200", "Image Library Group")
MEASUREMENTS: Final = _dcm("126010", "Imaging Measurements")
GROUP: Final = _dcm("125007", "Measurement Group")
TRACKING: Final = _dcm("112039", "Tracking Identifier")
TRACKING_UID: Final = _dcm("112040", "Tracking Unique Identifier")
FINDING: Final = _dcm("121071", "Finding")
SITE: Final = Code("SCT", "363698007", "Finding Site")
COMMENT: Final = _dcm("121106", "Comment")
# Readers compare these two meanings letter by letter.
LONG: Final = Code("SCT", "103339001", "Long Axis")
SHORT: Final = Code("SCT", "103340004", "Short Axis")
LENGTH: Final = Code("SCT", "410668003", "Length")
REGION: Final = _dcm("111030", "Image Region")
PURPOSE: Final = _dcm("130400", "Geometric purpose of region")
BOUNDED: Final = Code("SCT", "75958009", "Bounded by")
CERTAINTY: Final = _dcm("111012", "Certainty of Finding")
ALGORITHM: Final = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION: Final = _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = _dcm("111002", "Algorithm Parameters")
ALGORITHM_FAMILY: Final = _dcm("111000", "Algorithm Family")
AI: Final = _dcm("123110", "Artificial Intelligence")
EVALUATIONS: Final = Code("UMLS", "C0034375", "Qualitative Evaluations")
MM: Final = Code("UCUM", "mm", "millimeter")
PERCENT: Final = Code("UCUM", "%", "Percent")
RECIST: Final = _dcm("126081", "RECIST 1.1")

LESION: Final = Code("SCT", "52988006", "Lesion")
NOTICE: Final = _own("NOTICE", "Notice")
SOFTWARE: Final = _own("SOFTWARE", "Software")
MODEL: Final = _own("MODEL", "Model card")
REVIEWED: Final = _own("REVIEWED", "What was reviewed and by whom")
RESPONSE: Final = _own("RESPONSE", "Response table")
RECORD: Final = _own("RECORD", "Lesionscope record")
OF_LESION: Final = _own("OFLESION", "Lesion that this belongs to")
REVIEW: Final = _own("REVIEW", "Label review state")
LABEL_CLASS: Final = _own("LABELCLASS", "Class of label")
CLASSES: Final = {
    "body part": _own("BODYPART", "Body part"),
    "type": _own("TYPE", "Lesion type"),
    "attribute": _own("ATTRIBUTE", "Attribute"),
    "pathology": _own("PATHOLOGY", "Predicted pathology"),
}
STATES: Final = {
    "accepted": _own("ACCEPTED", "Accepted"),
    "added": _own("ADDED", "Added"),
    "unreviewed": _own("UNREVIEWED", "Unreviewed"),
}
TARGETS: Final = {
    "CR": _dcm("112041", "Target Lesion Complete Response"),
    "PR": _dcm("112042", "Target Lesion Partial Response"),
    "PD": _dcm("112043", "Target Lesion Progressive Disease"),
    "SD": _dcm("112044", "Target Lesion Stable Disease"),
    "NE": _own("NE", "Not evaluable"),
}
"""Response of the target lesions."""
OVERALL: Final = _own("OVERALL", "Overall response (RECIST 1.1)")
OVERALLS: Final = {
    "CR": _own("OVERALLCR", "Overall Complete Response"),
    "PR": _own("OVERALLPR", "Overall Partial Response"),
    "PD": _own("OVERALLPD", "Overall Progressive Disease"),
    "SD": _own("OVERALLSD", "Overall Stable Disease"),
    "Non-CR/Non-PD": _own("NONCRNONPD", "Non-CR/Non-PD"),
    "NE": _own("NE", "Not evaluable"),
}
"""Overall response, for which DICOM has no codes: new lesions and non-targets count for it too."""
PATHOLOGY: Final = {("H3b", "Hamartoma"): Code("SCT", "51398009", "Hamartoma")}
"""Classes of the bundled tree, by tag and name, for which DICOM's dictionaries have the very concept."""


def label_code(name: str) -> Code:
    """Return a label's standard code where the ontology names one, else its private code."""
    label = load_labels().by_name.get(name)
    return private_code(showable(name)) if label is None else label.codes[0]


def sites(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the most specific body parts among a lesion's findings that readers let stand."""
    graph = load_labels()
    parts = [f["label"] for f in findings if f["class"] == "body part" and f["review"] != "unreviewed"]
    implied = {above for name in parts if name in graph.by_name for above in graph.ancestors(name)}
    return [name for name in parts if name not in implied]


def class_code(tag: str, name: str) -> Code:
    """Return the code of a class of a pathology tree."""
    return PATHOLOGY.get((tag, name)) or private_code(showable(f"{tag} {name}"))
