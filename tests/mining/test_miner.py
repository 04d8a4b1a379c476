"""What holds for any text, and for every sentence made of the ontology's own words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels

GRAPH = load_labels()
MINER = Miner(GRAPH)
WORDS = sorted({phrase for label in GRAPH.labels for phrase in (label.name, *label.synonyms)})
GLUE = [
    "and",
    "or",
    "no",
    "of the",
    ",",
    ";",
    "BOOKMARK",
    "OTHER_BMK",
    "2 cm",
    "possible",
    "medial to",
    "L3",
    "-",
]
SENTENCES = st.lists(st.sampled_from(WORDS) | st.sampled_from(GLUE), max_size=12).map(" ".join)


@given(st.text() | SENTENCES)
@settings(max_examples=300)
def test_every_span_slices_back_to_its_text(text: str) -> None:
    mined = MINER.mine(text)
    assert all(text[m.start : m.end] == m.text and m.text for m in mined.mentions)
    assert all(text[b.start : b.end] == b.text for b in mined.bookmarks)


@given(SENTENCES)
@settings(max_examples=300)
def test_labels_are_closed_and_no_label_excludes_its_ancestor(text: str) -> None:
    labels = set(MINER.mine(text).labels)
    assert GRAPH.expand(labels) == labels
    assert not any(a in GRAPH.exclusives(label) for label in labels for a in GRAPH.ancestors(label))


@given(SENTENCES)
@settings(max_examples=200)
def test_every_mention_has_one_relation_to_each_bookmark(text: str) -> None:
    mined = MINER.mine(text)
    pairs = [(m.start, m.end, m.label, m.bookmark) for m in mined.mentions]
    assert len(set(pairs)) == len(pairs)
    bookmarks = {m.bookmark for m in mined.mentions}
    assert bookmarks <= (set(range(len(mined.bookmarks))) or {None})


@given(st.sampled_from(WORDS))
def test_every_phrase_of_the_ontology_is_found(phrase: str) -> None:
    owner = next(label.name for label in GRAPH.labels if phrase in (label.name, *label.synonyms))
    assert owner in {m.label for m in MINER.mine(phrase).mentions}


def test_relations_are_kept_apart() -> None:
    mined = MINER.mine("Liver cyst BOOKMARK, possible metastasis, no calcification")
    assert set(mined.by_relation("relevant")) >= {"liver", "abdomen", "cyst"}
    assert "calcified" in mined.by_relation("irrelevant")
    assert "metastasis" in mined.by_relation("uncertain")
    assert "cancer" not in mined.by_relation("uncertain"), "uncertain labels are not expanded"
    assert "cancer" in mined.labels, "a sentence's labels are"
