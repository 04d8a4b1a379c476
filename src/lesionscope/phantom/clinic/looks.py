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
    fill_hu, opacity
        Its HU, and the share by which it replaces what lies there.
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
        Cloud around it: HU added and reach; none where 0.
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
    opacity: float = 1.0
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
