"""Adjudication without a window: a verdict is on what is listed and in sight, or there is none."""

from __future__ import annotations

from review_fakes import differ

from lesionscope.viewer.docks import review_cells as cells
from lesionscope.viewer.review import words

pytest_plugins = ["review_fakes"]


def test_two_readers_disagreements_are_adjudicated_by_a_third(review):
    differ(review)
    review.name_reader("Carla")
    review.toggle_adjudication()
    list_ = review.state.adjudication
    assert list_.agreement.readers == ("Ann", "Bob") and list_.agreement.lesions == 1
    assert review.state.page == "adjudication" and review.state.lesion_id == "mined-5"
    assert [one.label for one in list_.open] == ["nodule"] == [review.state.chosen]
    review.decide("accepted")
    assert review.state.adjudication.open == () and review.state.seen.own["nodule"].reader == "Carla"
    assert cells.adjudication(review.state.adjudication) == words.AGREED
    review.undo()
    assert [one.label for one in review.state.adjudication.open] == ["nodule"]
    review.toggle_adjudication()
    assert review.state.page == "lesion"


def test_nobody_adjudicates_a_reading_of_their_own(review):
    differ(review)
    for reader in ("Ann", "Bob"):
        review.name_reader(reader)
        review.toggle_adjudication()
        assert review.state.adjudication is None and review.state.page == "lesion"
        assert f"{reader} can't adjudicate" in review.state.notice
    review.name_reader("Cy")
    review.toggle_adjudication()
    assert review.state.adjudication is not None


def disagreeing(review):
    """Two readers have read lesions 0 and 1 and differ on a label of the first, two of the second."""
    for reader, doubts in (("Ann", {"mined-0": "calcified", "mined-1": "nodule"}), ("Bob", {})):
        review.name_reader(reader)
        for lesion in ("mined-0", "mined-1"):
            review.show(lesion)
            review.accept_all()
            if doubts:
                review.choose(doubts[lesion])
                review.decide("uncertain")
    review.name_reader("Cy")
    review.toggle_adjudication()
    assert listed(review)[1] == [
        ("mined-0", "calcified"),
        ("mined-1", "nodule"),
        ("mined-1", "lung nodule"),
    ]


def listed(review):
    """What is chosen in the list, and the list; a verdict would be on the first, in sight."""
    list_ = review.state.adjudication
    current = list_.current
    assert current is None or (current.lesion_id, current.label) == (
        review.state.lesion_id,
        review.state.chosen,
    )
    open_ones = [(one.lesion_id, one.label) for one in list_.open]
    return list_.chosen, open_ones


def test_return_and_the_queue_keep_to_the_list_of_disagreements(review):
    disagreeing(review)
    for chosen in (1, 2, 0):
        review.step_unfinished()
        assert listed(review)[0] == chosen
    review.step_unfinished()
    review.next_order()
    assert review.state.order == "uncertainty" and listed(review)[0] == 1
    before = len(review.state.project.decisions)
    review.decide("accepted")
    made = review.state.project.decisions[before:]
    assert (made[0].lesion_id, made[0].label, made[0].reader) == ("mined-1", "nodule", "Cy")
    assert listed(review) == (1, [("mined-0", "calcified"), ("mined-1", "lung nodule")])


def test_undo_chooses_in_the_list_what_it_takes_back(review):
    disagreeing(review)
    review.choose_open(2)
    review.decide("accepted")
    assert listed(review) == (0, [("mined-0", "calcified")])
    review.undo()
    assert listed(review)[0] == 2 and review.state.lesion_id == "mined-1"
    review.redo()
    # What was repeated is in sight, and isn't what is listed: no verdict until that is in sight again.
    assert review.state.lesion_id == "mined-1" and review.state.adjudication.current.lesion_id == "mined-0"
    before = review.state.project.decisions
    review.decide("rejected")
    assert review.state.notice == words.NOT_LISTED and review.state.project.decisions == before
    review.step_unfinished()
    assert listed(review) == (0, [("mined-0", "calcified")])


def test_nothing_is_decided_once_nothing_is_left_to_adjudicate(review):
    disagreeing(review)
    while review.state.adjudication.open:
        review.decide("accepted")
    before = review.state.project.decisions
    for act in (lambda: review.decide("rejected"), review.step_unfinished):
        act()
        assert review.state.notice == words.AGREED and review.state.project.decisions == before
    review.toggle_adjudication()
    review.decide("rejected")
    assert len(review.state.project.decisions) > len(before)
