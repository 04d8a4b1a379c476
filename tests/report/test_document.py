"""The content: the JSON contract, and what is left out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import Source
from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    Provenance,
    Reading,
    Refusal,
)
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.report import csv_form, html_form, pdf_form, wording
from lesionscope.report.document import Content, lesion_report, session_report
from lesionscope.report.label_groups import conflicts_of, groups
from lesionscope.retrieval.known import Neighbour, Origin
from lesionscope.session.commands import AddLesion, AddReading
from lesionscope.session.store import Session


def reading_for(lesion: Lesion, demonstration: bool = True) -> Reading:
    made = Provenance("m 1", "00", "s", "cpu", "float32", lesion.fingerprint, "1.2", demonstration)
    answer = PathologyAnswer((NodeScore("H1a", "Cancer", None, 1.0, 1.0),), {}, 0.5, False)
    return Reading("r", lesion.id, "2024-05-06T07:08:09+00:00", made, answer)


def test_the_contract_of_read(content: Content, measured: Lesion) -> None:
    assert content["notice"] == wording.NOTICE
    first = content["lesions"][0]
    assert first["centroid_lps_mm"] == list(measured.centroid_lps_mm)
    assert first["box_lps_mm"] == list(measured.box_lps_mm)
    assert (first["long_mm"], first["short_mm"]) == (pytest.approx(18.0), pytest.approx(12.0))
    assert first["pathology"]["model"] == "radpath-demo 1"
    node = first["pathology"]["nodes"][3]
    assert set(node) == {"tag", "name", "parent", "conditional", "probability"}
    assert (node["tag"], node["parent"]) == ("H2a", "H1a")
    assert first["pathology"]["leak"] == {"H2": 0.11, "H3": 0.22, "H4": 0.33}
    assert first["pathology"]["familiarity"] == 0.4
    assert first["pathology"]["review"] == "unreviewed"
    assert first["timings_ms"] == {"all": 12.0}
    assert content["lesions"][1]["long_mm"] is None


def test_a_stale_answer_is_left_out_and_said(content: Content) -> None:
    stale = content["lesions"][2]
    assert stale["stale"]
    assert stale["pathology"] == {"model": "radpath-demo 1", "refused": wording.STALE}
    assert not content["lesions"][0]["stale"]


def test_refusals_and_unread_lesions(content: Content) -> None:
    assert "air" in content["lesions"][3]["pathology"]["refused"]
    assert "pathology" not in content["lesions"][4]


def test_it_is_plain_json_and_needs_no_number(measured: Lesion) -> None:
    content = lesion_report([(replace(measured, number=0), None), (measured, None)])
    assert json.loads(json.dumps(content)) == content
    assert [lesion["number"] for lesion in content["lesions"]] == [1, 1]


def test_the_patient_can_be_left_out(measured: Lesion, source: Source) -> None:
    without = lesion_report([(measured, None)], source=source, patient=False)
    assert "patient" not in without["study"]
    assert source.patient.name not in json.dumps(without)
    assert source.patient.name in lesion_report([], source=source)["study"]["patient"]["name"]


@pytest.mark.parametrize(
    ("demonstrations", "notice"),
    [
        ([], wording.RESEARCH_NOTICE),
        ([False], wording.RESEARCH_NOTICE),
        ([True, False], wording.NOTICE),
    ],
)
def test_the_notice_is_the_models(measured: Lesion, demonstrations: list[bool], notice: str) -> None:
    items = [(measured, reading_for(measured, flag)) for flag in demonstrations]
    assert lesion_report(items)["notice"] == notice


def test_an_unknown_model_that_refused_counts_as_a_demonstration(measured: Lesion) -> None:
    assert lesion_report([(measured, Refusal("no"))])["notice"] == wording.NOTICE


def test_doubtful_marks_are_said(geometry: Geometry) -> None:
    lesion = lesion_from_diameters(Diameter((0, 0, 0), (3.0, 0, 0)), geometry=geometry)
    (warning,) = lesion_report([(lesion, None)], geometry=geometry)["lesions"][0]["warnings"]
    assert "two slice thicknesses" in warning


def test_a_session_becomes_a_report(
    tmp_path: Path, measured: Lesion, geometry: Geometry, source: Source
) -> None:
    with Session.open(tmp_path / "s.sqlite", series_uid=source.uid) as session:
        session.apply(AddLesion(measured))
        state = session.apply(AddReading(reading_for(measured)))
    (lesion,) = session_report(state, geometry=geometry, source=source)["lesions"]
    assert lesion["pathology"]["nodes"][0]["name"] == "Cancer"


def test_cards_say_where_none_of_these_belongs(measured: Lesion) -> None:
    from lesionscope.models import registry

    card = registry.find().card
    nodes = tuple(NodeScore(n.tag, n.name, n.parent, 0.5, 0.1) for n in card.tree.nodes)
    leaks = {head.name: 0.2 for head in card.tree.heads if head.leaky}
    made = Provenance("m 1", "00", "s", "cpu", "float32", measured.fingerprint, "1.2")
    reading = Reading("r", measured.id, "", made, PathologyAnswer(nodes, leaks, 0.5, False))
    content = lesion_report([(measured, reading)], cards=[card])
    heads = content["lesions"][0]["pathology"]["heads"]
    assert heads == {head.name: head.parent for head in card.tree.heads}
    assert content["models"][0]["model"] == f"{card.name} {card.version}"
    assert content["models"][0]["limits"] == list(card.limits)


def labels_reading(lesion: Lesion, answer: LabelAnswer | Refusal | None = None) -> Reading:
    made = Provenance("lesanet 1", "11", "s", "cpu", "float32", lesion.fingerprint, "1.2", True, ("A note.",))
    scores = (
        LabelScore("lung", "body part", 0.91, 0.5, True, 0.2, "implied", ("right lung",)),
        LabelScore("right lung", "body part", 0.91, 0.4, True, 0.3, "propagated", ("nodule",)),
        LabelScore("nodule", "type", 0.7, 0.6, True, 0.7),
        LabelScore("cyst", "type", 0.65, 0.6, True, 0.65),
        LabelScore("calcified", "attribute", 0.1, 0.6, False, 0.1),
    )
    known = Neighbour("k<1>", 0.25, ("lung", "nodule"), "A <b>nodule</b>.", Origin("phantom:1"))
    return Reading(
        "r2",
        lesion.id,
        "2024-05-06T07:08:09+00:00",
        made,
        labels=answer or LabelAnswer(scores, (("nodule", "cyst"),), 0.01, True),
        neighbours=(known,),
        banks=("ward",),
        timings_ms={"total": 9.0},
    )


def test_labels_and_neighbours_are_the_contracts(measured: Lesion) -> None:
    reading = reading_for(measured)
    (entry,) = lesion_report([(measured, reading, labels_reading(measured))])["lesions"]
    assert entry["pathology"]["model"] == "m 1" and entry["labels"]["model"] == "lesanet 1"
    first = entry["labels"]["scores"][1]
    assert {key: first[key] for key in ("label", "class", "probability", "threshold", "predicted")} == {
        "label": "right lung",
        "class": "body part",
        "probability": 0.91,
        "threshold": 0.4,
        "predicted": True,
    }
    assert (first["why"], first["own"], first["sources"]) == ("propagated", 0.3, ["nodule"])
    assert entry["labels"]["conflicts"] == [["nodule", "cyst"]]
    (known,) = entry["neighbours"]
    assert (known["id"], known["distance"], known["labels"]) == ("k<1>", 0.25, ["lung", "nodule"])
    assert known["sentence"] == "A <b>nodule</b>." and entry["banks"] == ["ward"]
    assert entry["timings_ms"]["labels_total"] == 9.0
    assert json.loads(json.dumps(entry)) == entry


def test_labels_alone_refused_and_stale(measured: Lesion) -> None:
    refused = labels_reading(measured, Refusal("not here"))
    moved = replace(measured, centroid_lps_mm=(1.0, 2.0, 3.0))
    content = lesion_report([(measured, None, refused), (moved, None, labels_reading(measured))])
    one, other = content["lesions"]
    assert one["labels"] == {"model": "lesanet 1", "refused": "not here"} and "pathology" not in one
    assert other["labels"] == {"model": "lesanet 1", "refused": wording.STALE} and "neighbours" not in other
    assert content["notice"] == wording.NOTICE
    page = html_form.text(content)
    assert "not here" in page and wording.STALE in page and wording.UNFAMILIAR not in page
    assert pdf_form.pdf(content).startswith(b"%PDF")
    assert csv_form.text(content).count(wording.STALE) == 1


def test_the_forms_show_labels_why_they_are_there_and_neighbours(measured: Lesion) -> None:
    content = lesion_report([(measured, reading_for(measured), labels_reading(measured))])
    row = dict(zip(*csv.reader(io.StringIO(csv_form.text(content))), strict=True))
    open_part, open_type = (f"Labels ({kind}), not reviewed by a reader" for kind in ("body part", "type"))
    assert row[open_part] == "lung 91 %; right lung 91 %"
    assert row[open_type] == "nodule 70 %; cyst 65 %" and row["Labels (body part)"] == ""
    assert row["label_conflicts"] == "nodule / cyst" and row["similar_lesions"] == "k<1> (0.250)"
    page = html_form.text(content)
    assert "30 % on its own, lifted by nodule" in page and "implied by right lung" in page
    assert "nodule and cyst" in page and "A &lt;b&gt;nodule&lt;/b&gt;." in page
    assert "k&lt;1&gt;" in page and "A note." in page
    assert "Body part</th>" in page and "Attribute</th>" not in page, "an empty class is no row"


def test_groups_put_the_most_specific_first_and_fold_what_they_imply(measured: Lesion) -> None:
    answer = labels_reading(measured).labels
    assert isinstance(answer, LabelAnswer)
    parts, types, attributes = groups(answer)
    assert [branch.score.label for branch in parts.branches] == ["right lung"]
    assert [score.label for score in parts.branches[0].implied] == ["lung"]
    assert [branch.score.label for branch in types.branches] == ["nodule", "cyst"]
    assert attributes.branches == () and [score.label for score in attributes.rest] == ["calcified"]
    assert conflicts_of(answer) == {"nodule": ("cyst",), "cyst": ("nodule",)}
