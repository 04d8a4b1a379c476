"""Window presets: which HU range is spread over the grey scale.

Centres and widths are those radiology teaching gives (Radiopaedia, "Windowing
(CT)"; brain, liver, mediastinum, bone, soft tissue and lung).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
"""Share of the body that must look like lung; the lung bases on an abdominal scan stay below it."""
_SAMPLES_PER_AXIS = 48


def preset(name: str) -> Window:
    """Return the preset called ``name``; raises ``KeyError`` for an unknown one."""
    for window in PRESETS:
        if window.name == name:
            return window
    raise KeyError(name)


def default_window(volume: CTVolume) -> Window:
    """Choose the window a volume opens with.

    Lung where a fair share of the body looks like lung or the kernel or description says
    so; soft tissue otherwise. Air around the body has no say, however noisy it is, nor have
    padding values (-2048, -3024…). A volume without HU (an MR, a calibration-free picture)
    gets its own 1st to 99th percentile.
    """
    strides = tuple(max(1, count // _SAMPLES_PER_AXIS) for count in volume.hu.shape)
    sample = np.asarray(volume.hu[:: strides[0], :: strides[1], :: strides[2]], dtype=np.float32)
    if any(finding.code == "not-hu" for finding in volume.findings):
        low, high = (float(v) for v in np.percentile(sample, (1, 99)))
        return Window("own", "Own range", (low + high) / 2, max(high - low, 1.0))
    words = f"{volume.source.description} {volume.source.kernel}".lower()
    if "lung" in words or "pulm" in words:
        return preset("lung")
    from scipy import ndimage

    body = np.stack([ndimage.binary_fill_holes(plane) for plane in sample > BODY_HU])
    lung_like = body & (sample > LUNG_HU[0]) & (sample < LUNG_HU[1])
    if np.count_nonzero(lung_like) > LUNG_SHARE * np.count_nonzero(body):
        return preset("lung")
    return preset("soft-tissue")
