"""Joint label frequencies: near the published marginals, possible, every label reachable."""

import json
from collections import Counter

import numpy as np
import pytest

from lesionscope.errors import InputError
from lesionscope.phantom.clinic.figures import target_shares
from lesionscope.phantom.clinic.frequencies import BUNDLED, load_frequencies


@pytest.fixture(scope="module")
def source():
    return load_frequencies()


@pytest.fixture(scope="module")
def drawn(source):
    rng = np.random.default_rng(5)
    return [source.sample(rng) for _ in range(6000)]


def test_drawn_labels_exclude_nothing_among_them(source, drawn):
    graph = source.possible.graph
    for draw in drawn:
        assert not graph.conflicts(graph.expand(draw.direct))


def test_drawn_types_and_attributes_fit_their_place(source, drawn):
    """Checked by hand-written rules of anatomy, not by the table."""
    graph = source.possible.graph
    needs = {
        "ground-glass opacity": "lung",
        "consolidation": "lung",
        "lung nodule": "lung",
        "cavitary": "lung",
        "reticular": "lung",
        "sclerotic": "bone",
        "lytic": "bone",
        "expansile": "bone",
        "liver mass": "liver",
        "kidney cyst": "kidney",
        "lymphadenopathy": "lymph node",
    }
    seen = Counter()
    for draw in drawn:
        labels = graph.expand(draw.direct)
        for name, place in needs.items():
            if name in draw.direct:
                seen[name] += 1
                assert place in labels or draw.place in ("perihilar", "subpleural", "fissure"), draw
        assert sum(graph.by_name[name].kind == "body part" for name in draw.direct) == 1 or all(
            name == draw.place
            or draw.place in graph.ancestors(name)
            or graph.by_name[name].kind != "body part"
            for name in draw.direct
        )
    assert len(seen) == len(needs)


def test_every_label_can_be_asked_for(source):
    rng = np.random.default_rng(6)
    for name in source.possible.graph.core:
        assert any(
            name in source.possible.graph.expand(source.with_label(name, rng).direct) for _ in range(5)
        ), name


def test_common_labels_are_as_common_as_published(source, drawn):
    graph = source.possible.graph
    counts = Counter(name for draw in drawn for name in graph.expand(draw.direct))
    target = target_shares()
    assert set(target) == set(graph.core)
    for name, share in target.items():
        if share > 0.03:
            # Reports leave most attributes unsaid, so more are true.
            low, high = (1.3, 2.9) if graph.by_name[name].kind == "attribute" else (0.6, 1.7)
            assert low < counts[name] / len(drawn) / share < high, name
    mean = sum(len(graph.expand(draw.direct)) for draw in drawn) / len(drawn)
    assert 4.0 < mean < 4.8


def test_target_is_what_the_release_counts(shared_data, source):
    from lesionscope.ontology.lesanet_files import read_label_file

    released = read_label_file(shared_data / "lesanet" / "text_mined_labels_171_and_split.json")
    graph = source.possible.graph
    sets = [
        graph.expand(released.terms[number] for number in numbers)
        for numbers in released.splits["train"].positives()
        if numbers
    ]
    for name, share in target_shares().items():
        assert share == pytest.approx(sum(name in labels for labels in sets) / len(sets), abs=1e-5)


def test_a_released_label_file_is_a_distribution_too(tmp_path, source):
    graph = source.possible.graph
    terms = list(graph.core)
    number = {name: place for place, name in enumerate(terms)}
    lists = [["right kidney", "cyst", "lung nodule"], ["lung", "spiculated"], []]
    content = {"term_list": terms}
    for split in ("train", "val", "test"):
        content[f"{split}_lesion_idxs"] = [0, 1, 2]
        for relation in ("relevant", "uncertain", "irrelevant"):
            full = split == "train" and relation == "relevant"
            content[f"{split}_{relation}_labels"] = [
                [number[n] for n in row] if full else [] for row in lists
            ]
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    other = load_frequencies(path)
    rng = np.random.default_rng(1)
    found = {other.sample(rng).direct for _ in range(60)}
    # A lung nodule is no label of a kidney.
    assert found == {frozenset({"right kidney", "cyst"}), frozenset({"lung", "spiculated"})}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("place\tlung\tno such place\t3", "no such place"),
        ("type\tlung\tcyst\t1.5", "chance up to 1"),
        ("place\tlung\tlung\tmany", "'many' is no number"),
        ("place\tlung\tlung", "3 columns"),
        ("place\tlung\tcyst\t1", "no body part"),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(tmp_path, line, said):
    path = tmp_path / "table.tsv"
    path.write_text("kind\tfamily\tlabel\tvalue\n" + line + "\n")
    with pytest.raises(InputError, match="line 2") as caught:
        load_frequencies(path)
    assert said in str(caught.value)


def test_the_bundled_table_names_every_label_once_or_more():
    words = {line.split("\t")[2] for line in BUNDLED.read_text().splitlines() if line.count("\t") == 3}
    assert set(load_frequencies().possible.graph.core) <= words
