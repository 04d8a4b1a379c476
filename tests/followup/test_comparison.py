"""A comparison from its marks to the response; the sample patient's is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lesionscope import sample_data
from lesionscope.ct.scan import open_ct
from lesionscope.followup.choices import FATES, Choices, choices_from_dict, choices_to_dict
from lesionscope.followup.comparison import Comparison, MarkedStudy
from lesionscope.followup.pairing import Verdict, propose
from lesionscope.followup.response import Outcome, Role, Seen
from lesionscope.followup.rigid import Rigid
from lesionscope.followup.sample import drawn
from lesionscope.followup.sites import Site, body_parts, site_of
from lesionscope.lesions.lesion import Diameter, Lesion

CR, PR, SD, PD, NE = Outcome.CR, Outcome.PR, Outcome.SD, Outcome.PD, Outcome.NE


def lesion(id: str, number: int, long: float, short: float, x: float = 0.0) -> Lesion:
    return Lesion(
        id,
        f"2.25.{number}",
        (x, 0, 0),
        (x, 0, 0, x, 0, 0),
        Diameter((x, 0, 0), (x + long, 0, 0)),
        Diameter((x, 0, 0), (x, short, 0)),
        number=number,
    )


LIVER, NODE = Site("liver"), Site("lymph node", node=True)


def two() -> Comparison:
    """A liver lesion and a node, later both smaller, and a third lesion that wasn't there."""
    first = MarkedStudy(
        "20260105", (lesion("a", 1, 50, 40, 0), lesion("n", 2, 30, 20, 200)), {"a": LIVER, "n": NODE}
    )
    later = (lesion("a2", 1, 30, 25, 1), lesion("n2", 2, 28, 12, 201), lesion("x", 3, 9, 8, 400))
    second = MarkedStudy("20260406", later)
    return Comparison(first, second, Choices(propose(first.lesions, later, Rigid())))


def confirmed(comparison: Comparison) -> Comparison:
    pairing = comparison.choices.pairing
    for pair in pairing.pairs:
        pairing = pairing.decided(pair, Verdict.CONFIRMED)
    return replace(comparison, choices=replace(comparison.choices, pairing=pairing))


def chosen(comparison: Comparison, choices: Choices) -> Comparison:
    return replace(comparison, choices=choices)


@pytest.mark.parametrize(("study", "left"), [("baseline", "n"), ("followup", "n2")])
def test_a_deleted_mark_takes_its_pair_along(study: str, left: str) -> None:
    compared = confirmed(two())
    marked = getattr(compared, study)
    kept = replace(marked, lesions=tuple(one for one in marked.lesions if one.id != left))
    after = replace(compared, **{study: kept})
    other = {"n": "n2", "n2": "n"}[left]
    (row,) = (row for row in after.rows if other in (one.id for one in (row.baseline, row.followup) if one))
    assert row.pair is None and row.is_open


def test_a_lesion_that_is_paired_has_not_gone() -> None:
    (pair, *_) = two().choices.pairing.pairs
    gone = two().choices.with_fate(pair.baseline, Seen.GONE)
    assert not gone.with_pair(pair.baseline, gone.pairing).fates
    small = two().choices.with_fate(pair.baseline, Seen.TOO_SMALL)
    assert small.with_pair(pair.baseline, small.pairing).fates == {pair.baseline: Seen.TOO_SMALL}


def test_visits_that_cant_be_read_are_said_beside_the_response() -> None:
    assert replace(two(), missing=("left out",)).response.missing == ("left out",)


@pytest.mark.parametrize(("later", "is_open"), [(9.9, False), (10.0, True), (20.0, True)])
def test_a_normal_node_that_outgrows_10_mm_is_to_be_decided_on(later: float, is_open: bool) -> None:
    first = MarkedStudy("20260105", (lesion("n", 1, 12, 8),), {"n": NODE})
    second = MarkedStudy("20260406", (lesion("n2", 1, 25, later),))
    compared = confirmed(Comparison(first, second, Choices(propose(first.lesions, second.lesions, Rigid()))))
    assert len(compared.open_rows) == is_open
    for new, response in ((True, PD), (False, NE)) if is_open else ():
        said = chosen(compared, compared.choices.with_news("n2", new))
        assert not said.open_rows and said.response.visits[1].overall is response
        assert [one.name for one in said.response.of_role(Role.NEW)] == ["Lesion 1"] * new
        third = MarkedStudy("20260706", second.lesions)
        after = Comparison(first, third, said.choices.for_another_visit, (said,))
        assert after.response.visits[2].new is new, "what was new stays new at later visits"


