"""Marks are a view of the session: laid out right, and put right when napari's tools touch them."""

from __future__ import annotations

import numpy as np
import pytest
from room_fakes import centre, staged_window, volume

from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.session.state import SessionState
from lesionscope.viewer.drawing import Part, Preview, draw
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.room_state import Circle, RoomState, Ruler

pytestmark = pytest.mark.usefixtures("own_windows")

CT = volume()
GRID = Grid.of(CT.geometry)
C = centre(CT)


def at(dx=0.0, dy=0.0, dz=0.0):
    return (C[0] + dx, C[1] + dy, C[2] + dz)


def state(*lesions, **more) -> RoomState:
    return RoomState(volume=CT, session=SessionState(lesions=lesions), **more)


# -- what is drawn where (no window) ------------------------------------------------------------


def test_a_click_is_a_cross_on_every_plane_on_its_own_slice():
    lesion = lesion_from_click(at(0.4, -0.5, 0.7))
    for axis, plane in ((0, "axial"), (1, "coronal"), (2, "sagittal")):
        (dot,) = draw(state(lesion), GRID, axis, plane).dots
        assert dot.part is Part.CENTRE
        snapped = GRID.position(2 - axis, GRID.nearest(2 - axis, lesion.centroid_lps_mm[2 - axis]))
        assert dot.world[axis] == pytest.approx(snapped)
        rest = [a for a in range(3) if a != axis]
        assert [dot.world[a] for a in rest] == pytest.approx([lesion.centroid_lps_mm[2 - a] for a in rest])


def test_diameters_are_drawn_in_their_own_plane_only():
    long = Diameter(at(-8), at(8))
    lesion = lesion_from_diameters(long, Diameter(at(0, -5), at(0, 5)), geometry=CT.geometry)
    axial = draw(state(lesion), GRID, 0, "axial")
    assert len(axial.lines) == 2 and len(axial.dots) == 4
    assert sorted(dot.text for dot in axial.dots) == ["", "", "", "0: 16.0 × 10.0 mm"]
    coronal = draw(state(lesion), GRID, 1, "coronal")
    assert [line.part for line in coronal.lines] == [Part.LONG], "the short one runs across it"
    sagittal = draw(state(lesion), GRID, 2, "sagittal")
    assert [line.part for line in sagittal.lines] == [Part.SHORT]


def test_a_preview_replaces_the_diameter_it_will_become():
    lesion = lesion_from_diameters(Diameter(at(-8), at(8)), geometry=CT.geometry)
    preview = Preview("long", at(-8), at(12), "axial", lesion.id)
    drawing = draw(state(lesion), GRID, 0, "axial", preview)
    assert len(drawing.lines) == 1 and drawing.lines[0].end[2] == pytest.approx(C[0] + 12)
    assert any("20.0 mm" in dot.text for dot in drawing.dots)
    fresh = Preview("long", at(0, 9), at(6, 9), "axial")
    assert len(draw(state(lesion), GRID, 0, "axial", fresh).measure_lines) == 1
    assert draw(state(lesion), GRID, 1, "coronal", fresh).measure_lines == ()


def test_measurements_stay_on_their_plane():
    given = state(
        rulers=(Ruler(at(), at(10), "10.0 mm", "axial"),), circles=(Circle(at(), 6.0, "40", "coronal"),)
    )
    axial, coronal = draw(given, GRID, 0, "axial"), draw(given, GRID, 1, "coronal")
    assert len(axial.measure_lines) == 1 and axial.rings == ()
    assert coronal.measure_lines == () and len(coronal.rings) == 1
    corners = np.array(coronal.rings[0].corners)
    assert np.ptp(corners, axis=0) == pytest.approx([12, 0, 12])


# -- on a window --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def staged(display, qapp, tmp_path_factory):
    yield from staged_window(volume("marks"), tmp_path_factory.mktemp("sessions"))


@pytest.fixture
def stage(staged, qtbot):
    """The module's stage with two lesions: one measured, one clicked; the first selected."""
    room = staged.room
    for lesion in room.state.lesions:
        room.delete(lesion.id)
    room.set_diameter("long", at(-8), at(8))
    room.set_diameter("short", at(0, -5), at(0, 5))
    room.select(None)
    room.mark_click(at(25, 12))
    room.select(room.state.lesions[0].id)
    staged.study.go_to(C)
    qtbot.wait(20)
    yield staged


