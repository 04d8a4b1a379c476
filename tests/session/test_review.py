"""What a reader sees, what follows from a verdict, and in which order lesions come."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lesionscope.errors import UsageError
from lesionscope.inference.reading import Reading
from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.commands import AddMined, AddReading, Decide
from lesionscope.session.decisions import Decision, Verdict
from lesionscope.session.mined import MinedLesion
from lesionscope.session.queue import queue
from lesionscope.session.review import Sight, accept_all, against, decide, exclusive_warnings, sight
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session
from lesionscope.session.tally import Tally

GRAPH = load_labels()
WHO = [(lesion, reader) for lesion in ("mined-0", "mined-1") for reader in ("Ann", "Bob")]
MinedOf = Callable[..., AddMined]
LabelsRead = Callable[..., Reading]


def state_of(made: AddMined, *decisions: Decision, readings: tuple[Reading, ...] = ()) -> SessionState:
    decided: dict[str, tuple[Decision, ...]] = {}
    for one in decisions:
        decided[one.lesion_id] = (*decided.get(one.lesion_id, ()), one)
    return SessionState(
        decisions=decisions,
        decided=decided,
        mined={one.id: one for one in made.lesions},
        studies={one.id: one for one in made.studies},
        readings={(one.lesion_id, one.task): one for one in readings},
    )


def verdict(label: str, what: Verdict = "accepted", reader: str = "Ann", lesion: str = "mined-0") -> Decision:
    return Decision(lesion, label, what, reader, "2024-05-06T07:08:09.000+00:00", "mined")


def bare(*mined: str, own: tuple[Decision, ...] = ()) -> Sight:
    return Sight("mined-0", "Ann", mined, (), {one.label: one for one in own}, (), False, False)


def said(decisions: tuple[Decision, ...]) -> dict[str, str]:
    return {one.label: one.verdict for one in decisions}


def test_shown_are_mined_predicted_and_ones_own(mined_of: MinedOf, labels_read: LabelsRead) -> None:
    made = mined_of(1)
    reading = labels_read(
        made.lesions[0].lesion, {"mass": (0.8, 0.5), "cyst": (0.1, 0.5), "lung": (0.9, 0.5)}
    )
    state = state_of(made, verdict("necrosis", "added"), verdict("cyst", reader="Bob"), readings=(reading,))
    seen = sight(state, "mined-0", "Ann")
    assert seen.mined == ("chest", "lung", "nodule", "right lower lobe")
    assert seen.shown == (*seen.mined, "mass", "necrosis"), "what Bob added is Bob's"
    assert seen.undecided == (*seen.mined, "mass")
    assert [one.reader for one in seen.others] == ["Bob"]
    assert [seen.origin(name) for name in ("lung", "mass", "necrosis")] == ["mined", "predicted", "reader"]


def test_a_blinded_reader_sees_predictions_and_others_only_when_his_own_is_saved(
    mined_of: MinedOf, labels_read: LabelsRead
) -> None:
    made = mined_of(1, labels=("nodule",))  # and, in doubt, "right lower lobe"
    reading = labels_read(made.lesions[0].lesion, {"mass": (0.8, 0.5)})
    others = verdict("nodule", "rejected", "Bob")
    for own, veiled in (
        ((), True),
        ((verdict("nodule"),), True),
        ((verdict("nodule"), verdict("right lower lobe", "uncertain")), False),
    ):
        seen = sight(state_of(made, others, *own, readings=(reading,)), "mined-0", "Ann", blinded=True)
        assert seen.veiled is veiled and seen.saved is not veiled
        assert [score.label for score in seen.predicted] == ([] if veiled else ["mass"])
        assert bool(seen.others) is not veiled
        assert ("mass" in seen.shown) is not veiled


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_veil_comes_back_once_it_was_lifted(data: st.DataObject, mined_of: MinedOf) -> None:
    """In any order of decisions, undo and redo, the log played again included."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.sqlite"
        lifted: set[tuple[str, str]] = set()
        steps = data.draw(
            st.lists(st.sampled_from(["decide", "all", "undo", "redo"]), min_size=1, max_size=8)
        )
        with Session.open(path) as session:
            session.apply(mined_of(2))
            for step in steps:
                lesion, reader = data.draw(st.sampled_from(WHO))
                seen = sight(session.state, lesion, reader, blinded=True)
                if step == "decide":
                    label = data.draw(st.sampled_from(seen.mined))
                    session.apply(Decide(decide(seen, GRAPH, label, "rejected")))
                elif step == "all":
                    session.apply(Decide(accept_all(seen, GRAPH)))
                elif session.state.undo_reader is not None or step == "redo":
                    session.undo() if step == "undo" else session.redo()
                lifted |= {who for who in WHO if not sight(session.state, *who, blinded=True).veiled}
                veiled = {who for who in WHO if sight(session.state, *who, blinded=True).veiled}
                assert lifted.isdisjoint(veiled)
        with Session.open(path) as session:
            assert lifted == {who for who in WHO if not sight(session.state, *who, blinded=True).veiled}


