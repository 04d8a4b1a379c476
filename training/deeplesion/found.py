"""What a detector finds on key slices, in the slices' own pixels: what metrics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lesionscope.models.detector.boxes import nms
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.network import FINAL_NMS, Detector
from lesionscope.progress import CancelToken, Progress, silent

from .slices import DetectionSlice

LEAST, MOST = 0.01, 40
"""Score from which a box counts, and boxes a slice: as many as eight false positives a slice need."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes found on a slice, best first: ``(n, 4)`` in its pixels, scores ``(n,)``, categories ``(n,)``."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    kinds: NDArray[np.int64]


def find_all(
    detector: Detector,
    slices: Sequence[DetectionSlice],
    given: DetectorInput,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> list[Candidates]:
    """Search slices, each as a whole.

    No metric asks for a lesion's category, so a place counts once even where several categories claim it:
    boxes of all of them are suppressed together.
    """
    detector.eval()
    device = next(detector.parameters()).device
    found = []
    for done, one in enumerate(slices, start=1):
        if cancel is not None:
            cancel.check()
        picture, frame = given.picture(one.hu())
        batch = torch.from_numpy(picture)[None].to(device)
        (own,) = detector(batch.to(memory_format=torch.channels_last), LEAST, MOST)
        kept = nms(own.boxes, own.scores, FINAL_NMS)
        boxes, scores, kinds = (part[kept].cpu().numpy() for part in (own.boxes, own.scores, own.categories))
        found.append(Candidates(frame.to_slice(boxes), scores, kinds))
        progress(done, len(slices), "Searching key slices")
    return found
