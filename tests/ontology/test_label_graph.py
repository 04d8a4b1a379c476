from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.errors import InputError
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.ontology.labels import Label

GRAPH = load_labels()
NAMES = [label.name for label in GRAPH.labels]
names = st.lists(st.sampled_from(NAMES), max_size=8)


def naive_ancestors(labels: dict[str, Label], name: str) -> set[str]:
    found: set[str] = set()
    while True:
        more = {p for one in {name, *found} for p in labels[one].parents} - found
        if not more:
            return found
        found |= more


def naive_exclusives(labels: dict[str, Label], *, as_listed: bool = False) -> set[frozenset[str]]:
    """Every pair, each tried against every listed pair: slow, but it says what is meant."""
    lineage = {name: {name} | naive_ancestors(labels, name) for name in labels}
    listed = {frozenset((name, other)) for name, label in labels.items() for other in label.exclusives}
    excepted = {
        name: {frozenset(pair) for above in lineage[name] for pair in labels[above].exceptions}
        for name in labels
    }
    found = set()
    for pair in listed:
        one, other = pair
        for x in labels:
            for y in labels:
                if x == y or not (one in lineage[x] and other in lineage[y]):
                    continue
                if not as_listed and (
                    x in lineage[y] or y in lineage[x] or pair in excepted[x] | excepted[y]
                ):
                    continue
                found.add(frozenset((x, y)))
    return found


@st.composite
def graphs(draw: st.DrawFn) -> LabelGraph:
    """Small graphs, contradictions included: parents always stand before their children."""
    count = draw(st.integers(1, 9))
    all_names = [f"l{n}" for n in range(count)]
    labels = []
    for number, name in enumerate(all_names):
        parents = (
            draw(st.lists(st.sampled_from(all_names[:number]), unique=True, max_size=3)) if number else []
        )
        others = [other for other in all_names if other != name]
        exclusives = draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others else []
        index = number if number < (count + 1) // 2 else None
        labels.append(Label(name, "type", index, tuple(parents), tuple(exclusives), (), ()))
    return LabelGraph(labels)


def test_the_bundled_table_gives_the_releases_numbers() -> None:
    assert len(GRAPH.labels) == 333 + 6
    kinds = [GRAPH.by_name[name].kind for name in GRAPH.core]
    assert [kinds.count(kind) for kind in ("body part", "type", "attribute")] == [115, 27, 29]
    assert [label.index for label in GRAPH.labels[:172]] == [*range(171), None]
    assert len(GRAPH.reduction()) == 137
    assert len(GRAPH.exclusive_pairs(as_listed=True)) == 4460
    dropped = set(GRAPH.exclusive_pairs(as_listed=True)) - set(GRAPH.exclusive_pairs())
    assert dropped == {("superior mediastinum lymph node", "pretracheal lymph node")}


def test_the_bundled_relations_against_brute_force() -> None:
    labels = dict(GRAPH.by_name)
    for name in NAMES:
        above = naive_ancestors(labels, name)
        assert GRAPH.ancestors(name) == above
        assert all(name in GRAPH.descendants(one) for one in above)
    assert sum(len(GRAPH.descendants(name)) for name in NAMES) == sum(
        len(GRAPH.ancestors(name)) for name in NAMES
    )


@pytest.mark.parametrize("as_listed", [False, True])
def test_the_bundled_exclusives_against_brute_force(as_listed: bool) -> None:
    expected = naive_exclusives(dict(GRAPH.by_name), as_listed=as_listed)
    assert set(map(frozenset, GRAPH.exclusive_pairs(NAMES, as_listed=as_listed))) == expected


@given(graphs())
def test_relations_of_any_graph_against_brute_force(graph: LabelGraph) -> None:
    labels = dict(graph.by_name)
    above = {name: naive_ancestors(labels, name) for name in labels}
    assert {name: graph.ancestors(name) for name in labels} == above
    assert {name: graph.descendants(name) for name in labels} == {
        name: {other for other in labels if name in above[other]} for name in labels
    }
    expected = naive_exclusives(labels)
    assert set(map(frozenset, graph.exclusive_pairs(labels))) == expected
    for name in labels:
        assert graph.exclusives(name) == {
            other for pair in expected if name in pair for other in pair - {name}
        }
    core = set(graph.core)
    reduced = {
        (child, parent)
        for child in core
        for parent in above[child] & core
        if not any(parent in above[between] for between in above[child] & core)
    }
    assert set(graph.reduction()) == reduced
    assert len(graph.reduction()) == len(reduced)


