"""A review without a window: what follows from each key's action, what a blinded reader sees."""

from __future__ import annotations

import itertools
import threading

import numpy as np
from colour_vision import deuteranope
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from review_fakes import MENTIONS, MINED, SENTENCE, differ, mined, predicted
from room_fakes import FakeLabels, FakeReader, volume

from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.commands import AddMined, Decide
from lesionscope.session.decisions import Decision, now
from lesionscope.session.review import sight
from lesionscope.session.store import Session
from lesionscope.session.tally import Tally
from lesionscope.viewer.docks import review_cells as cells
from lesionscope.viewer.key_press import name_of
from lesionscope.viewer.review import words
from lesionscope.viewer.review.review import Review
from lesionscope.viewer.review.rows import conflicts, label_rows, pieces, search
from lesionscope.viewer.room import Room

pytest_plugins = ["review_fakes"]
GRAPH = load_labels()


# -- rows ---------------------------------------------------------------------------------------


def test_disagreements_come_first_and_doubted_labels_disagree_with_nothing(review):
    review.name_reader("Ann")
    rows = {row.label: row for row in review.state.rows}
    labels = [row.label for row in review.state.rows]
    assert set(labels[:2]) == {"lung nodule", "liver"} and rows["liver"].differs
    assert rows["calcified"].mined == "uncertain" and not rows["calcified"].differs
    assert rows["nodule"].mined == "relevant" and rows["nodule"].score.predicted
    assert cells.label_cells(rows["liver"])[1].text == "≠ liver"
    assert [cell.text for cell in cells.label_cells(rows["nodule"])] == ["·", "nodule", "R", "● 90 %", ""]


def test_a_sentence_is_cut_where_mentions_begin_and_end():
    cut = pieces(SENTENCE, MENTIONS)
    assert "".join(piece.text for piece in cut) == SENTENCE
    said = {piece.text: piece for piece in cut}
    assert said["right "].relation == said["lung"].relation == "relevant"
    assert not said["right "].ends and said["lung"].ends and said["lung"].labels == ("right lung", "lung")
    assert said["calcified"].relation == "uncertain" and said["mass"].relation == "irrelevant"
    assert [piece.text for piece in pieces("no mentions", ())] == ["no mentions"]


def test_relations_are_told_apart_by_letter_and_hue_under_deuteranopia():
    """Viénot, Brettel and Mollon (1999): the hues' distance as a deuteranope sees it."""
    assert len({letter for letter, _ in words.RELATIONS.values()}) == 3
    hues = [[int(hue[place : place + 2], 16) for place in (1, 3, 5)] for hue in cells.HUES.values()]
    for one, other in itertools.combinations(deuteranope(hues), 2):
        assert np.linalg.norm(one - other) > 0.2


def test_search_finds_names_and_synonyms_and_says_what_would_clash(review):
    review.name_reader("Ann")
    review.choose("right lung")
    review.decide("accepted")
    found = {one.label: one for one in search(GRAPH, "liver", review.state.seen)}
    assert next(iter(found)) == "liver" and "chest" in found["liver"].excludes
    assert found["liver"].shown and search(GRAPH, "  ") == () == search(GRAPH, "no such label")
    assert search(GRAPH, "pulmonary nodule")[0].label == "lung nodule"


# -- deciding -----------------------------------------------------------------------------------


def test_parents_follow_exclusives_warn_and_undo_takes_all_of_it_back(review):
    review.name_reader("Ann")
    review.choose("right lung")
    review.decide("accepted")
    own = {label: one.verdict for label, one in review.state.seen.own.items()}
    assert own == {"right lung": "accepted", "lung": "accepted", "chest": "accepted"}
    assert review.state.warnings == ()
    review.choose("liver")
    (ahead,) = {one.split(":")[0] for one in review.state.warnings}
    assert ahead == "If accepted"
    review.decide("accepted")
    assert review.state.warnings and all("exclude each other" in one for one in review.state.warnings)
    assert conflicts(review.state.seen, GRAPH) and "liver" in review.state.warnings[0]
    review.undo()
    assert "Accept liver" in review.state.notice and "liver" not in review.state.seen.own
    review.undo()
    assert review.state.seen.own == {} and not review.state.project.decisions
    review.undo()
    assert review.state.notice == words.UNDO_REFUSED.nothing and review.state.project.mined
    review.redo()
    assert set(review.state.seen.own) == {"right lung", "lung", "chest"}


