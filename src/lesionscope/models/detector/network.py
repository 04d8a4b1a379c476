"""Faster R-CNN on VGG-16 (paper 004, §2.3; S. Ren et al., NIPS 2015), in one network.

Beyond the papers: hidden layers are followed by batch normalisation, as in LesaNet, because without it
neither VGG-16 nor its head learns from scratch. It also takes the place of the head's dropout.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionscope.errors import InputError
from lesionscope.models.lesanet.spec import LAYERS, SLICES
from lesionscope.models.pathology_net import read_weights

from .anchors import PER_CELL, anchors
from .boxes import clip, decode, nms
from .roi_pool import POOLED, roi_pool
from .spec import DetectorSpec

if TYPE_CHECKING:
    from lesionscope.models.detector_package import DetectorPackage

PROPOSAL_NMS, FINAL_NMS = 0.7, 0.3
SHORTEST = 16.0
"""Pixels of a proposal's side at least."""
BEFORE_NMS, AFTER_NMS = 2000, 300
"""Proposals a slice."""
HEAD_SCALE = (0.1, 0.1, 0.2, 0.2)
"""The head's regression is given in these units, which makes it as large as its classification."""


@dataclass(frozen=True)
class Found:
    """What was found on a slice, best first.

    Parameters
    ----------
    boxes
        ``(n, 4)``.
    scores
        Probabilities ``(n,)``.
    categories
        0…C-1, int64 ``(n,)``.
    """

    boxes: Tensor
    scores: Tensor
    categories: Tensor


