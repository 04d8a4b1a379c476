"""The review dock's widgets: where the keyboard is, what keys do there, how a sentence is marked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextCharFormat, QTextCursor
from qtpy.QtTest import QTest
from review_fakes import MENTIONS, SENTENCE

from lesionscope.viewer.docks.review import ReviewPanel
from lesionscope.viewer.docks.review_sentence import SentenceView
from lesionscope.viewer.review import words
from lesionscope.viewer.review.keys import review_keys
from lesionscope.viewer.review.review import Review
from lesionscope.viewer.review.rows import pieces

pytest_plugins = ["review_fakes"]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
KEY = Qt.Key


@pytest.fixture
def panel(review: Review, qtbot: Any) -> Iterator[ReviewPanel]:
    """The dock of a review, with the review's own keys."""
    exports: list[int] = []
    keys = review_keys(review, lambda: exports.append(1))
    made = ReviewPanel(review, lambda: keys)
    made.exports = exports
    qtbot.addWidget(made)
    made.resize(440, 700)
    made.show()
    yield made


def press(panel: ReviewPanel, key: Qt.Key, held: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the keyboard is."""
    QTest.keyClick(panel.focusWidget(), key, held)


def test_a_name_is_asked_for_and_its_return_does_nothing_more(panel, review):
    assert panel.stack.currentWidget() is panel.name and panel.focusWidget() is panel.name.name
    assert panel.name.name.text() == "" and not panel.name.blinded.isChecked()
    press(panel, KEY.Key_Return)
    assert review.state.reader == "" and words.NO_NAME in panel.name.notice.label.text()
    QTest.keyClicks(panel.focusWidget(), "Ann")
    press(panel, KEY.Key_Return)
    assert review.state.reader == "Ann" and review.state.place == 1
    assert panel.focusWidget() is panel.work.pages["lesion"].list
    press(panel, KEY.Key_R, CTRL)
    assert panel.focusWidget() is panel.name.name and panel.name.name.text() == ""


def test_every_key_does_in_the_list_what_the_table_says(panel, review):
    review.name_reader("Ann")
    labels = [row.label for row in review.state.rows]
    press(panel, KEY.Key_Down)
    assert review.state.chosen == labels[1]
    press(panel, KEY.Key_Up)
    assert review.state.chosen == labels[0]
    press(panel, KEY.Key_R)
    assert review.state.seen.own[labels[0]].verdict == "rejected"
    press(panel, KEY.Key_U)
    press(panel, KEY.Key_A)
    assert {one.verdict for one in review.state.seen.own.values()} == {"rejected", "uncertain", "accepted"}
    press(panel, KEY.Key_A, SHIFT)
    assert review.state.all_decided
    assert words.ALL_DECIDED.format(count=len(labels)) == panel.work.strips["done"].label.text()
    press(panel, KEY.Key_Z, CTRL)
    assert not review.state.all_decided
    press(panel, KEY.Key_Y, CTRL)
    assert review.state.all_decided
    press(panel, KEY.Key_N)
    assert review.state.place == 2
    press(panel, KEY.Key_P)
    assert review.state.place == 1
    press(panel, KEY.Key_Return)
    assert review.state.place == 2 and not review.state.seen.own
    press(panel, KEY.Key_B, CTRL)
    assert review.state.blinded and panel.work.strips["veiled"].label.text() == words.LIFTED
    press(panel, KEY.Key_N)
    assert panel.work.strips["veiled"].label.text() == words.VEILED
    press(panel, KEY.Key_E, CTRL)
    assert panel.exports == [1]


def test_a_search_has_the_keyboard_until_return_or_escape(panel, review):
    review.name_reader("Ann")
    press(panel, KEY.Key_F)
    page = panel.work.pages["search"]
    assert panel.focusWidget() is page.field
    QTest.keyClicks(page.field, "lung")
    assert [cell[0].text for cell in page.list.rows][:2] == ["lung", "lung nodule"]
    press(panel, KEY.Key_Down)
    assert review.state.search.label == "lung nodule" and not review.state.project.decisions
    press(panel, KEY.Key_Escape)
    assert review.state.page == "lesion" and panel.focusWidget() is panel.work.pages["lesion"].list
    press(panel, KEY.Key_F)
    assert page.field.text() == ""
    QTest.keyClicks(page.field, "cyst")
    press(panel, KEY.Key_Return)
    assert review.state.seen.own["cyst"].verdict == "added" and review.state.place == 1


def test_the_buttons_stay_where_they_are_whatever_page_is_open(panel, review, qtbot):
    review.name_reader("Ann")
    qtbot.wait(20)
    place = panel.work.buttons["A"].y()
    for key in (KEY.Key_F, KEY.Key_Escape, KEY.Key_A):
        press(panel, key)
        qtbot.wait(20)
        assert panel.work.buttons["A"].y() == place
        assert panel.work.height() >= panel.height() - 4


def test_the_buttons_do_what_their_keys_do(panel, review):
    review.name_reader("Ann")
    first = review.state.chosen
    QTest.mouseClick(panel.work.buttons["A"], Qt.MouseButton.LeftButton)
    assert review.state.seen.own[first].verdict == "accepted"
    assert set(panel.work.buttons) <= {key.key for key in review_keys(review, print)}
    assert panel.focusWidget() is panel.work.pages["lesion"].list


def test_two_readers_are_adjudicated_in_the_list_and_the_adjudicator_counts(panel, review, tmp_path, qtbot):
    for reader, key in (("Ann", KEY.Key_A), ("Bob", KEY.Key_R)):
        review.name_reader(reader)
        review.show("mined-5")
        review.choose("nodule")
        press(panel, key)
        press(panel, KEY.Key_A, SHIFT)
    review.name_reader("Carla")
    press(panel, KEY.Key_G)
    page = panel.work.pages["adjudication"]
    assert panel.focusWidget() is page.list
    assert [cell.text for cell in page.list.rows[0]] == ["6", "nodule", "✓ yes", "✗ no"]
    assert [cell.text for cell in page.kappa.rows[0]] == ["nodule", "0.00", "0/1"]
    press(panel, KEY.Key_A)
    assert page.list.rows == () and page.words.text() == words.AGREED
    review.export(tmp_path / "reviewed.json")
    qtbot.waitUntil(lambda: "Carla adjudicates" in review.state.notice)
    written = json.loads((tmp_path / "reviewed.json").read_text(encoding="utf-8"))
    assert written["review"]["adjudicator"] == "Carla"
    place = written["term_list"].index("nodule")
    assert place in written["train_relevant_labels"][written["train_lesion_idxs"].index(5)]
    press(panel, KEY.Key_G)
    assert review.state.page == "lesion"


def test_mentions_differ_in_line_and_letter_as_well_as_hue(qtbot):
    view = SentenceView()
    qtbot.addWidget(view)
    view.show_pieces(pieces(SENTENCE, MENTIONS), "nodule")
    assert view.toPlainText() == (
        "A 3 cm noduleR in the right lungR, perhaps calcifiedU, no massI in the liver."
    )
    lines = {word: line_of(view, word) for word in ("nodule", "right", "calcified", "mass", "liver")}
    styles = QTextCharFormat.UnderlineStyle
    assert lines == {
        "nodule": styles.SingleUnderline,
        "right": styles.SingleUnderline,
        "calcified": styles.DashUnderline,
        "mass": styles.DotLine,
        "liver": styles.NoUnderline,
    }


def line_of(view: SentenceView, word: str) -> Any:
    """Return the line under a word."""
    cursor: QTextCursor = view.document().find(word)
    return cursor.charFormat().underlineStyle()


def test_read_only_says_so_and_leaves_the_ways_through_the_queue(panel, review):
    review.name_reader("Ann")
    review._set(read_only=True)
    assert panel.work.strips["read-only"].label.text() == words.READ_ONLY
    assert not panel.work.buttons["A"].isEnabled() and panel.work.buttons["N"].isEnabled()
