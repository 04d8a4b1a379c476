"""Small volumes with landmarks, and what a window's layout shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Finding, Patient, Source

BALL_LPS = (-30.0, -20.0, 12.0)
"""A dense ball to the right, front and head of the middle, in every landmark volume."""
BALL_MM = 8.0
ORIENTATIONS = {
    "LPS": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "RAS": (-1, 0, 0, 0, -1, 0, 0, 0, 1),
    "feet first": (1, 0, 0, 0, 1, 0, 0, 0, -1),
    "stored sagittal": (0, 0, 1, 1, 0, 0, 0, -1, 0),
}


def landmark_volume(
    direction: tuple[float, ...] = ORIENTATIONS["LPS"],
    *,
    size: tuple[int, int, int] = (52, 48, 40),
    spacing: tuple[float, float, float] = (2.0, 2.0, 2.5),
    uid: str = "1.2.3",
    description: str = "Thorax",
    findings: tuple[Finding, ...] = (),
) -> CTVolume:
    """Make a soft body in air with one dense ball at :data:`BALL_LPS`, on any grid around the origin."""
    at_origin = Geometry(size, spacing, (0.0, 0.0, 0.0), tuple(map(float, direction)))
    middle = at_origin.to_lps([(n - 1) / 2 for n in size[::-1]])
    x, y, z = (float(-value) for value in middle)
    geometry = Geometry(size, spacing, (x, y, z), at_origin.direction)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij"), axis=-1)
    lps = geometry.to_lps(kji)
    hu = np.full(size[::-1], -1000, np.int16)
    hu[(lps[..., 0] / 52) ** 2 + (lps[..., 1] / 42) ** 2 < 1] = 40
    hu[np.linalg.norm(lps - np.array(BALL_LPS), axis=-1) < BALL_MM] = 1500
    source = Source(
        uid,
        description=description,
        study_date="20240131",
        series_number=4,
        patient=Patient("Doe^Jane^Q", "PID-77", "19500203", "F"),
    )
    return CTVolume(hu, geometry, source, findings)


def docks_of_a_reader(viewer: Any) -> tuple[list[Any], list[Any]]:
    """Dock stand-ins for the lesion list and two panels; returns the widgets for the left and the right."""
    from qtpy.QtWidgets import QLabel, QListWidget

    left = [QListWidget()]
    right = [QLabel("A tree of model scores"), QLabel("Something else to read")]
    viewer.window.add_dock_widget(left[0], name="Lesions", area="left")
    for number, widget in enumerate(right):
        widget.setWordWrap(True)
        viewer.window.add_dock_widget(widget, name=f"Panel {number}", area="right")
    return left, right


def layout_facts(study: Any, widgets: list[Any]) -> dict[str, Any]:
    """Collect what can be cut off in a window: sizes, places, and the words that are shown."""
    from lesionscope.viewer.layout import dock_of, napari_docks

    window = study.main_window
    docks = [dock_of(widget) for widget in [*widgets, study.panes]]
    corner = tuple(study.shown.geometry.corners_lps()[0])

    def fitted(canvas: Any) -> bool:
        x, y = canvas.to_pixels_exact(corner)
        return -3 <= x <= canvas.native.width() + 3 and -3 <= y <= canvas.native.height() + 3

    return {
        "window": [window.width(), window.height()],
        "scale": window.devicePixelRatioF(),
        "docks": {
            dock.name: [dock.x(), dock.y(), dock.width(), dock.height()]
            for dock in docks
            if not dock.visibleRegion().isEmpty()
        },
        "canvases": {c.name: [c.native.width(), c.native.height()] for c in study.canvases},
        "places": {c.name: study.banner(c).place.shown for c in study.canvases},
        "fitted": all(fitted(canvas) for canvas in study.canvases),
        "naparis docks visible": [dock.isVisible() for dock in napari_docks(window)],
    }
