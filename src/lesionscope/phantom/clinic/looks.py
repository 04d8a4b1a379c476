"""What a lesion looks like, and the one rule by which each label changes it.

A rule takes the looks so far and gives them back changed in its own way alone, with random
numbers of its own: two lesions of one seed that differ by a label differ by its rule only.

HU follow W. A. Kalender, *Computed Tomography* (3rd ed. 2011), figure 1.3, and W. Dähnert,
*Radiology Review Manual* (7th ed. 2011): water -5…15, soft tissue 30…60, fat -115…-80, calcium
above 130, sclerotic bone 600…1000, ground glass -650…-400.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Looks:
    """Latent looks of a lesion.

    Parameters
    ----------
    size_mm, elongation, depth
        Long diameter; long over short; third axis over the short one.
    room
        Where it may lie: 'lung' (air-filled lung only), 'organ' (what isn't fat or air),
        'bone', 'tissue' (anything but air) or 'any'.
    fill_hu
        Its HU.
    edge_mm
        Width over which its border fades.
    texture_hu, texture_mm
        Standard deviation and grain of its mottle.
    lobes, lobe_depth, spicules
        Bumps of the outline and their height (share of the radius); rays from the surface.
    rim_hu, rim_mm, rim_blobs
        How much brighter its rim is, how thick, and whether it breaks into that many blobs.
    core_hu, core_share
        HU and size (share of the radius) of a core; none where 0.
    calcium, fat, septa
        Number of calcium flecks, of fat globules, of partitions.
    halo_hu, halo_mm
        Ground glass around it: HU and reach; none where 0.
    pattern
        'body', 'patches', 'net', 'cloud', 'strands' or 'airways' (solid, with air-filled bronchi).
    cluster, satellites
        Balls grown together in place of one body; small companions around it.
    shell_hu
        HU of a thin outer shell; none where 0.
    bulge
        How far it bulges out of its organ (share of the radius).
    """

    size_mm: float = 14.0
    elongation: float = 1.15
    depth: float = 1.0
    room: str = "any"
    fill_hu: float = 42.0
    edge_mm: float = 1.6
    texture_hu: float = 6.0
    texture_mm: float = 3.0
    lobes: int = 5
    lobe_depth: float = 0.06
    spicules: int = 0
    rim_hu: float = 0.0
    rim_mm: float = 0.0
    rim_blobs: int = 0
    core_hu: float = 0.0
    core_share: float = 0.0
    calcium: int = 0
    fat: int = 0
    septa: int = 0
    halo_hu: float = 0.0
    halo_mm: float = 0.0
    pattern: str = "body"
    cluster: int = 0
    satellites: int = 0
    shell_hu: float = 0.0
    bulge: float = 0.0


@dataclass(frozen=True)
class Setting:
    """Where a lesion grows: family, HU around it, HU that contrast medium adds to vascular tissue."""

    family: str
    host_hu: float
    contrast_hu: float

    @property
    def parenchyma_hu(self) -> float:
        """HU that 'hypo-' and 'hyperattenuation' compare with: the organ's, else soft tissue's."""
        return self.host_hu if 10 < self.host_hu < 250 else 45.0

    @property
    def tissue_hu(self) -> float:
        """HU of ordinary soft tissue in this phase."""
        return 38.0 + 0.35 * self.contrast_hu


Rule = Callable[[Looks, Setting, Rng], Looks]
RULES: dict[str, Rule] = {}
"""Each type and attribute, in the order in which they are applied, and what it does."""

LARGEST_MM = 105.0
SMALLEST_MM = 3.2
_SIZES = {
    "lung": (13.0, 90.0),
    "airway": (11.0, 22.0),
    "node": (12.5, 80.0),
    "liver": (21.0, 105.0),
    "kidney": (21.0, 90.0),
    "adrenal": (19.0, 70.0),
    "pancreas": (20.0, 60.0),
    "spleen": (20.0, 80.0),
    "biliary": (15.0, 40.0),
    "bowel": (22.0, 60.0),
    "bone": (19.0, 55.0),
    "thyroid": (17.0, 50.0),
    "breast": (19.0, 60.0),
    "vessel": (18.0, 45.0),
    "pleura": (20.0, 80.0),
}
"""Median long diameter and largest one (mm) by family; soft tissue elsewhere is like ``_OTHER``."""
_OTHER = (24.0, 105.0)


def first_looks(setting: Setting, rng: Rng) -> Looks:
    """Return the looks of a lesion of which nothing is said but where it lies."""
    median, _ = _SIZES.get(setting.family, _OTHER)
    host, tissue = setting.parenchyma_hu, setting.tissue_hu
    dip = float(rng.uniform(22, 44))
    fill, room = {
        "lung": (25.0, "lung"),
        "liver": (host - dip, "organ"),
        "kidney": (host - dip, "organ"),
        "spleen": (host - dip, "organ"),
        "pancreas": (host - dip, "organ"),
        "thyroid": (host - dip, "organ"),
        "muscle": (host - 26, "tissue"),
        "vessel": (48.0 if setting.host_hu > 90 else 70.0, "any"),
        "bone": (setting.host_hu + 90, "bone"),
        "breast": (tissue, "tissue"),
        "wall": (tissue, "tissue"),
    }.get(setting.family, (tissue, "any"))
    return Looks(
        size_mm=median * float(np.exp(0.40 * rng.standard_normal())),
        elongation=float(1.04 + 0.22 * rng.random() ** 1.4 + (0.18 if setting.family == "node" else 0)),
        depth=float(rng.uniform(0.85, 1.15)) * (0.6 if setting.family == "pleura" else 1.0),
        room=room,
        fill_hu=fill + 4 * float(rng.standard_normal()),
        edge_mm=float(rng.uniform(1.3, 2.4)),
        texture_hu=45.0 if setting.family == "bone" else float(rng.uniform(4, 8)),
        lobes=int(rng.integers(4, 7)),
        lobe_depth=float(rng.uniform(0.05, 0.11)),
    )


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
    _, largest = _SIZES.get(setting.family, _OTHER)
    return replace(looks, size_mm=float(np.clip(looks.size_mm, SMALLEST_MM, largest)))


def _rule(name: str) -> Callable[[Rule], Rule]:
    def keep(rule: Rule) -> Rule:
        RULES[name] = rule
        return rule

    return keep


def _spread(rng: Rng, sd: float) -> float:
    """Return a factor around 1, log-normal: the soft border of a word that people use differently."""
    return float(np.exp(sd * rng.standard_normal()))


# -- types: first the form, then what it is made of -----------------------------------------------


@_rule("mass")
def _mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=max(2.3 * looks.size_mm, 27 + 9 * float(rng.random())), lobe_depth=0.12)


@_rule("lung mass")
def _lung_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=max(looks.size_mm, 31 + 14 * float(rng.random())), lobe_depth=0.14)


@_rule("liver mass")
def _liver_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    size = max(looks.size_mm, 34 + 20 * float(rng.random()))
    return replace(looks, size_mm=size, fill_hu=looks.fill_hu - 12, lobe_depth=0.14)


@_rule("lobular mass")
def _lobular_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks, size_mm=max(looks.size_mm, 30 + 10 * float(rng.random())), lobes=11, lobe_depth=0.34
    )


@_rule("nodule")
def _nodule(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    size = min(0.8 * looks.size_mm, 23 + 6 * float(rng.random()))
    return replace(
        looks, size_mm=size, elongation=1 + 0.4 * (looks.elongation - 1), depth=1.0, fill_hu=looks.fill_hu + 8
    )


@_rule("lung nodule")
def _lung_nodule(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, 24 + 5 * float(rng.random())), elongation=1.06)


@_rule("solid pulmonary nodule")
def _solid_pulmonary_nodule(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, 27.0), fill_hu=62.0, edge_mm=1.0, texture_hu=3.0)


@_rule("enlargement")
def _enlargement(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.55 * looks.size_mm, texture_hu=4.0, lobe_depth=0.05)


@_rule("lymphadenopathy")
def _lymphadenopathy(looks: Looks, _: Setting, rng: Rng) -> Looks:
    size = max(looks.size_mm, 17 + 5 * float(rng.random()))
    return replace(
        looks, size_mm=size, elongation=1 + 0.6 * (looks.elongation - 1), fill_hu=looks.fill_hu + 6
    )


@_rule("cyst")
def _cyst(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        fill_hu=float(rng.uniform(6, 18)),
        texture_hu=2.0,
        edge_mm=1.0,
        lobe_depth=0.03,
        rim_hu=26.0,
        rim_mm=1.3,
        septa=int(rng.integers(1, 3)),
    )


@_rule("simple cyst")
def _simple_cyst(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        fill_hu=float(rng.uniform(-2, 8)),
        texture_hu=0.0,
        edge_mm=0.8,
        lobe_depth=0.0,
        rim_hu=0.0,
        septa=0,
        elongation=1.03,
    )


@_rule("kidney cyst")
def _kidney_cyst(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        fill_hu=float(rng.uniform(0, 12)),
        texture_hu=1.0,
        edge_mm=0.9,
        lobe_depth=0.0,
        rim_hu=0.0,
        septa=0,
        room="tissue",
        bulge=max(looks.bulge, 0.25),
    )


@_rule("fluid")
def _fluid(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.5 * looks.size_mm,
        elongation=1.9,
        depth=1.1,
        fill_hu=float(rng.uniform(4, 18)),
        texture_hu=1.5,
        lobe_depth=0.16,
    )


@_rule("thickening")
def _thickening(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    fill = 20.0 if setting.family == "lung" else setting.tissue_hu + 14
    return replace(
        looks, size_mm=1.35 * looks.size_mm, elongation=3.0, depth=2.6, fill_hu=fill, lobe_depth=0.05
    )


@_rule("opacity")
def _opacity(looks: Looks, _: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(-330, -140))
    return replace(
        looks, size_mm=1.5 * looks.size_mm, fill_hu=fill, edge_mm=4.0, texture_hu=60.0, lobe_depth=0.16
    )


@_rule("ground-glass opacity")
def _ground_glass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(-630, -520))
    return replace(
        looks, size_mm=1.1 * looks.size_mm, fill_hu=fill, edge_mm=3.0, texture_hu=25.0, lobe_depth=0.1
    )


@_rule("infiltrate")
def _infiltrate(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=2.0 * looks.size_mm,
        fill_hu=float(rng.uniform(-240, -80)),
        edge_mm=7.0,
        texture_hu=110.0,
        texture_mm=5.0,
        lobe_depth=0.26,
    )


@_rule("consolidation")
def _consolidation(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=2.1 * looks.size_mm,
        fill_hu=32.0,
        edge_mm=2.6,
        texture_hu=12.0,
        lobe_depth=0.22,
        pattern="airways",
        elongation=1.45,
        halo_hu=-610.0,
        halo_mm=5.0,
    )


@_rule("scar")
def _scar(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, size_mm=1.3 * looks.size_mm, elongation=3.2, depth=1.4, pattern="strands", fill_hu=25.0
    )


@_rule("cancer")
def _cancer(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.25 * looks.size_mm,
        lobes=9,
        lobe_depth=max(looks.lobe_depth, 0.25),
        texture_hu=looks.texture_hu + 9,
        edge_mm=looks.edge_mm + 1.0,
    )


@_rule("metastasis")
def _metastasis(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, satellites=int(rng.integers(3, 6)), rim_hu=max(looks.rim_hu, 16.0), rim_mm=2.5)


@_rule("adenoma")
def _adenoma(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(0, 14)) if setting.family == "adrenal" else looks.fill_hu + 18
    return replace(looks, fill_hu=fill, texture_hu=2.0, edge_mm=0.9, lobe_depth=0.02, elongation=1.12)


@_rule("hemangioma")
def _hemangioma(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    if setting.family == "bone":
        return replace(looks, fill_hu=60.0, texture_hu=150.0, texture_mm=2.6)
    return replace(
        looks,
        fill_hu=setting.parenchyma_hu - 34,
        rim_hu=85.0,
        rim_mm=max(3.0, 0.16 * looks.size_mm),
        rim_blobs=int(rng.integers(4, 7)),
        edge_mm=1.0,
    )


@_rule("lipoma")
def _lipoma(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.2 * looks.size_mm,
        fill_hu=float(rng.uniform(-122, -112)),
        texture_hu=2.0,
        lobe_depth=0.04,
        rim_hu=95.0,
        rim_mm=1.1,
        edge_mm=1.0,
        septa=2,
    )


@_rule("implant")
def _implant(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, elongation=1.8, depth=0.7, satellites=int(rng.integers(4, 7)), fill_hu=setting.tissue_hu + 14
    )


@_rule("expansile")
def _expansile(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.35 * looks.size_mm, room="any", shell_hu=420.0)


@_rule("necrosis")
def _necrosis(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.15 * looks.size_mm,
        core_hu=float(rng.uniform(8, 20)),
        core_share=0.66,
        rim_hu=max(looks.rim_hu, 22.0),
        rim_mm=max(looks.rim_mm, 3.0),
    )


# -- attributes: density --------------------------------------------------------------------------


@_rule("sclerotic")
def _sclerotic(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=float(rng.uniform(620, 880)), texture_hu=50.0, room="bone")


@_rule("lytic")
def _lytic(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    # A lytic lesion eats the cortex: it reaches a little beyond the bone.
    return replace(looks, fill_hu=setting.tissue_hu, texture_hu=6.0, room="any", edge_mm=1.4)


@_rule("lucent")
def _lucent(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    if setting.family == "bone":
        low = min(looks.fill_hu, 30.0) - 45.0
        return replace(looks, fill_hu=low, room="bone", texture_hu=8.0, shell_hu=max(looks.shell_hu, 330.0))
    return replace(looks, core_hu=-850.0, core_share=0.55)


@_rule("hypoattenuation")
def _hypo(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=min(looks.fill_hu, setting.parenchyma_hu - 52 - 14 * float(rng.random())))


@_rule("hyperattenuation")
def _hyper(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=max(looks.fill_hu, setting.parenchyma_hu + 34 + 18 * float(rng.random())))


@_rule("soft tissue attenuation")
def _soft_tissue(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=46.0, texture_hu=2.0, pattern="body", edge_mm=1.2)


@_rule("solid")
def _solid(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, fill_hu=max(looks.fill_hu, setting.tissue_hu) + 26, texture_hu=3.0, edge_mm=1.0, pattern="body"
    )


@_rule("enhancing")
def _enhancing(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    lit = max(looks.fill_hu, setting.parenchyma_hu, 45.0) + 42 + 22 * float(rng.random())
    return replace(looks, fill_hu=lit, rim_hu=max(looks.rim_hu, 18.0), rim_mm=max(looks.rim_mm, 2.0))


@_rule("nonenhancing")
def _nonenhancing(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fill_hu=min(looks.fill_hu, 24.0), texture_hu=1.0, rim_hu=0.0, rim_blobs=0)


@_rule("heterogeneous")
def _heterogeneous(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    grain = float(np.clip(0.16 * looks.size_mm, 3.0, 8.0))
    return replace(
        looks, texture_hu=max(looks.texture_hu, 170.0 if setting.family == "bone" else 62.0), texture_mm=grain
    )


@_rule("calcified")
def _calcified(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, calcium=int(rng.integers(5, 10)))


@_rule("noncalcified")
def _noncalcified(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, calcium=0, texture_hu=0.5 * looks.texture_hu, fill_hu=looks.fill_hu - 6)


@_rule("fat-containing")
def _fat_containing(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, fat=int(rng.integers(3, 6)))


@_rule("cavitary")
def _cavitary(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.25 * looks.size_mm, core_hu=-920.0, core_share=0.6)


# -- attributes: outline, spread, size ------------------------------------------------------------


@_rule("oval")
def _oval(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, elongation=1.6 + 0.3 * float(rng.random()), lobe_depth=0.5 * looks.lobe_depth)


@_rule("lobular")
def _lobular(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, lobes=11, lobe_depth=max(0.32, looks.lobe_depth))


@_rule("spiculated")
def _spiculated(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, spicules=int(rng.integers(16, 26)), lobes=8, lobe_depth=max(0.15, looks.lobe_depth))


@_rule("indistinct")
def _indistinct(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, edge_mm=max(looks.edge_mm, float(np.clip(0.4 * looks.size_mm, 4.0, 12.0))))


@_rule("circumscribed")
def _circumscribed(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks, edge_mm=0.7, lobe_depth=0.3 * looks.lobe_depth, rim_hu=looks.rim_hu + 16, rim_mm=1.6
    )


@_rule("thin")
def _thin(looks: Looks, _: Setting, rng: Rng) -> Looks:
    if looks.core_share > 0:
        return replace(looks, core_share=0.86)
    if looks.elongation > 2.5 or looks.fill_hu > 30:
        return replace(looks, elongation=max(1.9 * looks.elongation, 3.4))
    return replace(looks, rim_hu=max(looks.rim_hu, 45.0), rim_mm=1.4, edge_mm=0.8)


@_rule("exophytic")
def _exophytic(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, room="tissue", bulge=0.75)


@_rule("conglomerate")
def _conglomerate(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.7 * looks.size_mm, cluster=int(rng.integers(5, 8)))


@_rule("reticular")
def _reticular(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.8 * looks.size_mm, pattern="net", fill_hu=max(looks.fill_hu, -180.0))


@_rule("patchy")
def _patchy(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.9 * looks.size_mm, pattern="patches")


@_rule("diffuse")
def _diffuse(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=2.1 * looks.size_mm, pattern="cloud")


@_rule("prominent")
def _prominent(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.3 * _spread(rng, 0.12) * looks.size_mm, fill_hu=looks.fill_hu + 10)


@_rule("large")
def _large(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.75 * _spread(rng, 0.18) * looks.size_mm)


@_rule("subcentimeter")
def _subcentimeter(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=float(rng.uniform(5.5, 9.3)), satellites=0)


@_rule("tiny")
def _tiny(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, float(rng.uniform(3.2, 5.6))), satellites=0)


FAINT_BY_INTENT: Mapping[str, str] = {
    "large": "subjective: its sizes overlap with those of lesions not called so",
    "prominent": "subjective: a third larger and 10 HU denser, with a soft border",
    "noncalcified": "says that something is absent",
    "nonenhancing": "says that something is absent; plain where nothing around it enhances",
    "circumscribed": "a sharper edge and a hair-line rim, under a scanner's blur",
    "solid pulmonary nodule": "a lung nodule as most are, without mottle",
}
"""Types and attributes that change a picture little, and why. Body parts change where it lies alone."""
