"""HU of tissues before and after contrast medium.

Each value lies within ranges that were looked up, and that ``tests/phantom/test_body_picture.py`` names
one by one. Unenhanced blood, liver, spleen, kidney and cortical bone: tables after T. M. Buzug, *Computed
Tomography* (2008), and M. Prokop, *Spiral and Multislice Computed Tomography of the Body* (2003). Muscle:
M. A. Lawlor et al., JFSF 2022; 7:38. Trabecular bone: S. Jang et al., Radiology 2019; 291:360. Thyroid:
Radiology 1983; 147:793. Pancreas and arteries in the arterial phase, kidney in the portal venous one: the
trials named there. Only recalled, from W. R. Webb, W. E. Brant and N. M. Major, *Fundamentals of Body CT*
(4th ed. 2015): liver, spleen, pancreas and vessels in the portal venous phase, plain pancreas, adrenals,
uterus, prostate and urine. The other tissues (bowel and its content, ovary, cervix, gland, skin, disc,
cartilage) and the delayed phase are set by eye between their neighbours. The kidney's cortex in the arterial
phase is that of a slow injection: at 4 mL/s trials measured 60…80 HU more.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

PHASES = ("unenhanced", "arterial", "portal venous", "delayed")

FAT_HU = -102.0
GAS_HU = -960.0

# tissue: HU in each of PHASES, and how much of the phase's enhancement patients share
_TABLE: dict[str, tuple[float, float, float, float]] = {
    "artery": (42, 290, 150, 112),
    "vein": (42, 110, 145, 112),
    "portal vein": (42, 85, 165, 115),
    "pulmonary artery": (42, 240, 140, 110),
    "myocardium": (42, 105, 100, 88),
    "liver": (57, 68, 106, 92),
    "spleen": (49, 115, 118, 96),
    "pancreas": (41, 98, 92, 76),
    "kidney cortex": (32, 165, 178, 150),
    "kidney medulla": (31, 70, 150, 155),
    "urine": (6, 6, 8, 220),
    "bile": (8, 8, 9, 9),
    "adrenal": (24, 52, 62, 48),
    "thyroid": (96, 165, 150, 130),
    "muscle": (54, 58, 63, 62),
    "bowel wall": (42, 72, 84, 72),
    "bowel content": (22, 22, 24, 24),
    "stomach content": (14, 14, 15, 15),
    "oesophagus": (38, 52, 58, 52),
    "uterus": (46, 80, 106, 96),
    "cervix": (44, 66, 84, 84),
    "ovary": (26, 34, 38, 38),
    "prostate": (40, 52, 62, 66),
    "gland": (28, 38, 44, 44),
    "skin": (28, 32, 36, 36),
    "cord": (32, 34, 36, 36),
    "disc": (78, 80, 82, 82),
}
_FIXED = {
    "cortical bone": 620.0,
    "trabecular bone": 190.0,
    "marrow": -40.0,
    "cartilage": 95.0,
    "fat": FAT_HU,
    "gas": GAS_HU,
}
TISSUES = MappingProxyType({**dict.fromkeys(_TABLE), **_FIXED})


def tissue_hu(phase: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw the HU of each tissue of one patient.

    Parameters
    ----------
    phase
        One of :data:`PHASES`.
    rng
        Draws how strongly this patient enhances, and small differences of each tissue.

    Returns
    -------
    dict
        HU by tissue.
    """
    column = PHASES.index(phase)
    strength = float(np.clip(rng.normal(1.0, 0.09), 0.8, 1.2))
    result = {}
    for name, values in _TABLE.items():
        own = float(np.clip(rng.normal(0.0, 2.2), -4.5, 4.5))
        result[name] = values[0] + own + strength * (values[column] - values[0])
    for name, value in _FIXED.items():
        spread = 0.12 if name == "cortical bone" else 0.25 if name == "trabecular bone" else 0.0
        result[name] = value * (1 + float(np.clip(rng.normal(0, spread), -1.8 * spread, 1.8 * spread)))
    return result
