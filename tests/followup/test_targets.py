"""Which lesions may be targets, at every edge, and which are proposed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.followup.targets import (
    Candidate,
    is_disease,
    propose_targets,
    why_not_target,
    wrong_with_targets,
)


def candidate(
    id: str, long: float | None, organ: str = "lung", *, node: bool = False, slice_mm: float = 5.0
) -> Candidate:
    return Candidate(
        id, f"lesion {id}", organ, node, None if node else long, long if node else None, slice_mm
    )


@pytest.mark.parametrize(
    ("size", "node", "slice_mm", "fits"),
    [
        (10.0, False, 5.0, True),
        (9.9, False, 5.0, False),
        (10.0, False, 1.0, True),
        (12.0, False, 6.0, True),  # above 5 mm two slices
        (11.9, False, 6.0, False),
        (15.0, True, 5.0, True),
        (14.9, True, 5.0, False),
        (15.0, True, 8.0, False),
        (16.0, True, 8.0, True),
        (None, False, 5.0, False),
    ],
)
def test_measurable(size: float | None, node: bool, slice_mm: float, fits: bool) -> None:
    assert (why_not_target(candidate("1", size, node=node, slice_mm=slice_mm)) is None) is fits


@pytest.mark.parametrize(
    ("size", "node", "disease"), [(9.9, True, False), (10.0, True, True), (3.0, False, True)]
)
def test_nodes_below_10_mm_are_normal(size: float, node: bool, disease: bool) -> None:
    assert is_disease(candidate("1", size, node=node)) is disease


def test_the_largest_of_each_organ_come_first() -> None:
    found = [
        candidate("a", 50, "liver"),
        candidate("b", 45, "liver"),
        candidate("c", 40, "liver"),
        candidate("d", 20, "lung"),
        candidate("e", 18, "lung"),
        candidate("f", 30, "kidney"),
        candidate("g", 12, "spleen"),
        candidate("h", 9, "bone"),
    ]
    # One each of liver, kidney, lung, spleen by size; then the largest second one.
    assert propose_targets(found) == ("a", "f", "d", "g", "b")


def test_all_nodes_are_one_organ() -> None:
    nodes = [
        candidate(str(n), 20 + n, organ, node=True) for n, organ in enumerate(("neck", "axilla", "groin"))
    ]
    assert propose_targets(nodes) == ("2", "1")
    assert "lymph nodes" in wrong_with_targets(nodes)[0]


def test_a_choice_against_the_rules_is_told_in_sentences() -> None:
    six = [candidate(str(n), 20, f"organ {n}") for n in range(6)]
    assert wrong_with_targets(six) == ("6 targets are chosen: RECIST 1.1 allows 5.",)
    assert wrong_with_targets(six[:5]) == ()
    three = [candidate(str(n), 20) for n in range(3)]
    assert wrong_with_targets(three) == ("3 targets are chosen in one organ (lung): RECIST 1.1 allows 2.",)
    assert "9.9 mm" in wrong_with_targets([candidate("1", 9.9)])[0]


@given(
    st.lists(
        st.tuples(st.floats(1, 80), st.sampled_from(("lung", "liver", "bone", "kidney")), st.booleans()),
        max_size=15,
    )
)
def test_what_is_proposed_is_allowed_and_leaves_no_room(rows: list[tuple[float, str, bool]]) -> None:
    everyone = [candidate(str(n), size, organ, node=node) for n, (size, organ, node) in enumerate(rows)]
    chosen = set(propose_targets(everyone))
    targets = [one for one in everyone if one.id in chosen]
    assert wrong_with_targets(targets) == ()
    used = Counter(one.site for one in targets)
    for one in everyone:
        if one.id not in chosen and why_not_target(one) is None:
            assert len(targets) == 5 or used[one.site] == 2