def test_accept_all_is_one_bulk_step_and_the_next_lesion_follows(review):
    review.name_reader("Ann")
    first = review.state.lesion_id
    review.accept_all()
    decisions = review.state.project.decisions
    assert all(one.bulk for one in decisions) and review.state.all_decided
    assert len(decisions) == len(review.state.rows) < len(GRAPH.core)
    assert all(one.seen and one.seconds >= 0 for one in decisions)
    review.accept_all()
    assert review.state.notice == words.NOTHING_LEFT and review.state.project.decisions == decisions
    review.step_unfinished()
    assert review.state.lesion_id != first and not review.state.seen.own
    review.undo()
    assert review.state.lesion_id == first, "undo shows the lesion that it changes"


def test_a_label_found_by_search_is_added_or_put_in_anothers_place(review):
    review.name_reader("Ann")
    review.look_for("add")
    review.type("cyst")
    assert review.state.page == "search" and review.state.search.label == "cyst"
    review.take_found()
    assert review.state.seen.own["cyst"].verdict == "added" and review.state.page == "lesion"
    review.choose("nodule")
    review.look_for("replace")
    review.type("mass")
    review.take_found()
    own = review.state.seen.own
    assert own["mass"].replaces == "nodule" and own["nodule"].verdict == "rejected"
    review.look_for("add")
    review.type("zzz")
    review.take_found()
    assert review.state.page == "search" and review.state.search.found == ()
    review.stop_search()
    assert review.state.page == "lesion"


def test_without_a_name_nothing_is_decided(review):
    assert review.state.page == "name" and review.state.reader == ""
    review.name_reader("   ")
    assert review.state.notice == words.NO_NAME and review.state.page == "name"
    review.decide("accepted")
    assert not review.state.project.decisions
    review.name_reader(" Ann ")
    assert review.state.reader == "Ann" and review.state.notice != words.NO_NAME
    review.ask_reader()
    assert review.state.page == "name" and review.state.reader == ""


def test_missing_images_are_said_and_the_review_goes_on(review, qtbot):
    other = next(iter(review.state.project.mined.values())).lesion
    review.room.look_at(volume(), other, words.GUEST)
    review.room.read()
    assert review.room.state.notice == words.GUEST and not review.room.state.readings
    review.name_reader("Ann")
    qtbot.waitUntil(lambda: review.state.images not in ("", words.LOADING))
    assert review.room.state.volume is None, "nothing of another lesion's stays in sight"
    assert "/nowhere/at/all" in review.state.images
    review.decide("accepted")
    assert review.state.project.decisions


def test_a_name_spelled_otherwise_is_said_and_another_is_not(review):
    review.name_reader("Ann Li")
    review.decide("accepted")
    assert review.state.notice == ""
    review.name_reader("ann  li")
    assert review.state.notice == words.NAMESAKE.format(name="ann  li", other="Ann Li")
    for name in ("Ann", "Ann Li"):
        review.name_reader(name)
        assert review.state.notice == ""


def test_every_reader_begins_at_the_first_lesion_not_finished_wherever_the_one_before_was(review):
    review.name_reader("Ann")
    for _ in range(2):
        review.accept_all()
        review.step(1)
    assert review.state.place == 3
    review.ask_reader()
    review.name_reader("Bob", blinded=True)
    assert review.state.place == 1
    review.step(3)
    review.ask_reader()
    review.name_reader("Ann")
    assert review.state.place == 3
    review.step(2)
    review.next_order()
    assert review.state.place == min(
        place for place, one in enumerate(review.state.queue, 1) if one not in ("mined-0", "mined-1")
    )


