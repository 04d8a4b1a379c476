"""A study with hostile text, lesions in every state, and a volume whose marks can be checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.inference.reading import NodeScore, PathologyAnswer, Provenance, Reading, Refusal
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.ontology.tree import load_tree
from lesionscope.report.document import Content, lesion_report

LONG_COMMENT = "comment " * 1250
MARKUP = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;\"'{{ 7*7 }}"
FORMULA = '=HYPERLINK("http://x","y")'
SCRIPTS = "\u202eمريض\u202c 山田 花子 🫁 \x00\x1b[31m\ud800"


@pytest.fixture
def geometry() -> Geometry:
    return Geometry((128, 128, 40), (0.8, 0.8, 2.0), (-51.0, -51.0, -40.0), slice_thickness_mm=2.0)


@pytest.fixture
def source() -> Source:
    return Source(
        uid="1.2.840.99.1",
        study_uid="1.2.840.99",
        description=MARKUP,
        study_description=FORMULA,
        study_date="20240229",
        series_number=4,
        kernel=SCRIPTS,
        patient=Patient(MARKUP, FORMULA, "19700101", LONG_COMMENT),
    )


@pytest.fixture
def volume(geometry: Geometry, source: Source) -> CTVolume:
    rng = np.random.default_rng(1)
    hu = rng.normal(-850, 40, geometry.size[::-1]).astype(np.int16)
    hu[15:25, 56:72, 56:72] = 40
    return CTVolume(hu, geometry, source)


@pytest.fixture
def measured(geometry: Geometry) -> Lesion:
    lesion = lesion_from_diameters(
        Diameter((-8.0, 1.0, 0.0), (10.0, 1.0, 0.0)),
        Diameter((1.0, -5.0, 0.0), (1.0, 7.0, 0.0)),
        geometry=geometry,
    )
    return replace(lesion, number=1)


@pytest.fixture
def clicked() -> Lesion:
    return replace(lesion_from_click((-20.0, 15.0, 4.0)), number=2)


def make_answer(**changes: Any) -> PathologyAnswer:
    """Equal conditionals in every head of the bundled tree."""
    tree = load_tree()
    probability: dict[str, float] = {}
    nodes = []
    for head in tree.heads:
        for tag in head.nodes:
            share = 1 / len(head.nodes)
            probability[tag] = share * (1.0 if head.parent is None else probability[head.parent])
    for node in tree.nodes:
        siblings = sum(other.parent == node.parent for other in tree.nodes)
        nodes.append(NodeScore(node.tag, node.name, node.parent, 1 / siblings, probability[node.tag]))
    answer = PathologyAnswer(tuple(nodes), {"H2": 0.11, "H3": 0.22, "H4": 0.33}, 0.4, False)
    return replace(answer, **changes)


def make_reading(lesion: Lesion, answer: PathologyAnswer | Refusal, **changes: Any) -> Reading:
    provenance = Provenance(
        model="radpath-demo 1",
        package_sha256="ab" * 32,
        software="lesionscope 0.1",
        device="cpu",
        precision="float32",
        lesion_fingerprint=lesion.fingerprint,
        series_uid="1.2.840.99.1",
        notes=(MARKUP,),
    )
    return Reading(
        "r1",
        lesion.id,
        "2024-05-06T07:08:09+00:00",
        replace(provenance, **changes),
        answer,
        (),
        {"all": 12.0},
    )


@pytest.fixture
def content(measured: Lesion, clicked: Lesion, geometry: Geometry, source: Source) -> Content:
    third = replace(lesion_from_click((0.0, 0.0, 30.0)), number=3)
    fourth = replace(lesion_from_click((5.0, 0.0, 30.0)), number=4)
    fifth = replace(lesion_from_click((5.0, 9.0, 30.0)), number=5)
    return lesion_report(
        [
            (measured, make_reading(measured, make_answer())),
            (clicked, make_reading(clicked, make_answer(unfamiliar=True, familiarity=0.0002))),
            (third, make_reading(third, make_answer(), lesion_fingerprint="made for other marks")),
            (fourth, Refusal("That point lies in air: click a lesion.")),
            (fifth, None),
        ],
        geometry=geometry,
        source=source,
    )
