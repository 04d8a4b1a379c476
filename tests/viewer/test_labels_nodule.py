"""The bundled label model and bank on a real nodule in a real window: what is said."""

from __future__ import annotations

import pytest
from room_fakes import viewers

from lesionscope.ct.scan import open_ct
from lesionscope.errors import InputError
from lesionscope.inference.reading import LabelAnswer
from lesionscope.models.label_package import find_label_package
from lesionscope.viewer import wording
from lesionscope.viewer.rooms import room_for, stage_of

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]

NODULE_LPS = (-57.44, 131.23, -520.36)


@pytest.fixture
def stage(display, qapp, monkeypatch, tmp_path, shared_data):
    """A window on the nodule's chest, its room with the bundled models."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    try:
        find_label_package()
    except InputError:
        pytest.skip("no label package is bundled")
    with viewers((1600, 950)) as make:
        viewer = make()
        room_for(viewer).open(open_ct(shared_data / "ct" / "01_chest_lidc0314"))
        stage_of(viewer).show_docks()
        yield stage_of(viewer)
        del viewer


def test_the_nodule_gets_labels_and_neighbours(stage, qtbot):
    room = stage.room
    room.mark_click(NODULE_LPS)
    lesion = room.state.selected
    qtbot.waitUntil(lambda: room.state.reading(lesion, "labels") is not None)
    qtbot.waitUntil(lambda: len(room.state.known) == 10)
    answer = room.state.reading(lesion, "labels").labels
    assert isinstance(answer, LabelAnswer) and answer.unfamiliar, "a phantom's model, a real lesion"
    predicted = {score.label for score in answer.scores if score.predicted}
    assert {"chest", "lung"} <= predicted
    panel = stage.dock_widget(wording.READING_DOCK)
    panel.show_tab("similar")
    qtbot.waitUntil(lambda: panel.similar.list.model().rowCount() == 11)
    assert all(row.picture is not None for row in panel.similar._rows)
