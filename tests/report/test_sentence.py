"""One sentence a lesion: the words that radiologists use, nothing twice, nothing lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.lesions.lesion import Lesion
from lesionscope.ontology.label_graph import load_labels
from lesionscope.report import sentence_words as words
from lesionscope.report import wording
from lesionscope.report.document import lesion_report
from lesionscope.report.reviewed import Review
from lesionscope.report.sentence import lesion_sentence, other_size, size

GRAPH = load_labels()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (
            "spiculated; solid; nodule; right upper lobe; right lung; lung; chest; lung nodule",
            "2.1 × 1.4 cm spiculated solid nodule in the right upper lobe.",
        ),
        ("lung nodule; lung; chest", "2.1 × 1.4 cm lung nodule."),
        ("lung nodule; right lung; lung", "2.1 × 1.4 cm nodule in the right lung."),
        ("large; hypoattenuation; liver mass; liver", "Large 2.1 × 1.4 cm hypoattenuating liver mass."),
        (
            "liver mass; metastasis; necrosis",
            "2.1 × 1.4 cm liver mass, consistent with a metastasis, with necrosis.",
        ),
        ("kidney cyst; simple cyst; right kidney", "2.1 × 1.4 cm simple cyst in the right kidney."),
        ("mediastinum lymph node; lymphadenopathy", "2.1 × 1.4 cm enlarged mediastinal lymph node."),
        (
            "hilum lymph node; calcified; metastasis",
            "2.1 × 1.4 cm calcified hilar lymph node, consistent with a metastasis.",
        ),
        (
            "common iliac lymph node; external iliac lymph node",
            "2.1 × 1.4 cm common iliac and external iliac lymph nodes.",
        ),
        ("nodule; mediastinum lymph node", "2.1 × 1.4 cm nodule in a mediastinal lymph node."),
        ("lobular mass; lung mass; left lower lobe", "2.1 × 1.4 cm lobulated mass in the left lower lobe."),
        ("lytic; bone; rib", "2.1 × 1.4 cm lytic lesion in a rib."),
        (
            "ground-glass opacity; subpleural; lung base; right lower lobe",
            "2.1 × 1.4 cm subpleural ground-glass opacity at the lung base in the right lower lobe.",
        ),
        ("hemangioma; blood vessel; liver", "2.1 × 1.4 cm hemangioma in the liver."),
        (
            "mass; soft tissue attenuation; heterogeneous; paraspinal muscle",
            "2.1 × 1.4 cm heterogeneous mass of soft-tissue attenuation in the paraspinal muscle.",
        ),
        ("enlargement; spleen", "2.1 × 1.4 cm enlargement of the spleen."),
        ("nodule; opacity; consolidation", "2.1 × 1.4 cm nodule, with an opacity and consolidation."),
        ("mass; expansile; lytic; pelvic bone", "2.1 × 1.4 cm expansile lytic mass in the pelvic bone."),
        ("implant; liver; spleen", "2.1 × 1.4 cm implant in the liver and the spleen."),
        ("right mid lung; lung nodule; solid", "2.1 × 1.4 cm solid nodule in the right middle lobe."),
        ("solid pulmonary nodule; solid", "2.1 × 1.4 cm solid pulmonary nodule."),
        ("a word of one's own", "2.1 × 1.4 cm a word of one's own lesion."),
        ("", "2.1 × 1.4 cm lesion."),
    ],
)  # fmt: skip
def test_it_reads_as_a_report_does(labels: str, sentence: str) -> None:
    names = [name for name in labels.split("; ") if name]
    assert lesion_sentence(names, long_mm=21.3, short_mm=14.04) == sentence


@pytest.mark.parametrize(
    ("long", "short", "text"),
    [
        (21.3, 14.04, "2.1 × 1.4 cm"),
        (8.2, 6.1, "8 × 6 mm"),
        (9.94, 4.0, "10 × 4 mm"),
        (9.96, 4.0, "1.0 × 0.4 cm"),
        (130.0, None, "13.0 cm"),
        (None, None, ""),
    ],
)
def test_sizes(long: float | None, short: float | None, text: str) -> None:
    assert size(long, short) == text


@pytest.mark.parametrize("name", GRAPH.core)
def test_each_label_alone_is_said(name: str) -> None:
    """Its own words stand in the sentence, or those that the table gives for it."""
    said = lesion_sentence([name, *GRAPH.ancestors(name)], long_mm=12.0).lower()
    written = words.ADJECTIVES.get(name) or words.AFTER_NOUN.get(name) or words.PLACES.get(name)
    if written is None:
        site = name.removesuffix(words.NODE).strip()
        written = f"{words.NODE_SITES.get(site, site)} {words.NODE}" if name.endswith(words.NODE) else name
        if name == "lymphadenopathy":
            written = "enlarged lymph node"
        if name == "lobular mass":
            written = "lobulated mass"
    if name == words.NODE:
        written = name
    assert written.lower().split(" ", 1)[-1] in said
    assert said.startswith(("1.2 cm ", "large 1.2", "tiny 1.2", "subcentimeter 1.2", "prominent 1.2"))


@given(st.sets(st.sampled_from([label.name for label in GRAPH.labels]), max_size=8), st.booleans())
def test_any_labels_make_one_clean_sentence(names: set[str], expanded: bool) -> None:
    chosen = sorted(GRAPH.expand(names)) if expanded else sorted(names)
    said = lesion_sentence(chosen, long_mm=21.0, short_mm=14.0)
    assert said.endswith(".") and said.count(".") == 3 and "  " not in said and " ," not in said
    assert said[0].isupper() or said[0].isdigit()
    assert not re.search(r"\b(\w+) \1\b", said), said
    assert said.count("2.1 × 1.4 cm") == 1
    attributes = [n for n in names if GRAPH.by_name[n].kind == "attribute"]
    for name in attributes:
        assert (words.ADJECTIVES.get(name) or words.AFTER_NOUN.get(name) or name).lower() in said.lower()


@given(st.sets(st.sampled_from(GRAPH.core), max_size=6))
def test_what_labels_imply_changes_nothing_of_their_places(names: set[str]) -> None:
    """Ancestors of the labels that hold are never said beside them."""
    parts = [n for n in names if GRAPH.by_name[n].kind == "body part"]
    assert lesion_sentence([*parts, *sorted(GRAPH.expand(parts) - set(parts))]) == lesion_sentence(parts)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("2.1 × 1.4 cm nodule.", ""),
        ("21 x 14 mm nodule, formerly 9 mm.", ""),
        ("A 2.1 cm nodule.", ""),
        ("A nodule in segment 4, 3 of them.", ""),
        ("1.2 × 0.8 cm nodule.", "1.2 × 0.8 cm"),
        ("Nodule of 12 mm x 8 mm.", "12 mm x 8 mm"),
        ("12mm", "12mm"),
    ],
)
def test_a_sentence_that_states_another_size_is_found(text: str, stated: str) -> None:
    assert other_size(text, 21.2, 13.8) == stated
    assert other_size(text, None, None) == ""


def test_a_sentence_written_before_the_lesion_was_measured_again_is_warned_of(measured: Lesion) -> None:
    """18 × 12 mm now; the sentence was typed when it was smaller."""
    old = Review(sentences={measured.id: "1.2 × 0.8 cm nodule."})
    (entry,) = lesion_report([(measured, None)], review=old)["lesions"]
    assert entry["sentence"] == "1.2 × 0.8 cm nodule."
    assert entry["warnings"] == [wording.OTHER_SIZE.format(stated="1.2 × 0.8 cm", measured="1.8 × 1.2 cm")]
    (entry,) = lesion_report([(measured, None)])["lesions"]
    assert entry["warnings"] == []