def settled(marks, qtbot):
    qtbot.waitUntil(lambda: not marks._touched)
    qtbot.wait(10)


def world(layer, row) -> np.ndarray:
    return np.asarray(layer.data_to_world(row))


@pytest.mark.window
def test_layers_lie_where_the_session_says(stage):
    room = stage.room
    measured, clicked = room.state.lesions
    for marks in stage.marks.values():
        assert all(str(unit) in ("mm", "millimeter") for layer in marks.layers for unit in layer.units)
        drawn = [world(marks.dots, row) for row in marks.dots.data]
        assert np.allclose(drawn, [dot.world for dot in marks.drawing.dots], atol=1e-6)
    axial = stage.marks[stage.study.axial]
    ends = [world(axial.lines, end) for end in axial.lines.data[0]]
    wanted = [measured.long.start_lps_mm[::-1], measured.long.end_lps_mm[::-1]]
    assert np.allclose(ends, wanted, atol=1e-6)
    centre_dot = next(dot for dot in axial.drawing.dots if dot.lesion_id == clicked.id)
    assert np.allclose(centre_dot.world, clicked.centroid_lps_mm[::-1], atol=1.0)


@pytest.mark.window
def test_the_selected_lesion_stands_out(stage):
    axial = stage.marks[stage.study.axial]
    colours = {
        dot.lesion_id: tuple(c) for dot, c in zip(axial.drawing.dots, axial.dots.face_color, strict=True)
    }
    assert len(set(colours.values())) == 2
    stage.room.select(stage.room.state.lesions[1].id)
    swapped = {
        dot.lesion_id: tuple(c) for dot, c in zip(axial.drawing.dots, axial.dots.face_color, strict=True)
    }
    first, second = colours
    assert swapped[first] == colours[second] and swapped[second] == colours[first]


@pytest.mark.window
def test_no_identifier_is_in_a_layer_name(stage):
    for canvas in stage.study.canvases:
        names = [layer.name for layer in canvas.model.layers]
        assert names == ["CT", "Diameters", "Lesions"]
    stage.room.add_ruler(Ruler(at(), at(10), "10.0 mm", "axial"))
    names = [layer.name for layer in stage.study.axial.model.layers]
    assert names == ["CT", "Diameters", "Measurements", "Measurement values", "Lesions"]


@pytest.mark.window
def test_napari_s_own_delete_becomes_a_command(stage, qtbot):
    room, marks = stage.room, stage.marks[stage.study.axial]
    clicked = room.state.lesions[1]
    row = [dot.lesion_id for dot in marks.drawing.dots].index(clicked.id)
    marks.dots.selected_data = {row}
    marks.dots.remove_selected()
    settled(marks, qtbot)
    assert clicked.id not in [lesion.id for lesion in room.state.lesions]
    assert len(marks.dots.data) == 4
    room.undo()
    assert clicked.id in [lesion.id for lesion in room.state.lesions] and len(marks.dots.data) == 5


@pytest.mark.window
def test_deleting_a_line_removes_its_lesion_on_every_canvas(stage, qtbot):
    room, marks = stage.room, stage.marks[stage.study.axial]
    measured = room.state.lesions[0]
    marks.lines.selected_data = {1}
    marks.lines.remove_selected()
    settled(marks, qtbot)
    assert measured.id not in [lesion.id for lesion in room.state.lesions]
    assert all(len(m.lines.data) == 0 for m in stage.marks.values())


@pytest.mark.window
def test_moving_a_point_moves_the_lesion_and_its_end_the_diameter(stage, qtbot):
    room, marks = stage.room, stage.marks[stage.study.axial]
    clicked = room.state.lesions[1]
    data = np.array(marks.dots.data)
    row = [dot.lesion_id for dot in marks.drawing.dots].index(clicked.id)
    data[row, 2] += 3
    marks.dots.data = data
    settled(marks, qtbot)
    moved = room.state.session.lesion(clicked.id)
    assert moved.centroid_lps_mm[0] - clicked.centroid_lps_mm[0] == pytest.approx(3 * GRID.spacing[0])
    end = next(i for i, dot in enumerate(marks.drawing.dots) if dot.part is Part.LONG and dot.end == 1)
    data = np.array(marks.dots.data)
    data[end, 2] += 2
    marks.dots.data = data
    settled(marks, qtbot)
    assert room.state.lesions[0].long.length_mm == pytest.approx(16 + 2 * GRID.spacing[0])


