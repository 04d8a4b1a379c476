"""The 150 development sentences that LesaNet's authors labelled by hand: matching and expansion."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels


def scores(found: list[set[str]], truth: list[set[str]], names: set[str]) -> tuple[float, float]:
    """Return micro-F1, and macro-F1 over the names that the truth holds."""
    hit: Counter[str] = Counter()
    said: Counter[str] = Counter()
    true: Counter[str] = Counter()
    for ours, theirs in zip(found, truth, strict=True):
        hit.update(ours & theirs & names)
        said.update(ours & names)
        true.update(theirs & names)
    f1 = {name: 2 * hit[name] / (said[name] + true[name]) for name in true}
    micro = 2 * sum(hit.values()) / (sum(said.values()) + sum(true.values()))
    return micro, sum(f1.values()) / len(f1)


def test_the_released_development_sentences(shared_data: Path) -> None:
    cases = json.loads((shared_data / "lesanet" / "hand_labeled_dev_150.json").read_text())
    graph = load_labels()
    miner = Miner(graph)
    found = [set(miner.mine(case["text"]).labels) for case in cases]
    truth = [set(case["expanded_terms"]) for case in cases]
    for names in (set(graph.core), set(graph.by_name)):
        micro, macro = scores(found, truth, names)
        assert micro >= 0.96
        assert macro >= 0.90
