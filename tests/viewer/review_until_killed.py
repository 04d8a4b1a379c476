"""A process that reviews lesions by real key events and says what its panel shows, until it is killed.

It leafs on as fast as the dock is drawn, without waiting for images: the sitting after it waits for each.
"""

from __future__ import annotations

import gc
import os
import sys

os.environ.setdefault("NAPARI_CONFIG", "")

from pathlib import Path

from qtpy.QtWidgets import QApplication
from review_clinic import review_window

from lesionscope.viewer.review import sources

gc.freeze()  # napari collects all garbage whenever a layer goes
project, folder = Path(sys.argv[1]), Path(sys.argv[2])
with review_window() as reviewer:
    reviewer.review.open(sources.folder(folder, project))
    reviewer.begin("Ann")
    while True:
        reviewer.read_lesion()
        state = reviewer.state
        print("decided", state.lesion_id, len(state.project.decisions), flush=True)
        reviewer.press("N")
        QApplication.processEvents()
