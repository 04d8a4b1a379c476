"""A phantom Pulmonary-RadPath: what the network's trainer and the command line use."""

from __future__ import annotations

from lesionscope.phantom.cases import (
    SPLITS,
    VERSION,
    Case,
    Scan,
    case,
    cube,
    cut,
    leaf_frequencies,
    leaf_of,
    scan,
    seeds,
)
from lesionscope.phantom.cubes import CubeSet, cubes
from lesionscope.phantom.latents import LEAVES
from lesionscope.phantom.manifest import write_manifest

__all__ = [
    "LEAVES",
    "SPLITS",
    "VERSION",
    "Case",
    "CubeSet",
    "Scan",
    "case",
    "cube",
    "cubes",
    "cut",
    "leaf_frequencies",
    "leaf_of",
    "scan",
    "seeds",
    "write_manifest",
]
