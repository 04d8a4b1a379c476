"""Cohorts: the same bytes for any number of workers, from the cache too."""

import numpy as np
import pytest

from lesionscope.errors import InputError, UsageError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.cohort import cohort


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    return folder, cohort("validation", 12, workers=2, cache=folder, body_of=BlockBody)


def test_workers_don_t_matter(made):
    alone = cohort("validation", 12, workers=1, body_of=BlockBody)
    assert np.array_equal(alone.hu, made[1].hu)
    assert np.array_equal(alone.boxes, made[1].boxes)
    assert np.array_equal(alone.labels, made[1].labels)
    assert alone.rows == made[1].rows


def test_the_cache_gives_back_what_was_made(made):
    folder, first = made

    def never(seed):
        raise AssertionError("made anew")

    never.__module__, never.__qualname__ = BlockBody.__module__, BlockBody.__qualname__
    again = cohort("validation", 12, cache=folder, body_of=never)
    assert np.array_equal(again.hu, first.hu) and again.rows == first.rows
    assert np.array_equal(again.boxes, first.boxes) and np.array_equal(again.labels, first.labels)


def test_a_spoilt_cache_is_named(tmp_path):
    cohort("test", 2, workers=1, cache=tmp_path, body_of=BlockBody)
    table = next(tmp_path.glob("*.json"))
    table.write_text("{")
    with pytest.raises(InputError, match="delete them"):
        cohort("test", 2, workers=1, cache=tmp_path, body_of=BlockBody)


def test_rows_agree_with_labels_and_sentences(made):
    graph = load_labels()
    for row, labels in zip(made[1].rows, made[1].labels, strict=True):
        true = {graph.core[index] for index in np.nonzero(labels)[0]}
        assert set(row["direct"]) <= true
        assert any(target for _, _, target in row["bookmarks"])
        for start, end, label, bookmark, relation in row["mentions"]:
            assert row["sentence"][start:end]
            if relation == "relevant" and row["bookmarks"][bookmark][2]:
                assert label in true, row


def test_nonsense_is_refused():
    with pytest.raises(UsageError):
        cohort("train", 0)
