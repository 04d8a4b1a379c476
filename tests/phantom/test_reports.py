"""Sentences of the phantom's reports: their spans, relations, wording and amount."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.mining.bookmarks import find_bookmarks
from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic import label_sets
from lesionscope.phantom.clinic.contents import Slices
from lesionscope.phantom.clinic.passages import Mark, Passage, mention, repeats, tidy
from lesionscope.phantom.clinic.phrases import plural_of
from lesionscope.phantom.clinic.reports import ReportSentence, write_sentence
from lesionscope.phantom.clinic.wording import SPLITS, slots, wording

GRAPH = load_labels()


def sentence(seed: int, split: Any = "train") -> tuple[tuple[label_sets.LabelSet, ...], ReportSentence]:
    rng = np.random.default_rng([7, SPLITS.index(split), seed])
    patient = label_sets.patient(rng, GRAPH)
    return patient, write_sentence(patient[0], patient[1:], rng, split)


@pytest.fixture(scope="module")
def many() -> dict[str, list[tuple[tuple[label_sets.LabelSet, ...], ReportSentence]]]:
    return {split: [sentence(i, split) for i in range(1000)] for split in SPLITS}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), split=st.sampled_from(SPLITS))
def test_spans_lie_in_the_text_and_say_their_label(seed: int, split: Any) -> None:
    _, written = sentence(seed, split)
    text = written.text
    assert text == text.strip()
    assert "  " not in text
    assert "{" not in text
    forms = wording(split).terms
    assert sum(target for *_, target in written.bookmarks) == 1
    for start, end, _ in written.bookmarks:
        assert text[start:end].strip() == text[start:end] != ""
    for said in written.mentions:
        piece = text[said.start : said.end].lower()
        term = forms[said.label]
        known = [form.lower() for form in (*term.nouns, *term.adjectives)]
        known = [re.sub("^(the|an|a) ", "", form) for form in known]
        known += [plural_of(form) for form in known]
        # A misspelt word has the same letters.
        assert any(sorted(piece) == sorted(form) for form in known), (piece, said.label)
        assert 0 <= said.bookmark < len(written.bookmarks)


def test_each_mention_is_related_to_every_bookmark(many: Any) -> None:
    for rows in many.values():
        for _, written in rows:
            pairs = Counter((m.start, m.end, m.label) for m in written.mentions)
            assert set(pairs.values()) <= {len(written.bookmarks), 2 * len(written.bookmarks)}


def test_relevant_labels_are_true_of_the_lesion_that_the_bookmark_points_at(many: Any) -> None:
    for rows in many.values():
        for patient, written in rows:
            by_id = {lesion.id: lesion for lesion in patient}
            for said in written.mentions:
                if said.relation == "relevant":
                    assert said.label in by_id[written.lesions[said.bookmark]].labels, written.text


def test_target_bookmark_is_the_target_lesion(many: Any) -> None:
    for rows in many.values():
        for patient, written in rows:
            for (*_, target), lesion in zip(written.bookmarks, written.lesions, strict=True):
                assert not target or lesion == patient[0].id


def test_same_seed_same_sentence_and_other_seed_another() -> None:
    assert sentence(5) == sentence(5)
    assert len({sentence(i)[1].text for i in range(50)}) > 45


def words_of(written: ReportSentence) -> list[str]:
    """Split a sentence by hand: words and stops, each bookmark a word of its own."""
    text = written.text
    for number, (start, end, _) in reversed(list(enumerate(written.bookmarks))):
        text = text[:start] + f"#{number}" + text[end:]
    return re.findall(r"#\d|[\w/-]+|[.](?!\d)", text.lower())


@pytest.mark.parametrize("split", SPLITS)
def test_no_word_or_phrase_stands_beside_itself(split: Any) -> None:
    for seed in range(2000):
        _, written = sentence(seed, split)
        words = words_of(written)
        for size in range(1, 6):
            for i in range(len(words) - 2 * size + 1):
                phrase = words[i : i + size]
                if phrase[0][0].isalpha() and "." not in phrase:
                    assert phrase != words[i + size : i + 2 * size], written.text
        spans = sorted({(m.start, m.end, m.label) for m in written.mentions})
        for (_, end, one), (start, _, other) in pairwise(spans):
            assert one != other or re.search(r"\w", written.text[end:start]), written.text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a solid solid pulmonary nodule", True),
        ("superior mediastinal superior mediastinal node", True),
        ("prior scan: Scan reveals a mass", True),
        ("a nodule in the liver, liver 3 cm", True),
        ("3 cm x 3 cm nodule", False),
        ("a mass. Mass in the liver", False),
        ("a node and node-like tissue", False),
        ("nodule, nodules", False),
    ],
)
def test_a_repeated_word_is_seen(text: str, wrong: bool) -> None:
    assert repeats(Passage(text)) is wrong


def test_a_label_said_twice_running_is_seen_and_two_bookmarks_are_none() -> None:
    one, other = (mention(word, "nodule", frozenset((0,))) for word in ("nodular", "nodularity"))
    assert repeats(one + " " + other) and not repeats(one + " with " + other)
    marks = [Passage("OTHER_BMK", (), (Mark(0, 9, 0, False),)) for _ in range(2)]
    assert not repeats(marks[0] + ", " + marks[1])


def test_slice_numbers_are_those_of_the_scan() -> None:
    seen = Counter[str]()
    for seed in range(1500):
        rng = np.random.default_rng([8, seed])
        patient = label_sets.patient(rng, GRAPH)
        slices = Slices(4, {lesion.id: 300 + lesion.id for lesion in patient})
        written = write_sentence(patient[0], patient[1:], rng, "train", slices)
        for (start, end, target), lesion in zip(written.bookmarks, written.lesions, strict=True):
            found = re.search(r"(?:series (\d+), |(\d+):)?(?:image )?(\d{3})\b", written.text[start:end])
            if found:
                series, numbered, image = found.groups()
                assert {series, numbered} <= {None, "4"} and int(image) == 300 + lesion, written.text
                seen["target" if target else "other"] += 1
    assert seen["target"] > 40 and seen["other"] > 15


def test_the_miner_finds_the_bookmarks(many: Any) -> None:
    for rows in many.values():
        agree = [
            [(mark.start, mark.end) for mark in find_bookmarks(written.text)]
            == [(start, end) for start, end, _ in written.bookmarks]
            for _, written in rows
        ]
        assert np.mean(agree) > 0.985


def test_reports_say_about_four_labels_and_the_truth_is_richer(many: Any) -> None:
    core = set(GRAPH.core)
    miner = Miner(GRAPH)
    annotated, mined, truth = [], [], []
    for patient, written in many["train"]:
        annotated.append(len(GRAPH.expand(written.labels("relevant", "uncertain")) & core))
        mined.append(len(core.intersection(miner.mine(written.text).labels)))
        truth.append(len(patient[0].labels))
    assert 4.0 < np.mean(annotated) < 4.6
    assert 4.3 < np.mean(mined) < 4.9
    # These lesions are sparser than the clinic's, of which 2.4 more labels are true than said.
    assert np.mean(truth) > np.mean(annotated) + 0.8


def test_sentences_hold_what_reports_hold(many: Any) -> None:
    for rows in many.values():
        n = len(rows)
        relations = Counter(m.relation for _, written in rows for m in written.mentions)
        assert all(relations[name] > 0.04 * sum(relations.values()) for name in relations)
        assert len(relations) == 3
        sections = Counter(c.split(":")[0] for _, written in rows for c in written.constructions)
        for section in (
            "two",
            "shared",
            "extra",
            "before",
            "denial",
            "history",
            "doubt",
            "either",
            "landmark",
        ):
            assert sections[section] > 0.005 * n, section
        assert any("BOOKMARK" not in written.text for _, written in rows)  # sizes and slice numbers
        assert sum(len(written.bookmarks) > 1 for _, written in rows) > 0.2 * n


def test_constructions_are_hundreds(many: Any) -> None:
    for rows in many.values():
        assert len({c for _, written in rows for c in written.constructions}) > 140


def normal(template: str) -> str:
    return " ".join(re.findall(r"[a-z]+|\{", re.sub(r"\{\w+\}", "{", template.lower())))


def test_no_construction_is_worded_alike_in_two_splits() -> None:
    spoken: dict[str, set[tuple[str, str]]] = {}
    for split in SPLITS:
        own = wording(split).own
        spoken[split] = {
            (section, normal(template))
            for section, templates in own.items()
            for template in templates
            if section not in ("generic", "quantity", "in", "prefix") and re.search("[a-z]", normal(template))
        }
        assert len(spoken[split]) > 110
    for one, other in combinations(SPLITS, 2):
        assert not spoken[one] & spoken[other]


def test_what_all_splits_share_has_function_words_only() -> None:
    words = {
        word
        for templates in wording("test").common.values()
        for template in templates
        for word in re.findall("[a-z]+", re.sub(r"\{\w+\}", "", template))
    }
    assert words <= {"and", "or", "no", "without", "versus", "is"}


def test_synonyms_are_parted_where_a_label_has_several() -> None:
    terms = {split: wording(split).terms for split in SPLITS}
    parted = 0
    for label in terms["test"]:
        test = {*terms["test"][label].nouns, *terms["test"][label].adjectives}
        others = {
            form
            for split in ("train", "validation")
            for form in (*terms[split][label].nouns, *terms[split][label].adjectives)
        }
        parted += bool(test - others)
    assert parted > 90


def test_sentences_of_test_patients_never_occur_in_the_others(many: Any) -> None:
    test = {written.text for _, written in many["test"]}
    own = [
        written
        for _, written in many["test"]
        if any(
            c.split(": ", 1)[1] in wording("test").own.get(c.split(":")[0], ()) for c in written.constructions
        )
    ]
    assert len(own) > 0.75 * len(test)
    for split in ("train", "validation"):
        assert len(test & {written.text for _, written in many[split]}) < 0.02 * len(test)


def test_all_labels_of_the_vocabulary_can_be_said() -> None:
    kinds = {label.name: label.kind for label in GRAPH.labels}
    for split in SPLITS:
        terms = wording(split).terms
        assert set(terms) == set(GRAPH.core)
        for name, term in terms.items():
            assert term.kind == kinds[name]
            assert term.nouns or (term.kind == "attribute" and term.adjectives)


def test_slots_are_known() -> None:
    known = {"np", "the", "bare", "head", "in", "bm", "size", "prev", "x", "y", "part", "many", "one", "solo"}
    known |= {"where", "look", "no", "old"}
    for split in SPLITS:
        for group in (wording(split).own, wording(split).common):
            for templates in group.values():
                for template in templates:
                    assert {slot.rstrip("012") for slot in slots(template)} <= known, template


def test_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="train, validation, test"):
        wording("held-out")  # type: ignore[arg-type]


def test_tidying_keeps_spans_on_their_words() -> None:
    passage = (
        Passage("  a ")
        + mention("cyst", "cyst", frozenset((0,)))
        + "  , and "
        + mention("mass", "mass", frozenset())
    )
    tidied = tidy(passage + " .")
    assert tidied.text == "a cyst, and mass."
    assert [tidied.text[s.start : s.end] for s in tidied.said] == ["cyst", "mass"]


@pytest.mark.parametrize(
    ("one", "more"),
    [
        ("mass", "masses"),
        ("opacity", "opacities"),
        ("metastasis", "metastases"),
        ("lymph node in the groin", "lymph nodes in the groin"),
        ("focus", "foci"),
        ("cyst", "cysts"),
    ],
)
def test_plurals(one: str, more: str) -> None:
    assert plural_of(one) == more
