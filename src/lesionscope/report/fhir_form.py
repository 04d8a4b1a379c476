"""A report as FHIR R4: a collection Bundle with a DiagnosticReport and an Observation for each thing said.

Follows HL7's guide from DICOM SR to FHIR: report → DiagnosticReport, measurement group → Observation.
What no reader has reviewed, or not all of it, is ``preliminary``; UIDs are ``urn:oid`` identifiers.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.ontology.labels import PRIVATE_SCHEME, Code
from lesionscope.report import phrases
from lesionscope.report import sr_codes as codes
from lesionscope.report.dicom_head import dicom_date
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage
from lesionscope.report.response_rows import missing, response_rows
from lesionscope.report.text import date, person
from lesionscope.showable import showable

SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
    "RADLEX": "http://radlex.org",
    "UMLS": "http://www.nlm.nih.gov/research/umls",
    PRIVATE_SCHEME: "urn:lesionscope:codes",
}
LOINC_REPORT = {"system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study"}
SEXES = {"F": "female", "M": "male", "O": "other"}
NAMESPACE = uuid.UUID("6f0c6a52-6a0e-4f0e-9a0b-5b6f1c1d2e3f")
"""Resources' ids follow from what they are about, under this name."""

Resource = dict[str, Any]


def text(content: Content, images: Mapping[str, KeyImage] | None = None) -> str:
    """Return the bundle as JSON, in ASCII."""
    return json.dumps(bundle(content, images or {}), indent=1, allow_nan=False) + "\n"


def write(content: Content, path: str | Path, images: Mapping[str, KeyImage] | None = None) -> Path:
    """Write the bundle with its key images. Raises as :func:`write_atomically`."""
    return write_atomically(path, text(content, images))


def bundle(content: Content, images: Mapping[str, KeyImage]) -> Resource:
    """Return the bundle as JSON values."""
    study = content.get("study") or {}
    patient = _patient(study.get("patient") or {})
    device = {
        "resourceType": "Device",
        "id": _id("device", content["software"]),
        "deviceName": [{"name": "Lesionscope", "type": "model-name"}],
        "version": [{"value": content["software"]}],
        "note": [{"text": _words(phrases.card(card))} for card in content["models"]],
    }
    if not device["note"]:
        del device["note"]
    observations = [one for entry in content["lesions"] for one in _observations(entry)]
    for one in observations:
        one["device"] = _to(device)
        if patient is not None:
            one["subject"] = _to(patient)
    media = [
        {
            "resourceType": "Media",
            "id": _id("image", entry["id"]),
            "status": "completed",
            "content": {
                "contentType": "image/png",
                "data": base64.b64encode(images[entry["id"]].png).decode("ascii"),
                "title": _words(images[entry["id"]].caption),
            },
            **({} if patient is None else {"subject": _to(patient)}),
        }
        for entry in content["lesions"]
        if entry["id"] in images
    ]
    scan = _study(study, patient)
    report = _report(content, patient, scan, observations, media)
    resources = [report, *(one for one in (patient, scan) if one is not None), device, *observations, *media]
    return {
        "resourceType": "Bundle",
        "id": _id("bundle", content["created"], *(entry["id"] for entry in content["lesions"])),
        "type": "collection",
        "timestamp": content["created"],
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources],
    }


def _report(
    content: Content,
    patient: Resource | None,
    scan: Resource | None,
    observations: Iterable[Resource],
    media: Iterable[Resource],
) -> Resource:
    review = content["review"]
    said = [content["notice"], phrases.reviewed(review)]
    said += [f"Lesion {entry['number']}: {entry['sentence']}" for entry in content["lesions"]]
    if "response" in content:
        said += [", ".join(cell for cell in row if cell) for row in response_rows(content["response"])]
        said += missing(content["response"])
    pictures = [{"link": _to(one), "comment": one["content"]["title"]} for one in media]
    return {
        "resourceType": "DiagnosticReport",
        "id": _id("report", content["created"], *(entry["id"] for entry in content["lesions"])),
        "status": "final" if review["complete"] else "preliminary",
        "code": {"coding": [LOINC_REPORT], "text": "Lesion report"},
        "issued": content["created"],
        "effectiveDateTime": _day(content) or content["created"],
        **({} if patient is None else {"subject": _to(patient)}),
        **({} if scan is None else {"imagingStudy": [_to(scan)]}),
        **({"performer": [{"display": _words(r)} for r in review["readers"]]} if review["readers"] else {}),
        **({"result": [_to(one) for one in observations]} if observations else {}),
        **({"media": pictures} if pictures else {}),
        "conclusion": _words("\n".join(said)),
    }


