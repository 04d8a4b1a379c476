"""RECIST 1.1 against the guideline's own tables and its edges, worked out by hand."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.errors import UsageError
from lesionscope.followup.response import (
    Followed,
    Outcome,
    Role,
    Seen,
    Size,
    assess,
    has_progressed,
    overall,
    target_response,
)

CR, PR, SD, PD, NE, NN = (
    Outcome.CR,
    Outcome.PR,
    Outcome.SD,
    Outcome.PD,
    Outcome.NE,
    Outcome.NON_CR_NON_PD,
)
GONE, SMALL, MISSED = Size(Seen.GONE), Size(Seen.TOO_SMALL), Size(Seen.NOT_EVALUABLE)
PRESENT, WORSE = Size(Seen.PRESENT), Size(Seen.PROGRESSED)


def mm(value: float | Size | None) -> Size | None:
    return value if value is None or isinstance(value, Size) else Size(long_mm=value, short_mm=value)


def lesion(
    *sizes: float | Size | None, node: bool = False, role: Role = Role.TARGET, name: str = "1"
) -> Followed:
    return Followed(name, name, "liver", node, role, tuple(mm(size) for size in sizes))


def outcomes(*lesions: Followed) -> list[Outcome | None]:
    dates = tuple(f"2026010{n}" for n in range(len(lesions[0].sizes)))
    return [visit.overall for visit in assess(lesions, dates).visits]


@pytest.mark.parametrize(
    ("total", "baseline", "nadir", "expected"),
    [
        (70.0, 100.0, 100.0, PR),  # 30 % less, exactly
        (70.1, 100.0, 100.0, SD),
        (69.9, 100.0, 100.0, PR),
        (120.0, 100.0, 100.0, PD),  # 20 % and 20 mm more, exactly
        (119.9, 100.0, 100.0, SD),
        (24.0, 20.0, 20.0, SD),  # 20 % more, but 4 mm
        (25.0, 20.0, 20.0, PD),  # 25 % and 5 mm, exactly
        (24.9, 20.0, 20.0, SD),
        (30.0, 25.0, 25.0, PD),  # 20 % and 5 mm, both exactly
        (29.9, 25.0, 25.0, SD),
        (105.0, 100.0, 100.0, SD),  # 5 mm more, but 5 %
        (60.0, 100.0, 50.0, PD),  # 40 % below baseline, 20 % above nadir: progression goes first
        (59.9, 100.0, 50.0, PR),
        (80.0, 100.0, 75.0, SD),
        (4.9, 50.0, 0.0, PR),  # nadir 0: only the 5 mm count
        (5.0, 50.0, 0.0, PD),
    ],
)
def test_thresholds(total: float, baseline: float, nadir: float, expected: Outcome) -> None:
    assert target_response(total, baseline, nadir) is expected


def test_a_threshold_isnt_moved_by_binary_fractions() -> None:
    # 0.1 + 0.2 > 0.3 in floating point; 3 × 23.1 is 69.30000000000001.
    assert outcomes(*(lesion(33.0, 23.1, name=str(n)) for n in range(3)))[1] is PR
    assert has_progressed(3 * 40.2, 3 * 33.5)


TABLE_1 = [
    (CR, CR, False, CR),
    (CR, None, False, CR),  # no non-targets at baseline
    (CR, NN, False, PR),
    (CR, NE, False, PR),
    (PR, CR, False, PR),
    (PR, NN, False, PR),
    (PR, NE, False, PR),
    (SD, CR, False, SD),
    (SD, NN, False, SD),
    (SD, NE, False, SD),
    (NE, CR, False, NE),
    (NE, NN, False, NE),
    (NE, NE, False, NE),
]
TABLE_2 = [(None, CR, False, CR), (None, NN, False, NN), (None, NE, False, NE), (None, None, False, NE)]


@pytest.mark.parametrize(("target", "non_target", "new", "expected"), TABLE_1 + TABLE_2)
def test_overall_as_in_tables_1_and_2(
    target: Outcome | None, non_target: Outcome | None, new: bool, expected: Outcome
) -> None:
    assert overall(target, non_target, new) is expected


def test_whatever_progresses_makes_it_progression() -> None:
    for target, non_target in itertools.product((None, CR, PR, SD, PD, NE), (None, CR, NN, PD, NE)):
        assert overall(target, non_target, True) is PD
        if PD in (target, non_target):
            assert overall(target, non_target, False) is PD


@pytest.mark.parametrize(
    ("short", "expected"),
    [(9.9, CR), (10.0, PR), (10.1, PR), (13.9, PR), (14.0, PR), (14.1, SD)],
)
def test_a_node_is_normal_below_10_mm(short: float, expected: Outcome) -> None:
    node = lesion(Size(long_mm=30, short_mm=20), Size(long_mm=30, short_mm=short), node=True)
    assert outcomes(node)[1] is expected


def test_a_complete_response_with_nodes_has_a_sum_above_0() -> None:
    table = assess((lesion(20.0, GONE), lesion(18.0, 8.0, node=True)), ("a", "b"))
    assert table.visits[1].sum_mm == 8.0
    assert table.visits[1].overall is CR


def test_sums_take_long_diameters_and_short_axes_of_nodes() -> None:
    long_one = lesion(Size(long_mm=40, short_mm=7))
    node = lesion(Size(long_mm=50, short_mm=16), node=True)
    assert assess((long_one, node), ("a",)).visits[0].sum_mm == 56.0


def test_gone_is_0_and_too_small_is_5_but_its_measurement_where_there_is_one() -> None:
    assert lesion(GONE).recist_mm(0) == 0.0
    assert lesion(SMALL).recist_mm(0) == 5.0
    assert lesion(Size(Seen.TOO_SMALL, long_mm=3.0)).recist_mm(0) == 3.0
    assert lesion(MISSED).recist_mm(0) is None
    assert lesion(None).recist_mm(0) is None
    # Too small isn't gone: 5 of 20 mm is a partial response.
    assert outcomes(lesion(20.0, SMALL))[1] is PR


def test_the_nadir_is_the_smallest_sum_of_all_earlier_visits() -> None:
    table = assess((lesion(50.0, 30.0, 33.0, 36.0, 37.0),), tuple("abcde"))
    assert [visit.nadir_mm for visit in table.visits] == [None, 50.0, 30.0, 30.0, 30.0]
    # 33 is 10 % above 30; 36 is 20 % and 6 mm above 30, though only 9 % above the visit before.
    assert [visit.overall for visit in table.visits] == [None, PR, PR, PD, PD]
    assert table.visits[3].from_nadir == pytest.approx(0.2)
    assert table.visits[3].from_nadir_mm == 6.0
    assert table.visits[3].from_baseline == pytest.approx(-0.28)


def test_a_baseline_that_is_the_smallest_sum_is_the_nadir() -> None:
    assert outcomes(lesion(50.0, 55.0, 60.0)) == [None, SD, PD]


def test_missing_targets_leave_only_a_progression_that_stands_without_them() -> None:
    first, second = lesion(25.0, 20.0, name="1"), lesion(25.0, MISSED, name="2")
    table = assess((first, second), ("a", "b"))
    assert table.visits[1].overall is NE
    assert (table.visits[1].sum_mm, table.visits[1].complete) == (20.0, False)
    assert table.visits[1].from_baseline is None
    # §4.4.2's example: sum 50 at baseline; two lesions alone sum to 80 later.
    assert outcomes(lesion(50.0, 80.0), lesion(0.1, MISSED))[1] is PD


def test_an_incomplete_sum_is_no_nadir() -> None:
    a, b = lesion(30.0, 10.0, 30.0), lesion(30.0, MISSED, 30.0)
    table = assess((a, b), tuple("abc"))
    assert table.visits[2].nadir_mm == 60.0
    assert table.visits[2].overall is SD


def test_non_targets() -> None:
    def row(*sizes: Size | float | None, node: bool = False) -> Outcome | None:
        other = lesion(*sizes, role=Role.NON_TARGET, node=node)
        return assess((other,), ("a", "b")).visits[1].non_target

    assert row(PRESENT, GONE) is CR
    assert row(PRESENT, PRESENT) is NN
    assert row(PRESENT, SMALL) is NN
    assert row(PRESENT, WORSE) is PD
    assert row(PRESENT, MISSED) is NE
    assert row(12.0, 9.9, node=True) is CR
    assert row(12.0, 10.0, node=True) is NN
    assert row(PRESENT, PRESENT, node=True) is NN


def test_non_targets_progress_though_others_were_missed() -> None:
    missed, worse = (
        lesion(PRESENT, MISSED, role=Role.NON_TARGET),
        lesion(PRESENT, WORSE, role=Role.NON_TARGET),
    )
    assert outcomes(missed, worse)[1] is PD


def test_a_new_lesion_is_progression_and_stays_it() -> None:
    target = lesion(50.0, 20.0, 20.0, 20.0)
    new = lesion(None, None, 8.0, GONE, role=Role.NEW)
    assert outcomes(target, new) == [None, PR, PD, PD]


@pytest.mark.parametrize(("short", "expected"), [(9.9, PR), (10.0, PD)])
def test_a_new_node_is_disease_from_10_mm(short: float, expected: Outcome) -> None:
    assert outcomes(lesion(50.0, 20.0), lesion(None, short, role=Role.NEW, node=True))[1] is expected


def test_what_comes_back_after_a_complete_response_is_progression_of_any_size() -> None:
    assert outcomes(lesion(20.0, GONE, 3.0)) == [None, CR, PD]
    assert outcomes(lesion(20.0, 8.0, 10.0, node=True)) == [None, CR, PD]
    other = lesion(PRESENT, GONE, PRESENT, role=Role.NON_TARGET)
    assert outcomes(lesion(20.0, GONE, GONE), other) == [None, CR, PD]


def test_what_comes_back_without_a_complete_response_adds_to_the_sum() -> None:
    stays, returns = lesion(50.0, 50.0, 50.0, name="1"), lesion(20.0, GONE, 3.0, name="2")
    table = assess((stays, returns), tuple("abc"))
    assert table.visits[2].sum_mm == 53.0
    assert [visit.overall for visit in table.visits] == [None, SD, SD]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="baseline"):
        assess((), ())
    with pytest.raises(UsageError, match="2 sizes for 3 visits"):
        assess((lesion(1.0, 2.0),), ("a", "b", "c"))
    with pytest.raises(UsageError, match="no length"):
        assess((lesion(-1.0),), ("a",))
    with pytest.raises(UsageError, match="no length"):
        assess((lesion(math.nan),), ("a",))


lengths = st.integers(0, 3000).map(lambda tenths: tenths / 10)
series = st.lists(st.lists(lengths, min_size=3, max_size=3), min_size=1, max_size=5)


@given(series, st.randoms())
def test_the_order_of_lesions_is_no_matter(rows: list[list[float]], random: object) -> None:
    targets = [lesion(*row, name=str(n)) for n, row in enumerate(rows)]
    assert outcomes(*targets) == outcomes(*reversed(targets))


@given(series)
def test_sums_and_nadirs_by_brute_force(rows: list[list[float]]) -> None:
    table = assess(tuple(lesion(*row, name=str(n)) for n, row in enumerate(rows)), tuple("abc"))
    sums = [sum(row[visit] for row in rows) for visit in range(3)]
    assert [visit.sum_mm for visit in table.visits] == pytest.approx(sums)
    assert table.visits[2].nadir_mm == pytest.approx(min(sums[:2]))


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 800))
def test_against_exact_arithmetic(baseline: int, nadir: int, total: int) -> None:
    # The definitions in whole millimetres, without a division or a fraction.
    nadir = min(nadir, baseline)
    if 5 * total >= 6 * nadir and total - nadir >= 5:
        expected = PD
    elif 10 * total <= 7 * baseline:
        expected = PR
    else:
        expected = SD
    assert target_response(total, baseline, nadir) is expected


@given(lengths, lengths, lengths, st.floats(0, 100))
def test_a_larger_sum_never_responds_better(total: float, baseline: float, nadir: float, more: float) -> None:
    rank = {PR: 0, SD: 1, PD: 2}
    nadir = min(nadir, baseline)
    first, second = (target_response(one, baseline, nadir) for one in (total, total + more))
    assert rank[first] <= rank[second]
