"""Detection metrics against loops over slices and thresholds, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.deeplesion.detector_metrics import (
    BOOKMARKS,
    TRUTH,
    Scored,
    accuracy_draws,
    average_precision,
    froc_draws,
    iou,
    matched,
    precision_recall,
    scored_against,
    tight_accuracy_draws,
    tightened,
)
from lesionscope.training.deeplesion.found import Candidates
from lesionscope.training.deeplesion.slices import DetectionSlice, Lesions, Slices

SIZE = (400, 400)


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    low = rng.uniform(20, 300, (count, 2))
    return np.concatenate([low, low + rng.uniform(5, 50, (count, 2))], axis=1).astype(np.float32)


def some(seed: int, count: int = 12) -> tuple[Slices, list[Candidates]]:
    """Slices with lesions, and candidates of which some lie near them; a few share a score."""
    rng = np.random.default_rng(seed)
    slices, found = [], []
    for number in range(count):
        extents = random_boxes(rng, int(rng.integers(1, 4)))
        true = Lesions(extents, rng.integers(0, 2, len(extents)))
        marked = Lesions(true.extents[:1], true.kinds[:1])
        slices.append(DetectionSlice(number // 3, SIZE, marked, true, lambda: np.zeros((3, *SIZE), np.int16)))
        near = true.boxes(SIZE) + rng.normal(0, 9, (len(true.extents), 4)).astype(np.float32)
        boxes = np.concatenate([near, random_boxes(rng, int(rng.integers(0, 5)))])
        scores = -np.sort(-rng.integers(1, 40, len(boxes)) / 40).astype(np.float32)
        found.append(Candidates(rng.permutation(boxes), scores, np.zeros(len(boxes), np.int64)))
    return Slices(tuple(slices), ("a", "b")), found


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(width * height / (sum(areas) - width * height))


def counted(slices: Slices, found: list[Candidates], least: float) -> tuple[int, int, int]:
    """Lesions hit, false candidates and lesions among candidates of a score or more, against bookmarks."""
    hit = false = lesions = 0
    for one, own in zip(slices.slices, found, strict=True):
        true = one.bookmarks.boxes(SIZE).tolist()
        lesions += len(true)
        taken = set()
        for box, score in zip(own.boxes, own.scores, strict=True):
            overlaps = [overlap(box, other) for other in true]
            best = max(range(len(true)), key=overlaps.__getitem__)
            if score < least:
                continue
            if overlaps[best] >= 0.5 and best not in taken:
                taken.add(best)
                hit += 1
            else:
                false += 1
    return hit, false, lesions


@pytest.mark.parametrize("seed", range(4))
def test_froc_is_that_of_a_loop_over_thresholds(seed: int) -> None:
    slices, found = some(seed)
    scored = scored_against(BOOKMARKS, slices, found)
    draws = froc_draws(scored, np.ones((1, len(slices))), (0.5, 1.0, 2.0, 4.0))
    for rate in (0.5, 1.0, 2.0, 4.0):
        best = 0.0
        for least in np.unique(np.concatenate([own.scores for own in found])):
            hit, false, lesions = counted(slices, found, least)
            if false <= rate * len(slices):
                best = max(best, hit / lesions)
        assert draws[f"sensitivity at {rate:g}"][0] == pytest.approx(best)
    wanted = np.mean([draws[f"sensitivity at {rate:g}"] for rate in (0.5, 1, 2, 4)])
    assert draws["mean sensitivity"][0] == pytest.approx(wanted) and 0 < wanted < 1


def test_a_slice_of_weight_two_counts_as_two_slices() -> None:
    slices, found = some(7)
    weights = np.random.default_rng(1).integers(0, 4, (3, len(slices))).astype(float)
    for truth in (BOOKMARKS, TRUTH):
        draws = froc_draws(scored_against(truth, slices, found), weights)
        top = accuracy_draws(scored_against(truth, slices, found), weights, kind=1)
        for row, weight in enumerate(weights.astype(int)):
            many = [place for place, times in enumerate(weight) for _ in range(times)]
            copied = Slices(tuple(slices.slices[place] for place in many), slices.categories)
            again = scored_against(truth, copied, [found[place] for place in many])
            once = np.ones((1, len(many)))
            for name, values in froc_draws(again, once).items():
                assert values[0] == pytest.approx(draws[name][row])
            assert accuracy_draws(again, once, kind=1)[0] == pytest.approx(top[row], nan_ok=True)


def test_top_one_accuracy_counts_each_lesion_as_an_image() -> None:
    slices, found = some(3)
    scored = scored_against(TRUTH, slices, found)
    once = np.ones((1, len(slices)))
    for threshold in (0.3, 0.5, 0.7):
        hits = [
            overlap(own.boxes[0], box) >= threshold
            for one, own in zip(slices.slices, found, strict=True)
            for box in one.truth.boxes(SIZE)
        ]
        assert accuracy_draws(scored, once, threshold=threshold)[0] == pytest.approx(np.mean(hits))


def test_a_slice_without_candidates_misses_its_lesions() -> None:
    slices, found = some(3)
    empty = Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    scored = scored_against(BOOKMARKS, slices, [empty] * len(found))
    once = np.ones((1, len(slices)))
    assert froc_draws(scored, once)["mean sensitivity"][0] == 0
    assert accuracy_draws(scored, once)[0] == 0 and tight_accuracy_draws(scored, once)[0] == 0
    assert average_precision(scored) == 0


def test_tight_boxes_are_fifteen_pixels_smaller_on_each_side_and_never_turned_inside_out() -> None:
    boxes = np.array([[0, 0, 60, 100], [10, 10, 30, 60]], dtype=np.float32)
    np.testing.assert_array_equal(tightened(boxes), [[15, 15, 45, 85], [20, 25, 20, 45]])


def test_a_second_box_on_a_lesion_is_false() -> None:
    lesion = np.array([[100, 100, 160, 160]], dtype=np.float32)
    boxes = np.array([[0, 0, 9, 9], [102, 100, 162, 160], [100, 100, 160, 160]], dtype=np.float32)
    assert matched(boxes, lesion).tolist() == [False, True, False]
    assert not matched(boxes, lesion[:0]).any()


def test_iou_is_the_loops() -> None:
    rng = np.random.default_rng(0)
    one, other = random_boxes(rng, 30), random_boxes(rng, 20)
    one[0, 2] = one[0, 0] - 4  # turned inside out
    wanted = [[overlap(a, b) for b in other] for a in one]
    np.testing.assert_allclose(iou(one, other), wanted, atol=1e-6)


def test_precision_and_recall_by_hand() -> None:
    scored = Scored(
        scores=np.array([0.9, 0.8, 0.8, 0.3]),
        slices=np.array([0, 0, 1, 1]),
        hits=np.array([True, False, True, False]),
        lesions=np.array([0, 0, 1, 1]),
        kinds=np.zeros(4, np.int64),
        top_iou=np.zeros(4),
        tight_iou=np.zeros(4),
    )
    precision, recall, scores = precision_recall(scored)
    np.testing.assert_allclose(precision, [1, 2 / 3, 2 / 4])
    np.testing.assert_allclose(recall, [1 / 4, 2 / 4, 2 / 4])
    assert scores.tolist() == [0.9, 0.8, 0.3]
    assert average_precision(scored) == pytest.approx(1 / 4 + 1 / 4 * 2 / 3)
