"""A report as DICOM structured report: Comprehensive 3D SR by template TID 1500 (PS3.16).

A measurement group a lesion with its diameters, one for its box, one for each label with its certainty
and review state, one for its tree of scores. The exact values of our own content travel beside them as
one text a lesion, so that our own report comes back without loss (``import_sr.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope import __version__
from lesionscope.ct.volume import CTVolume
from lesionscope.files import write_atomically
from lesionscope.lesions.lesion import Lesion
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.labels import PRIVATE_SCHEME
from lesionscope.report import phrases
from lesionscope.report import sr_codes as codes
from lesionscope.report import sr_items as items
from lesionscope.report.dicom_head import (
    MANUFACTURER,
    MODEL,
    dicom_head,
    encoded,
    series_uid_of,
    stable_uid,
)
from lesionscope.report.document import Content
from lesionscope.report.response_rows import missing, response_rows
from lesionscope.report.sr_places import CT_IMAGE, Places

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.34"
SERIES_NUMBER = 9002
TOOL = "Cornerstone3DTools@^0.1.0:"
"""What OHIF and Cornerstone know a measurement by, followed by the tool's name."""
LEFT_OUT = ("neighbours", "banks", "timings_ms")
"""Parts of a lesion's content that a structured report does not carry."""


def write(content: Content, lesions: Sequence[Lesion], volume: CTVolume, path: str | Path) -> Path:
    """Write the report on some lesions of a volume.

    Raises
    ------
    UsageError
        The volume did not come from DICOM images.
    LesionscopeError
        As :func:`write_atomically`.
    """
    return write_atomically(path, encoded(document(content, lesions, volume)))


def document(content: Content, lesions: Sequence[Lesion], volume: CTVolume) -> Dataset:
    """Return the report as a dataset; ``lesions`` are those of the content, in its order."""
    from pydicom.charset import convert_encodings
    from pydicom.dataset import Dataset

    ds = dicom_head(volume, content, sop_class=SOP_CLASS, modality="SR", series_number=SERIES_NUMBER)
    ds.pop("BodyPartExamined", None)  # of images only
    ds.SeriesDescription = "Lesion report, not for clinical use"
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.PerformedProcedureCodeSequence = []
    review = content["review"]
    ds.CompletionFlag = "COMPLETE" if review["complete"] else "PARTIAL"
    ds.PreliminaryFlag = "FINAL" if review["complete"] else "PRELIMINARY"
    ds.VerificationFlag = "VERIFIED" if review["complete"] else "UNVERIFIED"
    if review["complete"]:
        ds.VerifyingObserverSequence = [_verified(reader, ds) for reader in review["readers"]]
    places = Places(volume)
    slices = sorted({places.slice_of(lesion) for lesion in lesions})
    if slices:
        ds.CurrentRequestedProcedureEvidenceSequence = [_evidence(volume, places, slices)]
    root = items.container(codes.REPORT, _tree(content, lesions, places, slices), template="1500")
    for name in ("ValueType", "ConceptNameCodeSequence", "ContinuityOfContent", "ContentTemplateSequence"):
        setattr(ds, name, root[name].value)
    ds.ContentSequence = root.ContentSequence
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = PRIVATE_SCHEME, codes.SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    ds.CodingSchemeIdentificationSequence = [scheme]
    # Its items are encoded as they will be written, so that writing need not go through them again and again.
    ds.set_original_encoding(False, True, convert_encodings(ds.SpecificCharacterSet))
    return ds


def record(entry: Mapping[str, Any]) -> str:
    """Return a lesion's content as the report carries it: of labels only the scores of those shown."""
    kept = {name: value for name, value in entry.items() if name not in LEFT_OUT}
    labels = kept.get("labels")
    if labels is not None and "scores" in labels:
        shown = {finding["label"] for finding in entry["findings"]}
        kept["labels"] = {**labels, "scores": [s for s in labels["scores"] if s["label"] in shown]}
    return json.dumps(kept, allow_nan=False, separators=(",", ":"))


