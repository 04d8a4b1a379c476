"""The paper's claims about LesaNet, to be judged on our cells."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine import claims as engine
from ..engine.claims import Cell, Claim, Quantity, Verdict
from .scoring import COMPLETE, MINED


def _pair(said: str, row: str, figure: str, labels: str = "all", *, little: bool = False) -> Claim:
    return Claim(said, Quantity("lesanet-paper", figure, labels), Quantity(row, figure, labels), little)


CLAIMS = (
    _pair("score propagation lifts the recall of rare labels (§5.5)", "lesanet-no-spl", "recall", "rare"),
    _pair("score propagation lifts recall (§5.5)", "lesanet-no-spl", "recall"),
    _pair("RHEM lifts precision (§5.5)", "lesanet-no-rhem", "precision"),
    _pair("reliable pairs protect recall (§5.5)", "lesanet-all-pairs", "recall"),
    _pair("label expansion lifts AUC (§5.5)", "lesanet-no-expansion", "auc"),
    _pair("text mining changes AUC little (§5.5)", "lesanet-no-text-mining", "auc", little=True),
    _pair("uncertain labels help (§5.5)", "lesanet-relevant-only", "auc"),
    _pair("the triplet loss lifts AUC slightly (§5.5)", "lesanet-no-triplet", "auc"),
    _pair("the triplet loss lifts ACG@5 (§4.4)", "lesanet-no-triplet", "ACG@5"),
    _pair("LesaNet retrieves better than lesion embedding (§7.2.2)", "lesanet-lesion-embedding", "ACG@5"),
    _pair("LesaNet's AUC is above the multiscale CNN's (§5.4)", "lesanet-multiscale", "auc"),
    _pair("LesaNet's AUC is above WARP's (§5.4)", "lesanet-warp", "auc"),
    _pair("LesaNet's AUC is above lesion embedding's (§5.4)", "lesanet-lesion-embedding", "auc"),
    _pair("RHEM is better than OHEM's selection (§4.2)", "lesanet-ohem", "f1"),
    _pair("RHEM is better than the focal loss's weights (§4.2)", "lesanet-focal", "f1"),
    Claim(
        "body parts are easier than types (§5.4)",
        Quantity("lesanet-paper", "auc", "body part"),
        Quantity("lesanet-paper", "auc", "type"),
    ),
    Claim(
        "types are easier than attributes (§5.4)",
        Quantity("lesanet-paper", "auc", "type"),
        Quantity("lesanet-paper", "auc", "attribute"),
    ),
)


def judge(cells: Sequence[Cell], claims: Sequence[Claim] = CLAIMS) -> tuple[Verdict, ...]:
    """Judge claims on both test sets."""
    return engine.judge(cells, claims, (MINED, COMPLETE))
