"""What each type changes: first the form, then what the lesion is made of."""

from __future__ import annotations

from dataclasses import replace

from lesionscope.phantom.clinic.looks import Looks, Rng, Setting
from lesionscope.phantom.clinic.rule_book import Rules

RULES = Rules()


@RULES.of("mass")
def _mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=max(2.3 * looks.size_mm, 27 + 9 * float(rng.random())), lobe_depth=0.12)


@RULES.of("lung mass")
def _lung_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=max(looks.size_mm, 31 + 14 * float(rng.random())), lobe_depth=0.14)


@RULES.of("liver mass")
def _liver_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    size = max(looks.size_mm, 34 + 20 * float(rng.random()))
    return replace(looks, size_mm=size, fill_hu=looks.fill_hu - 12, lobe_depth=0.14)


@RULES.of("lobular mass")
def _lobular_mass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks, size_mm=max(looks.size_mm, 30 + 10 * float(rng.random())), lobes=11, lobe_depth=0.34
    )


@RULES.of("nodule")
def _nodule(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    size = min(0.8 * looks.size_mm, 23 + 6 * float(rng.random()))
    return replace(
        looks, size_mm=size, elongation=1 + 0.4 * (looks.elongation - 1), depth=1.0, fill_hu=looks.fill_hu + 8
    )


@RULES.of("lung nodule")
def _lung_nodule(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, 24 + 5 * float(rng.random())), elongation=1.06)


@RULES.of("solid pulmonary nodule")
def _solid_pulmonary_nodule(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=min(looks.size_mm, 27.0), fill_hu=62.0, edge_mm=1.0, texture_hu=3.0)


@RULES.of("enlargement")
def _enlargement(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.55 * looks.size_mm, texture_hu=4.0, lobe_depth=0.05)


@RULES.of("lymphadenopathy")
def _lymphadenopathy(looks: Looks, _: Setting, rng: Rng) -> Looks:
    size = max(looks.size_mm, 17 + 5 * float(rng.random()))
    return replace(
        looks, size_mm=size, elongation=1 + 0.6 * (looks.elongation - 1), fill_hu=looks.fill_hu + 6
    )


@RULES.of("cyst")
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


@RULES.of("simple cyst")
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


@RULES.of("kidney cyst")
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


@RULES.of("fluid")
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


@RULES.of("thickening")
def _thickening(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    fill = 20.0 if setting.family == "lung" else setting.tissue_hu + 14
    return replace(
        looks, size_mm=1.35 * looks.size_mm, elongation=3.0, depth=2.6, fill_hu=fill, lobe_depth=0.05
    )


@RULES.of("opacity")
def _opacity(looks: Looks, _: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(-330, -140))
    return replace(
        looks, size_mm=1.5 * looks.size_mm, fill_hu=fill, edge_mm=4.0, texture_hu=60.0, lobe_depth=0.16
    )


@RULES.of("ground-glass opacity")
def _ground_glass(looks: Looks, _: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(-630, -520))
    return replace(
        looks, size_mm=1.1 * looks.size_mm, fill_hu=fill, edge_mm=3.0, texture_hu=25.0, lobe_depth=0.1
    )


@RULES.of("infiltrate")
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


@RULES.of("consolidation")
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


@RULES.of("scar")
def _scar(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, size_mm=1.3 * looks.size_mm, elongation=3.2, depth=1.4, pattern="strands", fill_hu=25.0
    )


@RULES.of("cancer")
def _cancer(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.25 * looks.size_mm,
        lobes=9,
        lobe_depth=max(looks.lobe_depth, 0.25),
        texture_hu=looks.texture_hu + 9,
        edge_mm=looks.edge_mm + 1.0,
    )


@RULES.of("metastasis")
def _metastasis(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, satellites=int(rng.integers(3, 6)), rim_hu=max(looks.rim_hu, 16.0), rim_mm=2.5)


@RULES.of("adenoma")
def _adenoma(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    fill = float(rng.uniform(0, 14)) if setting.family == "adrenal" else looks.fill_hu + 18
    return replace(looks, fill_hu=fill, texture_hu=2.0, edge_mm=0.9, lobe_depth=0.02, elongation=1.12)


@RULES.of("hemangioma")
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


@RULES.of("lipoma")
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


@RULES.of("implant")
def _implant(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks, elongation=1.8, depth=0.7, satellites=int(rng.integers(4, 7)), fill_hu=setting.tissue_hu + 14
    )


@RULES.of("expansile")
def _expansile(looks: Looks, _: Setting, rng: Rng) -> Looks:
    return replace(looks, size_mm=1.35 * looks.size_mm, room="any", shell_hu=420.0)


@RULES.of("necrosis")
def _necrosis(looks: Looks, setting: Setting, rng: Rng) -> Looks:
    return replace(
        looks,
        size_mm=1.15 * looks.size_mm,
        core_hu=float(rng.uniform(8, 20)),
        core_share=0.66,
        rim_hu=max(looks.rim_hu, 22.0),
        rim_mm=max(looks.rim_mm, 3.0),
    )