def test_a_decision_made_with_predictions_in_sight_lifts_the_veil_for_good(
    reopen_project: Callable[[], Session], mined_of: MinedOf, labels_read: LabelsRead
) -> None:
    made = mined_of(1)
    with reopen_project() as session:
        session.apply(made)
        session.apply(AddReading(labels_read(made.lesions[0].lesion, {"mass": (0.8, 0.5)})))
        session.apply(Decide(decide(sight(session.state, "mined-0", "Ann"), GRAPH, "nodule", "rejected")))
        blind = sight(session.state, "mined-0", "Bob", blinded=True)
        session.apply(Decide(decide(blind, GRAPH, "nodule", "rejected")))
        session.undo()
    with reopen_project() as session:
        assert not sight(session.state, "mined-0", "Ann", blinded=True).veiled
        assert sight(session.state, "mined-0", "Bob", blinded=True).veiled, "Bob saw what was mined alone"


def test_where_nothing_was_mined_the_veil_waits_for_a_decision(mined_of: MinedOf) -> None:
    made = mined_of(1)
    empty = dataclasses.replace(made.lesions[0], relevant=(), uncertain=())
    made = AddMined(made.studies, (empty,))
    assert sight(state_of(made), "mined-0", "Ann", blinded=True).veiled
    assert not sight(state_of(made, verdict("mass", "added")), "mined-0", "Ann", blinded=True).veiled


def test_parents_follow_a_child_that_is_accepted() -> None:
    seen = bare("chest", "lung", "right lower lobe", "nodule")
    made = decide(seen, GRAPH, "right lower lobe", "accepted", seconds=2.0)
    assert said(made) == {"right lower lobe": "accepted", "lung": "accepted", "chest": "accepted"}
    assert made[0].label == "right lower lobe" and made[0].seen == seen.shown
    assert all(one.seconds == 2.0 and one.origin == "mined" and one.reader == "Ann" for one in made)
    # A parent that was rejected before is accepted again; one that stands already is left alone.
    seen = bare("lung", "right lower lobe", own=(verdict("lung", "rejected"), verdict("chest", "added")))
    assert said(decide(seen, GRAPH, "right lower lobe", "accepted")) == {
        "right lower lobe": "accepted",
        "lung": "accepted",
    }


def test_children_follow_a_parent_that_is_rejected_or_doubted() -> None:
    seen = bare("chest", "lung", "right lower lobe", "nodule", own=(verdict("lung nodule", "added"),))
    assert said(decide(seen, GRAPH, "lung", "rejected")) == {
        "lung": "rejected",
        "right lower lobe": "rejected",
        "lung nodule": "rejected",
    }
    # Doubt reaches only what was accepted.
    assert said(decide(seen, GRAPH, "lung", "uncertain")) == {"lung": "uncertain", "lung nodule": "uncertain"}


def test_a_replacement_rejects_what_it_replaces_unless_it_implies_it() -> None:
    seen = bare("left lung", "left lower lobe", "nodule")
    made = decide(seen, GRAPH, "right lower lobe", "added", replaces="left lung")
    assert said(made) == {
        "right lower lobe": "added",
        "left lung": "rejected",
        "left lower lobe": "rejected",
    }
    assert [one.replaces for one in made] == ["left lung", None, None]
    assert made[0].origin == "reader"
    finer = decide(bare("lung"), GRAPH, "right lower lobe", "added", replaces="lung")
    assert said(finer) == {"right lower lobe": "added", "lung": "accepted"}


@given(data=st.data())
def test_a_reader_s_labels_stay_closed_whatever_is_decided(data: st.DataObject) -> None:
    """No label is held below one that the reader rejected, in any order of verdicts."""
    start = data.draw(
        st.sampled_from(["right lower lobe", "lung nodule", "kidney cyst", "liver mass", "pleura"])
    )
    names = sorted(GRAPH.expand([start]) | set(sorted(GRAPH.descendants("lung"))[:4]))
    own: dict[str, Decision] = {}
    for _ in range(data.draw(st.integers(1, 8))):
        label = data.draw(st.sampled_from(names))
        what = data.draw(st.sampled_from(["accepted", "rejected", "uncertain", "added"]))
        seen = bare(*names, own=tuple(own.values()))
        for one in decide(seen, GRAPH, label, what):
            own[one.label] = one
        assert own[label].verdict == what
        for held in (one.label for one in own.values() if one.holds):
            assert all(name not in own or own[name].holds for name in GRAPH.ancestors(held))


def test_accept_all_is_bulk_and_leaves_what_was_decided() -> None:
    seen = bare("chest", "lung", "nodule", own=(verdict("nodule", "rejected"),))
    made = accept_all(seen, GRAPH, seconds=4.0)
    assert said(made) == {"chest": "accepted", "lung": "accepted"} and all(one.bulk for one in made)
    assert len({one.at for one in made}) == 1
    assert accept_all(bare(own=(verdict("nodule"),)), GRAPH) == ()


