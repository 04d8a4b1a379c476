"""Growth of one lesion, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.followup.growth import days_between, doubling_days, growth


def test_a_diameter_that_grows_by_the_cube_root_of_2_doubles_the_volume() -> None:
    assert doubling_days(20.0, 20.0 * 2 ** (1 / 3), 90) == pytest.approx(90)
    assert doubling_days(10.0, 20.0, 90) == pytest.approx(30)  # eight times the volume: three doublings


@pytest.mark.parametrize(
    ("before", "after", "days", "known"),
    [(10, 12, 90, True), (10, 11.9, 90, False), (12, 10, 90, False), (0, 12, 90, False), (10, 12, 0, False),
     (10, 12, -5, False), (10, 12, None, False)],
)  # fmt: skip
def test_no_doubling_time_without_sure_growth(
    before: float, after: float, days: int | None, known: bool
) -> None:
    assert (doubling_days(before, after, days) is not None) is known


def test_days() -> None:
    assert days_between("20260105", "20260406") == 91
    assert days_between("20240228", "20240301") == 2
    assert days_between("", "20260406") is None
    assert days_between("20260230", "20260406") is None


def test_nodes_are_compared_by_their_short_axis() -> None:
    found = growth((30, 20), (30, 25), node=True)
    assert found is not None
    assert (found.change_mm, found.share) == (5, 0.25)
    found = growth((30, 20), (33, 20))
    assert found is not None
    assert (found.change_mm, found.share) == (3, pytest.approx(0.1))


def test_doubling_goes_by_mean_diameters_and_by_the_long_ones_without_short_ones() -> None:
    both, long_only = growth((20, 10), (26, 12), days=60), growth((20, None), (26, 12), days=60)
    assert both is not None and long_only is not None
    assert both.doubling_days == doubling_days(15, 19, 60)
    assert long_only.doubling_days == doubling_days(20, 26, 60)


def test_what_wasnt_measured_twice_has_no_growth() -> None:
    assert growth((20, None), (20, None), node=True) is None
    appeared = growth((0, 0), (12, 10))
    assert appeared is not None and appeared.share is None


@given(st.floats(5, 50), st.floats(2, 50), st.integers(1, 2000))
def test_after_a_doubling_time_the_volume_has_doubled(before: float, grown: float, days: int) -> None:
    time = doubling_days(before, before + grown, days)
    assert time is not None
    assert ((before + grown) / before) ** 3 == pytest.approx(2 ** (days / time))
