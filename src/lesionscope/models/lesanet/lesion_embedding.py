"""The lesion embedding that LesaNet is compared with (Table 1's third row).

K. Yan et al., "Deep Lesion Graphs in the Wild", CVPR 2018: an embedding of 1,024 values is
trained on coarse body part, relative location and size, never on the 171 labels. A classifier
on the finished embedding then gives the labels: one linear layer, whose gradients don't
reach the embedding [choice: the paper does not say which classifier it used].
"""

from __future__ import annotations

from torch import Tensor, nn

from .backbone import MultiscaleVGG
from .head import Embedding
from .output import LesaNetOutput
from .spec import BLOCKS, PROJECTED, LesaNetSpec

SHARPNESS = 16.0
"""The classifier sees embeddings of this norm: those of norm 1 would ask for very large weights."""


class LesionEmbedding(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Patches and boxes → scores by a linear classifier on a detached embedding.

    Parameters
    ----------
    spec
        Its shape; the paper's embedding has 1,024 values.
    """

    def __init__(self, spec: LesaNetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.backbone = MultiscaleVGG(spec)
        self.fc_emb = Embedding(BLOCKS * PROJECTED, spec.embedding)
        self.class_scores1 = nn.Linear(spec.embedding, spec.classes)

    def forward(self, patches: Tensor, boxes: Tensor) -> LesaNetOutput:
        """Return the scores twice (there is nothing to refine), the embedding and the features."""
        features = self.backbone(patches, boxes)
        embedding = self.fc_emb(features)
        scores = self.class_scores1(SHARPNESS * embedding.detach())
        return LesaNetOutput(scores, scores, embedding, features)
