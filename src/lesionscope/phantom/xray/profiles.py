"""What a projection shows: findings that go together, as diseases bring them.

Shares and chances are ours, chosen so that every leaf has positives among a few thousand images: about two
thirds of the patients show something, where screening finds far less.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LEAVES = (
    "nodule",
    "mass",
    "infiltrate",
    "major-atelectasis",
    "distortion",
    "granuloma",
    "scarring",
    "copd",
    "pleural-mass",
    "pleural-fluid",
    "pleural-fibrosis",
    "hilar",
    "cardiac",
    "bone-soft-tissue",
)
"""Leaves of the bundled chest X-ray tree, in its order."""
BACKGROUND = 0.01
"""Chance of each finding in anyone."""
PROFILES: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "healthy": (0.35, {}),
    "smoker": (
        0.16,
        {"copd": 0.75, "nodule": 0.2, "mass": 0.08, "scarring": 0.2, "granuloma": 0.1, "infiltrate": 0.08},
    ),
    "tumour": (
        0.12,
        {"nodule": 0.45, "mass": 0.5, "hilar": 0.35, "major-atelectasis": 0.25, "pleural-fluid": 0.25}
        | {"pleural-mass": 0.12, "bone-soft-tissue": 0.15, "infiltrate": 0.1, "distortion": 0.15},
    ),
    "infection": (
        0.10,
        {"infiltrate": 0.85, "pleural-fluid": 0.35, "hilar": 0.12, "major-atelectasis": 0.12},
    ),
    "old granulomas": (
        0.10,
        {"granuloma": 0.7, "scarring": 0.45, "pleural-fibrosis": 0.3, "distortion": 0.3, "hilar": 0.15},
    ),
    "heart failure": (0.07, {"cardiac": 0.9, "pleural-fluid": 0.5, "infiltrate": 0.25}),
    "asbestos": (
        0.05,
        {"pleural-fibrosis": 0.75, "pleural-mass": 0.25, "pleural-fluid": 0.2, "scarring": 0.15},
    ),
    "injury": (0.05, {"bone-soft-tissue": 0.85, "pleural-fluid": 0.15, "scarring": 0.1}),
}
"""Share of patients, and the chances of findings beyond the background."""


def chances(profile: str) -> dict[str, float]:
    """Return each leaf's chance under a profile."""
    own = PROFILES[profile][1]
    return {leaf: 1 - (1 - BACKGROUND) * (1 - own.get(leaf, 0.0)) for leaf in LEAVES}


def draw(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw a patient's findings, in the order of :data:`LEAVES`."""
    names = list(PROFILES)
    profile = names[int(rng.choice(len(names), p=[PROFILES[name][0] for name in names]))]
    return tuple(leaf for leaf, chance in chances(profile).items() if rng.random() < chance)
