"""What the lesion embedding is trained on (K. Yan et al., "Deep Lesion Graphs in the Wild", CVPR 2018).

Coarse body part, relative location in the body and size order lesions by how like an anchor A they are:
B has all three, C another size, D another location, E another part. A sequence A, B, C, D, E is drawn, and

    L = 1/(2S) Σ [ m₁ + d²(A,B) − d²(A,C) ]₊ + [ m₂ + d²(A,C) − d²(A,D) ]₊ + [ m₃ + d²(A,D) − d²(A,E) ]₊

The thresholds of "like" are ours [choice].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lesionscope.ontology.label_graph import LabelGraph

COARSE = ("bone", "lung", "mediastinum", "liver", "kidney", "pelvis", "soft tissue", "abdomen")
"""DeepLesion's eight parts, the first that a lesion's labels hold being its own."""
MARGINS = (0.1, 0.2, 0.4)
LOCATION = 0.1
"""Locations within this distance are alike (share of the body's extent along each axis)."""
SIZE = 0.25
"""Sizes (log of long and short diameter) within this distance are alike."""
SEQUENCES = 500


def coarse_parts(positive: NDArray[np.bool_], graph: LabelGraph) -> NDArray[np.int64]:
    """Return the place in :data:`COARSE` of each lesion's coarse part, −1 where it has none; ``(n,)``."""
    places = [graph.core.index(name) for name in COARSE]
    has = positive[:, places]
    return np.where(has.any(axis=1), has.argmax(axis=1), -1)


def descriptions(parts: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Return coarse part, location x, y, z and log diameters of each lesion, float32 ``(n, 6)``."""
    values = [parts, *(columns[f"location_{axis}"] for axis in "xyz")]
    values += [np.log(np.maximum(columns[name], 1.0)) for name in ("long_mm", "short_mm")]
    return np.asarray(np.nan_to_num(np.stack(values, axis=1)), dtype=np.float32)


def sequence_loss(
    embedding: Tensor, described: Tensor, *, count: int = SEQUENCES, generator: torch.Generator | None = None
) -> Tensor:
    """Return the loss of ``count`` sequences drawn from a batch; 0 where it holds none.

    Parameters
    ----------
    embedding
        ``(B, d)``.
    described
        Rows of :func:`descriptions`, ``(B, 6)``.
    count
        S.
    generator
        Where the random numbers come from; on the CPU.
    """
    described = described.detach().cpu()
    part, place, size = described[:, 0], described[:, 1:4], described[:, 4:]
    known = part >= 0
    same = (part[:, None] == part) & known & known[:, None]
    near = torch.cdist(place, place) <= LOCATION
    alike = torch.cdist(size, size) <= SIZE
    others = ~torch.eye(len(part), dtype=torch.bool)
    steps = (
        same & near & alike & others,
        same & near & ~alike,
        same & ~near,
        ~same & known & known[:, None],
    )
    anchors = torch.stack([step.any(dim=1) for step in steps]).all(dim=0).nonzero().squeeze(1)
    if not len(anchors):
        return embedding.sum() * 0
    a = anchors[torch.randint(len(anchors), (count,), generator=generator)]
    chosen = [torch.multinomial(step[a].float(), 1, generator=generator).squeeze(1) for step in steps]
    from_a = [(embedding[a] - embedding[one]).square().sum(dim=1) for one in chosen]
    terms = [
        functional.relu(margin + nearer - farther)
        for margin, nearer, farther in zip(MARGINS, from_a[:-1], from_a[1:], strict=True)
    ]
    return torch.stack(terms).sum(dim=0).mean() / 2