def _tree(
    content: Content, lesions: Sequence[Lesion], places: Places, slices: Iterable[int]
) -> list[Dataset]:
    library = items.container(codes.LIBRARY_GROUP, [places.image(k, relation=items.CONTAINS) for k in slices])
    groups = [
        group
        for entry, lesion in zip(content["lesions"], lesions, strict=True)
        for group in _groups(entry, lesion, places)
    ]
    return [
        items.code(codes.LANGUAGE, codes.ENGLISH, relation=items.MODIFIES),
        *_observers(content["review"]["readers"]),
        items.code(codes.PROCEDURE, codes.CT, relation=items.MODIFIES),
        items.container(codes.LIBRARY, [library] if slices else []),
        *([items.container(codes.MEASUREMENTS, groups)] if groups else []),
        items.container(codes.EVALUATIONS, _remarks(content)),
    ]


def _observers(readers: Sequence[str]) -> list[Dataset]:
    context: dict[str, Any] = {"relation": items.OBSERVED}
    people = [
        one
        for reader in readers
        for one in (
            items.code(codes.OBSERVER_TYPE, codes.PERSON, **context),
            items.person(codes.PERSON_NAME, reader),
        )
    ]
    return [
        *people,
        items.code(codes.OBSERVER_TYPE, codes.DEVICE, **context),
        items.uid(codes.DEVICE_UID, stable_uid("software", __version__)),
        items.text(codes.DEVICE_NAME, MANUFACTURER, **context),
        items.text(codes.DEVICE_MAKER, MANUFACTURER, **context),
        items.text(codes.DEVICE_MODEL, MODEL, **context),
        items.text(codes.DEVICE_SERIAL, __version__, **context),
    ]


def _remarks(content: Content) -> list[Dataset]:
    """Say what the whole report rests on: notice, software, review, models, response."""
    rest = {name: value for name, value in content.items() if name not in ("lesions", "study")}
    return [
        items.text(codes.NOTICE, content["notice"]),
        items.text(codes.SOFTWARE, content["software"]),
        items.text(codes.REVIEWED, phrases.reviewed(content["review"])),
        *(items.text(codes.MODEL, phrases.card(card)) for card in content["models"]),
        *_response(content),
        items.text(codes.RECORD, json.dumps(rest, allow_nan=False, separators=(",", ":"))),
    ]


def _response(content: Content) -> list[Dataset]:
    """Return the targets' and the overall response at the last visit as codes, and the table as text."""
    table = content.get("response")
    if table is None:
        return []
    last = table["visits"][-1]
    coded = [
        items.code(name, meanings[last[part]])
        for name, meanings, part in (
            (codes.RECIST, codes.TARGETS, "target"),
            (codes.OVERALL, codes.OVERALLS, "overall"),
        )
        if last[part] is not None
    ]
    rows = [" | ".join(row) for row in response_rows(table)]
    return [*coded, items.text(codes.RESPONSE, "\n".join([*rows, *missing(table)]))]


def _groups(entry: Mapping[str, Any], lesion: Lesion, places: Places) -> Iterable[Dataset]:
    held = [finding["label"] for finding in entry["findings"] if finding["review"] != "unreviewed"]
    what, where = _finding(held), _sites(entry["findings"])
    title = f"Lesion {entry['number']}"
    yield _measured(entry, lesion, places, [what, *where])
    yield _group(
        f"{title} bounding box",
        stable_uid(lesion.tracking_uid, "box"),
        [what, *where, items.code(codes.PURPOSE, codes.BOUNDED), places.box(lesion, codes.REGION)],
        template="1410",
    )
    belongs = items.uid(codes.OF_LESION, lesion.tracking_uid, relation=items.CONTAINS)
    labels = entry.get("labels") or {}
    by = _algorithm(labels, labels["provenance"]) if "provenance" in labels else []
    for finding in entry["findings"]:
        yield _label_group(title, finding, lesion, belongs, by)
    answer = entry.get("pathology") or {}
    if "nodes" in answer:
        yield _group(
            f"{title} pathology scores",
            stable_uid(lesion.tracking_uid, "pathology"),
            [
                items.code(codes.FINDING, codes.LESION),
                *_algorithm(answer, entry["provenance"]),
                items.code(codes.REVIEW, codes.STATES["unreviewed"]),
                items.code(codes.LABEL_CLASS, codes.CLASSES["pathology"]),
                belongs,
                *(
                    items.number(
                        codes.class_code(node["tag"], node["name"]),
                        100 * node["probability"],
                        codes.PERCENT,
                    )
                    for node in answer["nodes"]
                ),
                items.text(codes.COMMENT, " ".join(phrases.of_tree(answer))),
            ],
        )


