"""How many labels a lesion has: in its report, and in truth."""

import numpy as np
import pytest

from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.cohort import sentence
from lesionscope.phantom.clinic.patients import ClinicPatient


@pytest.mark.slow
def test_reports_say_about_four_labels_of_a_training_lesion_and_more_are_true():
    graph = load_labels()
    core, miner = frozenset(graph.core), Miner(graph)
    mined, said, true = [], [], []
    seed = 0
    while len(true) < 1500:
        patient = ClinicPatient(seed, "train")
        seed += 1
        for mark in patient.marks:
            if mark.bookmarked:
                written = sentence(patient, mark, "train")
                mined.append(len(core & set(miner.mine(written.text).labels)))
                said.append(len(core & graph.expand(written.labels("relevant", "uncertain"))))
                true.append(len(patient.lesions[mark.lesion].labels))
    assert 4.05 < np.mean(said) < 4.35
    # Rules take over some of what is said of others, and find what parts of it make together.
    assert np.mean(said) <= np.mean(mined) < 4.6
    assert np.mean(true) > np.mean(mined) + 1