@pytest.mark.window
def test_a_paste_is_reverted(stage, qtbot):
    marks = stage.marks[stage.study.axial]
    revision = stage.room.state.session.revision
    marks.dots.add([5, 5, 5])
    marks.lines.add_lines(np.array([[5.0, 5, 5], [5, 9, 9]]))
    settled(marks, qtbot)
    assert len(marks.dots.data) == 5 and len(marks.lines.data) == 2
    assert stage.room.state.session.revision == revision


@pytest.mark.window
def test_a_layer_thrown_away_comes_back(stage, qtbot):
    canvas = stage.study.axial
    marks = stage.marks[canvas]
    canvas.model.layers.remove(marks.dots)
    qtbot.waitUntil(lambda: marks.dots in canvas.model.layers and len(marks.dots.data) == 5)
    canvas.model.layers.remove(marks.lines)
    qtbot.waitUntil(lambda: marks.lines in canvas.model.layers and len(marks.lines.data) == 2)
    assert len(stage.room.state.lesions) == 2


@pytest.mark.window
def test_all_layers_thrown_away_come_back_guarded(stage, qtbot):
    canvas = stage.study.axial
    marks = stage.marks[canvas]
    for layer in (marks.lines, marks.dots):
        canvas.model.layers.remove(layer)
    qtbot.waitUntil(lambda: marks.lines in canvas.model.layers and len(marks.lines.data) == 2)
    qtbot.waitUntil(lambda: marks.dots in canvas.model.layers and len(marks.dots.data) == 5)
    assert canvas.model.layers.index(marks.lines) < canvas.model.layers.index(marks.dots)
    marks.lines.selected_data = {0}
    marks.lines.remove_selected()
    qtbot.waitUntil(lambda: len(stage.room.state.lesions) == 1)


@pytest.mark.window
def test_hidden_marks_follow_the_session(stage, qtbot):
    room, dots = stage.room, [marks.dots for marks in stage.marks.values()]
    stage.marks[stage.study.axial].dots.visible = False
    try:
        room.delete(room.state.lesions[0].id)
        assert [len(layer.data) for layer in dots] == [1, 1, 1]
        room.undo()
        room.select(room.state.lesions[-1].id)
    finally:
        stage.marks[stage.study.axial].dots.visible = True
    settled(stage.marks[stage.study.axial], qtbot)
    assert len(stage.marks[stage.study.axial].dots.data) == 5


@pytest.mark.window
def test_marks_keep_their_size_on_screen(stage, qtbot):
    canvas = stage.study.axial
    marks = stage.marks[canvas]
    zoom = canvas.model.scene.camera.zoom
    width, size = marks.lines.edge_width[0] * zoom, marks.dots.size[0] * zoom
    canvas.zoom_by(3.0)
    qtbot.wait(10)
    zoom = canvas.model.scene.camera.zoom
    assert marks.lines.edge_width[0] * zoom == pytest.approx(width)
    assert marks.dots.size[0] * zoom == pytest.approx(size)
    canvas.fit()


@pytest.mark.window
def test_another_study_gets_marks_of_its_own(stage, qtbot):
    room = stage.room
    before = [lesion.id for lesion in room.state.lesions]
    room.open(volume("another"))
    assert all(m.drawing.dots == () for m in stage.marks.values()) and len(stage.marks) == 3
    room.open(volume("marks"))
    assert [lesion.id for lesion in room.state.lesions] == before
    assert len(stage.marks[stage.study.axial].dots.data) == 5


@pytest.mark.window
def test_the_image_thrown_away_leaves_the_study_and_its_session(stage, qtbot):
    room = stage.room
    before = [lesion.id for lesion in room.state.lesions]
    stage.viewer.layers.remove(stage.study.axial.image)
    qtbot.waitUntil(lambda: room.state.volume is None)
    assert stage.marks == {}
    room.open(volume("marks"))
    assert [lesion.id for lesion in room.state.lesions] == before


@pytest.mark.window
def test_coronal_and_sagittal_closed_and_opened_again_get_marks(stage, qtbot):
    stage.viewer.window.remove_dock_widget(stage.study.panes)
    qtbot.waitUntil(lambda: len(stage.marks) == 1)
    stage.reset_layout()
    assert len(stage.marks) == 3
    assert all(len(m.drawing.dots) >= 2 for m in stage.marks.values())
