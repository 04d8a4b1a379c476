"""The parts of the window's benchmark that time something or weigh memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.window_hand import Patience, Reader, reader
from benchmarks.window_studies import big_study, study, visit
from benchmarks.window_watch import resident_mib, slope
from lesionscope.ct.volume import CTVolume
from lesionscope.phantom.dicom_series import write_series

Part = tuple[dict[str, Any], list[Row]]
START_RATIO, SCROLL_RATIO, BUSY_RATIO = 0.5, 0.5, 0.5
"""Ours may take at most twice what napari alone takes, and with networks at work twice what it takes idle."""
CLICK_MS = 1000.0
"""A person's train of thought isn't broken up to here."""
FLAT = 0.02
"""Memory counts as flat where it grows by less than this share of a study with each study."""
WARM = 4
"""Studies (or windows) before memory is looked at."""
SLICES_WEIGHED = 100
BLOCK = 25


def _spread(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, (50, 95))
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "n": len(values)}


def _row(name: str, ours: float, peer: str, theirs: float, least: float, **more: Any) -> Row:
    ratio = theirs / ours
    return Row(
        name, round(ours, 1), peer, round(theirs, 1), round(ratio, 2), least, ratio >= least, False, **more
    )


# -- start ------------------------------------------------------------------------------------


def start(place: Path, rounds: int) -> Part:
    """Time the command to the first image, cold processes in turn, the first of each not counted."""
    volume = visit("baseline")
    write_series(volume, place / "series")
    np.save(place / "plain.npy", volume.hu)
    ours = [str(place / "series"), "--plugin", "napari-lesionscope"]
    # Named like ours: where two readers know a file, napari's command asks, and waits.
    plain = [str(place / "plain.npy"), "--plugin", "napari"]
    times: dict[str, list[tuple[float, float]]] = {"ours": [], "napari": []}
    for number in range(rounds + 1):
        for name, arguments in (("ours", ours), ("napari", plain)):
            took = _first_image(arguments)
            if number:
                times[name].append(took)
    medians = {
        name: {
            kind: round(statistics.median(one[which] for one in taken), 2)
            for which, kind in enumerate(("seconds", "cpu_s"))
        }
        for name, taken in times.items()
    }
    size = " × ".join(map(str, volume.hu.shape))
    row = _row(
        f"napari's command → first image, {size}",
        1e3 * medians["ours"]["seconds"],
        "napari alone, .npy",
        1e3 * medians["napari"]["seconds"],
        START_RATIO,
        cpu_ratio=round(medians["napari"]["cpu_s"] / medians["ours"]["cpu_s"], 2),
    )
    return {"medians": medians, "rounds": rounds}, [row]


def _first_image(arguments: list[str]) -> tuple[float, float]:
    """Return seconds and processor seconds from the command to the first image."""
    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.window_start", *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    drawn, cpu = map(float, told.splitlines()[-1].split())
    return drawn - began, cpu


# -- scroll -----------------------------------------------------------------------------------


class _Frames:
    """When a canvas' frames were swapped in."""

    def __init__(self, native: Any) -> None:
        self.native, self.count = native, 0
        native.frameSwapped.connect(self._swapped)

    def _swapped(self) -> None:
        self.count += 1

    def step(self, patience: Patience, turn: Callable[[], None], place: Callable[[], float]) -> float:
        """Turn the wheel by a notch; return ms until the frame of another slice is there."""
        patience.wait(5)  # frames of the step before
        before, count, began = place(), self.count, time.perf_counter()
        turn()
        patience.until(lambda: self.count > count and place() != before, "a frame", 20.0)
        return 1e3 * (time.perf_counter() - began)


