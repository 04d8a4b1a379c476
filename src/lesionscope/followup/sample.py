"""The sample patient's visits as a reader marked them: diameters, and where the report says they lie."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from lesionscope.ct.geometry import Geometry
from lesionscope.followup.sites import Site, site_of
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters


def drawn(folder: Path, geometry: Geometry) -> tuple[tuple[Lesion, Site], ...]:
    """Return a visit's lesions by the number of their mark, each with its place as the report has it.

    Parameters
    ----------
    folder
        What :func:`lesionscope.sample_data.sample_visit` returns.
    geometry
        Grid of the visit's scan.
    """
    from lesionscope.mining.job import miner
    from lesionscope.ontology.label_graph import load_labels

    samples: Any = import_module("lesionscope.sample_data")
    marks = json.loads((folder / samples.MARKS).read_text(encoding="utf-8"))
    said = {
        one["mark"]: one["sentence"]
        for one in json.loads((folder / samples.REPORTS).read_text(encoding="utf-8"))
    }
    mine = miner(load_labels())
    found = []
    for mark in sorted(marks, key=lambda one: one["mark"]):
        long, short = (_line(mark[f"{name}_lps_mm"]) for name in ("long", "short"))
        labels = mine(said[mark["mark"]]).labels
        found.append((lesion_from_diameters(long, short, geometry=geometry), site_of(labels)))
    return tuple(found)


def _line(ends: list[list[float]]) -> Diameter:
    (x0, y0, z0), (x1, y1, z1) = ends
    return Diameter((x0, y0, z0), (x1, y1, z1))
