"""The FHIR form: valid R4 by another library, nothing unreviewed called final, hostile text harmless."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from test_document import labels_reading, reading_for
from test_reviewed import decide

from lesionscope.ct.volume import CTVolume
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.lesions.lesion import Lesion
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.report import fhir_form, sr_codes, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.key_image import key_images
from lesionscope.report.reviewed import Review


def valid(text: str) -> dict[str, list[Any]]:
    """Check a bundle with fhir.resources (R4B, which is R4 for these), and sort it by resource."""
    bundles = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is not installed")
    checked = bundles.Bundle.model_validate_json(text)
    found: dict[str, list[Any]] = {}
    urls = {entry.fullUrl for entry in checked.entry}
    for entry in checked.entry:
        found.setdefault(entry.resource.get_resource_type(), []).append(entry.resource)
    assert len(urls) == len(checked.entry), "every resource has an id of its own"
    for reference in _references(json.loads(text)):
        assert reference in urls, reference
    return found


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["reference"]] if isinstance(value.get("reference"), str) else []
        return own + [ref for part in value.values() for ref in _references(part)]
    return [ref for part in value for ref in _references(part)] if isinstance(value, list) else []


def report(lesion: Lesion, volume: CTVolume, review: Review | None = None, **more: Any) -> Content:
    return lesion_report(
        [(lesion, reading_for(lesion), labels_reading(lesion))],
        geometry=volume.geometry,
        source=replace(volume.source, patient=replace(volume.source.patient, name="Doe^Jane", sex="F")),
        review=review or Review(),
        **more,
    )


def test_it_says_what_the_report_says(measured: Lesion, volume: CTVolume) -> None:
    table = assess(
        (Followed(measured.tracking_uid, "Lesion 1", "lung", False, Role.TARGET, (Size(long_mm=18.0),)),),
        ("20240101",),
    )
    review = Review((decide(measured, "right lung", "accepted"), decide(measured, "cyst", "rejected")))
    images = key_images(volume, [measured])
    found = valid(fhir_form.text(report(measured, volume, review, response=table), images))
    (done,), (patient,), (study,) = (found[n] for n in ("DiagnosticReport", "Patient", "ImagingStudy"))
    assert done.status == "preliminary" and wording.NOTICE in done.conclusion
    assert "1.8 × 1.2 cm lesion in the right lung." in done.conclusion
    assert "Sum of targets, 18.0 mm" in done.conclusion
    assert patient.gender == "female" and patient.name[0].text == "Doe, Jane"
    assert study.identifier[0].value == f"urn:oid:{volume.source.study_uid}"
    (media,) = found["Media"]
    assert media.content.data == images[measured.id].png
    lesion, *rest = found["Observation"]
    assert {c.code.text: float(c.valueQuantity.value) for c in lesion.component} == {
        "Long Axis": 18.0, "Short Axis": 12.0
    }  # fmt: skip
    assert lesion.status == "preliminary" and lesion.bodySite.text == "right lung"
    states = {one.valueCodeableConcept.text: one.status for one in rest if one.valueCodeableConcept}
    assert states == {"right lung": "final", "lung": "preliminary", "nodule": "preliminary"}
    (tree,) = [one for one in rest if one.code.text == "Predicted pathology"]
    assert tree.status == "preliminary"


@pytest.mark.parametrize("turned", [False, True])
def test_the_site_is_the_most_specific_as_in_the_sr(measured: Lesion, volume: CTVolume, turned: bool) -> None:
    names = ["right lower lobe", "right lung", "lung", "chest"]
    decisions = [
        decide(measured, name, "added", second=second)
        for second, name in enumerate(reversed(names) if turned else names)
    ]
    content = lesion_report([(measured, None)], geometry=volume.geometry, review=Review(tuple(decisions)))
    (lesion, *_) = valid(fhir_form.text(content))["Observation"]
    assert lesion.bodySite.text == "right lower lobe"
    assert sr_codes.sites(content["lesions"][0]["findings"]) == ["right lower lobe"]


def test_it_is_final_when_all_is_decided(measured: Lesion, volume: CTVolume) -> None:
    labels = ("lung", "right lung", "nodule", "cyst")
    review = Review(tuple(decide(measured, label, "accepted") for label in labels), unreviewed=False)
    found = valid(fhir_form.text(report(measured, volume, review)))
    assert found["DiagnosticReport"][0].status == "final"
    assert {one.status for one in found["Observation"]} == {"final"}


def test_a_lesion_is_final_by_its_own_review_alone(measured: Lesion, volume: CTVolume) -> None:
    """What a reader decided on one lesion vouches for no other."""
    other = replace(lesion_from_click((-20.0, 15.0, 4.0)), number=2)
    moved = replace(lesion_from_click((5.0, 9.0, 30.0)), number=3)
    labels = ("lung", "right lung", "nodule", "cyst")
    review = Review(
        tuple(decide(one, label, "accepted") for one in (measured, moved) for label in labels),
        unreviewed=False,
    )
    stale = labels_reading(replace(moved, centroid_lps_mm=(0.0, 0.0, 0.0)))
    content = lesion_report(
        [
            (measured, None, labels_reading(measured)),
            (other, None, labels_reading(other)),
            (moved, None, stale),
        ],
        geometry=volume.geometry,
        review=review,
    )
    found = valid(fhir_form.text(content))
    states = {one.code.text: one.status for one in found["Observation"] if one.valueString}
    assert states == {"Lesion 1": "final", "Lesion 2": "preliminary", "Lesion 3": "preliminary"}
    assert found["DiagnosticReport"][0].status == "preliminary"


@pytest.mark.parametrize("day", ["00000000", "20231399", "20230229"])
def test_an_impossible_day_is_no_date(measured: Lesion, volume: CTVolume, day: str) -> None:
    content = report(measured, volume)
    content["study"]["patient"]["birth_date"] = content["study"]["study_date"] = day
    found = valid(fhir_form.text(content))
    assert found["Patient"][0].birthDate is None
    assert found["DiagnosticReport"][0].effectiveDateTime.isoformat() == content["created"]


def test_every_state_and_hostile_text_is_valid(content: Content) -> None:
    text = fhir_form.text(content)
    text.encode("ascii")
    found = valid(text)
    assert "gender" not in json.loads(text)["entry"][1]["resource"]
    assert len(found["Observation"]) == 7, "five lesions, two trees that are not stale"


def test_nobody_and_nothing_is_valid_too(measured: Lesion) -> None:
    valid(fhir_form.text(lesion_report([])))
    valid(fhir_form.text(lesion_report([(measured, None)], patient=False)))
