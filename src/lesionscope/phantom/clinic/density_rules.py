"""What attributes of density change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lesionscope.phantom.clinic.looks import Looks, Rng, Setting
from lesionscope.phantom.clinic.rule_book import Rules

RULES = Rules()


@RULES.of("sclerotic")
def _sclerotic(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=float(rng.uniform(620, 880)), texture_hu=50.0, room="bone")


@RULES.of("lytic")
def _lytic(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    # A lytic lesion eats the cortex: it reaches a little beyond the bone.
    return replace(looks, fill_hu=setting.tissue_hu, texture_hu=6.0, room="any", edge_mm=1.4)


@RULES.of("lucent")
def _lucent(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    if setting.family == "bone":
        low = min(looks.fill_hu, 30.0) - 45.0
        return replace(looks, fill_hu=low, room="bone", texture_hu=8.0, shell_hu=max(looks.shell_hu, 330.0))
    return replace(looks, core_hu=-850.0, core_share=0.55)


@RULES.of("hypoattenuation")
def _hypo(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=min(looks.fill_hu, setting.parenchyma_hu - 52 - 14 * float(rng.random())))


@RULES.of("hyperattenuation")
def _hyper(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=max(looks.fill_hu, setting.parenchyma_hu + 34 + 18 * float(rng.random())))


@RULES.of("soft tissue attenuation")
def _soft_tissue(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=46.0, texture_hu=2.0, pattern="body", edge_mm=1.2)


@RULES.of("solid")
def _solid(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, fill_hu=max(looks.fill_hu, setting.tissue_hu) + 26, texture_hu=3.0, edge_mm=1.0, pattern="body"
    )


@RULES.of("enhancing")
def _enhancing(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    lit = max(looks.fill_hu, setting.parenchyma_hu, 45.0) + 42 + 22 * float(rng.random())
    return replace(looks, fill_hu=lit, rim_hu=max(looks.rim_hu, 18.0), rim_mm=max(looks.rim_mm, 2.0))


@RULES.of("nonenhancing")
def _nonenhancing(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=min(looks.fill_hu, 24.0), texture_hu=1.0, rim_hu=0.0, rim_blobs=0)


@RULES.of("heterogeneous")
def _heterogeneous(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    grain = float(np.clip(0.16 * looks.size_mm, 3.0, 8.0))
    return replace(
        looks, texture_hu=max(looks.texture_hu, 170.0 if setting.family == "bone" else 62.0), texture_mm=grain
    )


@RULES.of("calcified")
def _calcified(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, calcium=int(rng.integers(5, 10)))


@RULES.of("noncalcified")
def _noncalcified(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, calcium=0, texture_hu=0.5 * looks.texture_hu, fill_hu=looks.fill_hu - 6)


@RULES.of("fat-containing")
def _fat_containing(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fat=int(rng.integers(3, 6)))


@RULES.of("cavitary")
def _cavitary(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.25 * looks.size_mm, core_hu=-920.0, core_share=0.6)
