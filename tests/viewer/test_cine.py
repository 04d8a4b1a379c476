"""Cine runs, turns at the ends, and stops."""

from __future__ import annotations

import pytest

from lesionscope.viewer.cine import FASTEST_FPS, SLOWEST_FPS, Cine


def test_it_turns_round_at_the_ends_and_keeps_its_speed(qtbot):
    at, seen = [2], []

    def step(direction):
        if not 0 <= at[0] + direction <= 4:
            return False
        at[0] += direction
        seen.append(at[0])
        return True

    cine, heard = Cine(step), []
    cine.changed.connect(heard.append)
    cine.fps = 1000
    assert cine.fps == FASTEST_FPS
    cine.toggle()
    qtbot.waitUntil(lambda: len(seen) >= 8)
    cine.toggle()
    assert seen[:8] == [3, 4, 3, 2, 1, 0, 1, 2]
    assert heard == [True, False]
    cine.fps = 0
    assert cine.fps == SLOWEST_FPS
    cine.close()


def test_with_one_slice_it_stops_by_itself(qtbot):
    cine = Cine(lambda direction: False)
    cine.fps = 60
    cine.start()
    qtbot.waitUntil(lambda: not cine.running)
    cine.close()


@pytest.mark.window
def test_space_runs_the_canvas_under_the_pointer(study, qtbot):
    coronal = study.canvas("coronal")
    study.activate(coronal)
    study.cine.fps = 60
    before = study.slice_of(coronal)[0]
    study.cine.start()
    qtbot.waitUntil(lambda: study.slice_of(coronal)[0] != before)
    assert "cine" in study.banner(study.axial).place.text()
    assert study.slice_of(study.axial)[0] == 21
    study.cine.stop()
    study.cine.fps = 10
    assert "cine" not in study.banner(study.axial).place.text()
