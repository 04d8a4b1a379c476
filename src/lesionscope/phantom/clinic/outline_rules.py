"""What attributes of outline and spread change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lesionscope.phantom.clinic.looks import Looks, Rng, Setting
from lesionscope.phantom.clinic.rule_book import Rules

RULES = Rules()


@RULES.of("oval")
def _oval(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, elongation=1.6 + 0.3 * float(rng.random()), lobe_depth=0.5 * looks.lobe_depth)


@RULES.of("lobular")
def _lobular(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, lobes=11, lobe_depth=max(0.32, looks.lobe_depth))


@RULES.of("spiculated")
def _spiculated(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, spicules=int(rng.integers(16, 26)), lobes=8, lobe_depth=max(0.15, looks.lobe_depth))


@RULES.of("indistinct")
def _indistinct(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, edge_mm=max(looks.edge_mm, float(np.clip(0.4 * looks.size_mm, 4.0, 12.0))))


@RULES.of("circumscribed")
def _circumscribed(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks, edge_mm=0.7, lobe_depth=0.3 * looks.lobe_depth, rim_hu=looks.rim_hu + 16, rim_mm=1.6
    )


@RULES.of("thin")
def _thin(looks: Looks, _: Setting, rng: Rng) -> Looks:
    if looks.core_share > 0:
        return replace(looks, core_share=0.86)
    if looks.elongation > 2.5 or looks.fill_hu > 30:
        return replace(looks, elongation=max(1.9 * looks.elongation, 3.4))
    return replace(looks, rim_hu=max(looks.rim_hu, 45.0), rim_mm=1.4, edge_mm=0.8)


@RULES.of("exophytic")
def _exophytic(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, room="tissue", bulge=0.75)


@RULES.of("conglomerate")
def _conglomerate(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.7 * looks.size_mm, cluster=int(rng.integers(5, 8)))


@RULES.of("reticular")
def _reticular(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.8 * looks.size_mm, pattern="net", fill_hu=max(looks.fill_hu, -180.0))


@RULES.of("patchy")
def _patchy(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.9 * looks.size_mm, pattern="patches")


@RULES.of("diffuse")
def _diffuse(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=2.1 * looks.size_mm, pattern="cloud")
