"""Colours of napari's present theme, for what the panels paint themselves."""

from __future__ import annotations

from dataclasses import dataclass

from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtGui import QColor


@dataclass(frozen=True)
class Colours:
    """The theme's colours under the names of what they paint here."""

    text: QColor
    quiet: QColor
    bar: QColor
    track: QColor
    leak: QColor
    background: QColor
    warning: QColor
    error: QColor


def colours(theme: str | None = None) -> Colours:
    """Return the colours of a theme; without a name, of the one in napari's settings."""
    known = get_theme(theme or get_settings().appearance.theme)

    def colour(name: str) -> QColor:
        return QColor(*getattr(known, name).as_rgb_tuple(alpha=False))

    text, background = colour("text"), colour("background")
    quiet = _between(text, background, 0.25)
    return Colours(
        text=text,
        quiet=quiet,
        bar=colour("current"),
        track=colour("foreground"),
        leak=colour("primary"),
        background=background,
        warning=colour("warning"),
        error=colour("error"),
    )


def _between(first: QColor, second: QColor, share: float) -> QColor:
    return QColor(
        round(first.red() + (second.red() - first.red()) * share),
        round(first.green() + (second.green() - first.green()) * share),
        round(first.blue() + (second.blue() - first.blue()) * share),
    )
