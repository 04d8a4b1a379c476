"""Tools with a real mouse on a real window: one press is one step of the session."""

from __future__ import annotations

import numpy as np
import pytest
from room_fakes import centre, staged_window, volume

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.measure import circle_hu, circle_text, ruler_text
from lesionscope.viewer.room_state import Tool
from lesionscope.viewer.tools import CLICK_PX, is_click

pytestmark = pytest.mark.usefixtures("own_windows")

CT = volume()
C = centre(CT)


def at(dx=0.0, dy=0.0, dz=0.0):
    return (C[0] + dx, C[1] + dy, C[2] + dz)


def test_a_press_that_moves_over_three_pixels_is_no_click():
    assert CLICK_PX == 3
    assert is_click((10, 10), (13, 10))
    assert is_click((10, 10), (12, 12))
    assert not is_click((10, 10), (13.1, 10))
    assert not is_click((10, 10), (12.5, 12.5))


# -- measuring, against a straightforward reference -----------------------------------------------


def test_a_circle_measures_the_voxels_within_it():
    rng = np.random.default_rng(3)
    geometry = Geometry((50, 60, 9), (0.7, 0.7, 2.0), (-10.0, 5.0, 30.0))
    ct = CTVolume(rng.integers(-200, 200, (9, 60, 50)).astype(np.int16), geometry, Source("1"))
    middle = tuple(float(v) for v in geometry.to_lps((4, 30, 25)))
    found = circle_hu(ct, Grid.of(geometry), 0, middle, 6.0)
    j, i = np.mgrid[:60, :50]
    inside = ((i - 25) * 0.7) ** 2 + ((j - 30) * 0.7) ** 2 <= 36
    assert found.pixels == inside.sum()
    assert found.mean == pytest.approx(ct.hu[4][inside].mean())
    assert found.sd == pytest.approx(ct.hu[4][inside].std())
    assert found.area_mm2 == pytest.approx(np.pi * 36)


