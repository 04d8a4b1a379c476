"""Sentences of our own that were written without sight of the miner: see exam/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lesionscope.mining.miner import MinedSentence, Miner
from lesionscope.ontology.label_graph import load_labels

EXAM = Path(__file__).parent / "exam"
RELATIONS = ("relevant", "uncertain", "irrelevant")


@pytest.mark.parametrize("part", ["dev", "test", "test2", "test3"])
def test_labels(miner: Miner, part: str) -> None:
    core = set(load_labels().core)
    cases = json.loads((EXAM / f"sentences_{part}.json").read_text())
    hits = said = true = 0
    for case in cases:
        found = set(miner.mine(case["text"]).labels) - set(case.get("optional_terms", ())) & core
        truth = set(case["expanded_terms"]) & core
        hits, said, true = hits + len(found & truth), said + len(found & core), true + len(truth)
    assert 2 * hits / (said + true) >= 0.98


@pytest.mark.parametrize(("part", "least"), [("dev", 0.99), ("test", 0.94), ("test2", 0.94), ("test3", 0.85)])
def test_relations(miner: Miner, part: str, least: float) -> None:
    """Macro-F1 over the listed mention-bookmark pairs; a pair not found counts as missed."""
    pairs = []
    for line in (EXAM / f"relations_{part}.jsonl").read_text().splitlines():
        case = json.loads(line)
        mined = miner.mine(case["text"])
        pairs += [(label["relation"], said(mined, case, label)) for label in case["labels"]]
    scores = []
    for relation in RELATIONS:
        hits = sum(truth == ours == relation for truth, ours in pairs)
        scores.append(2 * hits / sum((truth == relation) + (ours == relation) for truth, ours in pairs))
    assert sum(scores) / 3 >= least


def said(mined: MinedSentence, case: dict[str, Any], label: dict[str, Any]) -> str | None:
    """Return the relation that the miner gives to a listed pair; ``None`` where it finds none."""
    mark = case["bookmarks"][label["bookmark"]]
    for number, bookmark in enumerate(mined.bookmarks):
        if bookmark.start < mark["start"] + len(mark["text"]) and mark["start"] < bookmark.end:
            for mention in mined.mentions:
                overlaps = (
                    mention.start < label["start"] + len(label["phrase"]) and label["start"] < mention.end
                )
                if mention.bookmark == number and mention.label == label["label"] and overlaps:
                    return mention.relation
    return None
