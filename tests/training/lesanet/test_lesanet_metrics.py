"""Figures of labels and retrieval (paper 002, §5.3 and §7.2.2) against scikit-learn, hands and loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from lesionscope.training.lesanet.metrics import (
    decide,
    expand,
    gains,
    paper_thresholds,
    per_class,
    tuned_thresholds,
)
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score


def random_case(seed: int, n: int = 60, c: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((n, c)) < np.linspace(0.1, 0.6, c)
    scores = np.round(np.clip(0.3 * truth + 0.8 * rng.random((n, c)), 0, 1), 2)  # with ties
    return truth, scores, rng.random((n, c)) < 0.9


def test_figures_are_scikit_learns_over_known_pairs() -> None:
    """§5.3: AUC, precision, recall, F1 a label, averaged with equal weights."""
    truth, scores, known = random_case(0)
    truth[:, 3] = False  # lacks positives
    truth[:, 4] |= ~known[:, 4]
    known[truth[:, 5], 5] = False  # its positives are all unknown
    predicted = scores >= 0.55
    found = per_class(truth, scores, predicted, known)
    rows = []
    for label in range(8):
        y, s, p = (part[known[:, label], label] for part in (truth, scores, predicted))
        if y.any() and not y.all():
            scored = (f(y, p, zero_division=1.0) for f in (precision_score, recall_score, f1_score))
            rows.append((roc_auc_score(y, s), *scored))
        else:
            rows.append((np.nan,) * 4)
    wanted = np.array(rows).T
    assert np.isnan(wanted[0]).nonzero()[0].tolist() == [3, 5]
    for name, values in zip(("auc", "precision", "recall", "f1"), wanted, strict=True):
        assert np.allclose(getattr(found, name), values, equal_nan=True), name
        assert found.means()[name] == pytest.approx(np.nanmean(values))
    some = np.arange(8) < 3
    assert found.means(some)["auc"] == pytest.approx(wanted[0, :3].mean())
    assert np.isnan(found.means(np.arange(8) == 3)["f1"])


def test_precision_is_one_when_nothing_is_predicted() -> None:
    truth = np.array([[True], [False], [False]])
    found = per_class(truth, np.array([[0.2], [0.9], [0.1]]), np.zeros((3, 1), bool))
    assert (found.precision[0], found.recall[0], found.f1[0], found.auc[0]) == (1.0, 0.0, 0.0, 0.5)
    assert found.positives.tolist() == [1]


ANCESTORS = np.zeros((4, 4), bool)
ANCESTORS[0, [1, 2]] = ANCESTORS[1, 2] = ANCESTORS[3, 2] = True
"""0 implies 1 and 2, 1 implies 2, 3 implies 2."""


def test_expansion_adds_all_that_labels_imply() -> None:
    """§4.2: if a child label is true, all its parents should also be true."""
    labels = np.array([[True, False, False, False], [False, False, False, True], [False] * 4])
    assert expand(labels, ANCESTORS).astype(int).tolist() == [[1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0]]
    scores = np.array([[0.5, 0.1, 0.1, 0.1]])
    assert decide(scores, np.full(4, 0.5), ANCESTORS).tolist() == [[True, True, True, False]]
    assert decide(scores, np.full(4, 0.5)).tolist() == [[True, False, False, False]]


def test_thresholds_the_authors_way() -> None:
    """The best F1 of 0.3, 0.4 … 0.9 before expansion; 1 where none hits, 0 without both classes."""
    truth = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]], bool)
    scores = np.array(
        [[0.8, 0.2, 0.9, 0.9], [0.65, 0.9, 0.9, 0.9], [0.55, 0.1, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]]
    )
    assert paper_thresholds(truth, scores).tolist() == pytest.approx([0.6, 1.0, 0.0, 0.0])
    known = np.ones((4, 4), bool)
    known[1, 0] = False
    assert paper_thresholds(truth, scores, known)[0] == pytest.approx(0.6)


def best_f1(truth: np.ndarray, scores: np.ndarray, already: np.ndarray) -> float:
    """Return the best F1 of any threshold, where some lesions fire anyway."""
    cuts = [-np.inf, *np.unique(scores)]
    return max(f1_score(truth, (scores > cut) | already, zero_division=0.0) for cut in cuts[:-1])


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_are_tuned_on_what_expansion_leaves(seed: int) -> None:
    """No other threshold gives a label a better F1 after expansion, its children's being what they are."""
    truth, scores, known = random_case(seed, c=4)
    truth = expand(truth, ANCESTORS)
    found = tuned_thresholds(truth, scores, ANCESTORS, known)
    final = decide(scores, found, ANCESTORS)
    for label in range(4):
        rows = known[:, label]
        children = ANCESTORS[:, label]
        already = (decide(scores, found)[:, children]).any(axis=1)
        mine = f1_score(truth[rows, label], final[rows, label])
        wanted = best_f1(truth[rows, label], scores[rows, label], already[rows])
        assert mine == pytest.approx(wanted), label


