"""Labels and similar lesions: their rows without Qt, their panels, and both models from one click."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtTest import QTest
from room_fakes import (
    FakeLabels,
    FakeReader,
    centre,
    known_lesion,
    label_answer,
    staged_window,
    volume,
)

from lesionscope.ct.windows import preset
from lesionscope.inference.reading import Refusal
from lesionscope.retrieval.known import Neighbour
from lesionscope.retrieval.surroundings import OTHER_PHANTOM
from lesionscope.retrieval.thumbnails import SIDE
from lesionscope.viewer import wording
from lesionscope.viewer.docks.label_rows import label_rows, open_tags
from lesionscope.viewer.docks.similar_rows import marked, most_specific, own_picture, similar_rows
from lesionscope.viewer.recall import Recalled, spans_of
from lesionscope.viewer.room import Room

pytestmark = pytest.mark.window

# -- rows ---------------------------------------------------------------------------------------


def test_three_groups_the_most_specific_first_ancestors_folded():
    parts, types, attributes = label_rows(label_answer())
    assert [row.text for row in (parts, types, attributes)] == ["Body part", "Type", "Attribute"]
    assert [row.tag for row in parts.children] == ["right lung", "liver", "rest:body part"]
    # Up the lineage: lung is nearer to right lung than chest is.
    assert [row.tag for row in parts.children[0].children] == ["lung", "chest"]
    assert [row.tag for row in types.children[:1]] == ["lung nodule"]
    assert [row.tag for row in types.children[0].children] == ["nodule"]
    listed = sum(len(group.children[-1].children) for group in (parts, types, attributes))
    assert listed == 171 - 7


def test_each_label_says_why_it_is_there_and_conflicts_are_shown():
    rows = {row.tag: row for group in label_rows(label_answer()) for row in group.children}
    assert rows["calcified"].note == "20 % on its own, lifted by nodule"
    assert rows["right lung"].note == ""
    assert rows["right lung"].children[0].note == "implied by right lung, lung nodule"
    assert rows["liver"].alert and "lung nodule" in rows["liver"].note
    assert rows["lung nodule"].alert and "liver" in rows["lung nodule"].note
    assert "own score" in rows["right lung"].tip and "50 %" in rows["right lung"].tip


def test_a_search_lists_predicted_and_other_labels_by_name_and_synonym():
    found = label_rows(label_answer(), "Pulmonary NODULE")
    tags = [row.tag for group in found for row in group.children]
    assert tags[0] == "lung nodule" and "solid pulmonary nodule" in tags
    assert label_rows(label_answer(), "no such words") == ()


def test_headings_are_open_until_a_person_folds_them():
    rows = label_rows(label_answer())
    assert open_tags(rows, frozenset(), frozenset({"right lung"})) >= {"class:type", "right lung"}
    assert "class:type" not in open_tags(rows, frozenset({"class:type"}), frozenset())


def test_shared_and_differing_labels_and_the_marked_sentence():
    known = known_lesion(1)
    neighbour = Neighbour(known.id, 0.25, known.labels, known.sentence, known.origin)
    recalled = Recalled(known, spans_of(known.sentence))
    own, row = similar_rows(label_answer(), (neighbour,), {known.id: recalled}, None)
    assert own.neighbour is None and "right lung" in own.html
    assert row.title == "distance 0.25" and row.neighbour is neighbour
    assert "shared: lung, nodule" in row.html and "only there: left lung" in row.html
    assert "&lt;b&gt;<b>nodule</b>&lt;/b&gt; in the <b>left lung</b>" in row.html
    (_, waiting) = similar_rows(label_answer(), (neighbour,), {}, None)
    assert waiting.waiting and waiting.picture is None
    (_, lost) = similar_rows(label_answer(), (neighbour,), {known.id: None}, None)
    assert not lost.waiting and lost.picture is None


def test_what_a_sentence_says_of_another_lesion_is_not_marked():
    text = "A splenic cyst OTHER_BMK is stable, while a nodule in the left lung BOOKMARK has enlarged."
    said = {text[start:stop] for start, stop in spans_of(text)}
    assert said == {"nodule", "left lung", "enlarged"}


def test_only_what_a_sentence_says_of_its_lesion_is_marked():
    text = "No cyst. There is a 2 cm liver mass."
    said = {text[start:stop] for start, stop in spans_of(text)}
    assert any("liver" in words for words in said) and not any("cyst" in words for words in said)
    assert marked("a<b & c", [(0, 1)]) == "<b>a</b>&lt;b &amp; c"
    assert most_specific(["chest", "lung", "right lung", "strange"]) == ("right lung",)


def test_the_query_s_picture_is_as_a_bank_keeps_it_and_windowed():
    from lesionscope.lesions.marking import lesion_from_click

    ct = volume()
    picture = own_picture(ct, lesion_from_click(centre(ct)))
    assert picture is not None and picture.hu.shape == (SIDE, SIDE)
    grey = picture.grey(preset("lung"))
    assert grey.dtype == np.uint8 and grey[SIDE // 2, SIDE // 2] == round(255 * (40 + 1350) / 1500)
    assert own_picture(ct, replace(lesion_from_click(centre(ct)), box_lps_mm=(1, 1, 1, 1, 1, 1))) is None


@pytest.mark.parametrize("familiar", [True, False])
def test_the_card_of_a_label_model_can_be_shown(familiar):
    from lesionscope.models.card import FamiliarityCard
    from lesionscope.models.familiarity import DistanceRule
    from lesionscope.models.label_package import LabelCard
    from lesionscope.viewer.docks.card import card_html

    card = LabelCard(
        name="tiny",
        version="0.1",
        task="labels",
        title="Tiny labels",
        demonstration=True,
        scope="body",
        intended_use="Tests.",
        limits=("Means nothing.",),
        labels=("lung",),
        thresholds=(0.5,),
        calibration=None,
        preprocessing={},
        network={},
        onnx={},
        familiarity=FamiliarityCard(DistanceRule(), "texture", 0.05, (1.0,)) if familiar else None,
        training_data={"source": "phantoms"},
        metrics={},
        licence="BSD-3-Clause",
        ontology="",
        sha256={},
    )
    page = card_html(card)
    assert "Tiny labels" in page and wording.DEMONSTRATION in page and "phantoms" in page
    assert (wording.NOT_KNOWN in page) is not familiar


# -- the room -----------------------------------------------------------------------------------


@pytest.fixture
def make_room(qtbot, tmp_path):
    rooms = []

    def make(reader=None, labels=None, *, auto_read=True):
        room = Room(
            make_reader=reader or FakeReader(),
            make_labels=labels,
            session_path=lambda uid: tmp_path / f"{uid}.db",
            auto_read=auto_read,
        )
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.close()


def test_one_click_has_both_models_read_and_each_answer_shows_when_it_is_there(make_room, qtbot):
    labels = FakeLabels()
    labels.release = threading.Event()
    room, ct = make_room(labels=labels), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    lesion = room.state.selected
    qtbot.waitUntil(lambda: room.state.reading(lesion) is not None)
    assert room.state.reading(lesion, "labels") is None
    assert room.state.status(lesion, "labels").is_working
    labels.release.set()
    qtbot.waitUntil(lambda: room.state.reading(lesion, "labels") is not None)
    qtbot.waitUntil(lambda: len(room.state.known) == 3)
    assert labels.bank.asked == ["known-0", "known-1", "known-2"]
    room.read()
    qtbot.waitUntil(lambda: len(labels.asked) == 2)
    qtbot.waitUntil(lambda: not room.state.status(lesion, "labels").is_working)
    assert len(labels.bank.asked) == 3, "what is known is fetched once"


def test_labels_of_a_lesion_that_has_gone_are_dropped(make_room, qtbot):
    labels = FakeLabels()
    labels.release = threading.Event()
    room, ct = make_room(labels=labels), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    qtbot.waitUntil(labels.started.is_set)
    room.delete()
    labels.release.set()
    qtbot.wait(150)
    assert room.state.readings == {} and room.state.label_statuses == {}


def test_both_readings_come_back_with_the_session(make_room, qtbot):
    room, ct = make_room(labels=FakeLabels()), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    qtbot.waitUntil(lambda: len(room.state.readings) == 2)
    before = dict(room.state.readings)
    room.close()
    again = make_room(labels=FakeLabels())
    again.open(ct)
    assert dict(again.state.readings) == before
    qtbot.waitUntil(lambda: len(again.state.known) == 3)


def test_without_a_label_model_the_rest_works_and_the_docks_say_so(make_room, qtbot, display):
    from lesionscope.viewer.docks.labels import LabelsPanel
    from lesionscope.viewer.docks.similar import SimilarPanel

    room, ct = make_room(labels=lambda: (None, None)), volume()
    panels = LabelsPanel(room), SimilarPanel(room)
    for panel in panels:
        panel.show()
    room.open(ct)
    room.mark_click(centre(ct))
    lesion = room.state.selected
    qtbot.waitUntil(lambda: room.state.reading(lesion) is not None)
    qtbot.waitUntil(lambda: room.state.labels_missing)
    qtbot.waitUntil(lambda: not room.state.label_statuses)
    for panel in panels:
        assert panel.message.label.text() == wording.NO_LABEL_MODEL
        panel.close()
        panel.deleteLater()


def test_a_damaged_label_model_is_named_with_what_is_wrong_and_what_to_do(
    make_room, qtbot, display, tmp_path, monkeypatch
):
    from lesionscope.models import package
    from lesionscope.viewer.desk import default_labels
    from lesionscope.viewer.docks.labels import LabelsPanel

    broken = tmp_path / "models" / "my-labels"
    broken.mkdir(parents=True)
    (broken / "card.json").write_text('{"task": "labels"')
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    monkeypatch.setattr("lesionscope.models.package.BUNDLED", tmp_path / "nothing")
    assert list(package.package_folders("labels")) == []
    room, ct = make_room(labels=default_labels), volume()
    panel = LabelsPanel(room)
    panel.show()
    room.open(ct)
    room.mark_click(centre(ct))
    qtbot.waitUntil(lambda: "my-labels" in panel.message.label.text())
    assert "is not valid JSON" in panel.message.label.text()
    assert "install the model package again" in panel.message.label.text()
    assert panel.message.button.text() == wording.READ_AGAIN
    assert not room.state.labels_missing
    panel.close()
    panel.deleteLater()


# -- the panels ---------------------------------------------------------------------------------


@pytest.fixture
def window(display, own_windows, tmp_path):
    """A real window whose room has a fake label model."""
    yield from staged_window(volume(), tmp_path, labels=FakeLabels())


def read(stage, qtbot) -> None:
    """Mark a lesion and wait for all that is said of it."""
    room = stage.room
    room.mark_click(centre(room.state.volume))
    room.read()
    qtbot.waitUntil(lambda: len(room.state.readings) == 2)
    qtbot.waitUntil(lambda: len(room.state.known) == 3)


def rows_of(tree) -> dict[str, bool]:
    from lesionscope.viewer.docks.tree_view import ROW

    found = {}

    def walk(parent):
        for number in range(tree.model().rowCount(parent)):
            index = tree.model().index(number, 0, parent)
            found[index.data(ROW).tag] = tree.isExpanded(index)
            walk(index)

    walk(QModelIndex())
    return found


def grabbed(widget) -> np.ndarray:
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes())
    return np.frombuffer(bits, np.uint8).reshape(image.height(), image.width(), 4).copy()


def test_the_window_shows_labels_search_similar_lesions_and_a_pair(window, qtbot):
    stage = window
    read(stage, qtbot)
    room, axial = stage.room, stage.study.axial.native
    reading = stage.dock_widget(wording.READING_DOCK)
    QTest.keyClick(axial, Qt.Key.Key_F3)
    panel = reading.labels
    qtbot.waitUntil(panel.tree.isVisible)
    assert panel.notice.label.text() == wording.DEMONSTRATION
    qtbot.wait(100)
    assert panel.tree.columnWidth(0) == panel.tree.viewport().width(), "bars and percents are in sight"
    assert "liver / lung nodule" in panel.conflicts.label.text() and panel.conflicts.isVisible()
    shown = rows_of(panel.tree)
    assert shown["class:body part"] and not shown["right lung"] and not shown["rest:type"]
    panel.tree.expand(panel.tree.model().index(0, 0, panel.tree.model().index(0, 0)))
    assert "right lung" in room.state.unfolded and rows_of(panel.tree)["right lung"]

    QTest.keyClick(axial, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    # Without a window manager no window is active, so none of its widgets has the focus of them all.
    qtbot.waitUntil(lambda: stage.window.focusWidget() is panel.search)
    QTest.keyClicks(panel.search, "kidney")
    assert {"kidney", "left kidney"} <= set(rows_of(panel.tree))
    panel.search.clear()
    assert room.state.wanted_label == "" and "liver" in rows_of(panel.tree)

    QTest.keyClick(axial, Qt.Key.Key_F4)
    similar = reading.similar
    qtbot.waitUntil(similar.list.isVisible)
    assert similar.list.model().rowCount() == 4
    qtbot.wait(100)
    before = grabbed(similar.list)
    assert before.std() > 20
    stage.study.set_window(preset("bone"))
    qtbot.wait(100)
    assert room.state.window == preset("bone")
    assert np.abs(grabbed(similar.list).astype(int) - before).max() > 40, "pictures follow the window"

    similar.list.setCurrentIndex(similar.list.model().index(1, 0))
    QTest.keyClick(similar.list, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: similar.beside is not None and similar.beside.isVisible())
    qtbot.waitUntil(lambda: similar.beside.source.text() == OTHER_PHANTOM)
    assert not similar.beside.slices.isVisible(), "no scan, no slices"
    left, right = similar.beside.views
    assert left.picture.hu is similar._rows[0].picture.hu
    assert np.array_equal(right.picture.hu, known_lesion(0).thumbnail)
    similar.beside.close()


def test_a_neighbour_in_the_open_study_is_gone_to(window, qtbot):
    stage = window
    read(stage, qtbot)
    panel = stage.dock_widget(wording.READING_DOCK)
    panel.show_tab("similar")
    similar = panel.similar
    row = similar._rows[1]
    place = (-40.0, -10.0, 120.0)
    origin = replace(row.neighbour.origin, series_uid="1.2.3", centroid_lps_mm=place)
    similar._open(replace(row, neighbour=replace(row.neighbour, origin=origin)))
    np.testing.assert_allclose(stage.study.cursor_lps, place, atol=1.5)
    assert stage.room.state.notice == wording.AT_HAND and similar.beside is None


def test_unfamiliar_refused_and_stale_answers_are_told(make_room, qtbot, display):
    from lesionscope.viewer.docks.labels import LabelsPanel

    labels = FakeLabels(answer_with=label_answer(familiarity=0.001, unfamiliar=True))
    room, ct = make_room(labels=labels, auto_read=False), volume()
    panel = LabelsPanel(room)
    panel.show()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    qtbot.waitUntil(lambda: len(room.state.readings) == 2)
    assert panel.unfamiliar.label.text() == wording.UNFAMILIAR and panel.tree.delegate.hatched
    x, y, z = centre(ct)
    room.move_lesion(room.state.selected, (x + 4.0, y, z))
    assert panel.stale.label.text() == wording.STALE and panel.tree.delegate.faded
    labels.label_answer = Refusal("Not here.")
    room.read()
    qtbot.waitUntil(lambda: panel.message.label.text() == "Not here.")
    assert not panel.tree.isVisible()
    panel.close()
    panel.deleteLater()