def test_the_images_of_a_project_go_with_it_and_a_patient_s_own_stay(review, project, qtbot, monkeypatch):
    monkeypatch.setattr("lesionscope.viewer.review.album.open_images", lambda *_, **__: volume())
    review.name_reader("Ann")
    qtbot.waitUntil(lambda: review.state.images == "")
    assert review.room.state.session_note == words.GUEST
    review.leave()
    assert review.room.state.volume is None and review.room.state.session_note == ""
    other = volume("4.5.6")
    review.room.open(other)
    review.leave()
    assert review.room.state.volume is other


# -- blinded, queue, two readers ------------------------------------------------------------------


def test_a_blinded_reader_sees_no_prediction_and_no_other_reader_until_saved(review):
    review.name_reader("Ann")
    review.accept_all()
    there = review.state.lesion_id
    review.name_reader("Bob", blinded=True)
    assert review.state.order == "import"
    review.show(there)
    assert review.state.seen.veiled
    assert [row.label for row in review.state.rows] == [*MINED, "calcified"]
    assert all(row.score is None and not row.others and not row.differs for row in review.state.rows)
    review.set_order("disagreement")
    assert "blinded reader" in review.state.notice and review.state.order == "import"
    review.toggle_adjudication()
    assert review.state.adjudication is None and review.state.notice == words.NOT_BLINDED
    review.undo()
    assert review.state.notice == words.UNDO_REFUSED.nothing, "not even that another reader decided"
    for _ in range(5):
        review.decide("accepted")
    assert not review.state.seen.veiled and review.state.rows[0].differs
    assert {one.reader for row in review.state.rows for one in row.others} == {"Ann"}
    review.undo()
    assert not review.state.seen.veiled and not review.state.seen.saved, "what was seen can't be unseen"


def test_what_is_kept_as_seen_stays_true_once_the_veil_was_lifted(review, project, qtbot):
    review.name_reader("Ann")
    review.show("mined-0")
    review.accept_all()
    review.name_reader("Bob", blinded=True)
    for lift in (review.accept_all, review.toggle_blinded):
        review.show("mined-0" if lift == review.accept_all else "mined-1")
        blind = review.state.seen.shown
        lift()
        everything = review.state.seen.shown
        assert set(everything) > set(blind)
        (review.undo if lift == review.accept_all else lift)()
        assert review.state.blinded and review.state.seen.shown == everything
        review.choose("nodule")
        review.decide("rejected")
        assert review.state.project.decisions[-1].seen == everything
        review.undo()
    assert review.state.progress.finished == 0
    review.step(1)
    assert review.state.seen.veiled, "no other lesion is unveiled"
    review.open_project(project)
    qtbot.waitUntil(lambda: review.state.path is not None and review.state.project is not None)
    review.name_reader("Bob", blinded=True)
    for lesion, veiled in (("mined-0", False), ("mined-1", False), ("mined-2", True)):
        review.show(lesion)
        assert review.state.seen.veiled is veiled, "by the log alone"
    review.name_reader("Cy", blinded=True)
    review.show("mined-0")
    assert review.state.seen.veiled, "Cy has seen nothing"


def test_the_list_to_adjudicate_lifts_the_veil_of_the_lesions_on_it(review):
    differ(review)
    review.name_reader("Cy", blinded=True)
    review.show("mined-5")
    assert review.state.seen.veiled
    review.show("mined-0")
    review.toggle_blinded()
    review.toggle_adjudication()
    review.toggle_blinded()
    review.show("mined-5")
    assert review.state.blinded and not review.state.seen.veiled


def test_the_queue_by_label_and_by_disagreement(review):
    review.name_reader("Ann")
    assert review.state.order == "disagreement" and review.state.queue[:4] == tuple(
        f"mined-{n}" for n in range(4)
    )
    review.look_for("label")
    review.type("liver")
    review.take_found()
    assert review.state.order == "label" and review.state.queue == tuple(f"mined-{n}" for n in range(4))
    review.set_order("label", "urethra")
    assert "urethra" in review.state.notice and len(review.state.queue) == 4
    review.next_order()
    assert review.state.order == "uncertainty"
    for _ in range(5):
        review.step(1)
    review.step(1)
    assert review.state.notice == words.END_OF_QUEUE


