"""Head logits → calibrated probabilities on the class tree (NumPy only).

Inference and the evaluation of training share this file, so that what is scored
is what is shown. A leaky head is trained on every case, so its softmax estimates
P(node) and P(leak), not P(node | parent); multiplying those along a path would
count the ancestors twice. Hence, by default:

    conditional(v) = s_v / (1 − s_leak)          sums to 1 over a head
    probability(v) = ∏ conditional over the path from the root to v

``product="plain"`` multiplies the s_v themselves, as the paper's text reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ontology.tree import PathologyTree

Floats = NDArray[np.float64]
Product = Literal["conditional", "plain"]


@dataclass(frozen=True)
class VectorScaling:
    """Vector scaling of one head: calibrated logits = scale · z + shift, class by class.

    ``shift`` includes the correction from the class priors that training
    simulated to those of the population that the card names.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.shift):
            raise ValueError("scale and shift need one number a class each")

    def apply(self, logits: ArrayLike) -> Floats:
        """Return calibrated logits, ``(n, width)`` as given."""
        z = np.asarray(logits, dtype=np.float64)
        return np.asarray(z * np.array(self.scale) + np.array(self.shift))


Calibration = Mapping[str, VectorScaling]
"""Vector scaling by head name."""


@dataclass(frozen=True, eq=False)
class TreeScores:
    """Probabilities of n cases, columns in the order of ``tree.nodes``.

    ``conditional`` ``(n, nodes)`` is P(node | parent), the leak left out;
    ``probability`` ``(n, nodes)`` the product along the path; ``leak`` holds
    each leaky head's "none of these" ``(n,)``.
    """

    tree: PathologyTree
    conditional: Floats
    probability: Floats
    leak: Mapping[str, Floats]

    def column(self, tag: str) -> int:
        """Column of a node."""
        return [node.tag for node in self.tree.nodes].index(tag)

    def leaves(self) -> Floats:
        """Probabilities of the leaves, ``(n, leaves)`` in the order of ``tree.leaves``."""
        return self.probability[:, [self.column(tag) for tag in self.tree.leaves]]


def log_softmax(logits: ArrayLike) -> Floats:
    """Logarithm of the softmax over the last axis, without overflow."""
    z = np.asarray(logits, dtype=np.float64)
    z = z - z.max(axis=-1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=-1, keepdims=True)))


def softmax(logits: ArrayLike) -> Floats:
    """Softmax over the last axis."""
    return np.asarray(np.exp(log_softmax(logits)))


def calibrated(
    tree: PathologyTree, logits: Mapping[str, ArrayLike], calibration: Calibration | None
) -> dict[str, Floats]:
    """Return each head's logits after calibration, ``(n, head.width)`` float64.

    Raises
    ------
    ValueError
        A head is missing or has another width than the tree says.
    """
    result: dict[str, Floats] = {}
    for head in tree.heads:
        if head.name not in logits:
            raise ValueError(f"no logits for head {head.name}")
        z = np.atleast_2d(np.asarray(logits[head.name], dtype=np.float64))
        if z.ndim != 2 or z.shape[1] != head.width:
            raise ValueError(f"head {head.name} needs logits (n, {head.width}), not {z.shape}")
        result[head.name] = z if calibration is None else calibration[head.name].apply(z)
    return result


def tree_scores(
    tree: PathologyTree,
    logits: Mapping[str, ArrayLike],
    calibration: Calibration | None = None,
    product: Product = "conditional",
) -> TreeScores:
    """Turn raw head logits into probabilities of every node.

    Parameters
    ----------
    tree
        The classes.
    logits
        ``(n, head.width)`` (or ``(head.width,)`` for one case) by head name, the
        leak last where the head is leaky.
    calibration
        Vector scaling by head; ``None`` leaves the logits as they are.
    product
        ``conditional`` (ours) or ``plain`` (the paper's), see above.
    """
    if product not in ("conditional", "plain"):
        raise ValueError(f"product must be conditional or plain, not {product!r}")
    z = calibrated(tree, logits, calibration)
    n = next(iter(z.values())).shape[0]
    columns = {node.tag: index for index, node in enumerate(tree.nodes)}
    conditional = np.zeros((n, len(tree.nodes)))
    probability = np.zeros((n, len(tree.nodes)))
    leak: dict[str, Floats] = {}
    for head in tree.heads:  # parents come before children
        count = len(head.nodes)
        where = [columns[tag] for tag in head.nodes]
        # s_v / (1 − s_leak) is the softmax over the nodes alone: no division, no cancellation.
        conditional[:, where] = softmax(z[head.name][:, :count])
        whole = softmax(z[head.name])
        if head.leaky:
            leak[head.name] = whole[:, count]
        factor = conditional[:, where] if product == "conditional" else whole[:, :count]
        parent = 1.0 if head.parent is None else probability[:, [columns[head.parent]]]
        probability[:, where] = parent * factor
    return TreeScores(tree, conditional, probability, leak)
