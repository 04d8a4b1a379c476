"""Pairs by place: against all permutations, and what the reader's decisions do to them."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope import sample_data
from lesionscope.followup.pairing import GATE_MM, Pairing, Verdict, propose
from lesionscope.followup.rigid import Rigid
from lesionscope.lesions.lesion import Diameter, Lesion


def lesion(id: str, x: float, y: float = 0.0, z: float = 0.0, size: float | None = None) -> Lesion:
    long = None if size is None else Diameter((x, y, z), (x + size, y, z))
    return Lesion(id, "2.25.1", (x, y, z), (x, y, z, x, y, z), long)


def ids(pairing: Pairing) -> set[tuple[str, str]]:
    return {(pair.baseline, pair.followup) for pair in pairing.standing}


def test_the_sample_patients_lesions_are_paired_as_the_truth_says() -> None:
    truth = json.loads((sample_data.sample_visit("baseline").parent / sample_data.TRUTH).read_text())
    turn = math.radians(truth["turned_degrees"])
    c, s = math.cos(turn), math.sin(turn)
    rigid = Rigid((c, -s, 0, s, c, 0, 0, 0, 1), tuple(truth["moved_lps_mm"]))
    visits = [
        [
            lesion(f"{v}{one['id']}", *one[v]["centroid_lps_mm"], one[v]["long_mm"])
            for one in truth["lesions"]
            if v in one
        ]
        for v in sample_data.VISITS
    ]
    known = {one["id"] for one in truth["lesions"] if all(v in one for v in sample_data.VISITS)}
    found = propose(*visits, rigid)
    assert ids(found) == {(f"baseline{n}", f"follow-up{n}") for n in known}
    assert all(pair.confidence > 0.5 and pair.distance_mm < 1 for pair in found.pairs)


def test_places_are_carried_through_the_registration() -> None:
    quarter = Rigid((0, -1, 0, 1, 0, 0, 0, 0, 1), (100, 0, 0))
    found = propose(
        [lesion("a", 10, 0, 0), lesion("b", 0, 50, 5)],
        [lesion("x", 50, 0, 5), lesion("y", 100, 10, 0)],
        quarter,
    )
    assert ids(found) == {("a", "y"), ("b", "x")}


def test_nothing_is_proposed_beyond_the_gate() -> None:
    near, far = lesion("x", GATE_MM), lesion("x", GATE_MM + 0.1)
    assert ids(propose([lesion("a", 0)], [near], Rigid())) == {("a", "x")}
    assert propose([lesion("a", 0)], [far], Rigid()).pairs == ()


def test_together_they_are_cheapest_though_one_could_be_nearer() -> None:
    # b is nearest to x, but then a would be left with y, far off.
    found = propose([lesion("a", 0), lesion("b", 12)], [lesion("x", 10), lesion("y", 22)], Rigid())
    assert ids(found) == {("a", "x"), ("b", "y")}


def test_size_and_body_part_part_two_that_lie_alike() -> None:
    two = [lesion("small", 0, size=8), lesion("large", 4, size=40)]
    later = [lesion("large later", 1.5, size=42), lesion("small later", 2.5, size=9)]
    assert ids(propose(two, later, Rigid())) == {("small", "small later"), ("large", "large later")}
    parts = {
        "a": frozenset({"lung"}),
        "b": frozenset({"liver"}),
        "x": frozenset({"liver"}),
        "y": frozenset({"lung"}),
    }
    four = [lesion("a", 0), lesion("b", 4)], [lesion("x", 1), lesion("y", 3)]
    assert ids(propose(*four, Rigid())) == {("a", "x"), ("b", "y")}
    assert ids(propose(*four, Rigid(), parts=parts)) == {("a", "y"), ("b", "x")}


def test_the_reader_decides() -> None:
    first, second = [lesion("a", 0), lesion("b", 8)], [lesion("x", 1), lesion("y", 9)]
    found = propose(first, second, Rigid())
    assert found.confirmed == () and len(found.undecided) == 2
    a_x = found.of("a")
    assert a_x is not None
    kept = propose(first, second, Rigid(), earlier=found.decided(a_x, Verdict.CONFIRMED))
    assert [pair.baseline for pair in kept.confirmed] == ["a"] and len(kept.undecided) == 1
    without = propose(first, second, Rigid(), earlier=found.decided(a_x, Verdict.REFUSED))
    assert ("a", "x") not in ids(without)
    assert ("a", "y") in ids(without)
    by_hand = found.joined("a", "y", 9.0)
    assert ids(by_hand) == {("a", "y")}
    assert by_hand.confirmed[0].distance_mm == 9.0
    assert ids(propose(first, second, Rigid(), earlier=by_hand)) == {("a", "y"), ("b", "x")}


def test_a_lesion_that_is_no_longer_marked_is_in_no_pair() -> None:
    first, second = [lesion("a", 0)], [lesion("x", 1)]
    found = propose(first, second, Rigid())
    confirmed = found.decided(found.pairs[0], Verdict.CONFIRMED)
    assert propose(first, [], Rigid(), earlier=confirmed).pairs == ()


places = st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40)), min_size=0, max_size=4)


@settings(max_examples=60)
@given(places, places)
def test_against_all_permutations(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> None:
    """As many pairs as there can be within the gate, and of those the ones with the least cost."""
    first = [lesion(f"a{n}", *p) for n, p in enumerate(one)]
    second = [lesion(f"b{n}", *p) for n, p in enumerate(other)]
    found = propose(first, second, Rigid())
    best = (0, 0.0)
    for size in range(1, min(len(one), len(other)) + 1):
        for rows in itertools.combinations(range(len(one)), size):
            for columns in itertools.permutations(range(len(other)), size):
                gaps = [math.dist(one[i], other[j]) for i, j in zip(rows, columns, strict=True)]
                if max(gaps) <= GATE_MM:
                    best = max(best, (size, -sum((gap / 10) ** 2 for gap in gaps)))
    cost = sum((pair.distance_mm / 10) ** 2 for pair in found.pairs)
    assert (len(found.pairs), -cost) == (best[0], pytest.approx(best[1], abs=1e-6))
    assert len({pair.baseline for pair in found.pairs}) == len(found.pairs)
    assert all(0 <= pair.confidence <= 1 for pair in found.pairs)
    assert np.all(np.diff([pair.confidence for pair in found.pairs]) <= 0)
