"""Boxes of slices linked to candidates, against a slow linking that is written differently."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.inference.linking import BRIDGED, OVERLAP, SliceBoxes, link, overlap


def on_slice(*boxes: tuple[float, float, float, float, float]) -> SliceBoxes:
    """x0, y0, x1, y1 and a score each."""
    rows = np.array(boxes, dtype=np.float64).reshape(-1, 5)
    return SliceBoxes(rows[:, :4], rows[:, 4], np.zeros(len(rows), dtype=np.int64))


def random_found(seed: int, slices: int = 7, most: int = 5) -> dict[int, SliceBoxes]:
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(3, 3 + slices):
        count = int(rng.integers(0, most + 1))
        low = rng.integers(0, 12, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(6, 14, (count, 2))], axis=1).astype(float)
        scores = rng.integers(1, 9, count) / 8  # many are equal
        found[number] = SliceBoxes(boxes, scores, rng.integers(0, 2, count))
    return found


def iou(one: list[float], other: list[float]) -> float:
    cells = [
        {(x, y) for x in range(int(b[0]), int(b[2])) for y in range(int(b[1]), int(b[3]))}
        for b in (one, other)
    ]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


def linked_slowly(found: dict[int, SliceBoxes]) -> list[tuple[tuple[int, int], set[tuple[int, int]]]]:
    """The same rule with sets of pixels, lists and recursion."""
    left = {(number, place) for number, one in found.items() for place in range(len(one.scores))}

    def box(link: tuple[int, int]) -> list[float]:
        return found[link[0]].boxes[link[1]].tolist()

    def grown(end: tuple[int, int], way: int) -> set[tuple[int, int]]:
        for steps in range(1, BRIDGED + 2):
            number = end[0] + way * steps
            if not all(end[0] + way * step in found for step in range(1, steps + 1)):
                return set()
            near = [(iou(box(end), box(one)), -one[1], one) for one in left if one[0] == number]
            near = [one for one in near if one[0] >= OVERLAP]
            if near:
                best = max(near)[2]
                left.discard(best)
                return {best} | grown(best, way)
        return set()

    chains = []
    while left:
        key = min(left, key=lambda link: (-found[link[0]].scores[link[1]], link))
        left.discard(key)
        below = grown(key, -1)
        chains.append((key, {key} | below | grown(key, 1)))
    return chains


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6))
def test_chains_of_random_boxes_are_those_of_a_slow_linking(seed: int) -> None:
    found = random_found(seed)
    assert [(chain.key, set(chain.links)) for chain in link(found)] == linked_slowly(found)


@pytest.mark.parametrize("seed", range(5))
def test_every_box_is_in_one_chain_whose_key_is_its_best(seed: int) -> None:
    found = random_found(seed, slices=12, most=8)
    chains = link(found)
    links = [one for chain in chains for one in chain.links]
    assert len(links) == len(set(links)) == sum(len(one.scores) for one in found.values())
    for chain in chains:
        scores = [found[number].scores[place] for number, place in chain.links]
        assert found[chain.key[0]].scores[chain.key[1]] == max(scores)
        numbers = [number for number, _ in chain.links]
        assert numbers == sorted(set(numbers)) and (chain.first, chain.last) == (numbers[0], numbers[-1])


def test_overlap_is_the_share_of_pixels_that_both_cover() -> None:
    boxes = np.vstack([one.boxes for one in random_found(1, slices=20).values()])
    expected = [[iou(a, b) for b in boxes.tolist()] for a in boxes.tolist()]
    np.testing.assert_allclose([overlap(box, boxes) for box in boxes], expected, atol=1e-12)
    assert overlap(boxes[0], np.array([[5.0, 5, 5, 9], [9, 9, 2, 2]])).tolist() == [0, 0]


def test_a_missed_slice_is_bridged_and_two_are_not() -> None:
    ball = (10.0, 10, 30, 30, 0.8)
    bridged = link({0: on_slice(ball), 1: on_slice(), 2: on_slice((11, 10, 31, 30, 0.9))})
    assert [(chain.key, chain.first, chain.last) for chain in bridged] == [((2, 0), 0, 2)]
    apart = link({0: on_slice(ball), 1: on_slice(), 2: on_slice(), 3: on_slice(ball)})
    assert [chain.key for chain in apart] == [(0, 0), (3, 0)]


def test_a_candidate_follows_a_lesion_that_drifts_and_leaves_another_alone() -> None:
    found = {
        k: on_slice((10 + 4 * k, 10, 40 + 4 * k, 40, 0.6 + k / 100), (200, 200, 230, 230, 0.95))
        for k in range(8)
    }
    still, drifting = link(found)
    assert still.key == (0, 1) and len(still.links) == 8
    assert drifting.key == (7, 0) and {place for _, place in drifting.links} == {0}


def test_nothing_is_linked_to_nothing() -> None:
    assert link({}) == () and link({4: SliceBoxes()}) == ()
