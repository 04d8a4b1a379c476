"""Where the docks go: the lesion list left, coronal and sagittal, one tabbed dock right.

napari's own layer list and layer controls are hidden, not removed: its Window
menu brings each back, and so does taking the study down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDockWidget, QLabel, QLayout, QMainWindow, QWidget

NAPARI_DOCKS = ("layer list", "layer controls")
BACKEND_NOTICE = "PyQt5 backend is deprecated"
ROOMY_PX = 1200
"""A window narrower than this (in Qt's own pixels, so half of a screen at 200 %) is laid out tightly."""


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that holds a widget, or the widget itself where it is a dock."""
    found: QWidget | None = widget
    while found is not None and not isinstance(found, QDockWidget):
        found = found.parentWidget()
    return found


def napari_docks(window: QMainWindow) -> tuple[QDockWidget, ...]:
    """Return napari's own layer list and layer controls."""
    return tuple(dock for dock in window.findChildren(QDockWidget) if dock.objectName() in NAPARI_DOCKS)


def set_napari_docks_visible(window: QMainWindow, visible: bool) -> None:
    """Show or hide napari's layer list and layer controls."""
    for dock in napari_docks(window):
        dock.setVisible(visible)


def dismiss_backend_notice(window: QMainWindow) -> None:
    """Close napari's notice on PyQt5, which lies over the scale bar and tells a reader nothing.

    Every other notification stays. The class is private, so it is known by its name.
    """
    for dialog in window.findChildren(QDialog):
        labels = (label.text() for label in dialog.findChildren(QLabel))
        if type(dialog).__name__ == "NapariQtNotification" and any(BACKEND_NOTICE in text for text in labels):
            dialog.close()


def widths(total: int) -> tuple[int, int, int]:
    """Widths, in Qt pixels, of the left dock, the planes and the right dock in a window ``total`` wide.

    The axial canvas gets the rest, always the largest share.
    """
    if total >= ROOMY_PX:
        return (max(190, round(total * 0.14)), round(total * 0.24), max(320, round(total * 0.25)))
    return (round(total * 0.16), round(total * 0.21), round(total * 0.30))


def reset_layout(
    window: QMainWindow,
    *,
    left: Sequence[QWidget] = (),
    planes: QWidget | None = None,
    right: Sequence[QWidget] = (),
) -> None:
    """Put every dock back where it belongs, visible, none floating, none too narrow.

    Parameters
    ----------
    window
        napari's main window.
    left
        Docks, or the widgets in them, for the left side; tabbed where several.
    planes
        The dock with the coronal and sagittal canvases.
    right
        Docks of the right side, tabbed in this order, the first in front.
    """
    set_napari_docks_visible(window, False)
    dismiss_backend_notice(window)
    lefts, rights = _docks(left), _docks(right)
    middle = _docks([] if planes is None else [planes])
    with _own_size(window):
        _arrange(window, lefts, middle, rights)
    for group in (lefts, rights):
        if group:
            group[0].raise_()
    wanted = dict(zip((0, 1, 2), widths(window.width()), strict=True))
    present = [(group[0], wanted[place]) for place, group in enumerate((lefts, middle, rights)) if group]
    if present:
        window.resizeDocks([d for d, _ in present], [w for _, w in present], Qt.Orientation.Horizontal)


@contextmanager
def _own_size(window: QMainWindow) -> Iterator[None]:
    """Keep a window from growing with what docks need between two steps, one above the other."""
    layout = window.layout()
    before = layout.sizeConstraint()
    layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
    try:
        yield
    finally:
        layout.setSizeConstraint(before)


def _arrange(
    window: QMainWindow, lefts: list[QDockWidget], middle: list[QDockWidget], rights: list[QDockWidget]
) -> None:
    areas = Qt.DockWidgetArea
    for dock in (*lefts, *middle, *rights):
        dock.setFloating(False)
    _stack(window, lefts, areas.LeftDockWidgetArea)
    _stack(window, rights, areas.RightDockWidgetArea)
    for dock in middle:
        window.addDockWidget(areas.RightDockWidgetArea, dock)
        dock.show()
        if rights:
            window.splitDockWidget(dock, rights[0], Qt.Orientation.Horizontal)
    if rights:
        # Splitting parts the first dock from its tabs: join them again.
        for dock in rights[1:]:
            window.tabifyDockWidget(rights[0], dock)


def _docks(widgets: Iterable[QWidget]) -> list[QDockWidget]:
    found = (dock_of(widget) for widget in widgets)
    return [dock for dock in found if dock is not None]


def _stack(window: QMainWindow, docks: Sequence[QDockWidget], area: Qt.DockWidgetArea) -> None:
    for dock in docks:
        window.addDockWidget(area, dock)
        dock.show()
    for first, second in pairwise(docks):
        window.tabifyDockWidget(first, second)
