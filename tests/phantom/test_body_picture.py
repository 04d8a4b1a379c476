"""What the whole body looks like: HU by tissue, the same picture by every way of asking."""

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.body import Body
from lesionscope.phantom.body.tissues import PHASES, tissue_hu
from lesionscope.phantom.canvas import Canvas

# Checked against the page itself.
MUDR = (
    "Hounsfield units, radclass.mudr.org/content/hounsfield-units-scale-hu-ct-numbers, after T. M. Buzug,"
    " Computed Tomography (2008), p. 475, and M. Prokop, Spiral and Multislice CT of the Body (2003)"
)
GRAY = "Hounsfield scale, radgray.com/ct/general-ct/hounsfield-scale"
WIKIPEDIA = "Hounsfield scale, Wikipedia: value in parts of the body"
KIRSHENBOIM = "Z. Kirshenboim et al., Liver Attenuation Assessment in Reduced Radiation Chest CT: IQR 55…66"
KIDNEY_PAGE = "Normal appearance of the kidneys on CT and MRI, seekhealthz.com"
LAWLOR = "M. A. Lawlor et al., JFSF 2022; 7:38: psoas 48 ± 5.5, here ± 2 SD"
IIDA = "Radiology 1983; 147:793 (doi 10.1148/radiology.147.3.6844615): 118 ± 12 in controls"
TSH = "Relationship between Thyroid CT Density, Volume, and Future TSH Elevation: mean 82…90"
JANG = "S. Jang et al., Radiology 2019; 291:360: L1 from 89 ± 38 at 90 years to 226 ± 44 under 30"
BILE = "CT evaluation of intracholecystic bile (scilit.com): 25 HU and above is abnormal"
RENAL = "Eur J Radiol 2007; 63:420: medulla + 145 HU, cortex within 30 HU of it, from 45 s after the bolus"
PANCREAS = "Bolus tracking of the pancreas (synapse.koreamed.org/articles/1004370): 116 ± 15 pancreatic phase"
RENAL_ARTERY = "Eur J Radiol 2007; 63:420: renal artery + 240…288 HU at 5…15 s after the trigger"
# From the books themselves, which no page was found to confirm number by number.
WEBB = "W. R. Webb et al., Fundamentals of Body CT (4th ed. 2015), from memory"

UNENHANCED = {
    "artery": (30, 65, f"{GRAY} (30…45); {MUDR} (45…65)"),
    "vein": (30, 65, f"{GRAY} (30…45); {MUDR} (45…65)"),
    "liver": (45, 70, f"{MUDR} (45…65); {GRAY} (50…70); {KIRSHENBOIM}"),
    "spleen": (35, 55, MUDR),
    "pancreas": (30, 50, WEBB),
    "kidney cortex": (20, 50, f"{MUDR} (20…40); {KIDNEY_PAGE} (30…50)"),
    "kidney medulla": (20, 50, f"{MUDR} (20…40); {KIDNEY_PAGE} (30…50)"),
    "muscle": (37, 60, LAWLOR),
    "fat": (-120, -90, WIKIPEDIA),
    "gas": (-1000, -900, "air, -1000 by definition, and what surrounds it blurred in"),
    "trabecular bone": (50, 315, JANG),
    "cortical bone": (250, 1000, f"{GRAY} (compact bone)"),
    "urine": (-5, 20, WEBB),
    "bile": (-5, 25, BILE),
    "adrenal": (10, 40, WEBB),
    "thyroid": (80, 142, f"{IIDA}; {TSH}"),
    "uterus": (30, 60, WEBB),
    "prostate": (30, 50, WEBB),
    "cord": (20, 45, f"{MUDR} (white and grey matter)"),
}
ARTERIAL = {
    "artery": (230, 350, RENAL_ARTERY),
    "pancreas": (85, 146, PANCREAS),
    "liver": (45, 90, WEBB),
}
PORTAL = {
    "liver": (80, 135, WEBB),
    "spleen": (90, 150, WEBB),
    "pancreas": (70, 120, WEBB),
    "kidney cortex": (130, 230, RENAL),
    "kidney medulla": (115, 205, RENAL),
    "artery": (110, 200, WEBB),
    "portal vein": (120, 210, WEBB),
    "muscle": (45, 75, "psoas + 18…26 % of its plain value: a study of 113 multiphasic CTs, Split 2021"),
}
TEXTBOOK = {"unenhanced": UNENHANCED, "arterial": ARTERIAL, "portal venous": PORTAL}


@pytest.mark.parametrize("phase", TEXTBOOK)
def test_tissue_values_lie_in_textbook_ranges(phase):
    for seed in range(40):
        drawn = tissue_hu(phase, np.random.default_rng(seed))
        for tissue, (low, high, source) in TEXTBOOK[phase].items():
            assert low <= drawn[tissue] <= high, (tissue, drawn[tissue], source)


def test_the_picture_has_the_tissues_values():
    body, rng = Body(1), np.random.default_rng(2)
    for label, tissue in (("liver", "liver"), ("spleen", "spleen"), ("psoas muscle", "muscle")):
        hu = np.median(body.hu(np.array([body.place(label, rng) for _ in range(15)])))
        assert abs(hu - body.build.hu[tissue]) < 12, label
    lung = np.median(body.hu(np.array([body.place("lung", rng) for _ in range(20)])))
    assert -950 < lung < -550, GRAY


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


def test_bounds_hold_the_body():
    for seed in range(6):
        body = Body(seed)
        low, high = (np.array(corner) for corner in body.bounds)
        points = np.random.default_rng(seed).uniform(low - 20, high + 20, (6000, 3))
        beside = np.any((points[:, :2] < low[:2]) | (points[:, :2] > high[:2]), axis=1)
        assert not any(body.parts_at(points[beside]))
