"""How labels make looks: every label's rule, applied one after the other.

A rule takes the looks so far and gives them back changed in its own way alone, with random
numbers of its own: two lesions of one seed that differ by a label differ by its rule only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from lesionscope.phantom.clinic import density_rules, outline_rules, size_rules, type_rules
from lesionscope.phantom.clinic.looks import (
    OTHER_MM,
    SIZES_MM,
    SMALLEST_MM,
    Looks,
    Setting,
    first_looks,
)
from lesionscope.phantom.clinic.rule_book import Rule

RULES: Mapping[str, Rule] = {
    **type_rules.RULES,
    **density_rules.RULES,
    **outline_rules.RULES,
    **size_rules.RULES,
}
"""Each type and attribute, in the order in which they are applied, and what it does."""


def looks_of(labels: Iterable[str], setting: Setting, seed: tuple[int, ...]) -> Looks:
    """Return the looks that labels make.

    Parameters
    ----------
    labels
        Types and attributes (others change nothing here).
    setting
        Where the lesion grows.
    seed
        The same numbers give the same looks; each label draws from numbers of its own.
    """
    looks = first_looks(setting, np.random.default_rng([*seed, 0]))
    wanted = frozenset(labels)
    for number, (name, rule) in enumerate(RULES.items(), 1):
        if name in wanted:
            looks = rule(looks, setting, np.random.default_rng([*seed, number]))
    _, largest = SIZES_MM.get(setting.family, OTHER_MM)
    return replace(looks, size_mm=float(np.clip(looks.size_mm, SMALLEST_MM, largest)))


FAINT_BY_INTENT: Mapping[str, str] = {
    "large": "subjective: its sizes overlap with those of lesions not called so",
    "prominent": "subjective: a third larger and 10 HU denser, with a soft border",
    "noncalcified": "says that something is absent",
    "nonenhancing": "says that something is absent; plain where nothing around it enhances",
    "circumscribed": "a sharper edge and a hair-line rim, under a scanner's blur",
    "solid pulmonary nodule": "a lung nodule as most are, without mottle",
}
"""Types and attributes that change a picture little, and why. Body parts change where it lies alone."""
