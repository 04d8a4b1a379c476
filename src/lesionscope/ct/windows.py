"""Window presets: which HU range is spread over the grey scale.

Centres and widths are those radiology teaching gives (Radiopaedia, "Windowing
(CT)"; brain, liver, mediastinum, bone, soft tissue and lung).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lesionscope.ct.crops import patient_axes
from lesionscope.ct.volume import CTVolume


@dataclass(frozen=True)
class Window:
    """A window: ``name`` for scripts, ``title`` for people, HU ``centre`` and ``width``, shortcut ``key``."""

    name: str
    title: str
    centre: float
    width: float
    key: str = ""

    @property
    def low(self) -> float:
        """HU shown black."""
        return self.centre - self.width / 2

    @property
    def high(self) -> float:
        """HU shown white."""
        return self.centre + self.width / 2


PRESETS: tuple[Window, ...] = (
    Window("lung", "Lung", -600, 1500, "1"),
    Window("soft-tissue", "Soft tissue", 40, 400, "2"),
    Window("bone", "Bone", 400, 1800, "3"),
    Window("liver", "Liver", 60, 160, "4"),
    Window("brain", "Brain", 40, 80, "5"),
    Window("mediastinum", "Mediastinum", 50, 350, "6"),
)

BODY_HU = -300
LUNG_HU = (-970, -500)
LUNG_SHARE = 0.12
"""Share of a slice's body that looks like lung where the slice shows lung."""
LUNG_SLICES = 0.5
"""Share of the slices that must show it: of a chest most do, of an abdomen or a whole body few."""
_SAMPLES_PER_AXIS = 48


def preset(name: str) -> Window:
    """Return the preset called ``name``; raises ``KeyError`` for an unknown one."""
    for window in PRESETS:
        if window.name == name:
            return window
    raise KeyError(name)


def default_window(volume: CTVolume) -> Window:
    """Choose the window a volume opens with.

    Lung where most axial slices show a fair share of lung or the description says so; soft
    tissue otherwise. The kernel has no say: a sharp one serves bones too, and may have made
    a whole body. Nor has air around the body, however noisy it is, nor padding values
    (-2048, -3024…). A volume without HU (an MR, a calibration-free picture) gets its own 1st
    to 99th percentile.
    """
    strides = tuple(max(1, count // _SAMPLES_PER_AXIS) for count in volume.hu.shape)
    sample = np.asarray(volume.hu[:: strides[0], :: strides[1], :: strides[2]], dtype=np.float32)
    if any(finding.code == "not-hu" for finding in volume.findings):
        low, high = (float(v) for v in np.percentile(sample, (1, 99)))
        return Window("own", "Own range", (low + high) / 2, max(high - low, 1.0))
    description = volume.source.description.lower()
    if "lung" in description or "pulm" in description:
        return preset("lung")
    from scipy import ndimage

    slices = np.moveaxis(sample, 2 - patient_axes(volume.geometry).index(2), 0)
    body = np.stack([ndimage.binary_fill_holes(plane) for plane in slices > BODY_HU])
    lung = body & (slices > LUNG_HU[0]) & (slices < LUNG_HU[1])
    body_area, lung_area = (np.count_nonzero(mask, axis=(1, 2)) for mask in (body, lung))
    showing = np.count_nonzero(lung_area > LUNG_SHARE * body_area)
    return preset("lung" if showing > LUNG_SLICES * np.count_nonzero(body_area) else "soft-tissue")
