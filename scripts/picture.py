"""Makes the README's picture: a lesion of the phantom chest in the window, its labels and its likes below.

``scripts/with_display.sh --virtual .venv/bin/python scripts/picture.py docs/reading.png``
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable

WINDOW = (1366, 768)
PANEL = (WINDOW[0] // 2, 560)
LESION = 2
"""The third of the phantom's: ground glass, which says the same in all three panels."""
WAIT_S = 180.0


def main(out: str) -> None:
    """Open the window, read the lesion, put the pictures together."""
    os.environ["NAPARI_CONFIG"] = ""
    os.environ["LESIONSCOPE_DATA"] = tempfile.mkdtemp()
    import napari
    from qtpy.QtGui import QPainter, QPixmap
    from qtpy.QtWidgets import QApplication, QDialog

    from lesionscope.viewer.docks.labels import LabelsPanel
    from lesionscope.viewer.docks.similar import SimilarPanel
    from lesionscope.viewer.rooms import room_for, stage_of
    from lesionscope.viewer.sample import phantom_sample

    def wait(until: Callable[[], bool], seconds: float = WAIT_S) -> None:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    sample = phantom_sample()
    viewer = napari.Viewer(title="Lesionscope", show=True, show_welcome_screen=False)
    viewer.window.resize(*WINDOW)
    room, stage = room_for(viewer), stage_of(viewer)
    room.open(sample.volume)
    stage.show_docks()
    lesion = sample.lesions[LESION]
    room.mark_click(lesion.centroid_lps_mm)
    wait(lambda: not room.worker.busy)
    room.select(room.state.selected, go=True)
    wait(lambda: not room.worker.busy and len(room.state.known) > 0)
    panels = LabelsPanel(room), SimilarPanel(room)
    for panel in panels:
        # Below the window and with its style, not in a dock: all three are seen at once.
        panel.setParent(stage.window)
        panel.setStyleSheet(stage.window.styleSheet())
        panel.setAutoFillBackground(True)
        panel.setGeometry(0, 0, *PANEL)
        panel.show()
        panel.draw(room.state)
    wait(lambda: False, 1.0)
    below = [panel.grab() for panel in panels]
    for panel in panels:
        panel.hide()
    for note in stage.window.findChildren(QDialog):
        note.close()
    wait(lambda: False, 1.0)
    picture = QPixmap(WINDOW[0], WINDOW[1] + PANEL[1])
    painter = QPainter(picture)
    painter.drawPixmap(0, 0, stage.window.grab())
    for column, part in enumerate(below):
        painter.drawPixmap(column * PANEL[0], WINDOW[1], part)
    painter.end()
    if not picture.save(out):
        sys.exit(f"{out} could not be written.")
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1])
