"""Relation sentences → arrays → a tiny model → a package the miner takes; figures and the baseline."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lesionscope.training import evaluate, recipes, run
from lesionscope.training.relations.baseline import Baseline
from lesionscope.training.relations.dataset import (
    Annotated,
    Preparer,
    held_out,
    phantom_sentences,
    read_lines,
)
from lesionscope.training.relations.evaluate import by_rules
from lesionscope.training.relations.metrics import confusion, f1_by_class, macro_f1

from lesionscope.errors import InputError
from lesionscope.inference.relation_inputs import FEATURES, LONGEST, SIZES, batch, encode
from lesionscope.inference.relations import Relater, load_relater
from lesionscope.mining.bookmarks import fold
from lesionscope.mining.cues import clauses, turns
from lesionscope.mining.miner import Miner
from lesionscope.mining.parsed import Parsed
from lesionscope.mining.relations import RELATIONS
from lesionscope.mining.tokens import tokenise
from lesionscope.ontology.label_graph import load_labels

GRAPH = load_labels()
TINY = ["data.train=150", "data.test=60", "epochs=2", "network.filters=16", "batch=64", "threads=1"]


@pytest.fixture(scope="module")
def preparer() -> Preparer:
    return Preparer(GRAPH)


@pytest.fixture(scope="module")
def sentences() -> list[Annotated]:
    return list(phantom_sentences("validation", 120, 3, GRAPH))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("relation")
    run("relation-demo", TINY, out)
    return out


def test_annotated_sentences_keep_every_pair(preparer: Preparer, sentences: list[Annotated]) -> None:
    for sentence in sentences:
        prepared = preparer.annotated(sentence)
        keys = {(p.start, p.end, p.label, p.bookmark) for p in sentence.pairs}
        assert prepared.encoded().shape[0] == len(prepared.targets()) == len(keys)
        assert len(prepared.parsed.places) == len(sentence.bookmarks)


def test_features_keep_within_their_sizes(preparer: Preparer, sentences: list[Annotated]) -> None:
    rows = batch([preparer.annotated(sentence).encoded() for sentence in sentences])
    assert rows.shape[2] == len(FEATURES) == len(SIZES)
    assert rows.min() >= 0
    assert (rows.reshape(-1, rows.shape[2]).max(axis=0) < np.array(SIZES)).all()
    # One mention and one bookmark are marked in each row.
    assert ((rows[:, :, 4] == 1).sum(axis=1) == 1).all()
    assert ((rows[:, :, 3] >= 1) & (rows[:, :, 3] <= 4)).any(axis=1).all()


def as_read(content: object, folder: Path) -> Annotated:
    path = folder / "one.jsonl"
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
    return read_lines(path, GRAPH)[0]


SEEN: list[Parsed] = []


def doubt_everything(parsed: Parsed) -> list[list[str]]:
    SEEN.append(parsed)
    assert len(encode(parsed)) == len(parsed.matches) * len(parsed.places)
    return [["uncertain"] * len(parsed.places) for _ in parsed.matches]


DOUBTER = Miner(GRAPH, doubt_everything)


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="abc BOKMARKnodule,.;0 -()\n", max_size=120))
def test_any_text_can_be_related(text: str) -> None:
    SEEN.clear()
    mined = DOUBTER.mine(f"{text} BOOKMARK nodule in the liver")
    assert len(SEEN) == 1
    assert mined.mentions
    assert all(mention.relation == "uncertain" for mention in mined.mentions)


def test_a_very_long_sentence_is_read_through_a_window(preparer: Preparer, tmp_path: Path) -> None:
    text = "and so on " * 200 + "a cyst BOOKMARK in the liver" + " and more" * 200
    start = text.index("cyst")
    mark = text.index("BOOKMARK")
    content = {
        "text": text,
        "bookmarks": [{"start": mark, "end": mark + 8}],
        "mentions": [
            {"start": start, "end": start + 4, "label": "cyst", "bookmark": 0, "relation": "relevant"}
        ],
    }
    sentence = as_read(content, tmp_path)
    rows = preparer.annotated(sentence).encoded()
    assert rows.shape == (1, LONGEST, len(FEATURES))
    assert (rows[0, :, 4] == 1).sum() == 1


def test_mined_mentions_take_the_annotated_relations(preparer: Preparer, sentences: list[Annotated]) -> None:
    agree, known = 0, 0
    for sentence in sentences:
        prepared = preparer.mined(sentence)
        if prepared is None:
            continue
        annotated = {(p.start, p.end, p.label, p.bookmark): p.relation for p in sentence.pairs}
        for row, match in enumerate(prepared.parsed.matches):
            tokens = prepared.parsed.tokens
            for column, answer in enumerate(prepared.answers[row]):
                key = (tokens[match.first].start, tokens[match.last].end, match.label, column)
                if key in annotated:
                    known += 1
                    agree += RELATIONS[answer] == annotated[key]
    assert known > 300
    assert agree > 0.97 * known


def test_own_sentences_are_read_and_wrong_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    good = {
        "text": "Cyst BOOKMARK .",
        "bookmarks": [{"start": 5, "end": 13}],
        "mentions": [{"start": 0, "end": 4, "label": "cyst", "bookmark": 0, "relation": "relevant"}],
    }
    path.write_text(json.dumps(good) + "\n\n", encoding="utf-8")
    (sentence,) = read_lines(path, GRAPH)
    assert sentence.text[sentence.pairs[0].start : sentence.pairs[0].end] == "Cyst"
    wrong = [
        "not json",
        json.dumps([1]),
        json.dumps({"text": "Cyst"}),
        json.dumps({**good, "bookmarks": [{"start": 5, "end": 99}]}),
        json.dumps({**good, "mentions": [{**good["mentions"][0], "label": "dragon"}]}),  # type: ignore[index]
        json.dumps({**good, "mentions": [{**good["mentions"][0], "relation": "maybe"}]}),  # type: ignore[index]
        json.dumps({**good, "mentions": [{**good["mentions"][0], "bookmark": 3}]}),  # type: ignore[index]
    ]
    for line in wrong:
        path.write_text(json.dumps(good) + "\n" + line + "\n", encoding="utf-8")
        with pytest.raises(InputError, match="line 2"):
            read_lines(path, GRAPH)
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(InputError, match="no sentence"):
        read_lines(path, GRAPH)


def test_held_out_constructions_are_not_trained_on(sentences: list[Annotated]) -> None:
    fit, tune = held_out(sentences, 0.1, 1)
    assert fit
    assert tune
    assert len(fit) + len(tune) == len(sentences)
    used = {c for sentence in fit for c in sentence.constructions}
    assert all(set(sentence.constructions) - used for sentence in tune)


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import confusion_matrix, f1_score

    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    assert (confusion(truth, guess) == confusion_matrix(truth, guess)).all()
    assert np.allclose(f1_by_class(confusion(truth, guess)), f1_score(truth, guess, average=None))
    assert macro_f1(truth, guess) == pytest.approx(f1_score(truth, guess, average="macro"))


def test_training_makes_a_package_that_mines(trained: Path) -> None:
    relater = load_relater(trained / "package")
    miner = Miner(GRAPH, relater)
    mined = miner.mine("Nodule in the right upper lobe BOOKMARK and cyst in the liver OTHER_BMK.")
    assert {mention.relation for mention in mined.mentions} <= set(RELATIONS)
    assert len(mined.mentions) == 2 * len({(m.start, m.end, m.label) for m in mined.mentions})
    again = pickle.loads(pickle.dumps(relater))
    assert Miner(GRAPH, again).mine(mined.text).mentions == mined.mentions
    assert miner.mine("BOOKMARK").mentions == ()


def test_training_learns_and_is_repeatable(trained: Path, tmp_path: Path) -> None:
    history = [json.loads(line) for line in (trained / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert history[-1]["loss"] < history[0]["loss"]
    run("relation-demo", TINY, tmp_path)
    first, second = (folder / "package" / "weights.safetensors" for folder in (trained, tmp_path))
    assert first.read_bytes() == second.read_bytes()


def test_evaluation_writes_figures_and_the_twenty_worst(trained: Path, tmp_path: Path) -> None:
    metrics = evaluate("relation-demo", trained, tmp_path, TINY)
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["test"] == metrics["test"]
    test = metrics["test"]
    assert len(test["worst"]) == 20
    surprises = [entry["surprise"] for entry in test["worst"]]
    assert surprises == sorted(surprises, reverse=True)
    counts = np.array(test["model"]["confusion"]["counts"])
    assert counts.sum() == test["pairs"]
    card = json.loads((trained / "package" / "card.json").read_text(encoding="utf-8"))
    assert card["metrics"]["test"]["model"] == test["model"]
    load_relater(trained / "package")


def test_own_sentences_train_by_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for s in phantom_sentences("train", 40, 5, GRAPH):
            marks = [{"start": b.start, "end": b.end, "target": b.target} for b in s.bookmarks]
            said = [
                {
                    "start": p.start,
                    "end": p.end,
                    "label": p.label,
                    "bookmark": p.bookmark,
                    "relation": p.relation,
                }
                for p in s.pairs
            ]
            stream.write(json.dumps({"text": s.text, "bookmarks": marks, "mentions": said}) + "\n")
    own = [*TINY, "data.source=lines", f"data.lines={path}", "epochs=1", "data.held_out=0.2"]
    result = run("relation-demo", own, tmp_path / "run")
    assert result.metrics["training"]["held out"] > 0
    with pytest.raises(InputError, match="test_lines"):
        evaluate("relation-demo", tmp_path / "run", tmp_path, own)


def test_recipes_of_both_tasks_are_read() -> None:
    assert recipes.load("relation-demo").name == "relation-demo"
    assert recipes.load("radpath-demo").name == "radpath-demo"


def test_a_package_for_other_features_is_refused(trained: Path) -> None:
    import dataclasses

    from lesionscope.models.relation_package import open_relation_package

    package = open_relation_package(trained / "package")
    other = dataclasses.replace(package, card=dataclasses.replace(package.card, sizes=(1,) * len(SIZES)))
    with pytest.raises(InputError, match="another version"):
        Relater(other)


def test_baseline_denies_doubts_and_takes_the_nearest_bookmark(preparer: Preparer, tmp_path: Path) -> None:
    pytest.importorskip("negspacy")
    text = "No mass. Possible cyst BOOKMARK and a nodule OTHER_BMK."
    prepared = preparer.annotated(
        as_read(
            {
                "text": text,
                "bookmarks": [{"start": 23, "end": 31}, {"start": 45, "end": 54, "target": False}],
                "mentions": [
                    {"start": s, "end": e, "label": n, "bookmark": b, "relation": "relevant"}
                    for s, e, n in ((3, 7, "mass"), (18, 22, "cyst"), (38, 44, "nodule"))
                    for b in (0, 1)
                ],
            },
            tmp_path,
        )
    )
    answers = [[RELATIONS[i] for i in row] for row in Baseline().answers(prepared)]
    assert answers == [["irrelevant"] * 2, ["uncertain", "irrelevant"], ["irrelevant", "relevant"]]


def test_rules_answer_annotated_pairs(preparer: Preparer, sentences: list[Annotated]) -> None:
    prepared = [p for p in map(preparer.annotated, sentences) if len(p.targets())]
    truth = np.concatenate([p.targets() for p in prepared])
    rules = np.concatenate([by_rules(p) for p in prepared])
    assert macro_f1(truth, rules) > 0.7


def test_bundled_model_holds_on_new_test_sentences(preparer: Preparer) -> None:
    fresh = [preparer.annotated(s) for s in phantom_sentences("test", 250, 99, GRAPH)]
    fresh = [p for p in fresh if len(p.targets())]
    truth = np.concatenate([p.targets() for p in fresh])
    model = load_relater().logits(batch([p.encoded() for p in fresh])).argmax(axis=1)
    assert macro_f1(truth, model) > 0.9


def test_tokens_folded_as_the_miner_folds_them(sentences: list[Annotated]) -> None:
    for sentence in sentences[:30]:
        tokens, places = fold(tokenise(sentence.text), sentence.bookmarks)
        assert len(places) == len(sentence.bookmarks)
        assert len(turns(tokens, clauses(tokens))) == len(tokens)
