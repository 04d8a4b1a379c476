"""In which organ a lesion lies, as RECIST 1.1 counts organs, from its labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lesionscope.ontology.label_graph import LabelGraph, load_labels

NODE = "lymph node"
BODY_PART = "body part"
REGIONS = frozenset(
    (
        "chest", "abdomen", "upper abdomen", "lower abdomen", "pelvis", "neck", "shoulder", "extremity",
        "retroperitoneum", "gastrointestinal", "soft tissue", "body wall", "peritoneal cavity",
    )
)  # fmt: skip
"""Body parts that hold organs, and are none."""


@dataclass(frozen=True)
class Site:
    """Where a lesion lies; ``organ`` is empty where that isn't known. Paired organs are one."""

    organ: str = ""
    node: bool = False


def body_parts(labels: Iterable[str], graph: LabelGraph | None = None) -> frozenset[str]:
    """Return the body parts among some labels and all that they imply; unknown words are passed over."""
    graph = graph or load_labels()
    known = graph.expand(name for name in labels if name in graph.by_name)
    return frozenset(name for name in known if graph.by_name[name].kind == BODY_PART)


def site_of(labels: Iterable[str], graph: LabelGraph | None = None) -> Site:
    """Say where a lesion lies: the widest of its body parts that is an organ, or a lymph node.

    Of several, the one that comes first in the ontology, which is by how often lesions lie there.
    """
    graph = graph or load_labels()
    parts = body_parts(labels, graph)
    if NODE in parts:
        return Site(NODE, node=True)
    organs = parts - REGIONS
    widest = {name for name in organs if not graph.ancestors(name) & organs}
    return Site(next((label.name for label in graph.labels if label.name in widest), ""))
