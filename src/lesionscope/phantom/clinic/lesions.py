"""One lesion of the phantom clinic, with everything that is true of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.phantom.clinic.looks import Looks

Point = tuple[float, float, float]

COMPOUNDS: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(parts), whole)
    for parts, whole in (
        (("lung", "nodule"), "lung nodule"),
        (("lung", "mass"), "lung mass"),
        (("lung", "nodule", "solid"), "solid pulmonary nodule"),
        (("liver", "mass"), "liver mass"),
        (("lobular", "mass"), "lobular mass"),
        (("kidney", "cyst"), "kidney cyst"),
        (("lymph node", "enlargement"), "lymphadenopathy"),
        (("subcutaneous", "fat"), "subcutaneous fat"),
    )
)
"""What is true where all of its parts are."""


@dataclass(frozen=True)
class ClinicLesion:
    """The full truth of one lesion.

    Parameters
    ----------
    id
        Its number in its patient, from 0.
    direct
        Labels it was made from, before expansion: places, types, attributes.
    labels
        Everything of the 171 that is true of it: ``direct`` expanded, every body part that its
        centre lies in, and what its size, shape and density imply.
    centroid
        LPS mm.
    long_mm, short_mm
        Its largest axial diameter and the one across it, unwobbled.
    semi_axes_mm
        Half its extent along its own axes: long, short (both near the axial plane), third.
    rotation
        Those axes as the rows of a 3×3 matrix, row-major (LPS).
    outward
        Unit vector to the nearest border of what it grows in (LPS).
    place, family
        The body part it was put into, and the kind of place that is (see ``frequencies.tsv``).
    host_hu
        HU of what surrounds it.
    phase
        Contrast phase of the scan.
    looks
        What it looks like (see :mod:`lesionscope.phantom.clinic.looks`).
    seed
        Draws its shape, texture and the places of its flecks.
    """

    id: int
    direct: frozenset[str]
    labels: frozenset[str]
    centroid: Point
    long_mm: float
    short_mm: float
    semi_axes_mm: Point
    rotation: tuple[float, ...]
    outward: Point
    place: str
    family: str
    host_hu: float
    phase: str
    looks: Looks
    seed: tuple[int, ...]


def complete(
    graph: LabelGraph, direct: Iterable[str], parts: Iterable[str], implied: Iterable[str] = ()
) -> frozenset[str]:
    """Return everything true of a lesion.

    Parameters
    ----------
    graph
        The label graph.
    direct
        Labels it was made from.
    parts
        Body parts its centre lies in. Lymph node stations among them count only for a lymph node.
    implied
        Labels its measures imply; those that exclude a direct one are left out.
    """
    direct = frozenset(direct)
    is_node = "lymph node" in graph.expand(direct)
    core = frozenset(graph.core)
    truth = set(graph.expand(direct)) & core
    for name in sorted(frozenset(parts) & core) + sorted(frozenset(implied) & core):
        if not is_node and "lymph node" in graph.expand([name]):
            continue
        more = graph.expand([name]) & core
        if not any(graph.exclusives(label) & truth for label in more):
            truth |= more
    for needed, whole in COMPOUNDS:
        if needed <= truth and whole not in truth and not graph.exclusives(whole) & truth:
            truth |= graph.expand([whole]) & core
    return frozenset(truth)
