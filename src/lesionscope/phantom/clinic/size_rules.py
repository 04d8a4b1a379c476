"""What attributes of size change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lesionscope.phantom.clinic.looks import Looks, Rng, Setting
from lesionscope.phantom.clinic.rule_book import Rules

RULES = Rules()


def _spread(rng: Rng, sd: float) -> float:
    """Return a factor around 1, log-normal: the soft border of a word that people use differently."""
    return float(np.exp(sd * rng.standard_normal()))


@RULES.of("prominent")
def _prominent(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.3 * _spread(rng, 0.12) * looks.size_mm, fill_hu=looks.fill_hu + 10)


@RULES.of("large")
def _large(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.75 * _spread(rng, 0.18) * looks.size_mm)


@RULES.of("subcentimeter")
def _subcentimeter(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=float(rng.uniform(5.5, 9.3)), satellites=0)


@RULES.of("tiny")
def _tiny(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, float(rng.uniform(3.2, 5.6))), satellites=0)
