"""The report dock: it shows what will be written, and writes it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtTest import QTest
from room_fakes import FakeReader, centre, volume

from lesionscope.ct.volume import Patient
from lesionscope.report import wording
from lesionscope.viewer import report_words as words
from lesionscope.viewer.docks.report_draft import drafts_of, offered
from lesionscope.viewer.export import export

pytestmark = pytest.mark.window


@pytest.fixture
def made(display, qtbot, tmp_path):
    from lesionscope.viewer.docks.report import ReportPanel
    from lesionscope.viewer.room import Room

    room = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    panel = ReportPanel(room)
    panel.resize(360, 760)
    panel.show()
    yield room, panel
    room.close()
    panel.close()
    panel.deleteLater()


def marked(room, qtbot):
    ct = volume()
    room.open(ct)
    x, y, z = centre(ct)
    room.set_diameter("long", (x - 8, y, z), (x + 7.5, y, z))
    room.set_diameter("short", (x, y - 5, z), (x, y + 5, z))
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None)


def test_it_previews_what_will_be_written(made, qtbot):
    room, panel = made
    assert words.NO_STUDY in panel.page.toPlainText() and not panel.export.isEnabled()
    marked(room, qtbot)
    text = panel.page.toPlainText()
    assert "1.6 × 1.0 cm lesion." in text and wording.NOTHING_REVIEWED in text
    assert wording.LEFT_OUT in text and "Cancer" not in text and wording.UNREVIEWED not in text
    panel.unreviewed.click()
    text = panel.page.toPlainText()
    assert "Cancer 70 %" in text and wording.UNREVIEWED in text and wording.LEFT_OUT not in text
    assert drafts_of(room).draft.unreviewed
    qtbot.waitUntil(lambda: "<img" in panel.page.toHtml())


def test_the_page_goes_to_the_selected_lesion_and_stays_where_a_reader_scrolls(made, qtbot):
    room, panel = made
    ct = volume()
    room.open(ct)
    x, y, z = centre(ct)
    for dx in (-24, -16, -8, 0, 8, 16):
        room.mark_click((x + dx, y, z))
    qtbot.waitUntil(lambda: panel.page.toHtml().count("<img") == 6)
    first, bar = room.state.lesions[0].id, panel.page.verticalScrollBar()

    def heading(number):
        """How far below the page's top a lesion's heading is."""
        return panel.page.cursorRect(panel.page.document().find(f"Lesion {number} ")).top()

    assert bar.maximum() > 600 and 0 <= heading(6) < panel.page.viewport().height(), "marked last"
    room.select(first)
    assert 0 <= heading(1) < 60
    bar.setValue(bar.value() + 300)
    place = bar.value()
    room.notify("something else")
    panel.unreviewed.click()
    assert bar.value() == place, "scrolled by hand"
    room.select(room.state.lesions[2].id)
    assert 0 <= heading(3) < 60


def test_a_sentence_is_edited_copied_and_made_again(made, qtbot):
    room, panel = made
    marked(room, qtbot)
    assert panel.sentence.toPlainText() == "1.6 × 1.0 cm lesion." and not panel.again.isEnabled()
    panel.sentence.setPlainText("Mine & <own>.")
    qtbot.waitUntil(lambda: "Mine & <own>." in panel.page.toPlainText())
    assert panel.again.isEnabled()
    panel.copy.click()
    assert QGuiApplication.clipboard().text() == "Mine & <own>."
    panel.again.click()
    assert panel.sentence.toPlainText() == "1.6 × 1.0 cm lesion."


def test_what_was_typed_is_kept_through_a_change_of_lesion_undo_and_a_restart(made, qtbot, tmp_path):
    from lesionscope.ct.windows import preset
    from lesionscope.viewer.docks.report_draft import mark_key_image
    from lesionscope.viewer.room import Room

    room, panel = made
    marked(room, qtbot)
    first = room.state.selected
    room.mark_click(tuple(v + 20 for v in room.state.lesion.centroid_lps_mm))
    room.select(first)
    panel.sentence.setPlainText("Mine.")
    room.select(next(one.id for one in room.state.lesions if one.id != first))
    assert room.state.session.notes[first].sentence == "Mine.", "kept before another lesion comes up"
    assert "Mine." not in panel.sentence.toPlainText()
    mark_key_image(room, first, preset("lung"), 5000.0)
    assert room.state.session.notes[first].view.field_mm == 500.0
    room.undo()
    assert room.state.session.notes[first].view is None
    room.select(first)
    panel.sentence.setPlainText("Mine, at the last moment.")
    panel.hide()
    room.close()
    again = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    again.open(volume())
    assert again.state.session.notes[first].sentence == "Mine, at the last moment."
    again.undo()
    assert again.state.session.notes[first].sentence == "Mine."
    again.undo()
    assert first not in again.state.session.notes
    again.close()


def test_the_key_of_key_images_says_what_was_kept(made, tmp_path):
    from types import SimpleNamespace

    from lesionscope.viewer.docks.report_keys import mark_key_image
    from lesionscope.viewer.room import Room

    def press(pressed_in):
        native = SimpleNamespace(width=lambda: 500, height=lambda: 400)
        model = SimpleNamespace(scene=SimpleNamespace(camera=SimpleNamespace(zoom=2.0)))
        axial = SimpleNamespace(native=native, model=model)
        mark_key_image(SimpleNamespace(room=pressed_in, study=SimpleNamespace(axial=axial)))
        return pressed_in.state.notice

    room, _ = made
    room.open(volume())
    room.mark_click(centre(volume()))
    reading = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    reading.open(volume())
    assert "read-only" in press(reading) and reading.state.session.notes == {}
    reading.close()
    assert press(room) == words.KEPT_VIEW.format(number=1) == press(room)
    assert room.state.session.notes[room.state.selected].view.field_mm == 200.0


@pytest.mark.parametrize("go", ["open another study", "leave", "close"])
def test_what_was_typed_last_is_kept_when_the_study_goes(made, qtbot, tmp_path, go):
    from lesionscope.session.store import Session

    room, panel = made
    marked(room, qtbot)
    lesion, uid = room.state.selected, room.state.volume.source.uid
    panel.sentence.setPlainText("Typed a moment ago.")
    if go == "open another study":
        shown = room.state.volume
        room.open(replace(shown, source=replace(shown.source, uid="another")))
        assert room.state.session.notes == {} and panel.sentence.toPlainText() == ""
    elif go == "leave":
        room.leave()
    room.close()
    with Session.open(tmp_path / f"{uid}.db", series_uid=uid) as session:
        assert session.state.notes[lesion].sentence == "Typed a moment ago."


def test_it_holds_the_response_of_a_comparison_once_that_is_decided(made, qtbot, tmp_path, monkeypatch):
    from qtpy.QtCore import QObject

    from lesionscope.lesions.lesion import Diameter
    from lesionscope.lesions.marking import lesion_from_diameters
    from lesionscope.session.commands import AddLesion
    from lesionscope.viewer.followup.comparing import Comparing
    from lesionscope.viewer.room import Room

    class Window(QObject):
        comparing: Comparing

    def measured(place: float, long: float):
        x, y, z = centre(volume())
        line = Diameter((x + place, y - long / 2, z), (x + place, y + long / 2, z))
        return AddLesion(lesion_from_diameters(line, geometry=volume().geometry))

    room, panel = made
    earlier = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    earlier.open(volume("other"))
    room.open(volume())
    earlier.apply(measured(0, 30))
    room.apply(measured(0, 12))
    room.apply(measured(25, 20))
    assert panel._compared is None
    window = Window()
    window.comparing = Comparing(earlier, room, session_path=lambda uid: tmp_path / f"{uid}.db")
    windows = [window]
    monkeypatch.setattr("lesionscope.viewer.followup.opening.opened", lambda: tuple(windows))
    earlier.select(earlier.state.lesions[0].id)
    room.select(room.state.lesions[0].id)
    window.comparing.join()
    assert len(window.comparing.state.comparison.open_rows) == 1
    assert wording.RESPONSE not in panel.page.toPlainText()
    window.comparing.select(room.state.lesions[1].id)
    window.comparing.set_new(True)  # a step of the other study's session
    assert wording.RESPONSE in panel.page.toPlainText() and "PD" in panel.page.toPlainText()
    window.comparing.set_new(False)
    text = panel.page.toPlainText()
    assert "-60 %" in text and "PR" in text and "PD" not in text
    drafts_of(room).set(folder=str(tmp_path / "out"), forms=("json",))
    panel.export.click()
    qtbot.waitUntil(lambda: bool(panel.message.label.text()))
    (file,) = (tmp_path / "out").iterdir()
    assert json.loads(file.read_text())["response"]["visits"][1]["overall"] == "PR"
    written = []
    export(room, tmp_path / "at once", ("json",), done=written.extend)
    qtbot.waitUntil(lambda: bool(written))
    assert json.loads(written[0].read_text())["response"]["visits"][1]["overall"] == "PR"
    window.comparing.undo()
    assert "PD" in panel.page.toPlainText()
    window.comparing.undo()
    assert wording.RESPONSE not in panel.page.toPlainText(), "it is open again"
    window.comparing.redo()
    window.comparing.redo()
    assert wording.RESPONSE in panel.page.toPlainText()
    panel.hide()
    windows.clear()
    window.deleteLater()
    qtbot.waitUntil(lambda: panel._compared is None)
    panel.show()
    assert wording.RESPONSE not in panel.page.toPlainText()
    window.comparing.close()
    earlier.close()


def named(uid: str = "1.2.3"):
    ct = volume(uid)
    return replace(
        ct, source=replace(ct.source, study_date="20260102", patient=Patient("Doe^Jane", "PID-77"))
    )


def test_it_previews_nobody_where_the_report_will_name_nobody(made, qtbot):
    room, panel = made
    room.open(named())
    room.mark_click(centre(room.state.volume))
    panel.sentence.setPlainText("Jane's own.")
    qtbot.waitUntil(lambda: "Jane's own." in panel.page.toPlainText())
    qtbot.waitUntil(lambda: "<img" in panel.page.toHtml())
    assert "PID-77" in panel.page.toPlainText() and "2026" in panel.page.toPlainText()
    panel.deidentify.click()
    text = panel.page.toPlainText()
    assert "Jane" not in text and "PID-77" not in text and "2026" not in text
    assert "CASE-" in text and "<img" in panel.page.toHtml()
    assert panel.sentence.toPlainText() == "Jane's own.", "it stays to be edited"
    panel.deidentify.click()
    assert "Jane's own." in panel.page.toPlainText()


def test_it_writes_every_form_that_the_scan_allows(made, qtbot, tmp_path):
    room, panel = made
    marked(room, qtbot)
    assert offered(room.state) == ("json", "fhir", "html", "pdf", "csv")
    assert not panel.forms["sr"].isEnabled() and panel.forms["pdf"].isChecked()
    drafts_of(room).set(folder=str(tmp_path / "out"))
    panel.sentence.setPlainText("As I say it.")
    panel.export.click()
    qtbot.waitUntil(lambda: panel.message.isVisible() and bool(panel.message.label.text()))
    names = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert names == [".csv", ".html", ".json", ".json", ".pdf"]
    (file,) = [p for p in (tmp_path / "out").glob("*.json") if ".fhir" not in p.name]
    assert json.loads(file.read_text())["lesions"][0]["sentence"] == "As I say it."
    assert panel.message.label.text() == words.WRITTEN.format(count=5, folder=tmp_path / "out")
    assert not panel.progress.isVisible() and panel.export.text() == words.EXPORT
    room.open(volume("1.2.4"))
    assert panel.message.label.text() == "", "those files are of the patient before"


def test_a_folder_that_cannot_be_written_is_said(made, qtbot, tmp_path):
    room, panel = made
    marked(room, qtbot)
    (tmp_path / "file").write_text("no folder")
    drafts_of(room).set(folder=str(tmp_path / "file"), forms=("csv",))
    panel.export.click()
    qtbot.waitUntil(lambda: panel.message.isVisible() and bool(panel.message.label.text()))
    assert "choose another folder" in panel.message.label.text()
    drafts_of(room).set(forms=())
    panel.export.click()
    assert panel.message.label.text() == words.NO_FORM


def test_dicom_forms_stay_chosen_over_a_scan_without_dicom_images(made, qtbot):
    room, panel = made
    images = tuple(f"1.2.3.{number}" for number in range(40))
    chosen = drafts_of(room).draft.forms
    for uid, uids, ticked in (("a", images, True), ("b", (), False), ("c", images, True)):
        ct = volume(uid)
        room.open(replace(ct, source=replace(ct.source, sop_instance_uids=uids)))
        assert panel.forms["sr"].isChecked() == panel.forms["sc"].isChecked() == ticked
        assert drafts_of(room).draft.forms == chosen
    panel.forms["sr"].click()
    assert drafts_of(room).draft.forms == tuple(form for form in chosen if form != "sr")
    panel.forms["sr"].click()
    assert drafts_of(room).draft.forms == chosen
    drafts_of(room).set(forms=("sr",))
    room.open(volume())
    room.mark_click(centre(volume()))
    panel.export.click()
    assert panel.message.label.text() == words.NO_FORM, "the one chosen can't be had here"


def test_what_is_taken_in_stays_out_of_another_study(made, qtbot, monkeypatch):
    from lesionscope.lesions.marking import lesion_from_click
    from lesionscope.report.import_sr import Imported

    room, panel = made
    room.open(volume())
    release = threading.Event()

    def slowly(path, scan):
        assert release.wait(60)
        return Imported((lesion_from_click(centre(scan)),))

    monkeypatch.setattr("lesionscope.viewer.docks.report.import_sr", slowly)
    panel.take_report(Path("report.dcm"))
    room.open(volume("1.2.4"))
    release.set()
    qtbot.waitUntil(lambda: panel.message.label.text() == words.NOT_TAKEN)
    assert room.state.lesions == ()
    panel.take_report(Path("report.dcm"))
    qtbot.waitUntil(lambda: panel.message.label.text() == words.TAKEN.format(count=1))
    assert len(room.state.lesions) == 1


def test_closing_the_dock_leaves_nothing_behind(made, qtbot):
    from lesionscope.viewer.docks.report import ReportPanel

    room, panel = made
    other = ReportPanel(room)
    drafts = drafts_of(room)
    before = len(drafts.changed)
    other.deleteLater()
    qtbot.waitUntil(lambda: len(drafts.changed) == before - 1)
    drafts.set(deidentify=True)
    assert panel.deidentify.isChecked()


def test_a_dock_closed_while_it_writes_has_the_window_say_where_the_files_are(made, qtbot, tmp_path):
    from lesionscope.viewer.docks.report import ReportPanel

    room, _ = made
    room.open(volume())
    room.mark_click(centre(volume()))
    drafts_of(room).set(folder=str(tmp_path / "out"), forms=("csv",))
    other, release = ReportPanel(room), threading.Event()
    other.show()
    room.worker.submit(lambda *_: release.wait(60))
    other.export.click()
    told = []
    other.destroyed.connect(told.append)
    other.deleteLater()
    qtbot.waitUntil(lambda: bool(told))
    release.set()
    with qtbot.captureExceptions() as raised:
        qtbot.waitUntil(lambda: bool(raised) or bool(room.state.notice))
    assert raised == [] and room.state.notice == words.WRITTEN.format(count=1, folder=tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.fixture
def opened(display, own_windows, qapp, monkeypatch, tmp_path, qtbot):
    """The sample patient in a real window."""
    from room_fakes import viewers

    from lesionscope import sample_data
    from lesionscope.viewer.rooms import room_for, stage_of

    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    with viewers() as make:
        viewer = make()
        folder = sample_data.sample_visit("baseline") / sample_data.SERIES
        viewer.open(str(folder), plugin="napari-lesionscope")
        qtbot.waitUntil(lambda: room_for(viewer).state.volume is not None)
        qtbot.wait(200)
        yield room_for(viewer), stage_of(viewer)


def test_from_a_click_to_files_in_few_actions(opened, qtbot, tmp_path, monkeypatch):
    room, stage = opened
    canvas = stage.study.axial
    actions = 0

    def act(step) -> None:
        nonlocal actions
        actions += 1
        step()
        qtbot.wait(50)

    monkeypatch.setattr(
        "lesionscope.viewer.docks.report.QFileDialog.getExistingDirectory",
        lambda *_: act(lambda: None) or str(tmp_path / "out"),
    )
    spot = canvas.native.rect().center()
    act(lambda: QTest.keyClick(canvas.native, Qt.Key.Key_C))
    act(lambda: QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=spot))
    qtbot.waitUntil(lambda: room.state.lesion is not None)
    act(lambda: QTest.keyClick(canvas.native, Qt.Key.Key_K))
    act(lambda: QTest.keyClick(canvas.native, Qt.Key.Key_F5))
    panel = stage.dock_widget(words.DOCK)
    assert panel is not None
    qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
    view = room.state.session.notes[room.state.selected].view
    zoom = canvas.model.scene.camera.zoom
    assert view.field_mm == pytest.approx(min(canvas.native.width(), canvas.native.height()) / zoom)
    act(panel.unreviewed.click)
    qtbot.waitUntil(lambda: not any(s.is_working for s in room.state.statuses.values()))
    act(panel.export.click)
    qtbot.waitUntil(lambda: panel.message.isVisible() and bool(panel.message.label.text()))
    written = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(written) == 7, written
    assert actions <= 12
    qtbot.waitUntil(lambda: "<img" in panel.page.toHtml())
    folder = Path(os.environ.get("LESIONSCOPE_SCREENSHOTS", tmp_path))
    assert stage.window.grab().save(str(folder / "report-dock.png"))
    (sr,) = (tmp_path / "out").glob("*-sr.dcm")
    lesion = room.state.lesion
    room.delete()
    panel.take_report(sr)
    qtbot.waitUntil(lambda: bool(room.state.lesions))
    assert room.state.lesions[0].fingerprint == lesion.fingerprint and room.state.lesions[0].id == lesion.id
    assert panel.message.label.text() == words.TAKEN.format(count=1)
    room.select(lesion.id)
    QTest.keyClick(canvas.native, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.wait(50)
    assert QGuiApplication.clipboard().text() == panel.sentence.toPlainText() != ""
