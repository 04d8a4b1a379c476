"""What napari sees of us: the manifest, the reader, the sample, the commands."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from room_fakes import centre, viewers, volume

import lesionscope
from lesionscope.viewer import wording
from lesionscope.viewer.room_state import Ruler, Tool

pytestmark = pytest.mark.usefixtures("own_windows")

ROOT = Path(__file__).resolve().parents[2]
PACKAGED = Path(lesionscope.__file__).parent / "napari.yaml"


def manifest():
    from npe2 import PluginManifest

    return PluginManifest.from_file(ROOT / "napari.yaml")


def test_the_packaged_manifest_is_the_one_at_the_top():
    assert PACKAGED.read_text(encoding="utf-8") == (ROOT / "napari.yaml").read_text(encoding="utf-8")


def test_npe2_validates_it_and_every_command_exists():
    made = manifest()
    made.validate_imports()
    for command in made.contributions.commands:
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_menus_are_ones_that_napari_opens_to_plugins():
    from napari._app_model.constants import MenuId

    opened = {menu.value for menu in MenuId.contributables()}
    assert set(manifest().contributions.menus) <= opened


def _offered(name):
    """Whether napari would take our reader for a file of this name."""
    from npe2 import PluginManager

    manager = PluginManager()
    manager.register(manifest())
    return bool(list(manager.iter_compatible_readers(name)))


@pytest.mark.parametrize(
    "name",
    [
        *("slice.dcm", "SLICE.DCM", "a.b.dicom", "MR1.IMA", "ct.nii", "CT.NII.GZ", "ct.nrrd", "ct.nhdr"),
        *("ct.mha", "ct.mhd", "study.zip", "DICOMDIR", "IM000001", "I1", "1", "IM-0001-0017", "00000017"),
        *("IM.0001", "1.2.840.113619.2.55.3", "CT.1.2.840.113619.2.55.31", "1.3.12.2.1107.5.1.4.2025111"),
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    ],
)
def test_files_that_may_be_ct_are_offered(name):
    assert _offered(f"/folder.d/{name}")


def test_napari_s_own_pictures_are_not_asked_about():
    """Two readers for a picture make napari ask which one, each time."""
    import npe2

    napari = npe2.PluginManager()
    napari.discover()
    both = {"*.dcm", "*.dicom", "*.mha", "*.mhd", "*.nhdr", "*.nii", "*.nii.gz", "*.nrrd"}
    patterns = {
        pattern
        for reader in napari.get_manifest("napari").contributions.readers
        for pattern in reader.filename_patterns
        if "/" not in pattern
    }
    assert {"*.png", "*.tif", "*.npy", "*.h5"} <= patterns - both
    assert [pattern for pattern in patterns - both if _offered(pattern.replace("*", "some picture"))] == []


def test_the_plugin_s_start_loads_nothing_heavy():
    heavy = ["torch", "SimpleITK", "onnxruntime", "pandas", "sqlalchemy", "napari", "qtpy"]
    code = (
        "import sys, json; import lesionscope.viewer.plugin; "
        f"print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_folders_without_ct_are_left_to_others(tmp_path):
    from lesionscope.viewer.plugin import get_reader

    (tmp_path / "notes.txt").write_text("nothing to see", encoding="utf-8")
    assert get_reader(str(tmp_path)) is None
    assert get_reader(str(tmp_path / "gone")) is None


# -- on a window --------------------------------------------------------------------------------


@pytest.fixture
def make_viewer(display, qapp, monkeypatch, tmp_path):
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    with viewers() as make:
        yield make


@pytest.fixture
def viewer(make_viewer):
    return make_viewer()


@pytest.mark.window
def test_a_ct_layer_by_any_route_brings_up_the_room(viewer, make_viewer, qtbot):
    """Whatever put the layer into which viewer: that one gets the room, the other stays as it is."""
    from lesionscope.viewer.image import image_layer
    from lesionscope.viewer.plugin import take_over_soon
    from lesionscope.viewer.rooms import known_room, stage_of

    other = make_viewer()
    ct = volume()
    viewer.add_layer(image_layer(ct, ct))
    take_over_soon()
    qtbot.waitUntil(lambda: known_room(viewer) is not None)
    stage = stage_of(viewer)
    assert stage.room.state.volume is ct and len(stage.study.canvases) == 3
    assert stage.dock_widget(wording.READING_DOCK).isVisible()
    assert stage.dock_widget(wording.LESIONS_DOCK).isVisible()
    assert [layer.name for layer in viewer.layers] == ["CT"], "the first image doesn't wait for marks"
    stage.room.add_ruler(Ruler(centre(ct), centre(ct), "0.0 mm", "axial"))
    stage.room.set_tool(Tool.CLICK)
    names = [layer.name for layer in viewer.layers]
    assert names == ["CT", "Diameters", "Measurements", "Measurement values", "Lesions"]
    coronal = stage.study.canvas("coronal").model.layers
    assert [layer.name for layer in coronal] == ["CT", "Diameters", "Lesions"]
    assert known_room(other) is None and len(other.layers) == 0


@pytest.mark.window
def test_the_commands_and_the_report(viewer, qtbot, monkeypatch, tmp_path):
    from qtpy.QtWidgets import QFileDialog

    from lesionscope.viewer import plugin
    from lesionscope.viewer.rooms import room_for, stage_of

    room = room_for(viewer)
    assert stage_of(viewer).study is None, "a window without CT keeps napari's own keys and mouse"
    plugin.export_report(viewer)
    assert room.state.notice == wording.NO_LESIONS_TO_EXPORT
    ct = volume()
    room.open(ct)
    plugin.open_docks(viewer)
    plugin.show_help(viewer)
    helped = stage_of(viewer)._help
    assert helped.isVisible() and wording.TOOL_TIPS["click"] in helped.text.toPlainText()
    helped.close()
    room.mark_click(centre(ct))
    room.cancel()
    out = tmp_path / "reports"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    plugin.export_report(viewer)
    qtbot.waitUntil(lambda: str(out) in room.state.notice)
    names = sorted(path.suffix for path in out.iterdir())
    assert names == [".csv", ".html", ".json"]
    content = json.loads(next(out.glob("*.json")).read_text(encoding="utf-8"))
    assert content["lesions"][0]["centroid_lps_mm"] == pytest.approx(centre(ct))

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lesionscope.files.open_part", full)
    plugin.export_report(viewer)
    qtbot.waitUntil(lambda: "No space left" in room.state.notice)
    assert len(list(out.iterdir())) == 3, "nothing half-written"


@pytest.mark.window
def test_docks_from_the_plugins_menu_follow_the_sample_that_opens_later(viewer, qtbot, monkeypatch):
    from lesionscope.viewer import sample
    from lesionscope.viewer.rooms import room_for, stage_of

    _, reading = viewer.window.add_plugin_dock_widget("napari-lesionscope", wording.READING_DOCK)
    _, lesions = viewer.window.add_plugin_dock_widget("napari-lesionscope", wording.LESIONS_DOCK)
    assert reading.tree.message.label.text() == wording.NO_STUDY
    assert not reading.tree.notice.isHidden()
    assert lesions.list.rows == ()
    ct = volume()
    monkeypatch.setattr(sample, "phantom_sample", lambda: sample.Sample(ct, ct, ()))
    viewer.open_sample("napari-lesionscope", "phantom-chest")
    room = room_for(viewer)
    qtbot.waitUntil(lambda: room.state.volume is ct)
    assert stage_of(viewer).dock_widget(wording.READING_DOCK) is reading
    assert reading.tree.message.label.text() == wording.NO_LESION
    room.mark_click(centre(ct))
    assert len(lesions.list.rows) == 1
