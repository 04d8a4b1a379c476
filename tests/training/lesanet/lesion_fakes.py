"""Small stand-ins: noise with a disc whose place, size and brightness tell the labels."""

from __future__ import annotations

import numpy as np
from lesionscope.training import recipes
from lesionscope.training.lesanet.dataset import Lesions, locations
from lesionscope.training.lesanet.labels import Said

from lesionscope.ontology.label_graph import load_labels

KINDS = (
    (frozenset({"left lung", "nodule"}), -300, 6),
    (frozenset({"liver", "cyst"}), 10, 14),
    (frozenset({"right kidney", "mass"}), 90, 22),
    (frozenset({"spleen"}), 300, 10),
)


def discs(n: int, seed: int = 0, patients: int = 7) -> Lesions:
    """Make lesions of four kinds in turn."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((120, 120))
    hu = rng.normal(-100, 20, (n, 3, 120, 120))
    boxes, said, radii = [], [], []
    for i in range(n):
        names, value, radius = KINDS[i % 4]
        cx, cy = rng.uniform(52, 68, 2)
        hu[i, :, (x - cx) ** 2 + (y - cy) ** 2 < radius**2] = value
        boxes.append((cx - radius, cy - radius, cx + radius, cy + radius))
        said.append(Said(names, frozenset({"necrosis"} if i % 8 == 1 else ()), frozenset({"chest wall"})))
        radii.append(radius)
    graph = load_labels()
    truth = np.zeros((n, len(graph.core)), dtype=bool)
    for row, one in zip(truth, said, strict=True):
        row[[place for place, name in enumerate(graph.core) if name in graph.expand(one.relevant)]] = True
    columns = {
        "long_mm": np.array(radii) * 2.0,
        "short_mm": np.array(radii) * 1.8,
        "slice_step_mm": np.where(np.arange(n) % 2, 1.0, 5.0),
        "kernel": np.where(np.arange(n) % 3, "soft", "lung"),
        **locations(rng.random((n, 3))),
    }
    whole = (hu.round().astype(np.int16), np.array(boxes, np.float32), tuple(said), truth)
    return Lesions(*whole, np.arange(n) % patients, columns)


def tiny_recipe(*changes: str, name: str = "lesanet-demo"):
    """Read a recipe that trains on little in seconds."""
    return recipes.load(
        name, ["network.width=0.125", "batch=8", "threads=1", "device=cpu", "epochs=2", "losses.triplets=50",
               "losses.samples=500", *changes]
    )  # fmt: skip
