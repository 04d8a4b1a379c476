"""Canvases come, take layers, and go: no crash, no leak, and the viewer as it was before."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from window_helpers import landmark_volume

from lesionscope.viewer.canvas import lps_from_world


def test_world_points_are_lps_backwards():
    assert lps_from_world((3.0, 2.0, 1.0)) == (1.0, 2.0, 3.0)
    assert lps_from_world((9.0, 3.0, 2.0, 1.0)) == (1.0, 2.0, 3.0)


@pytest.mark.window
def test_layers_on_a_canvas_are_ours_and_leave_cleanly(study, qtbot):
    """Twice, drawn each time: GL objects deleted in the wrong context crash the next draw."""
    from napari.layers import Points, Shapes

    for _ in range(2):
        made = []
        for canvas in study.canvases[:2]:
            here = canvas.model.dims.point
            points = Points([here, here], ndim=3)
            line = np.array([here, np.add(here, (0, 5, 5))])
            shapes = Shapes([line], shape_type="line", ndim=3)
            for layer in (points, shapes):
                canvas.add_layer(layer)
                made.append((canvas, layer))
                assert {str(unit) for unit in layer.units} == {"millimeter"}
                assert layer in canvas.layers
                assert len(layer.keymap) > 10
                assert layer.get_status(here, world=True)["coordinates"].startswith("HU")
            assert canvas.model.layers.selection.active is canvas.image
        qtbot.wait(15)
        for canvas, layer in made:
            canvas.remove_layer(layer)
            canvas.remove_layer(layer)
            assert layer not in canvas.layers
            assert layer not in canvas.model.layers
            assert not layer.keymap
        qtbot.wait(15)
    added = study.axial.add_layer(Points(ndim=3), select=True)
    assert study.axial.model.layers.selection.active is added


@pytest.mark.window
def test_closing_the_view_gives_the_viewer_back(make_viewer, qtbot):
    from napari.qt import QtViewer

    from lesionscope.viewer.banner import Banner
    from lesionscope.viewer.study_view import StudyView

    viewer = make_viewer()
    before = (
        dict(viewer.keymap),
        list(viewer.mouse_wheel_callbacks),
        list(viewer.mouse_drag_callbacks),
        list(viewer.mouse_double_click_callbacks),
        viewer.scene.camera.orientation,
        viewer.scene.camera.mouse_pan,
        len(threading.enumerate()),
    )
    study, heard = StudyView(viewer), []
    study.closed.connect(lambda: heard.append("closed"))
    study.show(landmark_volume())
    study.cine.start()
    qtbot.wait(30)
    study.close()
    study.close()
    qtbot.wait(30)
    assert heard == ["closed"]
    assert study.canvases == ()
    assert not viewer.layers
    assert before == (
        dict(viewer.keymap),
        list(viewer.mouse_wheel_callbacks),
        list(viewer.mouse_drag_callbacks),
        list(viewer.mouse_double_click_callbacks),
        viewer.scene.camera.orientation,
        viewer.scene.camera.mouse_pan,
        len(threading.enumerate()),
    )
    window = viewer.window.dock_widgets
    assert "Other planes" not in window
    gc.collect()
    assert len(list(QtViewer._instances)) == 1
    qtbot.wait(10)
    # And it can begin again in the same window.
    again = StudyView(viewer)
    again.show(landmark_volume())
    assert len(again.canvases) == 3
    assert len(again.main_window.findChildren(Banner)) == 3


@pytest.mark.window
def test_closing_one_of_two_viewers_leaves_the_other_alone(make_viewer, qtbot):
    from napari.qt import QtViewer

    from lesionscope.viewer.study_view import StudyView

    first, second = make_viewer(), make_viewer()
    studies = [StudyView(first), StudyView(second)]
    for study in studies:
        study.show(landmark_volume())
    qtbot.wait(30)
    studies[0].cine.start()
    # As with the window's cross: a close event, not a call of napari's.
    studies[0].main_window.close()
    qtbot.wait(60)
    assert studies[0].is_closed
    assert not studies[1].is_closed
    assert studies[1].scroll(1)
    studies[1].go_to((5.0, 5.0, 5.0))
    qtbot.wait(20)
    assert len(studies[1].canvases) == 3
    studies.pop(0)
    del first.window._qt_window
    gc.collect()
    assert len([q for q in QtViewer._instances if q.viewer is not first]) == 3