def test_what_is_only_proposed_counts_for_nothing() -> None:
    comparison = two()
    assert len(comparison.open_rows) == 3
    assert comparison.response.visits[1].overall is NE
    assert comparison.response.visits[0].sum_mm == 70  # 50 long and 20 short


def test_confirmed_pairs_give_the_response_and_new_lesions_overrule_it() -> None:
    comparison = confirmed(two())
    table = comparison.response
    assert table.visits[1].sum_mm == 42  # 30 long and 12 short: 40 % less
    assert table.visits[1].overall is PR
    assert [row.followup.id for row in comparison.open_rows if row.followup] == ["x"]
    with_new = chosen(comparison, comparison.choices.with_news("x", True))
    assert with_new.response.visits[1].overall is PD
    assert with_new.open_rows == ()
    overlooked = chosen(comparison, comparison.choices.with_news("x", False))
    assert overlooked.response.visits[1].overall is PR and overlooked.open_rows == ()


def test_growth_goes_by_the_axis_that_counts() -> None:
    rows = {row.baseline.id: row for row in confirmed(two()).rows if row.baseline}
    assert rows["a"].growth is not None and rows["a"].growth.change_mm == -20
    assert rows["n"].growth is not None and rows["n"].growth.change_mm == -8


@pytest.mark.parametrize(
    ("fate", "sum_mm", "overall"),
    [(Seen.GONE, 12, PR), (Seen.NOT_EVALUABLE, 12, NE), (Seen.TOO_SMALL, 42, PR)],
)
def test_fates_of_a_target(fate: Seen, sum_mm: float, overall: Outcome) -> None:
    comparison = confirmed(two())
    comparison = chosen(comparison, comparison.choices.with_fate("a", fate))
    assert (comparison.response.visits[1].sum_mm, comparison.response.visits[1].overall) == (sum_mm, overall)


def test_too_small_without_a_measurement_is_5_mm() -> None:
    comparison = confirmed(two())
    pairing = comparison.choices.pairing
    pair = pairing.of("a")
    assert pair is not None
    choices = replace(comparison.choices, pairing=pairing.decided(pair, Verdict.REFUSED))
    comparison = chosen(comparison, choices.with_fate("a", Seen.TOO_SMALL))
    assert comparison.response.visits[1].sum_mm == 17


def test_a_nontarget_that_the_reader_calls_progressed() -> None:
    comparison = confirmed(two())
    comparison = chosen(
        comparison, replace(comparison.choices, targets=("n",)).with_fate("a", Seen.PROGRESSED)
    )
    assert [row.role for row in comparison.rows][:2] == [Role.NON_TARGET, Role.TARGET]
    assert comparison.response.visits[1].overall is PD


def test_the_readers_word_on_a_site_goes_before_the_labels() -> None:
    comparison = confirmed(two())
    comparison = chosen(comparison, comparison.choices.with_site("a", Site("lymph node", node=True)))
    assert comparison.response.visits[0].sum_mm == 60  # 40 short and 20 short
    assert comparison.rows[0].site.node


def test_a_site_known_at_one_visit_is_known_at_both() -> None:
    first = MarkedStudy("", (lesion("a", 1, 20, 16),))
    second = MarkedStudy("", (lesion("b", 1, 20, 16),), {"b": NODE})
    pairing = propose(first.lesions, second.lesions, Rigid())
    comparison = Comparison(first, second, Choices(pairing))
    assert comparison.candidates[0].node
    assert comparison.targets == ("a",)


def test_diameters_drawn_the_wrong_way_round_are_taken_by_length() -> None:
    first = MarkedStudy("", (lesion("a", 1, 12, 18),), {"a": LIVER})
    assert Comparison(first, MarkedStudy()).response.visits[0].sum_mm == 18


def sample() -> Comparison:
    """The sample patient as a reader would compare him, everything confirmed."""
    truth = json.loads((sample_data.sample_visit("baseline").parent / sample_data.TRUTH).read_text())
    studies = []
    for name in sample_data.VISITS:
        folder = sample_data.sample_visit(name)
        volume = open_ct(folder / sample_data.SERIES)
        marked = drawn(folder, volume.geometry)
        lesions = tuple(replace(one, number=number) for number, (one, _) in enumerate(marked, 1))
        sites = {one.id: site for one, (_, site) in zip(lesions, marked, strict=True)}
        studies.append(MarkedStudy(volume.source.study_date, lesions, sites, volume.geometry.slice_step_mm))
    turn = Rotation.from_euler("z", truth["turned_degrees"], degrees=True).as_matrix()
    rigid = Rigid(tuple(turn.ravel()), tuple(truth["moved_lps_mm"]))
    pairing = propose(studies[0].lesions, studies[1].lesions, rigid)
    return confirmed(Comparison(*studies, Choices(pairing)))


