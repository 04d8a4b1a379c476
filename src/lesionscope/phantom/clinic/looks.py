"""What a lesion looks like: its latent parameters, and those of one of which only the place is said.

HU follow W. A. Kalender, *Computed Tomography* (3rd ed. 2011), figure 1.3, and W. Dähnert,
*Radiology Review Manual* (7th ed. 2011): water -5…15, soft tissue 30…60, fat -115…-80, calcium
above 130, sclerotic bone 600…1000, ground glass -650…-400.
"""

from __future__ import annotations

from dataclasses import dataclass

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


LARGEST_MM = 105.0
SMALLEST_MM = 3.2
SIZES_MM = {
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
"""Median long diameter and largest one (mm) by family; soft tissue elsewhere is like ``OTHER_MM``."""
OTHER_MM = (24.0, 105.0)


def first_looks(setting: Setting, rng: Rng) -> Looks:
    """Return the looks of a lesion of which nothing is said but where it lies."""
    median, _ = SIZES_MM.get(setting.family, OTHER_MM)
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