@given(graphs())
def test_the_reduction_closes_to_the_same_ancestors(graph: LabelGraph) -> None:
    parents: dict[str, set[str]] = {label.name: set() for label in graph.labels}
    for child, parent in graph.reduction(parents):
        parents[child].add(parent)
    again = LabelGraph(
        Label(label.name, label.kind, label.index, tuple(parents[label.name]), (), (), ())
        for label in graph.labels
    )
    assert all(again.ancestors(name) == graph.ancestors(name) for name in parents)


@given(names, names)
def test_expansion_is_idempotent_and_monotone(some: list[str], more: list[str]) -> None:
    expanded = GRAPH.expand(some)
    assert expanded >= set(some)
    assert GRAPH.expand(expanded) == expanded
    assert expanded <= GRAPH.expand(some + more)
    assert GRAPH.expand(some + more) == expanded | GRAPH.expand(more)


def test_exclusives_are_symmetric_and_never_a_kin() -> None:
    for name in NAMES:
        excluded = GRAPH.exclusives(name)
        assert not excluded & (GRAPH.ancestors(name) | GRAPH.descendants(name) | {name})
        assert all(name in GRAPH.exclusives(other) for other in excluded)


@given(names)
def test_reliable_negatives_never_meet_what_the_positives_imply(positives: list[str]) -> None:
    negatives = GRAPH.reliable_negatives(positives)
    assert not negatives & GRAPH.expand(positives)
    assert GRAPH.reliable_negatives(GRAPH.expand(positives)) == negatives
    assert all(any(one in GRAPH.exclusives(other) for other in positives) for one in negatives)


@given(names)
def test_conflicts_are_exclusive_pairs_of_the_names(some: list[str]) -> None:
    conflicts = GRAPH.conflicts(some)
    for one, other in conflicts:
        assert {one, other} <= set(some) and other in GRAPH.exclusives(one)
    if not any(GRAPH.by_name[name].exceptions for name in GRAPH.expand(some)):
        assert len(conflicts) == len(GRAPH.exclusive_pairs(some))


def test_what_one_label_implies_never_conflicts() -> None:
    for name in NAMES:
        assert GRAPH.conflicts(GRAPH.expand([name])) == ()
    assert GRAPH.conflicts(["abdomen", "pelvis"]) == (("abdomen", "pelvis"),)
    assert GRAPH.conflicts(["rectum", "abdomen", "pelvis"]) == ()
    assert ("liver", "spleen") in GRAPH.conflicts(GRAPH.expand(["liver", "spleen", "rectum"]))
    assert ("liver", "pelvis") not in GRAPH.conflicts(["liver", "abdomen"])


def test_anatomy_as_a_radiologist_would_expect_it() -> None:
    assert GRAPH.ancestors("right lower lobe") == {"right lung", "lung", "chest"}
    assert {"kidney", "retroperitoneum", "abdomen", "upper abdomen"} <= GRAPH.ancestors("left kidney")
    assert "right kidney" in GRAPH.exclusives("left kidney")
    assert "pleura" in GRAPH.exclusives("lung nodule") and "lung nodule" in GRAPH.exclusives("pleura")
    assert "left lung" in GRAPH.reliable_negatives(["right upper lobe"])
    assert "superior mediastinum lymph node" in GRAPH.ancestors("pretracheal lymph node")
    assert "gastrointestinal" in GRAPH.ancestors("sigmoid colon")


def test_orders_are_the_graphs() -> None:
    place = {name: number for number, name in enumerate(NAMES)}
    pairs = GRAPH.exclusive_pairs()
    assert all(place[one] < place[other] for one, other in pairs) and list(pairs) == sorted(
        pairs, key=lambda pair: (place[pair[0]], place[pair[1]])
    )
    children = [place[child] for child, _ in GRAPH.reduction()]
    assert children == sorted(children)


def test_it_is_loaded_once_and_goes_between_processes() -> None:
    assert load_labels() is GRAPH
    again = pickle.loads(pickle.dumps(GRAPH))
    assert again.labels == GRAPH.labels and again.reduction() == GRAPH.reduction()


def test_unknown_names_and_circles() -> None:
    with pytest.raises(KeyError):
        GRAPH.expand(["moon"])
    with pytest.raises(InputError, match="circle: a → b → a"):
        LabelGraph([Label("a", "type", 0, ("b",), (), (), ()), Label("b", "type", 1, ("a",), (), (), ())])
