"""Paper 003's Tables 1 and 2, the rows of ours beside them, and the claims that its text makes."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.claims import Claim, Quantity
from .metrics import CONDITIONED, HIGH, LEAF

TITLES: Mapping[str, str] = {
    "hmlc-br-leaf": "BR-leaf",
    "hmlc-br-all": "BR-all",
    "hmlc-hlup": "HLUP",
    "hmlc-hlcp": "HLCP",
    "hmlc-hlup-finetune": "HLUP-finetune",
    "hmlc-hlcp-longer": "HLCP, then HLCP as long (ours)",
    "hmlc-hlup-naive": "HLUP (naive)",
    "hmlc-hlup-rescaled": "HLUP (rescale)",
    "hmlc-hlup-finetune-naive": "HLUP-finetune (naive)",
    "hmlc-hlup-finetune-rescaled": "HLUP-finetune (rescale)",
}
"""Rows in words, in the order in which they are made and printed."""


def _row(
    leaf: tuple[float, float], high: tuple[float, float], ill: tuple[float, float]
) -> Mapping[str, float]:
    groups = {LEAF: leaf, HIGH: high, CONDITIONED: ill}
    return {
        f"{group} {name}": v
        for group, pair in groups.items()
        for name, v in zip(("auc", "ap"), pair, strict=True)
    }


PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "hmlc-br-leaf": {"leaf auc": 0.871, "leaf ap": 0.234}
    | {f"{CONDITIONED} auc": 0.806, f"{CONDITIONED} ap": 0.334},
    "hmlc-br-all": _row((0.867, 0.221), (0.852, 0.440), (0.808, 0.323)),
    "hmlc-hlup": _row((0.872, 0.214), (0.856, 0.436), (0.799, 0.288)),
    "hmlc-hlcp": _row((0.879, 0.229), (0.857, 0.440), (0.822, 0.329)),
    "hmlc-hlup-finetune": _row((0.887, 0.250), (0.866, 0.460), (0.832, 0.342)),
    "hmlc-hlcp-longer": {},
    "hmlc-hlup-naive": {"leaf auc": 0.864},
    "hmlc-hlup-rescaled": {"leaf auc": 0.853},
    "hmlc-hlup-finetune-naive": {"leaf auc": 0.886},
    "hmlc-hlup-finetune-rescaled": {"leaf auc": 0.867},
}
"""Table 1, and Table 2's AUCs (of leaves, as its last entry shows), on PLCO."""


def _claim(
    said: str, more: str, less: str, figure: str = "auc", group: str = LEAF, *, little: bool = False
) -> Claim:
    return Claim(
        said, Quantity(f"hmlc-{more}", figure, group), Quantity(f"hmlc-{less}", figure, group), little
    )


CLAIMS = (
    _claim("HLUP-finetune beats BR-leaf (leaf AUC)", "hlup-finetune", "br-leaf"),
    _claim("HLUP-finetune beats BR-all (leaf AUC)", "hlup-finetune", "br-all"),
    _claim("HLUP-finetune beats BR-all (leaf AP)", "hlup-finetune", "br-all", "ap"),
    _claim("HLUP-finetune beats BR-all (high-level AUC)", "hlup-finetune", "br-all", "auc", HIGH),
    _claim("HLUP-finetune beats BR-all (high-level AP)", "hlup-finetune", "br-all", "ap", HIGH),
    _claim("HLUP-finetune beats HLCP (leaf AUC)", "hlup-finetune", "hlcp"),
    _claim("… and HLCP that went on as long (ours; leaf AUC)", "hlup-finetune", "hlcp-longer"),
    _claim("two stages are better than HLUP alone (leaf AUC)", "hlup-finetune", "hlup"),
    _claim("HLCP matches BR-leaf (leaf AUC)", "hlcp", "br-leaf", little=True),
    _claim(
        "labels of higher nodes alone do not help: BR-leaf is above BR-all (leaf AUC)", "br-leaf", "br-all"
    ),
    _claim(
        "HLUP-finetune beats BR-all among the abnormal (leaf AUC)",
        "hlup-finetune",
        "br-all",
        "auc",
        CONDITIONED,
    ),
    _claim(
        "HLUP-finetune beats HLCP among the abnormal (leaf AUC)", "hlup-finetune", "hlcp", "auc", CONDITIONED
    ),
    _claim("the stable form beats the naive one from the start (leaf AUC)", "hlup", "hlup-naive"),
    _claim("the stable form beats rescaling from the start (leaf AUC)", "hlup", "hlup-rescaled"),
    _claim(
        "the stable form beats rescaling after HLCP (leaf AUC)", "hlup-finetune", "hlup-finetune-rescaled"
    ),
    _claim(
        "after HLCP the naive form is as good (leaf AUC)", "hlup-finetune", "hlup-finetune-naive", little=True
    ),
)
"""§3's, each about one figure of two rows."""