class Detector(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Slices → boxes of lesions.

    Parameters
    ----------
    spec
        Its shape.

    Attributes
    ----------
    bfloat16
        Whether the trunk computes in bfloat16, for training where that is quicker; not by default. What
        follows is float32 in any case.
    """

    def __init__(self, spec: DetectorSpec) -> None:
        super().__init__()
        self.spec = spec
        self.bfloat16 = False
        channels, hidden = spec.channels[-1], round(spec.hidden * spec.width)
        self.trunk = _trunk(spec)
        self.rpn_conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.rpn_norm = nn.BatchNorm2d(channels)
        self.rpn_score = nn.Conv2d(channels, PER_CELL, 1)
        self.rpn_deltas = nn.Conv2d(channels, 4 * PER_CELL, 1)
        self.fc6 = nn.Linear(channels * POOLED * POOLED, hidden)
        self.norm6 = nn.BatchNorm1d(hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.norm7 = nn.BatchNorm1d(hidden)
        self.score = nn.Linear(hidden, 1 + spec.categories)
        self.deltas = nn.Linear(hidden, 4 * spec.categories)
        for layer in (*self.trunk, self.rpn_conv, self.fc6, self.fc7):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        for layer in (self.rpn_score, self.rpn_deltas, self.score, self.deltas):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def maps(self, slices: Tensor) -> Tensor:
        """Return the trunk's maps ``(n, c, h, w)`` of slices ``(n, 3, rows, columns)``."""
        with torch.autocast(slices.device.type, torch.bfloat16, enabled=self.bfloat16):
            seen: Tensor = self.trunk(slices)
        return seen.float()

    def propose_all(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return every anchor's logit ``(n, a)`` and regression ``(n, a, 4)`` for maps of the trunk."""
        seen = functional.relu(self.rpn_norm(self.rpn_conv(maps)))
        logits = self.rpn_score(seen).permute(0, 2, 3, 1).flatten(1)
        deltas = self.rpn_deltas(seen).permute(0, 2, 3, 1)
        return logits, deltas.reshape(len(maps), -1, 4)

    def anchors_of(self, maps: Tensor) -> Tensor:
        """Return the anchors ``(a, 4)`` of maps of the trunk."""
        return anchors(maps.shape[2], maps.shape[3], self.spec.stride).to(maps.device)

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def proposals(
        self,
        logits: Tensor,
        deltas: Tensor,
        placed: Tensor,
        size: tuple[int, int],
        before_nms: int = BEFORE_NMS,
    ) -> Tensor:
        """Return one slice's proposals ``(p, 4)``, best first.

        Parameters
        ----------
        logits, deltas
            What :meth:`propose_all` gives for it, ``(a,)`` and ``(a, 4)``.
        placed
            The anchors.
        size
            Its rows and columns.
        before_nms
            How many of the best are suppressed by each other.
        """
        best = torch.argsort(logits, descending=True, stable=True)[:before_nms]
        boxes = clip(decode(deltas[best], placed[best]), *size)
        large = ((boxes[:, 2:] - boxes[:, :2]) >= SHORTEST).all(dim=1)
        boxes, scores = boxes[large], logits[best][large]
        return boxes[nms(boxes, scores, PROPOSAL_NMS, AFTER_NMS)]

    def judge(self, maps: Tensor, boxes: Tensor, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Return proposals' logits ``(p, 1 + C)``, none first, and regression ``(p, C, 4)`` by category.

        Parameters
        ----------
        maps
            The slices' maps.
        boxes, slices
            The proposals ``(p, 4)``, and which slice each lies on ``(p,)``.
        """
        return self.judge_pooled(roi_pool(maps, boxes, slices, 1 / self.spec.stride))

    def judge_pooled(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Return what :meth:`judge` does, of maps pooled to 7 × 7 already ``(p, c, 7, 7)``."""
        seen = functional.relu(self.norm6(self.fc6(pooled.flatten(1))))
        seen = functional.relu(self.norm7(self.fc7(seen)))
        return self.score(seen), self.deltas(seen).view(-1, self.spec.categories, 4)

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def forward(self, slices: Tensor, least: float = 0.5, most: int = 5) -> list[Found]:
        """Find lesions.

        Parameters
        ----------
        slices
            ``(n, 3, rows, columns)``.
        least, most
            Score that a box needs, and how many a slice may have (§3: five boxes above 0.5).
        """
        maps = self.maps(slices)
        size = (slices.shape[2], slices.shape[3])
        placed = self.anchors_of(maps)
        found = []
        for number, (logits, deltas) in enumerate(zip(*self.propose_all(maps), strict=True)):
            boxes = self.proposals(logits, deltas, placed, size)
            which = torch.full((len(boxes),), number, device=boxes.device)
            found.append(select(boxes, *self.judge(maps, boxes, which), size, least, most))
        return found


def select(
    proposals: Tensor, logits: Tensor, deltas: Tensor, size: tuple[int, int], least: float, most: int
) -> Found:
    """Return what is left of a slice's judged proposals: each category is suppressed by itself."""
    scores = logits.softmax(dim=1)[:, 1:]
    scaled = deltas * deltas.new_tensor(HEAD_SCALE)
    parts = []
    for category in range(scores.shape[1]):
        good = scores[:, category] > least
        boxes = clip(decode(scaled[good, category], proposals[good]), *size)
        own = scores[good, category]
        kept = nms(boxes, own, FINAL_NMS, most)
        parts.append((boxes[kept], own[kept], torch.full_like(kept, category)))
    every = [torch.cat(values) for values in zip(*parts, strict=True)]
    best = torch.argsort(every[1], descending=True, stable=True)[:most]
    return Found(*(values[best] for values in every))


def load_detector(package: DetectorPackage, device: str | torch.device = "cpu") -> Detector:
    """Return a package's detector with its weights, ready to search (``eval``) on ``device``.

    Raises
    ------
    InputError
        The weights can't be read or don't fit the network that the card describes.
    """
    detector = Detector(package.card.network)
    try:
        detector.load_state_dict(read_weights(package.weights_path), strict=True)
    except RuntimeError as error:
        raise InputError(
            f"{package.weights_path} does not fit the network in its card; install the package again. "
            f"({' '.join(str(error).split())[:300]})"
        ) from error
    ready: Detector = detector.to(device).eval()
    return ready


def _trunk(spec: DetectorSpec) -> nn.Sequential:
    """VGG-16's convolutions; its last pooling is left out, and the one before unless the spec has it."""
    layers: list[nn.Module] = []
    pools = (True, True, True, spec.pool4, False)
    for (before, channels), count, pool in zip(
        pairwise((SLICES, *spec.channels)), LAYERS, pools, strict=True
    ):
        for layer in range(count):
            layers.append(nn.Conv2d(channels if layer else before, channels, 3, padding=1))
            layers += [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        if pool:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)
