"""Scoring a relation package on a recipe's test sentences, beside the rules and the baseline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.inference.relation_inputs import batch
from lesionscope.inference.relations import Relater
from lesionscope.mining.asides import comparands
from lesionscope.mining.miner import Miner
from lesionscope.mining.relations import IRRELEVANT, RELATIONS, certainty, findings
from lesionscope.models.relation_package import open_relation_package
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.progress import CancelToken, Progress, silent

from ..run_folder import note_test, open_checkpoint, write_metrics
from .dataset import Annotated, Prepared, Preparer, phantom_sentences, read_lines
from .metrics import summary
from .recipe import RelationRecipe

WORST = 20


def evaluate(
    recipe: RelationRecipe,
    checkpoint: Path,
    out: Path,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Score a package and write ``out/metrics.json`` and the card's ``metrics`` → ``test``.

    The figures are the model's, the rules' and, where spaCy and negspacy are installed, the
    baseline's, on the annotated mentions; the model's and the rules' also on the mentions that the
    miner finds; sentences mined a second with the model, in this process; and the twenty worst sentences.
    """
    package = open_checkpoint(checkpoint, open_relation_package)
    relater = Relater(package)
    graph = load_labels()
    sentences = test_sentences(recipe, graph)
    preparer = Preparer(graph)
    own = [p for p in map(preparer.annotated, sentences) if (p.answers >= 0).any()]
    mined = [p for s in sentences if (p := preparer.mined(s)) is not None and (p.answers >= 0).any()]
    if not own:
        raise InputError("There is no annotated pair of a mention and a bookmark among the test sentences.")
    truth = _truth(own)
    chances = [_chances(relater, p) for p in own]
    figures: dict[str, Any] = {
        "sentences": len(own),
        "pairs": len(truth),
        "model": summary(truth, np.concatenate(chances).argmax(axis=1)),
        "rules": summary(truth, np.concatenate([by_rules(p) for p in own])),
    }
    progress(1, 3, "Evaluating")
    try:
        figures["baseline"] = summary(truth, _baseline(own))
    except LesionscopeError as problem:
        figures["baseline"] = str(problem)
    progress(2, 3, "Evaluating")
    if cancel is not None:
        cancel.check()
    if mined:
        answered = np.concatenate([_chances(relater, p) for p in mined]).argmax(axis=1)
        figures["mined mentions"] = {
            "model": summary(_truth(mined), answered),
            "rules": summary(_truth(mined), np.concatenate([by_rules(p) for p in mined])),
        }
    figures["sentences a second, one process"] = _speed(Miner(graph, relater), sentences)
    figures["worst"] = worst(own, chances)
    progress(3, 3, "Evaluating")
    metrics = {"recipe": recipe.as_dict(), "package": package.name, "test": figures}
    write_metrics(out, metrics)
    note_test(package, {key: value for key, value in figures.items() if key != "worst"})
    return metrics


def test_sentences(recipe: RelationRecipe, graph: LabelGraph) -> list[Annotated]:
    """Return the recipe's test sentences."""
    if recipe.data.source == "phantom":
        return list(phantom_sentences("test", recipe.data.test, recipe.seed, graph))
    if not recipe.data.test_lines:
        raise InputError(f"The recipe '{recipe.name}' names no file of test sentences ('data.test_lines').")
    return list(read_lines(recipe.data.test_lines, graph))


def by_rules(sentence: Prepared) -> NDArray[np.int64]:
    """Return the rules' answers to the annotated pairs of a sentence."""
    parsed = sentence.parsed
    surely = certainty(parsed.tokens, parsed.turned, parsed.matches, parsed.roles)
    others = list(comparands(parsed.tokens))
    groups = findings(parsed.tokens, parsed.clause, parsed.places, parsed.matches, parsed.roles, others)
    whole = np.array(
        [
            [RELATIONS.index(relation if row in group else IRRELEVANT) for group in groups]
            for row, relation in enumerate(surely)
        ],
        dtype=np.int64,
    )
    return whole.ravel()[sentence.answers.ravel() >= 0]


def worst(sentences: list[Prepared], chances: list[NDArray[np.float64]]) -> list[dict[str, Any]]:
    """Return the sentences whose annotation the model finds least likely, with what it answered wrongly."""
    unlikely = [
        -float(np.log(np.maximum(p[np.arange(len(p)), s.targets()], 1e-12)).sum())
        for s, p in zip(sentences, chances, strict=True)
    ]
    found = []
    for i in sorted(range(len(sentences)), key=lambda i: -unlikely[i])[:WORST]:
        source, targets, answers = sentences[i].source, sentences[i].targets(), chances[i].argmax(axis=1)
        found.append(
            {
                "text": source.text,
                "surprise": round(unlikely[i], 2),
                "wrong": [
                    {**pair, "true": RELATIONS[true], "answered": RELATIONS[answer]}
                    for pair, true, answer in zip(_pairs(sentences[i]), targets, answers, strict=True)
                    if true != answer
                ],
            }
        )
    return found


def _pairs(sentence: Prepared) -> list[dict[str, Any]]:
    """Return the annotated pairs of a sentence in words."""
    parsed, text = sentence.parsed, sentence.source.text
    return [
        {
            "text": text[parsed.tokens[match.first].start : parsed.tokens[match.last].end],
            "label": match.label,
            "bookmark": column,
        }
        for row, match in enumerate(parsed.matches)
        for column in range(len(parsed.places))
        if sentence.answers[row, column] >= 0
    ]


def _truth(sentences: list[Prepared]) -> NDArray[np.int64]:
    return np.concatenate([sentence.targets() for sentence in sentences])


def _chances(relater: Relater, sentence: Prepared) -> NDArray[np.float64]:
    logits = relater.logits(batch([sentence.encoded()])).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def _baseline(sentences: list[Prepared]) -> NDArray[np.int64]:
    from .baseline import Baseline

    baseline = Baseline()
    return np.concatenate([baseline.answers(s).ravel()[s.answers.ravel() >= 0] for s in sentences])


def _speed(miner: Miner, sentences: list[Annotated]) -> float:
    texts = [sentence.text for sentence in sentences]
    for text in texts[:20]:
        miner.mine(text)
    started = time.perf_counter()
    for text in texts:
        miner.mine(text)
    return round(len(texts) / (time.perf_counter() - started), 1)