def _observations(entry: Mapping[str, Any]) -> Iterable[Resource]:
    """One for the lesion with its sizes, one for each label, one for its tree."""
    about = _base(entry, "lesion", entry["id"], final=entry["review"] == "reviewed")
    about["code"] = {"coding": [_coding(codes.LESION)], "text": f"Lesion {entry['number']}"}
    about["valueString"] = _words(entry["sentence"])
    # It holds one: the first of several that don't imply each other, which is the likeliest.
    for site in codes.sites(entry["findings"])[:1]:
        about["bodySite"] = _concept(codes.label_code(site), site)
    axes = ((codes.LONG, entry["long_mm"]), (codes.SHORT, entry["short_mm"]))
    parts = [
        {"code": _concept(code, code.meaning), "valueQuantity": _quantity(mm, codes.MM, "mm")}
        for code, mm in axes
        if mm is not None
    ]
    if parts:
        about["component"] = parts
    notes = list(entry["warnings"])
    if entry["stale"]:
        notes.append("The lesion was changed after a model read it.")
    x, y, z = entry["centroid_lps_mm"]
    notes.append(f"Centre {x:.1f}, {y:.1f}, {z:.1f} mm (DICOM patient coordinates, LPS).")
    about["note"] = [{"text": _words(note)} for note in notes]
    yield about
    for finding in entry["findings"]:
        yield _label(entry, finding, about)
    answer = entry.get("pathology") or {}
    if "nodes" in answer:
        tree = _base(entry, "pathology", entry["id"], final=False)
        tree["code"] = _concept(codes.CLASSES["pathology"], "Predicted pathology")
        tree["method"] = {"text": _words(answer["model"])}
        tree["component"] = [
            {
                "code": _concept(codes.class_code(node["tag"], node["name"]), node["name"]),
                "valueQuantity": _quantity(100 * node["probability"], codes.PERCENT, "%"),
            }
            for node in answer["nodes"]
        ]
        tree["note"] = [{"text": _words(sentence)} for sentence in phrases.of_tree(answer)]
        tree["derivedFrom"] = [_to(about)]
        yield tree


def _label(entry: Mapping[str, Any], finding: Mapping[str, Any], about: Resource) -> Resource:
    reviewed_one = finding["review"] != "unreviewed"
    one = _base(entry, "label", f"{entry['id']}/{finding['label']}", final=reviewed_one)
    one["code"] = _concept(codes.CLASSES[finding["class"]], finding["class"])
    one["valueCodeableConcept"] = _concept(codes.label_code(finding["label"]), finding["label"])
    one["derivedFrom"] = [_to(about)]
    if finding["probability"] is not None:
        one["component"] = [
            {
                "code": _concept(codes.CERTAINTY, "Model score"),
                "valueQuantity": _quantity(100 * finding["probability"], codes.PERCENT, "%"),
            }
        ]
        one["method"] = {"text": _words((entry.get("labels") or {}).get("model") or "label model")}
    one["note"] = [{"text": codes.STATES[finding["review"]].meaning}]
    if finding["reader"]:
        one["performer"] = [{"display": _words(finding["reader"])}]
        one["issued"] = finding["at"]
    return one


def _base(entry: Mapping[str, Any], kind: str, about: str, *, final: bool) -> Resource:
    return {
        "resourceType": "Observation",
        "id": _id(kind, about),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{entry['tracking_uid']}"}],
        "status": "final" if final else "preliminary",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "imaging",
                    }
                ]
            }
        ],
    }


def _patient(who: Mapping[str, Any]) -> Resource | None:
    if not any(who.values()):
        return None
    one: Resource = {"resourceType": "Patient", "id": _id("patient", who.get("id"), who.get("name"))}
    if who.get("id"):
        one["identifier"] = [{"value": _words(who["id"])}]
    if person(who.get("name") or ""):
        one["name"] = [{"text": person(who["name"])}]
    born = date(dicom_date(who.get("birth_date")))
    if born:
        one["birthDate"] = born
    if who.get("sex") in SEXES:
        one["gender"] = SEXES[who["sex"]]
    return one


def _study(study: Mapping[str, Any], patient: Resource | None) -> Resource | None:
    if not study.get("study_uid"):
        return None
    subject = {"display": "Not named"} if patient is None else _to(patient)
    series: Resource = {
        "uid": str(study["series_uid"]).partition("#")[0],
        "modality": {"system": SYSTEMS["DCM"], "code": study.get("modality") or "CT"},
    }
    if study.get("series_description"):
        series["description"] = _words(study["series_description"])
    one: Resource = {
        "resourceType": "ImagingStudy",
        "id": _id("study", study["study_uid"]),
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{study['study_uid']}"}],
        "status": "available",
        "subject": subject,
        "series": [series],
    }
    if study.get("study_description"):
        one["description"] = _words(study["study_description"])
    return one


def _day(content: Content) -> str:
    return date(dicom_date((content.get("study") or {}).get("study_date")))


def _to(resource: Resource) -> dict[str, str]:
    return {"reference": f"urn:uuid:{resource['id']}"}


def _id(*parts: object) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(map(showable, parts))))


def _coding(code: Code) -> dict[str, str]:
    return {
        "system": SYSTEMS.get(code.scheme, f"urn:dicom:{code.scheme}"),
        "code": code.value,
        "display": _words(code.meaning),
    }


def _concept(code: Code, words: str) -> Resource:
    return {"coding": [_coding(code)], "text": _words(words)}


def _quantity(value: float, unit: Code, shown: str) -> Resource:
    return {"value": round(float(value), 6), "unit": shown, "system": SYSTEMS["UCUM"], "code": unit.value}


def _words(value: object) -> str:
    """Return a text that a FHIR string holds: none that is blank, no control characters."""
    return showable(value).strip() or "-"