def scroll(slices: int, steps: int) -> Part:
    """Time notches to frames: idle and while both networks read, in turn, then in napari alone."""
    volume, lesion = big_study(slices)
    times: dict[str, list[float]] = {"idle": [], "reading": []}
    readings = 0
    with reader() as person:
        _show(person, volume)
        room, frames = person.room, _Frames(person.axial.native)
        room.mark_click(lesion)
        person.until(lambda: not room.worker.busy and room.state.package is not None, "the first answers")
        room.read_anyway()
        person.until(lambda: not room.worker.busy, "the first answers")
        state = room.state
        both = [state.reading(state.selected, task) for task in ("pathology", "labels")]
        assert all(one is not None and (one.labels or one.pathology) for one in both)
        middle, ways = person.axial.native.rect().center(), _there_and_back(slices)
        for block in range(2 * steps // BLOCK):
            name = ("idle", "reading")[block % 2]
            person.until(lambda: not room.worker.busy, "the networks' end")
            for _ in range(BLOCK):
                if name == "reading" and not room.worker.busy:
                    room.read()
                    readings += 1
                    person.wait(2)
                turn = partial(person.hand.notch, person.axial.native, middle, next(ways))
                times[name].append(frames.step(person.patience, turn, lambda: person.axial.slice_position_mm))
    times["napari alone"] = _napari_scroll(volume, steps)
    spread = {name: _spread(taken) for name, taken in times.items()}
    p95 = {name: figures["p95"] for name, figures in spread.items()}
    rows = [
        _row(
            f"wheel → frame, {slices} × 512², p95",
            p95["idle"],
            "napari alone, one canvas",
            p95["napari alone"],
            SCROLL_RATIO,
        ),
        _row(
            f"wheel → frame, {slices} × 512², p95 while both networks read",
            p95["reading"],
            "with nothing running",
            p95["idle"],
            BUSY_RATIO,
        ),
    ]
    return {"ms": spread, "readings_meanwhile": readings}, rows


def _show(person: Reader, volume: CTVolume) -> None:
    room = person.room
    room.open(volume)
    person.stage.show_docks()
    person.until(lambda: person.stage.study is not None, "the study")
    person.wait(600)
    person.until(lambda: not room.worker.busy, "the models")


def _there_and_back(slices: int) -> Any:
    """Give the ways of notches from the middle slice on, turning back before the ends."""
    place, way = slices // 2, 1
    while True:
        if not 5 < place + way < slices - 5:
            way = -way
        place += way
        yield way


def _napari_scroll(volume: CTVolume, steps: int) -> list[float]:
    """Time the same in a napari window that knows nothing of us; Ctrl is what it scrolls with."""
    import napari
    from napari.qt import QtViewer
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QApplication

    from benchmarks.window_hand import SIZE, Hand

    patience = Patience()
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    viewer.add_image(volume.hu, contrast_limits=(-1000, 400))
    widget = next(w for w in QApplication.allWidgets() if isinstance(w, QtViewer))
    native, hand, ways = widget.canvas.native, Hand(patience), _there_and_back(len(volume.hu))
    patience.wait(600)
    frames, held = _Frames(native), Qt.KeyboardModifier.ControlModifier
    taken = [
        frames.step(
            patience,
            partial(hand.notch, native, native.rect().center(), next(ways), held),
            lambda: float(viewer.dims.point[0]),
        )
        for _ in range(steps)
    ]
    viewer.close()
    return taken


# -- click ------------------------------------------------------------------------------------


def click(place: Path, clicks: int) -> Part:
    """Time clicks to each panel: the answers are those for the lesion as it is, measured."""
    times: dict[str, list[float]] = {"tree": [], "labels": [], "neighbours": [], "networks": []}
    with study(place, 0) as found, reader() as person:
        person.open(found.folder)
        room = person.room
        person.wait(600)
        person.until(lambda: not room.worker.busy, "the models")
        rng = np.random.default_rng(0)
        person.press("C")
        places = [np.mean(long, axis=0) for long, _ in found.diameters]
        # The first round warms up, and tells where the tree's model answers: it is for lungs alone.
        read = [place for place in places if _answers(person, place)["networks"] > 0]
        for number in range(clicks):
            middle = read[number % len(read)] + np.append(rng.normal(0, 1, 2), 0)
            for name, ms in _answers(person, middle).items():
                times[name].append(ms)
    spread = {name: _spread(taken) for name, taken in times.items()}
    rows = [
        _row(f"click → {name} in sight, p95, warm", spread[name]["p95"], "the limit", CLICK_MS, 1.0)
        for name in ("tree", "labels", "neighbours")
    ]
    own = spread["networks"]["p50"]
    rows = [replace(row, note=f"median of the networks' own time {own:.0f} ms") for row in rows]
    return {"ms": spread}, rows


def _answers(person: Reader, place: Any) -> dict[str, float]:
    """Click a place and delete the lesion again; return ms until each panel shows what belongs to it."""
    before = {lesion.id for lesion in person.state.lesions}
    spot = person.at(tuple(place.tolist()))
    person.wait(100)
    began = time.perf_counter()
    person.hand.drag(person.axial.native, [spot])
    (lesion,) = [one.id for one in person.state.lesions if one.id not in before]
    taken: dict[str, float] = {}

    def there(task: str) -> Any:
        state = person.state
        reading = state.reading(lesion, task)
        return reading if reading is not None and not state.is_stale(lesion, task) else None

    def known() -> bool:
        labels = there("labels")
        return labels is not None and all(one.id in person.state.known for one in labels.neighbours or ())

    waits = {"tree": lambda: there("pathology"), "labels": lambda: there("labels"), "neighbours": known}

    def all_there() -> bool:
        for name, arrived in waits.items():
            if name in taken and not arrived():
                del taken[name]  # it was for the lesion as clicked; now it is measured
            if name not in taken and arrived():
                person.wait(0)  # the panel is painted
                taken[name] = 1e3 * (time.perf_counter() - began)
        return len(taken) == len(waits) and not person.room.worker.busy

    person.until(all_there, "the answers")
    own = [there(task).timings_ms.get("network") for task in ("pathology", "labels")]
    taken["networks"] = 0.0 if None in own else sum(own)
    person.press("Delete")
    person.wait(30)
    return taken


# -- memory -----------------------------------------------------------------------------------


def memory(place: Path, studies: int, windows: int) -> Part:
    """Weigh this process after each study that was opened, clicked, answered for and closed."""
    volume, lesion = big_study(SLICES_WEIGHED)
    mib = volume.hu.nbytes / 2**20
    resident: dict[str, list[float]] = {"one window": [], "own windows": []}
    with reader() as person:
        for number in range(studies):
            folder = place / f"study-{number}"
            write_series(volume, folder, identity=f"memory {number}")
            person.open(folder)
            person.scroll(3)
            person.press("C")
            person.click(lesion)
            person.until(lambda: not person.room.worker.busy, "the answers")
            person.press("V")
            person.leave()
            person.wait(100)
            resident["one window"].append(resident_mib())
    for number in range(windows):
        with study(place, number) as found, reader() as person:
            person.open(found.folder)
            person.scroll(3)
            person.wait(50)
        resident["own windows"].append(resident_mib())
    fits = {name: slope(values[WARM:]) for name, values in resident.items() if len(values) > WARM + 2}
    figures = {
        "study_mib": round(mib, 1),
        "flat_below_mib_a_study": round(FLAT * mib, 2),
        "mib": {
            name: {
                "slope": round(fit.each, 3),
                "standard_error": round(fit.error, 3),
                "resident": [round(value, 1) for value in resident[name]],
            }
            for name, fit in fits.items()
        },
    }
    fit = fits["one window"]
    row = Row(
        f"memory a study more, of {mib:.0f} MiB, opened, read and closed, studies {WARM + 1}–{studies}",
        round(fit.each, 3),
        "–",
        None,
        None,
        round(FLAT * mib, 2),
        abs(fit.each) < FLAT * mib,
        False,
        unit="MiB",
        limit="0",
        note=f"standard error {fit.error:.2f} MiB",
    )
    return figures, [row]
