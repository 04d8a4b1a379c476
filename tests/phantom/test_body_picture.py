"""What the whole body looks like: HU by tissue, the same picture by every way of asking."""

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.body import Body
from lesionscope.phantom.body.series import body_hu
from lesionscope.phantom.body.tissues import PHASES, tissue_hu
from lesionscope.phantom.canvas import Canvas

KALENDER = "W. A. Kalender, Computed Tomography (3rd ed. 2011), figure 1.3"
WEBB = "W. R. Webb et al., Fundamentals of Body CT (4th ed. 2015)"
UNENHANCED = {
    "artery": (30, 60, KALENDER),
    "liver": (40, 70, KALENDER),
    "spleen": (40, 60, KALENDER),
    "pancreas": (30, 50, KALENDER),
    "kidney cortex": (20, 40, KALENDER),
    "muscle": (35, 70, KALENDER),
    "fat": (-120, -80, KALENDER),
    "trabecular bone": (50, 300, KALENDER),
    "cortical bone": (250, 1200, KALENDER),
    "urine": (-5, 20, WEBB),
    "bile": (0, 20, WEBB),
    "adrenal": (10, 40, WEBB),
    "thyroid": (80, 120, WEBB),
    "uterus": (30, 60, WEBB),
    "prostate": (30, 50, WEBB),
}
PORTAL = {
    "liver": (80, 135, WEBB),
    "spleen": (90, 150, WEBB),
    "pancreas": (70, 120, WEBB),
    "kidney cortex": (130, 230, WEBB),
    "artery": (110, 200, WEBB),
    "portal vein": (120, 210, WEBB),
}


@pytest.mark.parametrize(("phase", "table"), (("unenhanced", UNENHANCED), ("portal venous", PORTAL)))
def test_tissue_values_lie_in_textbook_ranges(phase, table):
    for seed in range(40):
        drawn = tissue_hu(phase, np.random.default_rng(seed))
        for tissue, (low, high, source) in table.items():
            assert low <= drawn[tissue] <= high, (tissue, drawn[tissue], source)


def test_the_picture_has_the_tissues_values():
    body, rng = Body(1), np.random.default_rng(2)
    for label, tissue in (("liver", "liver"), ("spleen", "spleen"), ("psoas muscle", "muscle")):
        hu = np.median(body.hu(np.array([body.place(label, rng) for _ in range(15)])))
        assert abs(hu - body.build.hu[tissue]) < 12, label
    lung = np.median(body.hu(np.array([body.place("lung", rng) for _ in range(20)])))
    assert -950 < lung < -550


def test_patients_differ():
    bodies = [Body(seed) for seed in range(40)]
    assert {b.phase for b in bodies} == set(PHASES)
    assert {b.sex for b in bodies} == {"F", "M"}
    assert np.ptp([b.bounds[1][0] for b in bodies]) > 20


@pytest.mark.parametrize("label", ("liver", "left kidney", "mediastinum", "urinary bladder"))
def test_points_have_the_hu_of_the_painted_canvas(label):
    body = Body(1)
    centre = body.place(label, np.random.default_rng(4))
    geometry = Geometry((40, 40, 6), (0.6, 0.6, 0.6), tuple(float(c) for c in centre - [12, 12, 1.8]))
    canvas = Canvas(geometry)
    body.paint(canvas)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in canvas.shape), indexing="ij"), -1).reshape(-1, 3)
    assert np.quantile(np.abs(body.hu(geometry.to_lps(index)) - canvas.hu.ravel()), 0.97) < 8


def test_a_volume_is_the_same_for_any_number_of_workers():
    geometry = Geometry((64, 48, 40), (6.0, 6.0, 14.0), (-190.0, -140.0, -420.0))
    one, two = (body_hu(3, geometry, workers=workers) for workers in (1, 2))
    assert one.dtype == np.int16 and np.array_equal(one, two)
    assert np.array_equal(one, body_hu(3, geometry))


def test_bounds_hold_the_body():
    for seed in range(6):
        body = Body(seed)
        low, high = (np.array(corner) for corner in body.bounds)
        points = np.random.default_rng(seed).uniform(low - 20, high + 20, (6000, 3))
        beside = np.any((points[:, :2] < low[:2]) | (points[:, :2] > high[:2]), axis=1)
        assert not any(body.parts_at(points[beside]))