def test_a_reader_cannot_undo_another_ones_decision(review):
    review.name_reader("Ann")
    review.decide("accepted")
    review.name_reader("Bob")
    review.undo()
    assert review.state.notice == words.UNDO_REFUSED.not_yours and review.state.project.decisions


def test_a_second_window_reads_only_and_says_so(review, project, tmp_path, qtbot):
    room = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / "x.db", auto_read=False)
    second = Review(room)
    try:
        second.open_project(project)
        qtbot.waitUntil(lambda: second.state.project is not None)
        assert second.state.read_only and "another window" in second.state.notes[0]
        second.name_reader("Ann")
        second.decide("accepted")
        assert second.state.notice == words.READ_ONLY and not second.state.project.decisions
    finally:
        second.close()
        room.close()


def test_the_model_of_the_room_predicts_and_only_for_whom_it_lacks(project, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr("lesionscope.viewer.review.predicting.open_images", lambda *_, **__: volume())
    labels = FakeLabels()
    room = Room(
        make_reader=FakeReader(),
        make_labels=labels,
        session_path=lambda uid: tmp_path / "x.db",
        auto_read=False,
    )
    review = Review(room)
    try:
        review.open_project(project)
        qtbot.waitUntil(lambda: review.state.project is not None)
        review.name_reader("Ann")
        review.predict_all()
        qtbot.waitUntil(lambda: len(review.state.project.readings) == 6)
        qtbot.waitUntil(lambda: review.state.predicting is None)
        assert {lesion for lesion, _ in labels.asked} == {"mined-4", "mined-5"}
    finally:
        review.close()
        room.close()


def test_progress_is_remembered_only_while_it_holds(review):
    review.name_reader("Ann")
    tally = Tally()
    for blinded in (False, True):
        for _ in range(3):
            project = review.state.project
            counted = tally.progress(project, "Ann", blinded=blinded)
            assert counted == Tally().progress(project, "Ann", blinded=blinded)
            seen = [sight(project, one, "Ann", blinded=blinded) for one in project.mined]
            assert counted.labels == sum(len(one.shown) for one in seen)
            assert counted.finished == sum(not one.undecided and not one.veiled for one in seen)
            review.accept_all()
            review.step_unfinished()
    assert label_rows(review.state.project, sight(review.state.project, "mined-0", "Ann"))


def test_keys_are_named_as_the_table_writes_them(qapp):
    mods = Qt.KeyboardModifier

    def name(key: Qt.Key, held: Qt.KeyboardModifier = mods.NoModifier) -> str:
        return name_of(QKeyEvent(QKeyEvent.Type.KeyPress, key, held))

    assert name(Qt.Key.Key_A) == "A" and name(Qt.Key.Key_A, mods.ShiftModifier) == "Shift+A"
    assert name(Qt.Key.Key_Z, mods.ControlModifier | mods.ShiftModifier) == "Ctrl+Shift+Z"
    assert name(Qt.Key.Key_PageUp) == "PageUp" and name(Qt.Key.Key_Return) == "Return"
    assert name(Qt.Key.Key_Enter, mods.KeypadModifier) == "Return"


def test_another_ct_is_not_taken_for_the_lesion_s_nor_replaced_by_its_images(review, qtbot, monkeypatch):
    held = threading.Event()

    def images(*_, **__):
        assert held.wait(60)
        return volume()

    monkeypatch.setattr("lesionscope.viewer.review.album.open_images", images)
    room = review.room
    room.open(volume("7.8.9"))
    review.name_reader("Ann")
    assert not review.light_box.own and review.state.images == words.LOADING
    other = volume("4.5.6")
    room.open(other)
    assert review.state.images == words.OTHER_IMAGES
    held.set()
    qtbot.wait(200)
    assert room.state.volume is other and not review.light_box.own
    review.step(1)
    qtbot.waitUntil(lambda: review.state.images == "")
    assert review.light_box.own and room.state.volume.source.uid == "1.2.3"
    room.open(other)
    assert review.state.images == words.OTHER_IMAGES and not review.light_box.own
    review.step(-1)
    qtbot.waitUntil(lambda: review.state.images == "")
    room.leave()
    assert review.state.images == words.OTHER_IMAGES


def test_a_decision_that_another_reader_withdrew_is_neither_redone_nor_named(review):
    review.name_reader("Ann")
    review.choose("liver")
    review.decide("accepted")
    review.undo()
    review.name_reader("Bob", blinded=True)
    review.redo()
    assert review.state.notice == words.REDO_REFUSED.nothing and not review.state.project.decisions
    review.toggle_blinded()
    review.redo()
    assert review.state.notice == words.REDO_REFUSED.not_yours and not review.state.project.decisions
    review.name_reader("Ann")
    review.redo()
    assert [one.label for one in review.state.project.decisions] == ["liver"]
    review.redo()
    assert review.state.notice == words.REDO_REFUSED.nothing


def test_an_import_is_not_taken_back_as_ones_last_decision(project, tmp_path, qtbot):
    with Session.open(project) as session:
        made = mined(9).lesions
        accepted = Decision("mined-0", "lung", "accepted", "Ann", now(), "mined")
        session.apply(Decide((accepted,)))
        session.apply(AddMined((), made[6:]))
    room = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / "x.db", auto_read=False)
    review = Review(room)
    try:
        review.open_project(project)
        qtbot.waitUntil(lambda: review.state.project is not None)
        for blinded in (False, True):
            review.name_reader("Ann", blinded=blinded)
            review.undo()
            assert len(review.state.project.mined) == 9 and len(review.state.project.decisions) == 1
            imported = words.UNDO_REFUSED.no_decision.format(what="Import 3 lesions")
            assert review.state.notice == (words.UNDO_REFUSED.nothing if blinded else imported)
    finally:
        review.close()
        room.close()


