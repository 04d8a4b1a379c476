"""Two readers: kappa against scikit-learn and by hand, what goes to adjudication, what is settled."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.agreement import agreement, cohens_kappa, ratings, readers, to_adjudicate, together
from lesionscope.session.commands import AddMined
from lesionscope.session.decisions import Decision, Verdict
from lesionscope.session.mined import MinedLesion
from lesionscope.session.outcome import Outcome, outcome, settled
from lesionscope.session.state import SessionState

GRAPH = load_labels()
MinedOf = Callable[..., AddMined]
RATINGS = ("yes", "uncertain", "no")


@given(st.lists(st.tuples(st.sampled_from(RATINGS), st.sampled_from(RATINGS)), min_size=1, max_size=30))
def test_kappa_is_scikit_learn_s(pairs: list[tuple[str, str]]) -> None:
    first, second = zip(*pairs, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(first, second)
    assert cohens_kappa(first, second) == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_kappa_by_hand() -> None:
    """Fifty things: 20 both yes, 15 both no, 5 and 10 apart (a textbook's example): κ = 0.4."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert math.isnan(cohens_kappa(["no", "no"], ["no", "no"])) and math.isnan(cohens_kappa([], []))


def state_of(lesions: Sequence[MinedLesion], *said: tuple[str, str, str, Verdict]) -> SessionState:
    """A project where (reader, lesion, label, verdict) were decided in this order."""
    decisions = tuple(
        Decision(lesion, label, verdict, reader, f"2024-05-06T07:08:{n:02d}.000+00:00", "mined")
        for n, (reader, lesion, label, verdict) in enumerate(said)
    )
    decided: dict[str, tuple[Decision, ...]] = {}
    for one in decisions:
        decided[one.lesion_id] = (*decided.get(one.lesion_id, ()), one)
    return SessionState(decisions=decisions, decided=decided, mined={one.id: one for one in lesions})


def plain(made: AddMined, *labels: str) -> list[MinedLesion]:
    return [dataclasses.replace(one, relevant=labels, uncertain=(), irrelevant=()) for one in made.lesions]


def test_two_readers_are_compared_where_both_have_read(mined_of: MinedOf) -> None:
    state = state_of(
        plain(mined_of(4), "nodule"),
        ("Ann", "mined-0", "nodule", "accepted"),
        ("Bob", "mined-0", "nodule", "accepted"),
        ("Ann", "mined-1", "nodule", "rejected"),
        ("Bob", "mined-1", "nodule", "accepted"),
        ("Ann", "mined-2", "nodule", "rejected"),
        ("Bob", "mined-2", "nodule", "rejected"),
        ("Bob", "mined-2", "cyst", "added"),
        ("Ann", "mined-3", "nodule", "accepted"),  # Bob has not read it
        ("Ann", "mined-1", "nodule", "uncertain"),  # her last word
    )
    assert readers(state) == ("Ann", "Bob")
    found = agreement(state, "Ann", "Bob", GRAPH)
    assert found.lesions == 3
    by_label = {one.label: one for one in found.labels}
    assert set(by_label) == {"nodule", "cyst"}
    assert by_label["nodule"].agreed == 2
    assert by_label["nodule"].kappa == pytest.approx(
        cohen_kappa_score(["yes", "uncertain", "no"], ["yes", "yes", "no"])
    )
    assert by_label["cyst"].kappa == pytest.approx(cohen_kappa_score(["no"] * 3, ["no", "no", "yes"]))
    assert [(one.lesion_id, one.label, one.ratings) for one in found.disagreements] == [
        ("mined-1", "nodule", (("Ann", "uncertain"), ("Bob", "yes"))),
        ("mined-2", "cyst", (("Ann", "no"), ("Bob", "yes"))),
    ]


def test_adjudication_takes_disagreements_off_the_list(mined_of: MinedOf) -> None:
    lesions = plain(mined_of(1), "nodule")
    apart = (("Ann", "mined-0", "nodule", "rejected"), ("Bob", "mined-0", "nodule", "accepted"))
    state = state_of(lesions, *apart)  # type: ignore[arg-type]
    listed = agreement(state, "Ann", "Bob", GRAPH).disagreements
    assert to_adjudicate(state, listed, "Cy") == listed and len(listed) == 1
    assert settled(state, "mined-0", GRAPH) == {"nodule": "uncertain"}
    later = state_of(lesions, *apart, ("Cy", "mined-0", "nodule", "accepted"))  # type: ignore[arg-type]
    assert to_adjudicate(later, listed, "Cy") == ()
    assert settled(later, "mined-0", GRAPH, "Cy") == {"nodule": "yes"}


def test_what_an_accepted_label_implies_is_rated_and_agreed_on(mined_of: MinedOf) -> None:
    state = state_of(
        plain(mined_of(1), "right lower lobe"),
        ("Ann", "mined-0", "right lower lobe", "accepted"),
        ("Bob", "mined-0", "right lower lobe", "rejected"),
        ("Bob", "mined-0", "lung", "added"),
    )
    ann = ratings(state, "mined-0", "Ann", GRAPH)
    assert ann is not None and ann["lung"] == ann["chest"] == "yes"
    apart = {one.label for one in agreement(state, "Ann", "Bob", GRAPH).disagreements}
    assert "right lower lobe" in apart and not {"lung", "chest"} & apart
    both = settled(state, "mined-0", GRAPH)
    assert both["lung"] == "yes" and both["right lower lobe"] == "uncertain"


def test_projects_of_two_readers_are_taken_together(mined_of: MinedOf) -> None:
    lesions = plain(mined_of(2), "nodule")
    one = state_of(lesions, ("Ann", "mined-0", "nodule", "accepted"))
    other = state_of(
        lesions, ("Bob", "mined-0", "nodule", "rejected"), ("Bob", "mined-1", "nodule", "accepted")
    )
    both = together([one, other])
    assert readers(both) == ("Ann", "Bob") and len(both.mined) == 2
    assert agreement(both, "Ann", "Bob", GRAPH).lesions == 1


# -------------------------------------------------------------------------- outcomes


def test_what_nobody_rated_stays_as_mined(mined_of: MinedOf) -> None:
    lesion = dataclasses.replace(
        mined_of(1).lesions[0], relevant=("lung nodule",), uncertain=("cyst",), irrelevant=("mass",)
    )
    left = outcome(lesion, {}, GRAPH)
    assert set(left.relevant) == GRAPH.expand(["lung nodule"])
    assert (left.uncertain, left.irrelevant) == (("cyst",), ("mass",))


def test_verdicts_are_applied_with_what_follows(mined_of: MinedOf) -> None:
    lesion = dataclasses.replace(
        mined_of(1).lesions[0],
        relevant=("chest", "lung", "right lower lobe", "nodule"),
        uncertain=("necrosis",),
        irrelevant=("mass",),
    )
    made = outcome(lesion, {"lung": "no", "mass": "yes", "necrosis": "no", "nodule": "uncertain"}, GRAPH)
    # Chest was mined and nobody spoke against it; the lobe falls with the lung.
    assert made == Outcome(
        relevant=tuple(name for name in (label.name for label in GRAPH.labels) if name in ("chest", "mass")),
        uncertain=("nodule",),
        irrelevant=made.irrelevant,
    )
    assert set(made.irrelevant) == {"lung", "right lower lobe", "necrosis"}
    assert made.relation("nodule") == "uncertain" and made.relation("cyst") == ""


@given(data=st.data())
def test_an_outcome_is_closed_and_tells_its_relations_apart(data: st.DataObject) -> None:
    names = st.lists(st.sampled_from(GRAPH.core), max_size=6, unique=True)
    mined = data.draw(names)
    lesion = dataclasses.replace(
        LESION, relevant=tuple(sorted(GRAPH.expand(mined))), uncertain=tuple(data.draw(names))
    )
    said = data.draw(st.dictionaries(st.sampled_from(GRAPH.core), st.sampled_from(RATINGS), max_size=6))
    made = outcome(lesion, said, GRAPH)  # type: ignore[arg-type]
    parts = [set(part) for part in (made.relevant, made.uncertain, made.irrelevant)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert GRAPH.expand(name for name, rating in said.items() if rating == "yes") <= parts[0]
    upheld = GRAPH.expand(name for name, rating in said.items() if rating == "yes")
    assert not parts[0] & {name for name, rating in said.items() if rating != "yes"} - upheld
    assert GRAPH.expand(parts[0]) == parts[0]


LESION = MinedLesion(lesion=None, study="", patient="", split="train", row=0)  # type: ignore[arg-type]