def test_the_sample_patients_known_response() -> None:
    truth = json.loads((sample_data.sample_visit("baseline").parent / sample_data.TRUTH).read_text())[
        "lesions"
    ]
    comparison = sample()
    for row in comparison.open_rows:
        if row.baseline is not None:
            comparison = chosen(comparison, comparison.choices.with_fate(row.baseline.id, Seen.GONE))
        else:
            assert row.followup is not None
            comparison = chosen(comparison, comparison.choices.with_news(row.followup.id, True))
    marks = [
        {
            one["mark"]: one
            for one in json.loads((sample_data.sample_visit(v) / sample_data.MARKS).read_text())
        }
        for v in sample_data.VISITS
    ]

    def recist(one: dict, visit: int) -> float:
        """By hand, from the truth's numbers of the marks and its labels."""
        name = sample_data.VISITS[visit]
        if name not in one:
            return 0.0
        mark = marks[visit][one[name]["mark"]]
        long, short = (
            float(np.linalg.norm(np.subtract(*mark[f"{axis}_lps_mm"]))) for axis in ("long", "short")
        )
        return min(long, short) if "lymph node" in one["baseline"]["labels"] else max(long, short)

    at_baseline = [one for one in truth if "baseline" in one]
    node = [one for one in at_baseline if "lymph node" in one["baseline"]["labels"]]
    liver = [one for one in at_baseline if "liver" in one["baseline"]["labels"]]
    lung = sorted(
        (one for one in at_baseline if "lung" in one["baseline"]["labels"]), key=lambda one: -recist(one, 0)
    )
    node = [one for one in node if recist(one, 0) >= 15]
    expected = [*liver[:2], *lung[:2], *node[:2]]
    sums = [sum(recist(one, visit) for one in expected) for visit in (0, 1)]
    now = comparison.response.visits[1]
    assert len(comparison.targets) == len(expected) >= 3
    assert comparison.response.visits[0].sum_mm == pytest.approx(sums[0], abs=0.01)
    assert now.sum_mm == pytest.approx(sums[1], abs=0.01)
    # The ground-glass opacity has gone and the liver mass shrunk; a nodule in the middle lobe is new.
    assert now.target is (PR if sums[1] <= 0.7 * sums[0] else SD)
    assert now.new and now.overall is PD
    assert len(comparison.response.of_role(Role.NEW)) == sum("baseline" not in one for one in truth) == 1


# -- no lesion is hidden ------------------------------------------------------------------------

PLACES = st.lists(st.integers(0, 12).map(lambda tens: 10.0 * tens), max_size=4)


@given(PLACES, PLACES, st.data())
@settings(deadline=None)
def test_no_lesion_of_the_follow_up_is_hidden_behind_what_became_of_another(
    before: list[float], now: list[float], data: st.DataObject
) -> None:
    first, later = (
        tuple(lesion(f"{name}{n}", n, 20, 15, x) for n, x in enumerate(places, 1))
        for name, places in (("a", before), ("b", now))
    )
    choices = Choices(propose(first, later, Rigid()))
    for pair in choices.pairing.pairs:
        choices = replace(
            choices, pairing=choices.pairing.decided(pair, data.draw(st.sampled_from(list(Verdict))))
        )
    for one in first:
        choices = choices.with_fate(one.id, data.draw(st.sampled_from([None, *FATES])))
    rows = Comparison(MarkedStudy("", first), MarkedStudy("", later), choices).rows
    for one in later:
        (row,) = (row for row in rows if row.followup is one)
        same = row.pair is not None and row.pair.verdict is Verdict.CONFIRMED
        assert same or (row.is_open and row.fate not in (Seen.GONE, Seen.NOT_EVALUABLE))
    assert [row.baseline for row in rows if row.baseline] == list(first)


