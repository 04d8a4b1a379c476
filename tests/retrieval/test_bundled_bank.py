"""The bundled bank belongs to the bundled package, is small, and finds lesions that are alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lesionscope.models.label_package import DEFAULT, find_label_package
from lesionscope.models.package import BUNDLED as PACKAGES
from lesionscope.ontology.label_graph import load_labels
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.registry import BUNDLED, banks_for

LARGEST = 14_000_000
"""Bytes of the package and its bank together."""


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    found = banks_for(find_label_package(PACKAGES / DEFAULT).embedding_sha256, [BUNDLED]).banks
    assert found is not None, "the bundled bank was made with another package: build it again"
    with found.banks[0] as bank:
        yield bank


def test_it_is_whole_and_small(bank: Bank) -> None:
    bank.verify()
    assert len(bank) == 2000
    assert set(bank.label_counts()) <= set(load_labels().core)
    files = [*(PACKAGES / DEFAULT).iterdir(), *(path for path in bank.folder.iterdir())]
    assert sum(path.stat().st_size for path in files) <= LARGEST


def test_neighbours_of_other_patients_share_labels(bank: Bank) -> None:
    """Their share of common labels, beside that of lesions drawn at random."""
    rng = np.random.default_rng(0)
    names = np.array(sorted(bank.ids()))

    def alike(ones: set[str], others: set[str]) -> float:
        return len(ones & others) / len(ones | others)

    near, far = [], []
    for name in rng.choice(names, 60, replace=False):
        lesion = bank.lesion(name)
        found = bank.query(lesion.embedding, 5, exclude_patient=lesion.patient_key)
        assert all(bank.lesion(one.id).patient_key != lesion.patient_key for one in found)
        near += [alike(set(lesion.labels), set(one.labels)) for one in found]
        far.append(alike(set(lesion.labels), set(bank.lesion(rng.choice(names)).labels)))
    assert np.mean(near) > 3 * np.mean(far)


def test_its_pictures_are_of_lesions(bank: Bank) -> None:
    lesion = bank.lesion(min(bank.ids()))
    x0, y0, x1, y1 = lesion.box
    height, width = lesion.thumbnail.shape
    assert x0 < (width - 1) / 2 < x1 and y0 < (height - 1) / 2 < y1
    assert lesion.thumbnail.std() > 5
    assert lesion.sentence and lesion.origin.reference.startswith("phantom:train/")
