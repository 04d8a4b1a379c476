"""Every body part is a place: reachable, on its side, and at one with its neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.errors import InputError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.body import Body
from lesionscope.phantom.body.regions import BODY_PARTS, WOMEN_ONLY

WOMAN, MAN = 1, 4
GRAPH = load_labels()


@pytest.fixture(scope="module", params=(WOMAN, MAN))
def body(request):
    return Body(request.param)


def test_the_seeds_are_a_woman_and_a_man():
    assert (Body(WOMAN).sex, Body(MAN).sex) == ("F", "M")


def test_every_body_part_can_be_asked_for(body):
    assert len(BODY_PARTS) == 115
    rng = np.random.default_rng(3)
    for label in body.labels_here:
        point = body.place(label, rng)
        assert label in body.body_parts_at(point), label
    assert set(BODY_PARTS) - set(body.labels_here) == (set() if body.sex == "F" else WOMEN_ONLY)


def test_what_a_man_has_not_is_refused():
    for label in WOMEN_ONLY:
        with pytest.raises(InputError, match="is a man"):
            Body(MAN).place(label, np.random.default_rng(0))
    with pytest.raises(InputError, match="not one of the 115"):
        Body(MAN).place("elbow", np.random.default_rng(0))


def test_right_is_minus_x_and_left_is_plus_x(body):
    rng = np.random.default_rng(5)
    for label in BODY_PARTS:
        if label.startswith(("right ", "left ")):
            for _ in range(3):
                x = body.place(label, rng)[0]
                assert (x < 0) == label.startswith("right "), label
    for label, sign in (("liver", -1), ("gallbladder", -1), ("spleen", 1), ("lingula", 1)):
        assert np.mean([body.place(label, rng)[0] for _ in range(5)]) * sign > 0, label


def test_no_two_labels_that_exclude_each_other_hold_at_one_point(body):
    low, high = (np.array(corner) for corner in body.bounds)
    points = np.random.default_rng(7).uniform(low, high, (9000, 3))
    for point, names in zip(points, body.parts_at(points), strict=True):
        assert not GRAPH.conflicts(names), (point, GRAPH.conflicts(names))


def test_organs_lie_in_order_from_head_to_thigh(body):
    rng = np.random.default_rng(9)
    order = ("thyroid gland", "aorticopulmonary window", "subcarinal lymph node", "diaphragm", "spleen")
    order += ("left kidney", "common iliac lymph node", "urinary bladder", "thigh")
    heights = [np.mean([body.place(label, rng)[2] for _ in range(6)]) for label in order]
    assert heights == sorted(heights, reverse=True)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 3), st.integers(1, 20))
def test_points_together_are_named_as_points_alone(seed, count):
    body = Body(WOMAN)
    low, high = (np.array(corner) for corner in body.bounds)
    points = np.random.default_rng(seed).uniform(low, high, (count, 3))
    assert body.parts_at(points) == [body.body_parts_at(point) for point in points]
    direct = body.parts_at(points, expanded=False)
    assert [GRAPH.expand(d) for d in direct] == [GRAPH.expand(d) for d in body.parts_at(points)]


def test_outside_the_body_there_is_nothing(body):
    low, high = (np.array(corner) for corner in body.bounds)
    assert body.parts_at([low - 5, (low[0], high[1], 0.0)]) == [frozenset(), frozenset()]
    assert np.all(body.hu([low - 5, (low[0], high[1], 0.0)]) < -990)
