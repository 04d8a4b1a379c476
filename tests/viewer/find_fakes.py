"""A detector that finds the dense balls of a small volume, and takes as long as a test wants."""

from __future__ import annotations

import threading

import numpy as np
from scipy import ndimage

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.linking import SliceBoxes
from lesionscope.progress import CancelToken

PADDING = 5.0
BALLS = {(-25.0, -15.0, 130.0): 9.0, (20.0, 12.0, 120.0): 7.0, (22.0, -14.0, 150.0): 5.0}
"""Centre LPS mm → radius: two on slices that they share, one above."""


def ball_volume(uid: str = "1.2.3", step: float = 2.0) -> CTVolume:
    """Balls in soft tissue in air, 40 slices from z = 100 mm to the head."""
    geometry = Geometry((72, 56, 40), (1.5, 1.5, step), (-53.0, -41.0, 100.0))
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    lps = geometry.to_lps(kji)
    hu = np.full(geometry.size[::-1], -1000, np.int16)
    hu[(lps[..., 0] / 48) ** 2 + (lps[..., 1] / 36) ** 2 < 1] = 20
    for centre, radius in BALLS.items():
        hu[np.linalg.norm(lps - np.array(centre), axis=-1) < radius] = 300
    return CTVolume(hu, geometry, Source(uid, description="Balls"))


class BallFinder:
    """Boxes what is denser than tissue, the larger the surer; ``gate`` holds it up at ``hold_at``."""

    demonstration, least = True, 0.1

    def __init__(self, hold_at: int | None = None, kinds: tuple[str, ...] = ("lesion",)) -> None:
        self.model, self.categories = "balls 1.0", kinds
        self.count, self.hold_at = 0, hold_at
        self.held, self.gate = threading.Event(), threading.Event()

    def slices_away(self, step_mm: float) -> int:
        return 1

    def find(
        self, hu: np.ndarray, pixel_mm: tuple[float, float], least: float, cancel: CancelToken
    ) -> SliceBoxes:
        if self.count == self.hold_at:
            self.held.set()
            while not self.gate.wait(0.01):
                cancel.check()
        self.count += 1
        rows = [
            (x.start - PADDING, y.start - PADDING, x.stop - 1 + PADDING, y.stop - 1 + PADDING)
            for y, x in ndimage.find_objects(ndimage.label(hu[1] > 150)[0])
        ]
        boxes = np.array(rows, dtype=np.float64).reshape(-1, 4)
        scores = 1 - np.exp(-(boxes[:, 2] - boxes[:, 0] - 2 * PADDING) / 8)
        kinds = np.arange(len(scores)) % len(self.categories)
        return SliceBoxes(boxes, scores, kinds.astype(np.int64), (PADDING, PADDING))
