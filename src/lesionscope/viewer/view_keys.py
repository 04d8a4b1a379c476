"""The keys that belong to the view itself; tools and lesions bring their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lesionscope.ct.windows import PRESETS, Window
from lesionscope.viewer.keys import Key

if TYPE_CHECKING:
    from lesionscope.viewer.study_view import StudyView

WINDOWS, SLICES, VIEW = "Window", "Slices", "View"
PAGE = 10


def view_keys(study: StudyView) -> tuple[Key, ...]:
    """Presets, slices, cine, slab, crosshair, inversion and reset."""
    presets = (
        Key(window.key, _title(window), WINDOWS, partial(study.set_window, window)) for window in PRESETS
    )
    return (
        *presets,
        Key("I", "Swap black and white", WINDOWS, study.toggle_invert),
        Key("Up", "One slice up", SLICES, partial(study.scroll, 1)),
        Key("Down", "One slice down", SLICES, partial(study.scroll, -1)),
        Key("PageUp", "Ten slices up", SLICES, partial(study.scroll, PAGE)),
        Key("PageDown", "Ten slices down", SLICES, partial(study.scroll, -PAGE)),
        Key("Space", "Cine: start or stop", SLICES, study.cine.toggle),
        Key("M", "Slab: off, MIP, mean", SLICES, lambda: study.set_slab(study.slab.next_mode())),
        Key("[", "Thinner slab", SLICES, lambda: study.set_slab(study.slab.thicker(-1))),
        Key("]", "Thicker slab", SLICES, lambda: study.set_slab(study.slab.thicker(1))),
        Key("Home", "Reset all views", VIEW, study.reset_views),
        Key("F1", "This list of keys", VIEW, study.show_help),
        Key("X", "Crosshair on or off", VIEW, lambda: setattr(study, "crosshair", not study.crosshair)),
    )


def _title(window: Window) -> str:
    return f"{window.title}: W {window.width:.0f}, L {window.centre:.0f}".replace("-", "−")