def test_no_label_is_dead() -> None:
    """A label whose positives all score low fires at some score that occurs; one without positives, too."""
    rng = np.random.default_rng(0)
    truth = np.zeros((50, 3), bool)
    truth[:2, 0] = truth[:20, 1] = True
    scores = rng.random((50, 3)) * 1e-3
    found = tuned_thresholds(truth, scores, np.zeros((3, 3), bool))
    assert (scores[:, :2] >= found[:2]).any(axis=0).all()
    assert found[2] == np.median(found[:2])
    assert paper_thresholds(truth, scores)[:2].tolist() == [1.0, 1.0]


def test_gains_by_loop() -> None:
    """§7.2.2: labels shared with each of the top K, whose patients are not the query's."""
    rng = np.random.default_rng(1)
    queries, bank = (rng.normal(size=(n, 6)) for n in (9, 40))
    queries, bank = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, bank))
    query_labels, bank_labels = rng.random((9, 12)) < 0.4, rng.random((40, 12)) < 0.4
    patients = rng.integers(0, 6, 9), rng.integers(0, 6, 40)
    for whose in (patients, None):
        wanted = []
        for q in range(9):
            others = [i for i in range(40) if whose is None or patients[1][i] != patients[0][q]]
            others.sort(key=lambda i, q=q: np.linalg.norm(queries[q] - bank[i]))
            wanted.append(np.mean([(query_labels[q] & bank_labels[i]).sum() for i in others[:5]]))
        found = gains(queries, query_labels, bank, bank_labels, patients=whose)
        assert found.tolist() == pytest.approx(wanted)


def test_gains_by_hand_and_without_enough_lesions() -> None:
    """Each of two lesions finds the other patient's, with which it shares a label; two there are not."""
    same, names = np.eye(2), np.array(["a", "b"])
    labels = np.array([[True, True, False], [True, False, False]])
    assert gains(same, labels, same, labels, 1, patients=(names, names)).tolist() == [1.0, 1.0]
    assert gains(same, labels, same, labels, 1).tolist() == [2.0, 1.0]  # itself
    assert np.isnan(gains(same, labels, same, labels, 2, patients=(names, names))).all()


def test_truth_table_of_thresholds_needs_no_order() -> None:
    """Labels in any order get the same thresholds: children are found by their ancestors."""
    truth, scores, _ = random_case(7, c=4)
    truth = expand(truth, ANCESTORS)
    found = tuned_thresholds(truth, scores, ANCESTORS)
    for order in itertools.islice(itertools.permutations(range(4)), 0, 24, 5):
        turn = list(order)
        again = tuned_thresholds(truth[:, turn], scores[:, turn], ANCESTORS[np.ix_(turn, turn)])
        assert np.allclose(again, found[turn])