@pytest.mark.parametrize(
    "direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0, 0, 0, 1), (0, 0, 1, 1, 0, 0, 0, -1, 0)]
)
def test_it_reads_the_volume_as_stored_whatever_its_axes(direction):
    from lesionscope.ct.display import display_volume

    rng = np.random.default_rng(4)
    geometry = Geometry((20, 24, 28), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), tuple(map(float, direction)))
    ct = CTVolume(rng.integers(-900, 900, (28, 24, 20)).astype(np.int16), geometry, Source("1"))
    shown = display_volume(ct)
    middle = tuple(float(v) for v in shown.geometry.to_lps([n // 2 for n in shown.hu.shape]))
    for axis in range(3):
        found = circle_hu(ct, Grid.of(shown.geometry), axis, middle, 4.0)
        plane = np.take(shown.hu, shown.hu.shape[axis] // 2, axis=axis)
        a, b = np.mgrid[: plane.shape[0], : plane.shape[1]]
        inside = (a - plane.shape[0] // 2) ** 2 + (b - plane.shape[1] // 2) ** 2 <= 16
        assert found.mean == pytest.approx(plane[inside].mean())


def test_a_circle_outside_the_scan_says_so():
    assert circle_hu(CT, Grid.of(CT.geometry), 0, (1e4, 1e4, C[2]), 5.0) is None
    assert "outside" in circle_text(None, 5.0)
    assert ruler_text((0, 0, 0), (3, 4, 0)) == "5.0 mm"


# -- on a window ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def staged(display, qapp, tmp_path_factory):
    yield from staged_window(CT, tmp_path_factory.mktemp("sessions"))


@pytest.fixture
def stage(staged, qtbot):
    room = staged.room
    for lesion in room.state.lesions:
        room.delete(lesion.id)
    room.set_tool(Tool.NAVIGATE)
    room.set_tool(Tool.NAVIGATE)
    staged.study.reset_views()
    staged.study.go_to(C)
    qtbot.wait(30)
    yield staged


def key(stage, letter: str, canvas=None):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    QTest.keyClick((canvas or stage.study.axial).native, getattr(Qt.Key, letter))


def drag(hand, canvas, start, end, steps: int = 6):
    a, b = np.array(start), np.array(end)
    hand.drag(canvas.native, [canvas.to_pixels(tuple(a + (b - a) * t)) for t in np.linspace(0, 1, steps)])


def click(canvas, lps, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    spot = canvas.to_pixels(lps)
    QTest.mouseMove(canvas.native, spot)
    qtbot.wait(15)
    QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    qtbot.wait(15)


def pixel_mm(canvas) -> float:
    return 1.0 / float(canvas.model.scene.camera.zoom)


pytest_window = pytest.mark.window


@pytest_window
@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_a_click_marks_where_it_was_on_every_canvas(stage, qtbot, name):
    canvas = stage.study.canvas(name)
    key(stage, "Key_C", canvas)
    target = at(7, 5, 6)
    stage.study.go_to(target)
    click(canvas, target, qtbot)
    assert len(stage.room.state.lesions) == 1
    grid = Grid.of(stage.study.shown.geometry)
    half_slice = grid.spacing[2 - canvas.axis] / 2
    off = np.abs(np.subtract(stage.room.state.lesion.centroid_lps_mm, target))
    assert (off <= max(pixel_mm(canvas), half_slice) + 1e-6).all()
    assert stage.room.state.tool is Tool.CLICK, "the tool stays for the next lesion"


@pytest_window
def test_a_press_that_moves_is_no_click(stage, qtbot, hand):
    canvas = stage.study.axial
    key(stage, "Key_C")
    start = canvas.to_pixels(at())
    from qtpy.QtCore import QPoint

    hand.drag(canvas.native, [start, start + QPoint(2, 0), start + QPoint(5, 2)])
    assert stage.room.state.lesions == ()
    hand.drag(canvas.native, [start, start + QPoint(1, 1), start + QPoint(2, 1)])
    assert len(stage.room.state.lesions) == 1


@pytest_window
def test_diameters_are_drawn_by_drags(stage, hand):
    canvas, room = stage.study.axial, stage.room
    key(stage, "Key_L")
    drag(hand, canvas, at(-9, -3), at(9, 3))
    lesion = room.state.lesion
    assert lesion.long.length_mm == pytest.approx(2 * np.hypot(9, 3), abs=2 * pixel_mm(canvas))
    assert room.state.tool is Tool.SHORT
    drag(hand, canvas, at(2, -6), at(-2, 6))
    assert room.state.lesion.id == lesion.id and room.state.lesion.short is not None
    assert room.state.warnings == ()
    assert room.state.tool is Tool.NAVIGATE
    assert room.state.session.undo_title
    key(stage, "Key_L")
    drag(hand, canvas, at(30, 20), at(42, 20))
    assert len(room.state.lesions) == 2


@pytest_window
def test_a_drag_previews_and_asks_the_session_once(stage, hand, qtbot):
    canvas, room = stage.study.axial, stage.room
    marks = stage.marks[canvas]
    seen, revisions = [], []
    show = marks.preview

    def watch(preview):
        show(preview)
        seen.append([dot.text for dot in marks.drawing.measure_dots])
        revisions.append(room.state.session.revision)

    before = room.state.session.revision
    marks.preview = watch
    try:
        key(stage, "Key_L")
        drag(hand, canvas, at(-10), at(10), steps=8)
    finally:
        del marks.preview
    lengths = [float(texts[-1].split()[0]) for texts in seen if texts and texts[-1]]
    assert lengths == sorted(lengths) and lengths[-1] > 15
    assert set(revisions) == {before} and room.state.session.revision == before + 1
    assert marks.drawing.measure_lines == ()


@pytest_window
def test_an_end_point_is_dragged_to_correct_it(stage, hand, qtbot):
    canvas, room = stage.study.axial, stage.room
    room.set_diameter("long", at(-9), at(9))
    room.set_tool(Tool.NAVIGATE)
    qtbot.wait(20)
    cursor = stage.study.cursor_lps
    drag(hand, canvas, at(9), at(14, 2))
    assert room.state.lesion.long.end_lps_mm == pytest.approx(at(14, 2), abs=pixel_mm(canvas))
    assert room.state.lesion.long.start_lps_mm == pytest.approx(at(-9))
    assert stage.study.cursor_lps == cursor, "the crosshair stays while an end is dragged"
    assert len(room.state.lesions) == 1
    room.undo()
    assert room.state.lesion.long.length_mm == pytest.approx(18)


@pytest_window
def test_a_click_on_a_mark_selects_it_and_a_drag_moves_the_crosshair(stage, hand, qtbot):
    canvas, room = stage.study.axial, stage.room
    room.mark_click(at(-20))
    room.mark_click(at(20))
    first, second = (lesion.id for lesion in room.state.lesions)
    assert room.state.selected == second
    click(canvas, at(-20), qtbot)
    assert room.state.selected == first
    drag(hand, canvas, at(0, 10), at(10, 16))
    assert stage.study.cursor_lps[:2] == pytest.approx(at(10, 16)[:2], abs=2.0)
    assert room.state.selected == first


@pytest_window
def test_the_ruler_and_the_circle_measure_and_escape_clears(stage, hand):
    canvas, room = stage.study.axial, stage.room
    revision = room.state.session.revision
    key(stage, "Key_R")
    drag(hand, canvas, at(-10, -8), at(10, -8))
    (ruler,) = room.state.rulers
    assert float(ruler.text.split()[0]) == pytest.approx(20, abs=2 * pixel_mm(canvas))
    key(stage, "Key_O")
    drag(hand, canvas, at(), at(5))
    (circle,) = room.state.circles
    assert circle.text.startswith("40 ± 0 HU"), "inside the even block"
    assert len(stage.marks[canvas].measure_lines.data) == 2
    key(stage, "Key_Escape")
    key(stage, "Key_Escape")
    assert room.state.rulers == room.state.circles == ()
    assert len(stage.marks[canvas].measure_lines.data) == 0
    assert room.state.session.revision == revision, "measurements aren't kept"


@pytest_window
def test_lesion_keys_work_with_each_of_our_layers_active(stage, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    room, canvas = stage.room, stage.study.axial
    for layer in canvas.layers:
        canvas.model.layers.selection.active = layer
        room.mark_click(at(3))
        (lesion,) = room.state.lesions
        key(stage, "Key_Delete")
        assert room.state.lesions == (), layer.name
        QTest.keyClick(canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert [known.id for known in room.state.lesions] == [lesion.id], layer.name
        QTest.keyClick(canvas.native, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
        assert room.state.lesions == () and canvas.model.dims.ndisplay == 2, layer.name
    canvas.model.layers.selection.active = canvas.image


@pytest_window
def test_next_previous_and_return(stage, qtbot):
    room, canvas = stage.room, stage.study.axial
    room.mark_click(at(-20, 0, -8))
    room.mark_click(at(20, 0, 8))
    first, second = (lesion.id for lesion in room.state.lesions)
    key(stage, "Key_N")
    assert room.state.selected == first
    assert stage.study.cursor_lps == pytest.approx(at(-20, 0, -8), abs=2.0)
    key(stage, "Key_P")
    assert room.state.selected == second
    key(stage, "Key_Return", canvas)
    qtbot.waitUntil(lambda: room.state.reading(second) is not None)


@pytest_window
def test_tools_outlive_the_coronal_and_sagittal_dock(stage, qtbot):
    stage.viewer.window.remove_dock_widget(stage.study.panes)
    qtbot.waitUntil(lambda: len(stage.marks) == 1)
    stage.reset_layout()
    qtbot.wait(100)
    canvas = stage.study.canvas("coronal")
    key(stage, "Key_C", canvas)
    stage.study.go_to(C)
    click(canvas, C, qtbot)
    assert len(stage.room.state.lesions) == 1
