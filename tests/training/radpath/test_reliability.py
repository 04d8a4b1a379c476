"""Reliability diagrams count what the calibration error counts, and are drawn as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from lesionscope.training.radpath.metrics import expected_calibration_error, head_calibration
from lesionscope.training.radpath.reliability import drawn, head_reliability, reliability

from lesionscope.ontology.tree import load_tree

TREE = load_tree()


def test_bins_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.35, 0.65], [0.5, 0.5]])
    found = reliability(p, [0, 1, 1, 0], bins=5)
    assert found.count.tolist() == [0, 0, 1, 2, 1]
    assert found.accuracy[2:].tolist() == [1.0, 0.5, 1.0]
    assert found.confidence[2:] == pytest.approx([0.5, 0.725, 0.9])
    assert found.error == pytest.approx((0.5 + 2 * 0.225 + 0.1) / 4)


def test_errors_are_those_of_the_metrics():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 500)
    y = rng.integers(4, size=500)
    assert reliability(p, y).error == pytest.approx(expected_calibration_error(p, y))
    logits = {head.name: rng.normal(size=(300, head.width)) for head in TREE.heads}
    leaf = rng.integers(len(TREE.leaves), size=300)
    wanted = head_calibration(TREE, logits, np.array(TREE.leaves)[leaf])
    for name, one in head_reliability(TREE, logits, leaf).items():
        assert one.error == pytest.approx(wanted[name]["ece"], abs=1e-5)
        assert one.count.sum() == wanted[name]["cases"]


def test_a_diagram_is_valid_svg_with_a_dot_a_bin_inside_its_frame():
    rng = np.random.default_rng(1)
    lines = [reliability(rng.dirichlet(np.ones(3), 200), rng.integers(3, size=200)) for _ in range(2)]
    root = ElementTree.fromstring(drawn({"H1": lines, "H2": lines}, ("before", "after")))
    circles = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 2 * sum(int((line.count > 0).sum()) for line in lines) + 2
    width = float(root.attrib["width"])
    assert all(0 <= float(circle.attrib["cx"]) <= width for circle in circles)
    assert f"{100 * lines[0].error:.1f}" in "".join(root.itertext())
