"""A whole pathology network: cube → DenseNet-3D → hierarchy head, and an embedding.

The embedding is not the paper's. It lets a package judge how familiar a cube is,
in groups that each see something else: ``texture`` is what the scanner made of
lung tissue (see ``texture.py``); a stage of the backbone gives the mean and
standard deviation over space of each of its channels, late ones the look of a
lesion (the last one's means are the features that the heads read).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lesionscope.errors import InputError
from lesionscope.models.card_form import AGAIN
from lesionscope.models.dense_hierarchy import HIDDEN
from lesionscope.models.densenet3d import BLOCKS, BOTTLENECK, GROWTH, STAGES, STEMS, DenseNet3d
from lesionscope.models.leaf_node import LeafNode
from lesionscope.models.package import ModelPackage
from lesionscope.models.systems import LEAVES, SYSTEMS, build
from lesionscope.models.texture import WIDTH as TEXTURE_WIDTH
from lesionscope.models.texture import lung_texture
from lesionscope.ontology.tree import PathologyTree

TEXTURE = "texture"
"""Name of the embedding's group that the network has no part in."""


@dataclass(frozen=True)
class NetworkSpec:
    """Everything that fixes a network's shape; stored in the card as ``network``."""

    kind: str = "leaky-dense"
    stem: str = "monai"
    growth: int = GROWTH
    blocks: tuple[int, ...] = BLOCKS
    bottleneck: int = BOTTLENECK
    hidden: int = HIDDEN
    embedding: tuple[str, ...] = (TEXTURE, "block3")

    def __post_init__(self) -> None:
        if self.kind not in SYSTEMS:
            raise InputError(
                f"there is no hierarchical system {self.kind!r}: choose one of {', '.join(SYSTEMS)}."
            )
        if self.stem not in STEMS:
            raise InputError(f"there is no stem {self.stem!r}: choose one of {', '.join(STEMS)}.")
        groups = (TEXTURE, *STAGES[: len(self.blocks) + 1])
        if not self.embedding or not set(self.embedding) <= set(groups):
            raise InputError(f"embedding must name some of {', '.join(groups)}.")

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``network`` section."""
        return {
            "kind": self.kind,
            "stem": self.stem,
            "growth": self.growth,
            "blocks": list(self.blocks),
            "bottleneck": self.bottleneck,
            "hidden": self.hidden,
            "embedding": list(self.embedding),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], origin: str = "the card") -> NetworkSpec:
        """Read a card's ``network`` section.

        Raises
        ------
        InputError
            An unknown or missing key, or a value that no network has.
        """
        known = set(cls().as_dict())
        if set(data) != known:
            wrong = ", ".join(sorted(set(data) ^ known))
            raise InputError(
                f"{origin}: the section 'network' has missing or unknown keys ({wrong}); {AGAIN}."
            )
        try:
            return cls(
                kind=str(data["kind"]),
                stem=str(data["stem"]),
                growth=int(data["growth"]),
                blocks=tuple(int(depth) for depth in data["blocks"]),
                bottleneck=int(data["bottleneck"]),
                hidden=int(data["hidden"]),
                embedding=tuple(str(group) for group in data["embedding"]),
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"{origin}: the section 'network' can't be read ({error}); {AGAIN}.") from error


class PathologyNet(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Cubes ``(n, 1, 48, 48, 48)`` in [−1, 1] → logits by head, and embeddings ``(n, d)``.

    Parameters
    ----------
    tree
        The classes.
    spec
        Backbone, stem and hierarchical system.
    """

    def __init__(self, tree: PathologyTree, spec: NetworkSpec | None = None) -> None:
        super().__init__()
        self.spec = spec = NetworkSpec() if spec is None else spec
        self.backbone = DenseNet3d(
            spec.stem, growth=spec.growth, blocks=spec.blocks, bottleneck=spec.bottleneck
        )
        self.hierarchy = build(spec.kind, tree, self.backbone.width, spec.hidden)
        channels = self.backbone.stage_channels
        self.embedding_groups = tuple(
            TEXTURE_WIDTH if group == TEXTURE else 2 * channels[group] for group in spec.embedding
        )

    def forward(self, cube: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return logits ``(n, head.width)`` by head, and the embedding ``(n, sum(embedding_groups))``."""
        maps = self.backbone.stages(cube)
        pooled = maps[f"block{len(self.spec.blocks)}"].mean(dim=(2, 3, 4))
        parts = [
            lung_texture(cube) if group == TEXTURE else _moments(maps[group]) for group in self.spec.embedding
        ]
        return self.hierarchy(pooled), torch.cat(parts, dim=1)

    def learnt(self, cube: Tensor) -> dict[str, Tensor]:
        """Return logits of what the system learns, by head of its :func:`~.systems.learnt_tree`."""
        pooled = self.backbone(cube)
        if isinstance(self.hierarchy, LeafNode):
            return {LEAVES: self.hierarchy.leaves(pooled)}
        logits: dict[str, Tensor] = self.hierarchy(pooled)
        return logits


def _moments(maps: Tensor) -> Tensor:
    """Mean, then standard deviation, over space: ``(n, c, d, h, w)`` → ``(n, 2c)``."""
    mean = maps.mean(dim=(2, 3, 4))
    centred = maps - mean[:, :, None, None, None]
    return torch.cat([mean, (centred.square().mean(dim=(2, 3, 4)) + 1e-12).sqrt()], dim=1)


def load(package: ModelPackage, device: str | torch.device = "cpu") -> PathologyNet:
    """Build a package's network with its weights, ready to answer (``eval``) on ``device``.

    The network is laid out without memory first and the stored tensors become
    its parameters, so nothing is initialised in vain.

    Raises
    ------
    InputError
        The weights don't fit the network that the card describes.
    """
    spec = NetworkSpec.from_dict(package.card.network, str(package.folder))
    with torch.device("meta"):
        network = PathologyNet(package.tree, spec)
    state = read_weights(package.weights_path)
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise InputError(
            f"{package.weights_path} does not fit the network in its card; install the package again. "
            f"({' '.join(str(error).split())[:300]})"
        ) from error
    ready: PathologyNet = network.to(device).eval()
    return ready


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors state dict; half-precision tensors come back as float32.

    Raises
    ------
    InputError
        The file is missing or is not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} can't be read as safetensors weights ({error}): give a file of that form."
        ) from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}


def read_published(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict that others published, safetensors or torch's own file, running no code of it.

    Errors are the readers' own: only a caller knows which file to ask for instead.
    """
    from safetensors.torch import load_file

    safe = Path(path).suffix == ".safetensors"
    state: dict[str, Tensor] = (
        load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    )
    return state
