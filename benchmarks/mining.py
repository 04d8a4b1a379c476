"""Sentences a second: ours, and a spaCy + negspacy pipeline that looks for the same phrases.

``python -m benchmarks.mining [--sentences N]``, with the extra ``bench`` installed. Ours uses
every core; the peer runs in one process, since with several it is slower, every document travelling
between them (13 s for 20,000 sentences on two cores; alone it takes 0.17 ms of processor time for each,
ours 0.34). Both read the same made-up sentences; phrases that the peer finds and we do not, or
calls negated and we do not call irrelevant, are counted and printed. Ours also finds what
words taken apart say, and relations to bookmarks.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import warnings

from benchmarks.rows import interleaved, record
from lesionscope.mining.miner import MinedSentence, Miner
from lesionscope.mining.pool import Failed, ordered
from lesionscope.mining.rows import Row as SentenceRow
from lesionscope.ontology.label_graph import LabelGraph, load_labels

AIM = 4000
"""Sentences a second on two cores."""
FORMS = (
    "{a} {t} in the {p}, {n} x {m} cm (series {s}, image {i})",
    "There is a {n} cm {a} {t} BOOKMARK in the {p} and a {t2} OTHER_BMK in the {p2}, unchanged.",
    "No {t}. Possible {t2} of the {p} measures {n} cm, previously {m} cm.",
    "{p} {t}, {a}, medial to the {p2}",
    "Interval increase in size of the {a} {p} {t} without {t2}, now {n} x {m} cm.",
)


def sentences(graph: LabelGraph, count: int, seed: int = 0) -> list[str]:
    """Make up sentences from the graph's phrases; the same for the same seed."""
    rng = random.Random(seed)
    phrases = {
        kind: [p for label in graph.labels if label.kind == kind for p in (label.name, *label.synonyms)]
        for kind in ("body part", "type", "attribute")
    }
    made = []
    for _ in range(count):
        parts, types = rng.sample(phrases["body part"], 2), rng.sample(phrases["type"], 2)
        made.append(
            rng.choice(FORMS).format(
                a=rng.choice(phrases["attribute"]),
                p=parts[0],
                p2=parts[1],
                t=types[0],
                t2=types[1],
                n=rng.randint(5, 99) / 10,
                m=rng.randint(5, 99) / 10,
                s=rng.randint(1, 9),
                i=rng.randint(1, 400),
            )
        )
    return made


class Build:
    """Makes the function that mines one row, in each process."""

    def __call__(self):
        """Return the function."""
        miner = Miner(load_labels())
        return lambda row: len(miner.mine(row.text).labels)


def spacy_pipeline(graph: LabelGraph):
    """Return spaCy's rule pipeline over every phrase of the graph, with negspacy after it."""
    try:
        import spacy
        from negspacy.negation import Negex  # noqa: F401  (registers the pipe)
    except ImportError:
        sys.exit("This compares with spaCy: pip install 'napari-lesionscope[bench]' first.")

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns(
        [
            {"label": label.name, "pattern": phrase}
            for label in graph.labels
            for phrase in (label.name, *label.synonyms)
        ]
    )
    nlp.add_pipe("negex")
    return nlp


def main() -> None:
    """Measure, check, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    graph = load_labels()
    texts = sentences(graph, arguments.sentences)
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    nlp = spacy_pipeline(graph)

    def ours() -> None:
        rows = (SentenceRow(id=str(i), text=text, line=i + 1) for i, text in enumerate(texts))
        for _, result in ordered(rows, Build(), workers):
            assert not isinstance(result, Failed)

    def peer() -> None:
        for doc in nlp.pipe(texts, batch_size=500):
            [(entity.label_, entity._.negex) for entity in doc.ents]

    agreement(Miner(graph), nlp, texts[:2000])
    row = interleaved(
        f"mine {len(texts)} sentences", ours, "spaCy + negspacy", peer, target=1.0, rounds=arguments.rounds
    )
    speed = len(texts) / row.ours_ms * 1e3
    print(
        f"{speed:,.0f} sentences a second on {workers} cores (aim {AIM:,}); "
        f"the peer {len(texts) / row.peer_ms * 1e3:,.0f}"
    )
    record(row)


def agreement(miner: Miner, nlp, texts: list[str]) -> None:
    """Assert that we find every phrase that the peer finds, and print how far denials agree."""
    found = denied = ours_too = 0
    for doc in nlp.pipe(texts):
        mined = miner.mine(doc.text)
        spans = {(m.start, m.end, m.label): m.relation for m in mined.mentions}
        for entity in doc.ents:
            key = (entity.start_char, entity.end_char, entity.label_)
            assert key in spans or _excluded(miner, mined, entity.label_), f"{entity.text!r} in {doc.text!r}"
            found += 1
            if entity._.negex:
                denied += 1
                ours_too += spans.get(key) == "irrelevant"
    print(
        f"{found} phrases found by both; "
        f"{ours_too} of the {denied} that the peer calls negated are irrelevant to us"
    )


def _excluded(miner: Miner, mined: MinedSentence, label: str) -> bool:
    return any(label in miner.graph.exclusives(mention.label) for mention in mined.mentions)


if __name__ == "__main__":
    main()