def test_what_is_gone_gets_no_pair_proposed_and_leaves_the_lesion_to_another() -> None:
    first, later = (lesion("a", 1, 20, 15, 0), lesion("c", 2, 20, 15, 20)), (lesion("b", 1, 20, 15, 5),)
    assert [pair.baseline for pair in propose(first, later, Rigid()).pairs] == ["a"]
    assert [pair.baseline for pair in propose(first, later, Rigid(), absent={"a"}).pairs] == ["c"]
    kept = confirmed(
        Comparison(MarkedStudy("", first), MarkedStudy("", later), Choices(propose(first, later, Rigid())))
    )
    pairing = propose(first, later, Rigid(), earlier=kept.choices.pairing, absent={"a"})
    assert [(pair.baseline, pair.verdict) for pair in pairing.pairs] == [("a", Verdict.CONFIRMED)]


# -- sites ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "site"),
    [
        (("right upper lobe", "nodule"), Site("lung")),
        (("subcarinal lymph node",), NODE),
        (("liver mass",), LIVER),
        (("left adrenal gland",), Site("adrenal gland")),
        (("rib",), Site("bone")),
        (("nodule",), Site()),
        (("a word of nobody's",), Site()),
    ],
)
def test_the_organ_that_labels_name(labels: tuple[str, ...], site: Site) -> None:
    assert site_of(labels) == site
    assert all("nodule" not in part for part in body_parts(labels))


# -- several visits ----------------------------------------------------------------------------


def visit(date: str, *lesions: Lesion, earlier: tuple[Comparison, ...] = (), **more: Any) -> Comparison:
    """A visit after the baseline of :func:`two`, every pair confirmed."""
    pairing = propose(two().baseline.lesions, lesions, Rigid())
    choices = Choices(pairing, **more)
    return confirmed(Comparison(two().baseline, MarkedStudy(date, lesions), choices, earlier))


def test_the_nadir_may_be_a_visit_between() -> None:
    between = visit("20260201", lesion("a1", 1, 20, 15, 1), lesion("n1", 2, 28, 12, 201))
    now = visit("20260406", lesion("a2", 1, 24, 20, 1), lesion("n2", 2, 28, 15, 201), earlier=(between,))
    table = now.response
    assert [one.date for one in table.visits] == ["20260105", "20260201", "20260406"]
    assert [one.sum_mm for one in table.visits] == [70, 32, 39]
    # 39 is 44 % below the baseline, and 7 mm or 22 % above the visit between.
    assert [one.overall for one in table.visits] == [None, PR, PD]
    assert (table.visits[2].nadir_mm, replace(now, earlier=()).response.visits[1].overall) == (32, PR)


def test_a_visit_between_that_is_not_decided_is_no_nadir() -> None:
    between = visit("20260201", lesion("a1", 1, 20, 15, 1))  # of the node nobody said anything
    now = visit("20260406", lesion("a2", 1, 24, 20, 1), lesion("n2", 2, 28, 15, 201), earlier=(between,))
    assert [one.complete for one in now.response.visits] == [True, False, True]
    assert (now.response.visits[2].nadir_mm, now.response.visits[2].overall) == (70, PR)


def test_a_lesion_that_was_new_at_a_visit_between_stays_progression() -> None:
    both = lesion("a1", 1, 20, 15, 1), lesion("n1", 2, 28, 12, 201)
    between = visit("20260201", *both, lesion("x", 3, 9, 8, 400), news={"x": True})
    now = visit("20260406", *both, earlier=(between,))
    assert [one.overall for one in now.response.visits] == [None, PD, PD]
    assert [one.name for one in now.response.of_role(Role.NEW)] == ["New lesion 3 (visit 2)"]


def test_targets_and_places_of_the_last_visit_count_at_all() -> None:
    both = lesion("a1", 1, 20, 15, 1), lesion("n1", 2, 28, 12, 201)
    between = visit("20260201", *both, targets=("a",))
    now = visit("20260406", *both, earlier=(between,), targets=("n",), sites={"n": LIVER})
    assert [one.sum_mm for one in now.response.visits] == [30, 28, 28]
    assert now.choices.for_another_visit == Choices(targets=("n",), sites={"n": LIVER})


# -- on disk ----------------------------------------------------------------------------------


def some_choices() -> Choices:
    pairing = confirmed(two()).choices.pairing.joined("n", "x", 4.5)
    choices = Choices(pairing, ("a",)).with_fate("n", Seen.GONE).with_news("x", False)
    return replace(choices.with_site("a", LIVER), overruled=True)


def test_choices_survive_the_disk_exactly() -> None:
    choices = some_choices()
    assert choices_from_dict(json.loads(json.dumps(choices_to_dict(choices)))) == choices


def test_what_is_only_proposed_is_not_kept() -> None:
    assert two().choices.decided == Choices()
    assert some_choices().decided == some_choices()
