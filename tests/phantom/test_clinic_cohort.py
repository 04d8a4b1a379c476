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


def test_fewer_lesions_come_from_the_same_cache(made):
    folder, first = made
    fewer = cohort(
        "validation", 7, cache=folder, body_of=BlockBody, progress=lambda *_: pytest.fail("made anew")
    )
    assert len(fewer) == 7 and len(list(folder.iterdir())) == 2
    assert np.array_equal(fewer.hu, first.hu[:7]) and fewer.rows == first.rows[:7]
    assert np.array_equal(fewer.boxes, first.boxes[:7]) and np.array_equal(fewer.labels, first.labels[:7])


def test_cached_pixels_stay_on_disk(made):
    assert isinstance(made[1].hu, np.memmap) and not made[1].hu.flags.writeable


def test_whole_bodies_are_the_same_for_any_number_of_workers(tmp_path):
    alone = cohort("test", 12, workers=1)
    for workers in (2, 3):
        other = cohort("test", 12, workers=workers, cache=tmp_path / str(workers))
        assert other.hu.tobytes() == alone.hu.tobytes() and other.rows == alone.rows
        assert np.array_equal(other.boxes, alone.boxes) and np.array_equal(other.labels, alone.labels)
    one, two = (sorted((tmp_path / name).iterdir()) for name in "23")
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in two]


def test_a_file_of_frequencies_that_isn_t_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv"):
        cohort("test", 2, frequencies=tmp_path / "none.tsv", cache=tmp_path)
    assert not list(tmp_path.iterdir())


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
