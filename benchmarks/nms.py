"""Our suppression of 2,000 boxes beside MONAI's, whose answers are first shown to be the same.

``python -m benchmarks.nms`` (MONAI comes with the extra ``bench``). Boxes are as a region proposal network
gives them before suppression: clusters around lesions, 512 × 512 pixels, threshold 0.7, on one thread.
"""

from __future__ import annotations

import argparse
import sys

import torch
from torch import Tensor

from benchmarks.rows import interleaved, record
from lesionscope.models.detector.boxes import nms
from lesionscope.models.detector.network import BEFORE_NMS, PROPOSAL_NMS

SIDE, CLUSTERS, JITTER = 512, 100, 12.0


def proposals(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return boxes ``(count, 4)`` of 20 to 96 pixels around random places, and scores ``(count,)``."""
    generator = torch.Generator().manual_seed(seed)
    around = torch.rand(CLUSTERS, 2, generator=generator) * SIDE
    places = around[torch.randint(CLUSTERS, (count,), generator=generator)]
    centres = places + torch.randn(count, 2, generator=generator) * JITTER
    half = torch.rand(count, 2, generator=generator) * 38 + 10
    boxes = torch.cat([centres - half, centres + half], dim=1).clamp(0, SIDE - 1)
    return boxes, torch.rand(count, generator=generator)


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    try:
        from monai.data.box_utils import non_max_suppression
    except ImportError:
        sys.exit("This compares with MONAI: pip install 'napari-lesionscope[bench]' first.")
    torch.set_num_threads(1)
    for seed in range(10):
        boxes, scores = proposals(BEFORE_NMS, seed)
        theirs = non_max_suppression(boxes, scores, PROPOSAL_NMS)
        assert nms(boxes, scores, PROPOSAL_NMS).tolist() == theirs.tolist()
    boxes, scores = proposals(BEFORE_NMS, seed=0)
    left = len(nms(boxes, scores, PROPOSAL_NMS))
    record(
        interleaved(
            f"suppression of {BEFORE_NMS:,} boxes at {PROPOSAL_NMS}, {left:,} left",
            lambda: nms(boxes, scores, PROPOSAL_NMS),
            "MONAI non_max_suppression",
            lambda: non_max_suppression(boxes, scores, PROPOSAL_NMS),
            target=5.0,
            rounds=arguments.rounds,
        )
    )


if __name__ == "__main__":
    main()