@pytest.mark.parametrize("denial", ["rejected", "uncertain"])
def test_accept_all_leaves_out_what_implies_a_label_that_was_denied(denial: Verdict) -> None:
    """A right lower lobe is in the lung; a lung nodule is in it, and a nodule."""
    seen = bare(
        "chest", "lung", "right lower lobe", "nodule", "lung nodule", "cyst", own=(verdict("lung", denial),)
    )
    assert against(seen, GRAPH) == ("right lower lobe", "lung nodule")
    assert said(accept_all(seen, GRAPH)) == dict.fromkeys(("chest", "nodule", "cyst"), "accepted")
    held = bare("lung", "right lower lobe", own=(verdict("lung"),))
    assert against(held, GRAPH) == () and said(accept_all(held, GRAPH)) == {"right lower lobe": "accepted"}


def test_exclusives_warn_once_and_at_their_most_telling() -> None:
    seen = bare(own=(verdict("left lower lobe"),))
    (sentence,) = exclusive_warnings(seen, GRAPH, "right lower lobe")
    assert "“right lower lobe”" in sentence and "“left lower lobe”" in sentence
    assert exclusive_warnings(seen, GRAPH, "nodule") == ()
    both = bare(own=(verdict("left lower lobe"), verdict("right lower lobe")))
    assert exclusive_warnings(both, GRAPH, "nodule") == (), "an old conflict is not this label's"


# ------------------------------------------------------------------------------ queue


def lesions(made: AddMined, *labels: tuple[str, ...]) -> tuple[MinedLesion, ...]:
    return tuple(
        dataclasses.replace(one, relevant=names, uncertain=())
        for one, names in zip(made.lesions, labels, strict=True)
    )


@pytest.fixture
def four(mined_of: MinedOf, labels_read: LabelsRead) -> SessionState:
    made = mined_of(4)
    made = AddMined(made.studies, lesions(made, ("nodule",), ("mass",), ("nodule",), ("cyst", "nodule")))
    scores: list[dict[str, Any]] = [
        {"nodule": (0.9, 0.5), "mass": (0.1, 0.5)},  # agrees; far from thresholds
        {"nodule": (0.95, 0.5), "mass": (0.3, 0.5)},  # wrong twice: .45 + .2
        {"nodule": (0.52, 0.5), "mass": (0.6, 0.5)},  # wrong once, by .1; nearest a threshold
    ]
    readings = [labels_read(one.lesion, score) for one, score in zip(made.lesions[:3], scores, strict=True)]
    return state_of(made, readings=tuple(readings))


def test_orders_of_the_queue(four: SessionState) -> None:
    def order(name: Any, **more: Any) -> list[int]:
        return [int(one.partition("-")[2]) for one in queue(four, name, GRAPH, **more)]

    assert order("import") == [0, 1, 2, 3]
    assert order("disagreement") == [1, 2, 0, 3], "what no model has read comes last"
    assert order("uncertainty") == [2, 1, 0, 3]
    # cyst: 1 lesion; mass: 1 and 2 (2 by prediction); nodule: all
    assert order("rarity") == [3, 1, 2, 0]
    assert order("rarity", blinded=True) == [1, 3, 0, 2]
    assert order("label", label="mass") == [1, 2]
    assert order("label", label="mass", blinded=True) == [1]


def test_a_blinded_queue_does_not_tell_what_the_model_said(four: SessionState) -> None:
    for order in ("disagreement", "uncertainty"):
        with pytest.raises(UsageError, match="blinded reader"):
            queue(four, order, GRAPH, blinded=True)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Name the label"):
        queue(four, "label", GRAPH)


def test_progress_counts_what_is_shown(four: SessionState) -> None:
    progress = Tally().progress
    here = progress(four, "Ann")
    assert (here.lesions, here.finished, here.labels, here.decided) == (4, 0, 1 + 2 + 2 + 2, 0)
    decided = {"mined-0": (verdict("nodule"),), "mined-1": (verdict("mass", "rejected", lesion="mined-1"),)}
    later = dataclasses.replace(four, decided=decided)
    here = progress(later, "Ann")
    assert (here.finished, here.labels, here.decided) == (1, 7, 2)
    assert progress(later, "Bob").decided == 0
    # Blinded, lesion 1's prediction shows now that mass is decided, and waits for a decision.
    assert progress(later, "Ann", blinded=True).finished == 1


def test_a_project_says_whose_decisions_undo_and_redo_would_change(
    reopen_project: Callable[[], Session], mined_of: MinedOf
) -> None:
    with reopen_project() as session:
        made = mined_of(2)
        session.apply(dataclasses.replace(made, lesions=made.lesions[:1]))
        assert (session.state.undo_reader, session.state.redo_reader) == (None, None), "an import is nobody's"
        session.apply(Decide((verdict("nodule"), verdict("lung"))))
        session.apply(Decide((verdict("nodule", "rejected", "Bob"),)))
        assert session.state.undo_reader == "Bob"
        state = session.undo()
        assert (state.undo_reader, state.redo_reader) == ("Ann", "Bob")
        assert session.undo().redo_reader == "Ann" and session.state.undo_reader is None
    with reopen_project() as session:
        assert session.state.redo_reader == "Ann"
        assert session.redo().redo_reader == "Bob"
        session.apply(made)
        assert (session.state.undo_reader, session.state.redo_reader) == (None, None)
        assert session.state.undo_title == "Import 1 lesions"
