"""A small clinic to review: phantom lesions as patches in DeepLesion's layout, and a window to do it in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from room_fakes import FakeReader, viewers

from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import DeepLesionRow, write_dl_info, write_slice
from lesionscope.mining.job import mine_file
from lesionscope.phantom.clinic.cohort import cohort
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.patients import whole_body
from lesionscope.session.importing import LABELS, REPORTS

PIXEL_MM = 0.8
WAIT_S = 120.0


def write_clinic(folder: Path, lesions: int, body_of: Callable[[int], Body] = whole_body) -> Path:
    """Write the first lesions of the phantom clinic: three slices of 120 × 120 each, and their reports."""
    made = cohort("train", lesions, workers=1, body_of=body_of)
    rows, reports = [], []
    for number, (hu, box, known) in enumerate(zip(made.hu, made.boxes, made.rows, strict=True)):
        x0, y0, x1, y1 = (float(value) + 1 for value in box)
        middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
        row = DeepLesionRow(
            patient=known["patient"] + 1,
            study=1,
            series=number + 1,
            key_slice=2,
            measurement=(x0 + 4, middle_y, x1 - 4, middle_y, middle_x, y0 + 4, middle_x, y1 - 4),
            box=(x0, y0, x1, y1),
            diameters_px=(x1 - x0 - 8, y1 - y0 - 8),
            location=tuple(known["location"]),
            coarse_type=-1,
            possibly_noisy=False,
            slice_range=(1, 3),
            spacing_mm=(PIXEL_MM, PIXEL_MM, 3.0),
            image_size=(120, 120),
            window_hu=(-160.0, 240.0),
            gender="F",
            age=50,
            split="train" if known["patient"] % 4 else "validation",
        )
        place = row.slice_path(folder).parent
        place.mkdir(parents=True)
        for slice_number, pixels in enumerate(hu[::-1], start=1):
            write_slice(place / f"{slice_number:03d}.png", pixels)
        rows.append(row)
        reports.append(
            {
                "lesion_idx": number,
                "split": row.split,
                "file_name": row.file_name,
                "text": known["sentence"],
                "bookmarks": known["bookmarks"],
            }
        )
    write_dl_info(folder / "DL_info.csv", rows)
    write_atomically(folder / REPORTS, "".join(json.dumps(report) + "\n" for report in reports))
    mine_file(folder / REPORTS, folder / LABELS, form="lesanet", workers=1)
    return folder


class Reviewer:
    """A person at the review dock of one window: keys, and patience."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.bench = stage.bench
        self.review = stage.bench.review

    @property
    def state(self) -> Any:
        """What the review shows."""
        return self.review.state

    @property
    def panel(self) -> Any:
        """The dock's widget."""
        return self.stage.dock_widget("Review")

    def wait(self, until: Callable[[], object]) -> None:
        """Let the window live until something is so."""
        from qtpy.QtWidgets import QApplication

        deadline = time.monotonic() + WAIT_S
        while not until():
            assert time.monotonic() < deadline, f"waited in vain; {self.state.notice} {self.state.images}"
            QApplication.processEvents()
            time.sleep(0.002)

    def press(self, *keys: str) -> None:
        """Press keys where the keyboard is: ``"A"``, ``"Shift+A"``, ``"Ctrl+Z"``, ``"Return"``."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        held = {
            "Shift": Qt.KeyboardModifier.ShiftModifier,
            "Ctrl": Qt.KeyboardModifier.ControlModifier,
        }
        for key in keys:
            *names, last = key.split("+")
            modifiers = Qt.KeyboardModifier.NoModifier
            for name in names:
                modifiers |= held[name]
            QTest.keyClick(self.keyboard, getattr(Qt.Key, f"Key_{last}"), modifiers)

    def type(self, words: str) -> None:
        """Type words where the keyboard is."""
        from qtpy.QtTest import QTest

        QTest.keyClicks(self.keyboard, words)

    @property
    def keyboard(self) -> Any:
        """The widget that has the keyboard; a window without a window manager is never the active one."""
        return self.stage.window.focusWidget()

    def begin(self, reader: str) -> None:
        """Give a name, and wait for the first lesion's images."""
        self.wait(lambda: self.state.project is not None)
        self.type(reader)
        self.press("Return")
        self.wait(lambda: self.state.lesion_id is not None)
        self.wait_for_images()

    def wait_for_images(self) -> None:
        """Wait until the lesion in sight can be seen."""
        self.wait(lambda: self.state.images == "")
        self.wait(lambda: self.panel.isAncestorOf(self.keyboard))

    def read_lesion(self) -> None:
        """Decide on everything shown of the lesion in sight, in a way that its number tells."""
        way = self.state.place % 5
        if way == 0:
            self.press("R")
        elif way == 1:
            self.press("Down", "U")
        elif way == 2:
            self.press("F")
            self.type("calcified")
            self.press("Return")
        elif way == 3:
            self.press("A", "K", "T")
            self.type("cyst")
            self.press("Return")
        if not self.state.all_decided:
            self.press("Shift+A")
        for _ in self.state.seen.undecided:
            # What implies a doubted label was left out, and is chosen now, one after the other.
            self.press("U")
        assert self.state.all_decided, self.state.rows


@contextmanager
def review_window(labels: Callable[[], Any] | None = None) -> Iterator[Reviewer]:
    """Open a window of 1366 × 768 with the review dock, and nothing in it yet."""
    from lesionscope.viewer.rooms import room_for, stage_of

    with viewers() as make:
        viewer = make()
        room = room_for(viewer, make_reader=FakeReader(), make_labels=labels, warm=None)
        stage = stage_of(viewer)
        stage.bench.show()
        yield Reviewer(stage)
        del viewer, room, stage
