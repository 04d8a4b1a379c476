"""What reports mention besides the lesion: findings looked for in vain or treated before; landmarks."""

from __future__ import annotations

FINDINGS: dict[str, tuple[str, ...]] = {
    "lymphadenopathy": ("mediastinum", "axilla", "retroperitoneum", "mesentery", "pelvis", "groin", "hilum"),
    "nodule": ("lung", "adrenal gland", "subcutaneous", "thyroid gland", "pleura"),
    "mass": ("liver", "kidney", "adrenal gland", "pancreas", "breast", "pelvis", "chest wall"),
    "metastasis": ("liver", "bone", "lung", "spleen", "adrenal gland"),
    "consolidation": ("lung", "right lower lobe", "left lower lobe"),
    "infiltrate": ("lung",),
    "opacity": ("lung",),
    "ground-glass opacity": (),
    "fluid": ("pelvis", "pericardium", "pleura", "abdomen"),
    "thickening": ("pleura", "intestine", "stomach", "pericardium"),
    "cyst": ("kidney", "liver", "ovary"),
    "scar": ("lung",),
    "implant": ("peritoneum", "omentum"),
    "adenoma": ("adrenal gland",),
    "cancer": ("lung", "kidney", "breast", "thyroid gland", "pancreas"),
}
"""Findings, and the places where reports say that there is none."""

LANDMARKS: dict[str, tuple[str, ...]] = {
    "chest": (
        "aorta",
        "trachea",
        "pleura",
        "diaphragm",
        "pericardium",
        "bronchus",
        "fissure",
        "sternum",
        "hilum",
        "thyroid gland",
        "thoracic spine",
    ),
    "abdomen": (
        "liver",
        "spleen",
        "stomach",
        "pancreatic head",
        "pancreatic tail",
        "left kidney",
        "right kidney",
        "gallbladder",
        "aorta",
        "psoas muscle",
        "left adrenal gland",
        "small bowel",
        "lumbar",
    ),
    "pelvis": ("urinary bladder", "sacrum", "cervix", "pelvic bone", "small bowel", "femur", "psoas muscle"),
    "elsewhere": ("muscle", "skin", "fat", "blood vessel", "bone"),
}
"""Places that a report names to say where a lesion is not, by the region it is in."""

SUSPECTED = ("metastasis", "cancer", "scar", "hemangioma", "adenoma", "cyst", "lymphadenopathy")
"""What a lesion is said to be, perhaps."""
LACKED = ("calcified", "cavitary", "enhancing", "fat-containing", "necrosis")
"""What a lesion may be said to lack."""
