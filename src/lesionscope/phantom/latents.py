"""What a phantom lesion is like, and how often each disease looks that way.

The densities are explicit: given the class, every look is drawn on its own from
a table, and the diameter from a truncated log-normal. So the exact posterior of
the class given the looks is a product, and an oracle can be computed
(:func:`log_posterior`); no reader of the picture can do better than it.

The tables are choices, made so that each disease has the look that textbooks
give it most often, and shares every look with others:

* W. R. Webb, C. B. Higgins, *Thoracic Imaging* (3rd ed. 2017), chapters on lung
  cancer (spiculation, air bronchogram, cavitation of squamous carcinoma, hilar
  small cell carcinoma), benign neoplasms (popcorn calcification and fat of
  hamartoma) and infection (upper-lobe cavities, satellite nodules);
* D. M. Hansell et al., "Fleischner Society: glossary of terms for thoracic
  imaging", *Radiology* 246 (2008): halo, ground glass, pseudocavity;
* W. D. Travis et al., IASLC/ATS/ERS classification of lung adenocarcinoma,
  *J Thorac Oncol* 6 (2011): AAH and AIS as pure ground glass, invasive tumours
  part-solid; mucinous tumours as consolidation with air bronchograms;
* K. A. Lindell et al. and later series of pulmonary cryptococcosis: clustered
  subpleural nodules, some with a halo or a cavity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAVES = ("H4a", "H4b", "H2b", "H2c", "H2d", "H2e", "H3a", "H3b", "H3c", "H3d", "H1c")
"""The eleven leaf classes, in the column order of the tables below."""

DIAMETER_RANGE_MM = (10.0, 30.0)
CAVITY_FROM_MM = 14.0
"""A smaller lesion has no cavity in any class: its wall would leave no room for one."""

LOOKS: Mapping[str, tuple[str, ...]] = {
    "attenuation": ("ground-glass", "part-solid", "halo", "solid"),
    "margin": ("smooth", "lobulated", "spiculated", "stellate"),
    "cavity": ("none", "thin-walled", "thick-walled"),
    "calcification": ("none", "popcorn", "core"),
    "fat": ("none", "fat"),
    "airways": ("none", "bronchogram", "bubbles"),
    "companions": ("none", "satellites", "cluster"),
    "site": ("central", "middle", "pleural", "tagged"),
}
"""Each categorical look and its values."""

# Relative frequency of each value; columns as in LEAVES.
#   H4a  H4b  H2b  H2c  H2d  H2e  H3a  H3b  H3c  H3d  H1c
_TABLES: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "attenuation": {
        "ground-glass": (12, 80, 1, 1, 1, 16, 2, 2, 8, 4, 4),
        "part-solid": (53, 14, 4, 4, 3, 40, 7, 2, 14, 10, 5),
        "halo": (5, 2, 5, 5, 4, 14, 15, 2, 6, 44, 14),
        "solid": (30, 4, 90, 90, 92, 30, 76, 94, 72, 42, 77),
    },
    "margin": {
        "smooth": (10, 62, 10, 8, 30, 22, 34, 48, 7, 48, 78),
        "lobulated": (24, 30, 46, 74, 56, 46, 26, 46, 8, 34, 18),
        "spiculated": (60, 5, 38, 14, 10, 16, 20, 4, 22, 12, 3),
        "stellate": (6, 3, 6, 4, 4, 16, 20, 2, 63, 6, 1),
    },
    "cavity": {
        "none": (93, 97, 40, 78, 95, 84, 52, 98, 94, 76, 88),
        "thin-walled": (4, 2, 8, 3, 2, 11, 36, 1, 4, 16, 8),
        "thick-walled": (3, 1, 52, 19, 3, 5, 12, 1, 2, 8, 4),
    },
    "calcification": {
        "none": (96, 99, 94, 92, 95, 94, 52, 46, 80, 92, 78),
        "popcorn": (2, 0.5, 3, 5, 3, 4, 16, 46, 5, 3, 4),
        "core": (2, 0.5, 3, 3, 2, 2, 32, 8, 15, 5, 18),
    },
    "fat": {
        "none": (99, 99.5, 99, 99, 99, 96, 98, 45, 97, 98, 96),
        "fat": (1, 0.5, 1, 1, 1, 4, 2, 55, 3, 2, 4),
    },
    "airways": {
        "none": (56, 80, 90, 92, 94, 24, 84, 96, 84, 84, 95),
        "bronchogram": (18, 6, 6, 5, 4, 50, 11, 2, 12, 11, 2),
        "bubbles": (26, 14, 4, 3, 2, 26, 5, 2, 4, 5, 3),
    },
    "companions": {
        "none": (90, 92, 82, 80, 34, 72, 26, 94, 84, 28, 52),
        "satellites": (6, 6, 7, 7, 10, 18, 62, 4, 12, 26, 38),
        "cluster": (4, 2, 11, 13, 56, 10, 12, 2, 4, 46, 10),
    },
    "site": {
        "central": (8, 4, 55, 14, 76, 10, 8, 10, 4, 5, 8),
        "middle": (28, 66, 22, 22, 14, 34, 46, 58, 26, 20, 46),
        "pleural": (22, 22, 13, 54, 8, 44, 22, 27, 22, 69, 42),
        "tagged": (42, 8, 10, 10, 2, 12, 24, 5, 48, 6, 4),
    },
}
_DIAMETER_MEDIAN_MM = (18, 14, 21, 22, 21, 21, 17, 16, 15, 16, 15)
_DIAMETER_LOG_SD = 0.30


@dataclass(frozen=True)
class LungLesion:
    """The looks of one lesion; what follows ``site`` says nothing about the class.

    Parameters
    ----------
    diameter_mm
        Of the ball that the body of the lesion deforms.
    attenuation, margin, cavity, calcification, fat, airways, companions, site
        One value each of :data:`LOOKS`.
    elongation
        Long over short axis.
    solid_hu, ground_glass_hu, calcium_hu
        HU of the solid part, of ground glass, of calcium.
    core_fraction
        Radius of a part-solid lesion's solid core over the lesion's.
    halo_mm
        Width of the ground-glass rim, where there is one.
    amount
        0…1, scales counts (lobes, spicules, bubbles, satellites) and depths.
    shape_seed
        Seeds directions and positions of all its parts.
    """

    diameter_mm: float
    attenuation: str
    margin: str
    cavity: str
    calcification: str
    fat: str
    airways: str
    companions: str
    site: str
    elongation: float = 1.1
    solid_hu: float = 40.0
    ground_glass_hu: float = -550.0
    calcium_hu: float = 600.0
    core_fraction: float = 0.5
    halo_mm: float = 6.0
    amount: float = 0.5
    shape_seed: int = 0


def _normalised(table: Mapping[str, tuple[float, ...]]) -> NDArray[np.float64]:
    values = np.array(list(table.values()), dtype=np.float64)
    return np.asarray(values / values.sum(axis=0))


PROBABILITIES: Mapping[str, NDArray[np.float64]] = {look: _normalised(_TABLES[look]) for look in LOOKS}
"""P(value | class) by look: ``(values, 11)``."""


def _normal_cdf(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def _draw_diameter(rng: np.random.Generator, leaf: int) -> float:
    low, high = DIAMETER_RANGE_MM
    while True:
        diameter = float(_DIAMETER_MEDIAN_MM[leaf] * math.exp(rng.normal(0.0, _DIAMETER_LOG_SD)))
        if low <= diameter <= high:
            return diameter


def draw_lesion(rng: np.random.Generator, leaf: str) -> LungLesion:
    """Draw a lesion of class ``leaf``."""
    column = LEAVES.index(leaf)
    diameter = _draw_diameter(rng, column)
    looks = {}
    for look, values in LOOKS.items():
        chance = rng.random()
        if look == "cavity" and diameter < CAVITY_FROM_MM:
            looks[look] = "none"
            continue
        looks[look] = values[
            min(int(np.searchsorted(np.cumsum(PROBABILITIES[look][:, column]), chance)), len(values) - 1)
        ]
    return LungLesion(
        diameter_mm=diameter,
        **looks,
        elongation=float(rng.uniform(1.0, 1.25)),
        solid_hu=float(rng.uniform(20.0, 75.0)),
        ground_glass_hu=float(rng.uniform(-620.0, -480.0)),
        calcium_hu=float(rng.uniform(420.0, 900.0)),
        core_fraction=float(rng.uniform(0.42, 0.6)),
        halo_mm=float(rng.uniform(5.0, 7.0)),
        amount=float(rng.random()),
        shape_seed=int(rng.integers(2**32)),
    )


def log_likelihood(lesion: LungLesion) -> NDArray[np.float64]:
    """Log density of what tells classes apart, for each class of :data:`LEAVES`, ``(11,)``."""
    low, high = DIAMETER_RANGE_MM
    total = np.zeros(len(LEAVES))
    for column, median in enumerate(_DIAMETER_MEDIAN_MM):
        z = [math.log(d / median) / _DIAMETER_LOG_SD for d in (lesion.diameter_mm, low, high)]
        total[column] = -0.5 * z[0] ** 2 - math.log(_normal_cdf(z[2]) - _normal_cdf(z[1]))
    for look, values in LOOKS.items():
        if look == "cavity" and lesion.diameter_mm < CAVITY_FROM_MM:
            continue
        total += np.log(PROBABILITIES[look][values.index(getattr(lesion, look))])
    return total


def log_posterior(
    lesions: Sequence[LungLesion], prior: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Log P(class | looks) for each lesion, ``(n, 11)``; a flat prior unless one is given."""
    joint = np.stack([log_likelihood(lesion) for lesion in lesions])
    if prior is not None:
        joint = joint + np.log(prior)
    joint -= joint.max(axis=1, keepdims=True)
    return np.asarray(joint - np.log(np.exp(joint).sum(axis=1, keepdims=True)))