def test_the_model_s_late_answer_leaves_alone_what_is_being_replaced(review):
    review.name_reader("Ann")
    review.show("mined-5")
    lesion = review.state.mined
    replaced = review.state.chosen
    review.look_for("replace")
    review.type("abdo")
    review._keep_reading(predicted(lesion))
    assert review.state.chosen == replaced and review.state.rows[0].label != replaced
    review.type("abdomen")
    review.choose("nodule")  # on a canvas
    assert review.state.search.replaces == replaced
    review.take_found()
    made = review.state.project.decisions
    assert (made[0].label, made[0].verdict, made[0].replaces) == ("abdomen", "added", replaced)
    assert (
        "nodule" not in {one.label for one in made} and review.state.seen.own[replaced].verdict == "rejected"
    )


def test_a_search_ends_where_another_lesion_comes(review):
    review.name_reader("Ann")
    review.look_for("replace")
    review.type("mass")
    review.step(1)
    assert review.state.page == "lesion"
    review.take_found()
    assert not review.state.project.decisions


def test_accept_all_keeps_a_rejection_and_says_what_it_left_out(review):
    review.name_reader("Ann")
    review.show("mined-5")
    review.choose("nodule")
    review.decide("rejected")
    review._keep_reading(predicted(review.state.mined))
    before = len(review.state.project.decisions)
    review.accept_all()
    made = review.state.project.decisions[before:]
    assert (
        "nodule" not in {one.label for one in made} and review.state.seen.own["nodule"].verdict == "rejected"
    )
    assert review.state.seen.undecided == ("lung nodule",) == (review.state.chosen,)
    assert review.state.notice == words.LEFT_OUT.format(labels="“lung nodule”")
    review.accept_all()
    assert len(review.state.project.decisions) == before + len(made)
    assert review.state.notice == words.LEFT_OUT.format(labels="“lung nodule”")
    review.decide("rejected")
    review.accept_all()
    assert review.state.notice == words.NOTHING_LEFT