def _measured(
    entry: Mapping[str, Any], lesion: Lesion, places: Places, context: Sequence[Dataset]
) -> Dataset:
    """Return the lesion itself, as other viewers reopen it."""
    axes = ((codes.LONG if lesion.short else codes.LENGTH, lesion.long), (codes.SHORT, lesion.short))
    drawn = [(name, diameter) for name, diameter in axes if diameter is not None]
    lines = places.lines([diameter for _, diameter in drawn])
    numbers = [
        items.number(name, diameter.length_mm, codes.MM, [line])
        for (name, diameter), line in zip(drawn, lines, strict=True)
    ]
    tool = f"{TOOL}{'Bidirectional' if len(numbers) == 2 else 'Length'}"
    return _group(
        tool if numbers else f"Lesion {entry['number']}",
        lesion.tracking_uid,
        [
            *context,
            *numbers,
            items.text(codes.COMMENT, entry["sentence"]),
            items.text(codes.RECORD, record(entry)),
        ],
    )


def _label_group(
    title: str, finding: Mapping[str, Any], lesion: Lesion, belongs: Dataset, by: Sequence[Dataset]
) -> Dataset:
    score = finding["probability"]
    certainty = [] if score is None else [items.number(codes.CERTAINTY, 100 * score, codes.PERCENT)]
    return _group(
        f"{title}: {finding['label']}",
        stable_uid(lesion.tracking_uid, "label", finding["label"]),
        [
            items.code(codes.FINDING, codes.label_code(finding["label"])),
            *(by if certainty else ()),
            *certainty,
            items.code(codes.REVIEW, codes.STATES[finding["review"]]),
            items.code(codes.LABEL_CLASS, codes.CLASSES[finding["class"]]),
            belongs,
        ],
    )


def _group(title: str, tracking_uid: str, children: Iterable[Dataset], template: str = "1501") -> Dataset:
    return items.container(
        codes.GROUP,
        [
            items.text(codes.TRACKING, title, relation=items.OBSERVED),
            items.uid(codes.TRACKING_UID, tracking_uid),
            *children,
        ],
        template=template,
    )


def _algorithm(answer: Mapping[str, Any], made: Mapping[str, Any]) -> list[Dataset]:
    name, _, version = str(answer["model"]).rpartition(" ")
    how: dict[str, Any] = {"relation": items.MODIFIES}
    return [
        items.code(codes.ALGORITHM_FAMILY, codes.AI, **how),
        items.text(codes.ALGORITHM, name or answer["model"], **how),
        items.text(codes.ALGORITHM_VERSION, version or "-", **how),
        items.text(codes.ALGORITHM_PARAMETERS, f"package SHA-256 {made['package_sha256']}", **how),
    ]


def _finding(held: Sequence[str]) -> Dataset:
    """Return what the lesion is: the first type that readers let stand and a standard code names."""
    known = load_labels().by_name
    for name in held:
        code = codes.label_code(name)
        if name in known and known[name].kind == "type" and code.scheme != PRIVATE_SCHEME:
            return items.code(codes.FINDING, code)
    return items.code(codes.FINDING, codes.LESION)


def _sites(findings: Sequence[Mapping[str, Any]]) -> list[Dataset]:
    """Return where it is."""
    return [
        items.code(codes.SITE, codes.label_code(name), relation=items.MODIFIES)
        for name in codes.sites(findings)
    ]


def _verified(reader: str, ds: Dataset) -> Dataset:
    from pydicom.dataset import Dataset

    from lesionscope.report.dicom_head import person_name

    one = Dataset()
    one.VerifyingObserverName = person_name(reader) or "Unknown^"
    one.VerifyingOrganization = "Not stated"
    one.VerificationDateTime = f"{ds.ContentDate}{ds.ContentTime}"
    one.VerifyingObserverIdentificationCodeSequence = []
    return one


def _evidence(volume: CTVolume, places: Places, slices: Iterable[int]) -> Dataset:
    from pydicom.dataset import Dataset

    study, series = Dataset(), Dataset()
    study.StudyInstanceUID, series.SeriesInstanceUID = volume.source.study_uid, series_uid_of(volume)
    refs = []
    for uid in dict.fromkeys(places.image_uid(k) for k in slices):
        ref = Dataset()
        ref.ReferencedSOPClassUID = volume.source.sop_class_uid or CT_IMAGE
        ref.ReferencedSOPInstanceUID = uid
        refs.append(ref)
    series.ReferencedSOPSequence = refs
    study.ReferencedSeriesSequence = [series]
    return study
