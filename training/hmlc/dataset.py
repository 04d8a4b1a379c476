"""Images and labels of a split, and how a network gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionscope.models.hmlc.forest import Forest
from lesionscope.ontology.tree import CHEST_XRAY, PathologyTree, load_bundled_tree, load_tree
from lesionscope.phantom.projections import LEAVES, projections
from lesionscope.progress import Progress, silent

from .recipe import Data

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Images:
    """A split.

    Parameters
    ----------
    pixels
        ``(n, side, side)`` of any whole-number type, bright where the beam was held back.
    labels
        ``(n, M)`` in the order of the tree's nodes, ancestors included.
    patients
        Whose each image is, ``(n,)``.
    digest
        Of the files and labels that they were read from; of phantoms, which their numbers fix, none.
    """

    pixels: NDArray[np.integer[Any]]
    labels: NDArray[np.bool_]
    patients: NDArray[np.int64]
    digest: bytes = b""

    def __len__(self) -> int:
        return len(self.pixels)


def tree_of(data: Data) -> PathologyTree:
    """Return the recipe's tree."""
    return load_tree(data.tree) if data.tree else load_bundled_tree(CHEST_XRAY)


def load_split(data: Data, tree: PathologyTree, split: str, progress: Progress = silent) -> Images:
    """Return a split's images.

    Raises
    ------
    InputError
        The images or their table can't be used.
    """
    if data.source == "xrays":
        from .xrays import read_xrays

        return read_xrays(data, tree, split, progress)
    made = projections(
        split, int(getattr(data, split)), workers=data.workers, cache=data.cache or None, progress=progress
    )
    tags = [node.tag for node in tree.nodes]
    labels = np.zeros((len(made), len(tags)), bool)
    labels[:, [tags.index(leaf) for leaf in LEAVES]] = made.labels
    return Images(made.images, Forest.of_tree(tree).closed(labels), made.seeds)


def inputs(
    images: Images,
    rows: NDArray[np.int64],
    device: torch.device,
    shift_px: int = 0,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Images as a network takes them, ``(n, 1, side, side)``: each of mean 0 and deviation 1.

    With ``rng`` each is moved by up to ``shift_px`` pixels, its border repeated.
    """
    pixels = np.asarray(images.pixels[rows], dtype=np.float32)
    if rng is not None and shift_px:
        padded = np.pad(pixels, ((0, 0), (shift_px, shift_px), (shift_px, shift_px)), mode="edge")
        side = pixels.shape[1:]
        starts = rng.integers(0, 2 * shift_px + 1, (len(rows), 2))
        pixels = np.stack(
            [p[a : a + side[0], b : b + side[1]] for p, (a, b) in zip(padded, starts, strict=True)]
        )
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    deviation = pixels.std(axis=(1, 2), keepdims=True)
    return torch.from_numpy((pixels - mean) / np.maximum(deviation, 1e-6))[:, None].to(device)
