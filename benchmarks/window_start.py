"""napari as a command, with a word on stdout when the first image is drawn.

``napari PATH --plugin napari-lesionscope`` with Lesionscope, or ``napari PATH`` alone. Prints the system's
monotonic clock and the processor time spent when a canvas first showed more than its background, and ends.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

BLANK = 8.0
"""Spread of the grey levels, 0…255, up to which a canvas counts as empty."""
PATIENCE_S = 120.0


def watch() -> None:
    """Have napari's event loop look for the image after each frame."""
    import napari
    from napari.qt import QtViewer
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    run = napari.run

    def drawn(native: Any) -> bool:
        from benchmarks.window_hand import pixels

        return float(pixels(native).std()) > BLANK

    def looked(native: Any) -> None:
        if drawn(native):
            print(time.monotonic(), time.process_time(), flush=True)
            os._exit(0)  # tearing a window down in the middle of a frame is not what is timed

    def watched_run(**options: Any) -> None:
        views = (widget for widget in QApplication.allWidgets() if isinstance(widget, QtViewer))
        # Coronal and sagittal are drawn by a QtViewer each: the window's own has the napari.Viewer.
        widget = next(view for view in views if isinstance(view.viewer, napari.Viewer))
        native = widget.canvas.native
        native.frameSwapped.connect(lambda: QTimer.singleShot(0, lambda: looked(native)))
        QTimer.singleShot(0, native.update)  # napari alone may have drawn already
        QTimer.singleShot(int(1e3 * PATIENCE_S), lambda: QApplication.exit(1))
        run(**options)

    napari.run = watched_run


def main() -> None:
    """Run napari's own command on the arguments."""
    watch()
    from napari.__main__ import main as command

    sys.argv[0] = "napari"
    command()


if __name__ == "__main__":
    main()
