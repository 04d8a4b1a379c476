"""LesaNet as a whole (Figure 3), its baseline without score propagation, and how one is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionscope.errors import InputError
from lesionscope.models.pathology_net import read_weights

from .backbone import MultiscaleVGG
from .head import Embedding
from .lesion_embedding import LesionEmbedding
from .output import LesaNetOutput
from .score_propagation import ScorePropagation
from .spec import BLOCKS, PROJECTED, LesaNetSpec
from .tree_scores import TreeScores

if TYPE_CHECKING:
    from lesionscope.models.label_package import LabelPackage


class LesaNet(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Patches and boxes → scores s, refined scores s̃, embedding.

    Without score propagation and embedding it is the multiscale multilabel CNN, Table 1's first row.

    Parameters
    ----------
    spec
        Its shape.
    """

    def __init__(self, spec: LesaNetSpec | None = None) -> None:
        super().__init__()
        self.spec = spec = LesaNetSpec() if spec is None else spec
        self.backbone = MultiscaleVGG(spec)
        self.fc_emb = Embedding(BLOCKS * PROJECTED, spec.embedding) if spec.embedding else None
        head = TreeScores if spec.kind == "lesanet-tree" else nn.Linear
        self.class_scores1 = head(BLOCKS * PROJECTED, spec.classes)
        self.class_scores2 = ScorePropagation(spec.classes) if spec.score_propagation else None

    def forward(self, patches: Tensor, boxes: Tensor) -> LesaNetOutput:
        """Answer for n lesions.

        Parameters
        ----------
        patches
            Preprocessed ``(n, 3, 120, 120)``: HU −1024…3071 as 0…255, less 50, over 255 (§7.1).
        boxes
            x0, y0, x1, y1 in patch pixels ``(n, 4)``.
        """
        features = self.backbone(patches, boxes)
        scores = self.class_scores1(features)
        refined = scores if self.class_scores2 is None else self.class_scores2(scores)
        embedding = functional.normalize(features, dim=1) if self.fc_emb is None else self.fc_emb(features)
        return LesaNetOutput(scores, refined, embedding, features)


def build(spec: LesaNetSpec) -> LesaNet | LesionEmbedding:
    """Return a network of a shape, with fresh weights from torch's generator."""
    return LesionEmbedding(spec) if spec.kind == "lesion-embedding" else LesaNet(spec)


def load_lesanet(package: LabelPackage, device: str | torch.device = "cpu") -> LesaNet | LesionEmbedding:
    """Return a package's network with its weights, ready to answer (``eval``) on ``device``.

    Raises
    ------
    InputError
        The weights can't be read or don't fit the network that the card describes.
    """
    spec = LesaNetSpec.from_dict(package.card.network, str(package.folder))
    with torch.device("meta"):
        network = build(spec)
    try:
        network.load_state_dict(read_weights(package.weights_path), strict=True, assign=True)
    except RuntimeError as error:
        raise InputError(
            f"{package.weights_path} does not fit the network in its card; install the package again. "
            f"({' '.join(str(error).split())[:300]})"
        ) from error
    ready: LesaNet | LesionEmbedding = network.to(device).eval()
    return ready
