"""How labels read inside a sentence, where their names alone would not do.

A label that stands in no table reads as its name: attributes before the noun, types as nouns, body
parts after "in the". So a vocabulary of one's own needs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ADJECTIVES: Final[Mapping[str, str]] = {
    "hypoattenuation": "hypoattenuating",
    "hyperattenuation": "hyperattenuating",
    "lobular": "lobulated",
    "thick": "thick-walled",
    "thin": "thin-walled",
    "expansile": "expansile",
    "subpleural": "subpleural",
    "perihilar": "perihilar",
    "paraspinal": "paraspinal",
    "paraaortic": "para-aortic",
    "subcutaneous": "subcutaneous",
    "intramuscular": "intramuscular",
    "intraperitoneal": "intraperitoneal",
    "infrarenal": "infrarenal",
    "suprarenal": "suprarenal",
    "preaortic": "pre-aortic",
    "soft tissue": "soft-tissue",
    "hypervascular": "hypervascular",
}
"""Labels of any class that stand before the noun, and the word for them."""

AFTER_NOUN: Final[Mapping[str, str]] = {
    "soft tissue attenuation": "of soft-tissue attenuation",
    "heterogeneous enhancement": "with heterogeneous enhancement",
    "capsule": "with a capsule",
}
"""Attributes and types that follow the noun."""

SIZES: Final = ("large", "tiny", "subcentimeter", "prominent")
"""Attributes that come before the measured size."""

ORDER: Final = (
    "conglomerate", "diffuse", "patchy", "exophytic", "expansile", "oval", "round", "linear",
    "wedge-shaped", "lobular", "circumscribed", "indistinct", "obscured", "spiculated", "thin", "thick",
    "asymmetrical", "heterogeneous", "homogeneous", "reticular", "enhancing", "nonenhancing",
    "hypervascular", "hypoattenuation", "hyperattenuation", "lucent", "lytic", "sclerotic", "cavitary",
    "calcified", "noncalcified", "ossified", "punctate", "fat-containing", "solid", "soft tissue",
)  # fmt: skip
"""Adjectives as they are usually lined up: shape, margin, texture, density, composition."""

HEADS: Final = (
    "mass", "nodule", "cyst", "opacity", "consolidation", "infiltrate", "lymphadenopathy", "thickening",
    "scar", "granuloma", "implant", "fluid", "enlargement",
)  # fmt: skip
"""Types (with all that imply them) that name what is seen; the first one found is the noun."""

DISEASES: Final = ("neoplasm", "infection", "benign")
"""Types (with all that imply them) that name what it is: "consistent with …" beside another noun."""

UNCOUNTED: Final = frozenset(
    ("necrosis", "fluid", "thickening", "consolidation", "lymphadenopathy", "enlargement", "fibrosis",
     "cancer", "dilation", "hemorrhage", "mucus", "ascites", "compression", "infection", "steatosis",
     "hyperplasia", "atelectasis", "bronchiectasis", "ductal dilatation", "skin thickening",
     "bronchial wall thickening", "tumor invasion", "hydronephrosis", "coarse calcification",
     "heterogeneous enhancement", "benign")
)  # fmt: skip
"""Types that take no article."""

OF_SOMETHING: Final = frozenset(
    ("enlargement", "thickening", "compression", "dilation", "stenosis", "obstruction")
)
"""Types that happen to a body part: "thickening of the pleura"."""

PLACES: Final[Mapping[str, str]] = {
    "right mid lung": "in the right middle lobe",
    "left upper lung": "in the left upper lobe",
    "lung base": "at the lung base",
    "lung apex": "at the lung apex",
    "pleura": "along the pleura",
    "fissure": "along the fissure",
    "diaphragm": "at the diaphragm",
    "hilum": "at the hilum",
    "cardiophrenic": "at the cardiophrenic angle",
    "porta Hepatis": "at the porta hepatis",
    "aorticopulmonary window": "in the aortopulmonary window",
    "lumbar": "in the lumbar spine",
    "axilla": "in the axilla",
    "rib": "in a rib",
    "vertebral body": "in a vertebral body",
    "bronchus": "in a bronchus",
    "blood vessel": "in a blood vessel",
    "extremity": "in an extremity",
    "lymph node": "in a lymph node",
    "ovary": "in an ovary",
    "adnexa": "in the adnexa",
    "cortex": "in the cortex",
    "peritoneum": "along the peritoneum",
    "pericardium": "along the pericardium",
    "cervix": "in the cervix",
}
"""Body parts that don't read as "in the" and their name."""

NODE: Final = "lymph node"
NODE_SITES: Final[Mapping[str, str]] = {
    "mediastinum": "mediastinal",
    "superior mediastinum": "superior mediastinal",
    "pelvis": "pelvic",
    "abdomen": "abdominal",
    "retroperitoneum": "retroperitoneal",
    "hilum": "hilar",
    "right hilum": "right hilar",
    "left hilum": "left hilar",
    "porta Hepatis": "porta hepatis",
    "axilla": "axillary",
    "groin": "inguinal",
    "mesentery": "mesenteric",
    "esophagus": "paraesophageal",
}
"""Stations by the first words of their label."""
