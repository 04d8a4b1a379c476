"""Finding a place in a lung that suits a lesion: at the hilum, in the middle, at the pleura."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.chest import Chest
from lesionscope.phantom.latents import LungLesion
from lesionscope.phantom.lung_lesions import Placed

Points = NDArray[np.float64]
CANDIDATES = 160
HILUM_Z_MM = (-48.0, 40.0)


def _slope(chest: Chest, part: str, points: Points) -> Points:
    """Gradient of the depth below one part of the pleura, ``(n, 3)``, unit length."""
    step = 0.5
    shifted = np.concatenate([points + s * step * np.eye(3)[a] for s in (1, -1) for a in range(3)])
    depth = chest.lung_distance(shifted)[part].reshape(2, 3, len(points))
    slope = (depth[0] - depth[1]).T
    return np.asarray(slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9))


def place(chest: Chest, lesion: LungLesion, rng: np.random.Generator, *, side: int = 0) -> Placed:
    """Put a lesion where its ``site`` says (side -1 right lung, 1 left, 0 either).

    Distances are to its body: a pleural lesion is broad-based, a tagged one ends
    5…9 mm short of the pleura, a central one grows into the mediastinum, and
    one in the middle is at least 9 mm from everything.
    """
    radius = 0.5 * lesion.diameter_mm
    part, depth = {
        "central": ("mediastinal", radius * float(rng.uniform(0.35, 0.6))),
        "middle": ("costal", 0.0),
        "pleural": ("costal", radius * float(rng.uniform(0.62, 0.8))),
        "tagged": ("costal", radius + float(rng.uniform(5.0, 9.0))),
    }[lesion.site]
    slack = 1.0
    while True:
        points = chest.lung_points(rng, CANDIDATES, side=side)
        if lesion.site == "central":
            points = points[(points[:, 2] > HILUM_Z_MM[0]) & (points[:, 2] < HILUM_Z_MM[1])]
        if lesion.site != "middle" and len(points):
            for _ in range(4):
                gap = depth - chest.lung_distance(points)[part]
                points = points + np.clip(gap, -30, 30)[:, None] * _slope(chest, part, points)
        depths = chest.lung_distance(points)
        if lesion.site == "middle":
            fits = np.min(list(depths.values()), axis=0) > slack * max(radius + 9.0, 18.0)
        else:
            others = np.min([d for name, d in depths.items() if name != part], axis=0)
            fits = (others > radius + 10.0 * slack) & (np.abs(depths[part] - depth) < 0.7)
        if fits.any():
            centre = points[fits][0]
            if lesion.site == "middle":
                part = min(depths, key=lambda name: float(depths[name][fits][0]))
            outward = -_slope(chest, part, centre[None])[0]
            return Placed(
                lesion,
                (float(centre[0]), float(centre[1]), float(centre[2])),
                (float(outward[0]), float(outward[1]), float(outward[2])),
                float(depths[part][fits][0]),
            )
        slack = max(0.2, slack * 0.9)
