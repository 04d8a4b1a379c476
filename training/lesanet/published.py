"""Figures of paper 002's tables, to print beside ours: AUC, precision, recall, F1 on each test set."""

from __future__ import annotations

from collections.abc import Mapping

from .scoring import COMPLETE, MINED, NAMES

Row = Mapping[str, Mapping[str, float]]


def _row(*values: float) -> Row:
    return {
        MINED: dict(zip(NAMES, values[:4], strict=True)),
        COMPLETE: dict(zip(NAMES, values[4:], strict=True)),
    }


TABLE_1: Mapping[str, Row] = {
    "lesanet-multiscale": _row(0.9048, 0.2738, 0.5224, 0.2823, 0.9151, 0.3823, 0.5340, 0.3894),
    "lesanet-warp": _row(0.9250, 0.2441, 0.6202, 0.3017, 0.9316, 0.6677, 0.3273, 0.3325),
    "lesanet-lesion-embedding": _row(0.8933, 0.2290, 0.5767, 0.2610, 0.9017, 0.3496, 0.5776, 0.3615),
    "lesanet-paper": _row(0.9344, 0.3593, 0.5327, 0.3423, 0.9398, 0.4737, 0.5274, 0.4344),
    "lesanet-no-spl": _row(0.9275, 0.3680, 0.4733, 0.3233, 0.9326, 0.4833, 0.4965, 0.4092),
    "lesanet-no-rhem": _row(0.9338, 0.2983, 0.5550, 0.3178, 0.9374, 0.4341, 0.5327, 0.4303),
    "lesanet-no-expansion": _row(0.9148, 0.3523, 0.5104, 0.3270, 0.9236, 0.4503, 0.5420, 0.4205),
    "lesanet-no-text-mining": _row(0.9334, 0.3365, 0.5350, 0.3324, 0.9392, 0.4869, 0.5361, 0.4250),
    "lesanet-no-triplet": _row(0.9312, 0.3201, 0.5394, 0.3274, 0.9335, 0.4645, 0.5624, 0.4337),
}
"""Table 1, by recipe. "complete" is the paper's hand-labelled set of 500 lesions."""

TITLES: Mapping[str, str] = {
    "lesanet-multiscale": "Multiscale multilabel CNN",
    "lesanet-warp": "WARP",
    "lesanet-lesion-embedding": "Lesion embedding",
    "lesanet-paper": "LesaNet",
    "lesanet-no-spl": "w/o score propagation layer",
    "lesanet-no-rhem": "w/o RHEM",
    "lesanet-no-expansion": "w/o label expansion",
    "lesanet-no-text-mining": "w/o text-mining module",
    "lesanet-no-triplet": "w/o triplet loss",
    "lesanet-all-pairs": "RHEM without “reliable”",
    "lesanet-ohem": "OHEM in RHEM's place",
    "lesanet-focal": "focal loss in RHEM's place",
    "lesanet-relevant-only": "relevant labels only",
}
"""Rows in words, in the order in which they are made and printed."""

ACG_AT_5: Mapping[str, float] = {"lesanet-paper": 2.36, "lesanet-lesion-embedding": 2.25}
"""§7.2.2, on the text-mined test set."""
KIND_AUC: Mapping[str, float] = {"body part": 0.9656, "type": 0.9044, "attribute": 0.8384}
"""§5.4, on the text-mined test set."""

TABLE_3: Mapping[str, Row] = {
    "lesanet-paper": _row(0.9324, 0.3089, 0.5374, 0.3176, 0.9383, 0.4701, 0.5463, 0.4229),
    "lesanet-no-spl": _row(0.9242, 0.3425, 0.4961, 0.3089, 0.9328, 0.5060, 0.5174, 0.4109),
    "lesanet-no-rhem": _row(0.9321, 0.2840, 0.5605, 0.3102, 0.9362, 0.4309, 0.5765, 0.4204),
    "lesanet-no-expansion": _row(0.9237, 0.3016, 0.5568, 0.3073, 0.9332, 0.4561, 0.5587, 0.4094),
    "lesanet-no-text-mining": _row(0.9327, 0.3079, 0.5377, 0.3194, 0.9368, 0.4616, 0.5405, 0.4149),
    "lesanet-no-triplet": _row(0.9303, 0.3065, 0.5391, 0.3160, 0.9356, 0.4629, 0.5473, 0.4184),
}
"""Table 3, means over ten re-splits of training and validation patients."""
