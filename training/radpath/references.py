"""What a phantom's score is compared with: the oracle and the baseline."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from lesionscope.models.probabilities import Floats
from lesionscope.ontology.tree import PathologyTree

from .dataset import Cubes


@dataclass(frozen=True, eq=False)
class References:
    """``oracle`` ``(n, leaves)``: the exact posterior of each case; ``baseline``: a mean leaf AUC."""

    oracle: Floats
    baseline: float


def phantom_references(tree: PathologyTree, cubes: Cubes) -> References:
    """Score phantoms as the oracle does, and look up the baseline's frozen figure.

    The oracle knows the looks that a lesion was drawn from, and the densities;
    the baseline, measured before any network was trained, the size and mean HU
    (see :mod:`lesionscope.phantom.difficulty`).
    """
    from lesionscope.phantom import difficulty
    from lesionscope.phantom.latents import LEAVES, LungLesion, log_posterior

    names = [field.name for field in dataclasses.fields(LungLesion)]
    lesions = [
        LungLesion(**{name: cubes.columns[name][i].item() for name in names}) for i in range(len(cubes))
    ]
    order = [LEAVES.index(tag) for tag in tree.leaves]
    oracle = np.asarray(np.exp(log_posterior(lesions))[:, order], dtype=np.float64)
    return References(oracle, float(difficulty.recorded()["baseline"]["mean_leaf_auc"]))
