"""Every key, pressed for real, does what the table says and nothing that napari would have done."""

from __future__ import annotations

import numpy as np
import pytest

from lesionscope.viewer.keys import Key, KeyBinder, grouped, merged

NAPARI_KEYS = (
    "Delete", "Backspace", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "Ctrl+Y", "Ctrl+E", "Ctrl+T",
    "Ctrl+Alt+T", "Ctrl+G", "Ctrl+R", "Ctrl+Shift+T", "Ctrl+Delete", "Ctrl+Backspace", "Ctrl+A", "Ctrl+C",
    "Ctrl+V", "Alt+Up", "Alt+Down", "Ctrl+Up", "Ctrl+Down", "Shift+Up", "Shift+Down", "Shift+Alt+Up",
    "Shift+Alt+Down", "Left", "Right", "Shift+V", "Shift+A", "Shift+L", "Shift+P", "Escape", "Return",
    *"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
)  # fmt: skip
"""Whatever napari 0.9 binds on viewers, images, points and shapes, and all letters."""


def nothing() -> None:
    """Do nothing."""


def table(*keys: str) -> tuple[Key, ...]:
    return tuple(Key(key, f"does {key}", "Group", nothing) for key in keys)


def test_one_key_has_one_meaning():
    with pytest.raises(ValueError, match=r"the key ctrl\+z .* “does Ctrl\+Z” and “does ctrl\+z”"):
        KeyBinder().set_keys(table("Ctrl+Z", "ctrl+z"))


def test_tables_merge_and_keep_their_order():
    other = Key("B", "another", "Else", nothing)
    joined = merged(table("A", "B", "C"), [other, *table("D")])
    assert [entry.title for entry in joined] == ["does A", "another", "does C", "does D"]
    assert [name for name, _ in grouped(joined)] == ["Group", "Else"]


def test_models_get_their_own_keys_back():
    from napari.components import ViewerModel

    model, binder = ViewerModel(), KeyBinder()
    model.bind_key("Q", nothing)
    before = dict(model.keymap)
    binder.set_keys(table("A"))
    binder.bind(model)
    assert Ellipsis in model.keymap
    assert len(model.keymap) == 2
    binder.set_keys(table("A", "B"))
    assert len(model.keymap) == 3
    binder.release(model)
    assert dict(model.keymap) == before


def press(widget, key, qtbot):
    """Press and release a key combination as the keyboard would."""
    from qtpy.QtCore import Qt
    from qtpy.QtGui import QKeySequence
    from qtpy.QtTest import QTest

    *modifiers, name = key.split("+") if key != "+" else ["+"]
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= getattr(
            Qt.KeyboardModifier,
            {"Ctrl": "ControlModifier", "Alt": "AltModifier", "Shift": "ShiftModifier"}[modifier],
        )
    named = {"Return": "Key_Return", "[": "Key_BracketLeft", "]": "Key_BracketRight"}
    code = getattr(
        Qt.Key, named[name] if name in named else "Key_" + (name.upper() if len(name) == 1 else name)
    )
    assert QKeySequence(code).toString()
    QTest.keyClick(widget, code, held)
    qtbot.wait(1)


def add_marks(canvas):
    """Put a points and a shapes layer of ours on a canvas, with everything on them selected."""
    from napari.layers import Points, Shapes

    here = canvas.model.dims.point
    points = Points([here, here], ndim=3, name="points")
    line = np.array([here, np.add(here, (0, 5, 5))])
    shapes = Shapes([line], shape_type="line", ndim=3, name="shapes")
    canvas.add_layer(points)
    canvas.add_layer(shapes)
    points.selected_data = {0, 1}
    shapes.selected_data = {0}
    return points, shapes


def snapshot(study, marks):
    state = {}
    for canvas in study.canvases:
        model = canvas.model
        state[canvas.name] = (
            [layer.name for layer in model.layers],
            [layer.visible for layer in model.layers],
            model.dims.ndisplay,
            model.dims.order,
            tuple(str(way) for way in model.scene.camera.orientation2d),
            model.canvas.grid.enabled,
            canvas.letters,
        )
        points, shapes = marks[canvas.name]
        state[canvas.name] += (len(points.data), len(shapes.data), str(points.mode), str(shapes.mode))
        state[canvas.name] += (canvas.image.affine.affine_matrix.tolist(), str(canvas.image.mode))
    state["theme"] = study.viewer.theme
    return state


