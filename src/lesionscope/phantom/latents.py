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
* R. M. Lindell et al., "Pulmonary cryptococcosis: CT findings in immunocompetent
  patients", *Radiology* 236 (2005): clustered peripheral nodules, some with a
  halo or a cavity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAVES = ("H4a", "H4b", "H2b", "H2c", "H2d", "H2e", "H3a", "H3b", "H3c", "H3d", "H1c")
"""The eleven leaf classes, in the column order of the tables below."""

DIAMETER_RANGE_MM = (12.0, 30.0)
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
        "ground-glass": (9, 88, 1, 1, 1, 17, 1, 1, 8, 3, 2),
        "part-solid": (63, 9, 2, 2, 2, 36, 4, 1, 13, 6, 2),
        "halo": (3, 1, 2, 2, 2, 12, 11, 1, 4, 53, 10),
        "solid": (25, 2, 95, 96, 96, 36, 84, 97, 75, 38, 86),
    },
    "margin": {
        "smooth": (8, 65, 9, 5, 31, 26, 38, 49, 6, 54, 85),
        "lobulated": (22, 28, 47, 83, 58, 48, 26, 47, 6, 34, 12),
        "spiculated": (66, 4, 40, 10, 8, 14, 19, 3, 18, 9, 2),
        "stellate": (4, 3, 4, 2, 3, 12, 17, 1, 71, 3, 1),
    },
    "cavity": {
        "none": (96, 99, 33, 87, 98, 91, 55, 99, 97, 87, 94),
        "thin-walled": (2, 1, 6, 2, 1, 6, 37, 1, 2, 9, 4),
        "thick-walled": (2, 1, 62, 11, 2, 3, 9, 1, 1, 4, 2),
    },
    "calcification": {
        "none": (98, 99, 97, 96, 98, 97, 53, 42, 87, 96, 79),
        "popcorn": (1, 1, 2, 3, 2, 2, 11, 52, 3, 2, 2),
        "core": (1, 1, 2, 2, 1, 1, 36, 6, 10, 2, 18),
    },
    "fat": {
        "none": (99, 100, 99, 99, 99, 98, 99, 50, 98, 99, 98),
        "fat": (1, 1, 1, 1, 1, 2, 1, 50, 2, 1, 2),
    },
    "airways": {
        "none": (68, 86, 95, 96, 97, 20, 90, 98, 91, 92, 97),
        "bronchogram": (12, 4, 3, 3, 2, 57, 8, 1, 7, 6, 1),
        "bubbles": (20, 9, 2, 2, 1, 22, 3, 1, 2, 3, 2),
    },
    "companions": {
        "none": (94, 95, 89, 89, 26, 82, 21, 97, 91, 24, 45),
        "satellites": (4, 4, 4, 4, 7, 12, 71, 2, 8, 20, 49),
        "cluster": (2, 1, 7, 7, 68, 6, 7, 1, 2, 56, 7),
    },
    "site": {
        "central": (6, 2, 64, 8, 88, 7, 5, 7, 3, 2, 4),
        "middle": (25, 75, 18, 13, 7, 32, 52, 66, 23, 13, 53),
        "pleural": (18, 17, 10, 73, 4, 52, 19, 24, 20, 82, 40),
        "tagged": (50, 6, 8, 6, 1, 9, 23, 3, 54, 3, 3),
    },
}
_DIAMETER_MEDIAN_MM = (19, 17, 20, 21, 20, 20, 19, 18, 20, 18, 18)
_DIAMETER_LOG_SD = 0.27


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
    looks: dict[str, str] = {}
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
        solid_hu=float(rng.uniform(5.0, 95.0)),
        ground_glass_hu=float(rng.uniform(-670.0, -420.0)),
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