@pytest.mark.window
@pytest.mark.parametrize("active", ["CT", "points", "shapes"])
@pytest.mark.parametrize("name", ["axial", "coronal"])
def test_no_key_of_naparis_own_can_hurt(study, qtbot, active, name):
    canvas = study.canvas(name)
    marks = {other.name: add_marks(other) for other in study.canvases}
    canvas.model.layers.selection.active = canvas.model.layers[active]
    # F1 opens a window, which would take the keyboard.
    keys = {*NAPARI_KEYS, *(entry.key for entry in study.keys)} - {"F1"}
    before = snapshot(study, marks)
    for key in sorted(keys):
        press(canvas.native, key, qtbot)
        study.cine.stop()
        assert snapshot(study, marks) == before, key


@pytest.mark.window
@pytest.mark.parametrize("active", ["CT", "points", "shapes"])
@pytest.mark.parametrize("name", ["axial", "sagittal"])
def test_every_key_of_the_table_reaches_its_action_whatever_is_active(study, qtbot, active, name):
    canvas = study.canvas(name)
    add_marks(canvas)
    canvas.model.layers.selection.active = canvas.model.layers[active]
    heard = []
    tools = (
        "C",
        "L",
        "S",
        "R",
        "O",
        "V",
        "Escape",
        "Delete",
        "Ctrl+Z",
        "Ctrl+Y",
        "Ctrl+Shift+Z",
        "N",
        "P",
        "Return",
    )
    ours = [entry.key for entry in study.keys]
    study.set_keys([Key(key, key, "All", lambda key=key: heard.append(key)) for key in (*ours, *tools)])
    wanted = [entry.key for entry in study.keys]
    for key in wanted:
        press(canvas.native, key, qtbot)
    assert heard == wanted


@pytest.mark.window
def test_the_views_own_keys_work(study, qtbot):
    from lesionscope.ct.windows import PRESETS

    native = study.axial.native
    for window in PRESETS:
        press(native, window.key, qtbot)
        assert study.window == window
    number = study.slice_of(study.axial)[0]
    for key, change in (("Up", 1), ("Down", -1), ("PageUp", 10), ("PageDown", -10)):
        press(native, key, qtbot)
        number += change
        assert study.slice_of(study.axial)[0] == number
    press(native, "I", qtbot)
    assert study.inverted
    press(native, "X", qtbot)
    assert not study.crosshair
    titles = []
    for key in ("M", "]", "]", "[", "M", "M"):
        press(native, key, qtbot)
        titles.append(study.slab.title)
    assert titles == ["MIP 10 mm", "MIP 12 mm", "MIP 14 mm", "MIP 12 mm", "Mean 12 mm", ""]
    press(native, "Space", qtbot)
    assert study.cine.running
    press(native, "Space", qtbot)
    assert not study.cine.running
    study.axial.zoom_by(4)
    zoom = study.axial.model.scene.camera.zoom
    press(native, "Home", qtbot)
    assert study.axial.model.scene.camera.zoom == pytest.approx(zoom / 4, rel=0.01)


@pytest.mark.window
def test_keys_act_on_the_canvas_that_has_the_keyboard_or_the_pointer(study, qtbot, hand):
    coronal = study.canvas("coronal")
    number = study.slice_of(coronal)[0]
    press(coronal.native, "Up", qtbot)
    assert study.slice_of(coronal)[0] == number + 1
    hand.move(study.axial.native, study.axial.to_pixels((0.0, 0.0, 0.0)))
    axial = study.slice_of(study.axial)[0]
    press(study.main_window, "Up", qtbot)
    assert study.slice_of(study.axial)[0] == axial + 1
    hand.move(coronal.native, coronal.to_pixels((0.0, 0.0, 0.0)))
    press(study.main_window, "Up", qtbot)
    assert study.slice_of(coronal)[0] == number + 2


@pytest.mark.window
def test_f1_lists_every_key(study, qtbot):
    from lesionscope.viewer.help import HelpWindow

    press(study.axial.native, "F1", qtbot)
    window = next(w for w in study.main_window.findChildren(HelpWindow))
    assert window.isVisible()
    assert not window.isModal()
    text = window.text.toPlainText()
    for entry in study.keys:
        assert entry.title in text
    window.close()
