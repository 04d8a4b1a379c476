"""The tree of model scores: its rows, and the panel that shows them."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from room_fakes import FakeReader, answer, centre, volume

from lesionscope.inference.reading import PredictionSet, Refusal
from lesionscope.ontology.tree import load_tree
from lesionscope.viewer import wording
from lesionscope.viewer.docks.tree_rows import Row, leaf_name, likely_path, rows, top_leaf


def flat(level: tuple[Row, ...]) -> list[Row]:
    return [row for top in level for row in (top, *flat(top.children))]


@pytest.mark.parametrize("tree", [None, load_tree()], ids=["tree unknown", "tree known"])
def test_siblings_fall_and_none_of_these_stands_last_in_each_leaky_head(tree):
    level = rows(answer(), tree)
    assert [row.text for row in level] == ["Cancer", "Non-cancer", "Other"]
    assert not any(row.is_leak for row in level), "the top head is exhaustive"
    everything = flat(level)
    assert len(everything) == 14 + 3
    by_tag = {row.tag: row for row in everything}
    for parent, head, leak in (("H1a", "H2", 0.2), ("H1b", "H3", 0.7), ("H2a", "H4", 0.4)):
        children = by_tag[parent].children
        assert children[-1].is_leak and children[-1].score == leak
        assert children[-1].tag == f"{head}:none"
        scores = [row.score for row in children[:-1]]
        assert scores == sorted(scores, reverse=True)
        assert max(scores) <= by_tag[parent].score


def test_the_likely_path_ends_in_the_best_leaf_here():
    assert likely_path(answer()) == ("H1a", "H2a", "H4a")
    assert top_leaf(answer()).tag == "H4a"


def test_an_adjective_is_named_with_its_parent():
    given = answer()
    by_tag = {node.tag: node for node in given.nodes}
    assert leaf_name(given, by_tag["H4a"]) == "Invasive (Adenocarcinoma)"
    assert leaf_name(given, by_tag["H2b"]) == "Squamous cell carcinoma"
    assert leaf_name(given, by_tag["H1c"]) == "Other"


# -- the panel ----------------------------------------------------------------------------------


@pytest.fixture
def make(display, qtbot, tmp_path):
    from lesionscope.viewer.docks.tree import TreePanel
    from lesionscope.viewer.room import Room

    made = []

    def build(reader: FakeReader | None = None):
        room = Room(
            make_reader=reader or FakeReader(),
            session_path=lambda uid: tmp_path / f"{uid}.db",
            auto_read=False,
        )
        panel = TreePanel(room)
        panel.resize(330, 620)
        panel.show()
        made.append((room, panel))
        return room, panel

    yield build
    for room, panel in made:
        room.close()
        panel.close()
        panel.deleteLater()


def read(room, qtbot, ct=None):
    ct = ct or volume()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    qtbot.waitUntil(lambda: not room.state.status(room.state.selected).is_working)


def texts(tree) -> dict[str, bool]:
    """Every row's tag and whether it is unfolded."""
    from lesionscope.viewer.docks.tree_view import ROW

    found = {}

    def walk(parent):
        for number in range(tree.model().rowCount(parent)):
            index = tree.model().index(number, 0, parent)
            found[index.data(ROW).tag] = tree.isExpanded(index)
            walk(index)

    from qtpy.QtCore import QModelIndex

    walk(QModelIndex())
    return found


def pixels(widget) -> np.ndarray:
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.bytesPerLine() * image.height())
    return np.frombuffer(bits, np.uint8).reshape(image.height(), -1, 4)[:, : image.width(), :3].astype(int)


window = pytest.mark.window


@window
def test_the_notice_is_in_sight_whatever_happens(make, qtbot):
    room, panel = make()
    assert panel.notice.isVisible() and panel.notice.label.text() == wording.DEMONSTRATION
    assert panel.message.label.text() == wording.NO_STUDY
    room.open(volume())
    assert panel.message.label.text() == wording.NO_LESION and panel.notice.isVisible()
    read(room, qtbot)
    assert panel.notice.isVisible() and panel.tree.isVisible()


@window
def test_an_answer_unfolds_its_likely_path_and_nothing_else(make, qtbot):
    room, panel = make()
    read(room, qtbot)
    assert {tag for tag, opened in texts(panel.tree).items() if opened} >= {"H1a", "H2a"}
    assert not texts(panel.tree)["H1b"]
    panel.tree.expand(panel.tree.model().index(1, 0))
    assert "H1b" in room.state.unfolded
    room.notify("anything: the tree is drawn again")
    assert texts(panel.tree)["H1b"], "what a person unfolded stays"


@window
def test_bars_grow_with_scores_and_hatching_marks_the_unfamiliar(make, qtbot):
    room, panel = make(FakeReader(answer_with=lambda *_: answer(unfamiliar=True, familiarity=0.01)))
    read(room, qtbot)
    assert panel.unfamiliar.isVisible() and panel.unfamiliar.label.text() == wording.UNFAMILIAR
    assert panel.tree.delegate.hatched
    hatched = bar_pixels(panel, row=0)
    other, known = make()
    read(other, qtbot, volume("4.5.6"))
    assert not known.unfamiliar.isVisible() and not known.tree.delegate.hatched
    full, low = bar_pixels(known, row=0), bar_pixels(known, row=-1)
    assert full > 4 * low, "70 % is a longer bar than 10 %"
    assert 0.1 * full < hatched < 0.7 * full, "hatching leaves part of the bar open"


def bar_pixels(panel, row: int) -> int:
    """How many pixels of a top row are in the bar's colour."""
    tree = panel.tree
    index = tree.model().index(row % tree.model().rowCount(), 0)
    rect = tree.visualRect(index)
    shown = pixels(tree.viewport())[rect.top() : rect.bottom()]
    bar = tree.delegate.colours.bar
    return int((np.abs(shown - (bar.red(), bar.green(), bar.blue())).max(axis=-1) < 12).sum())


@window
def test_a_refusal_offers_to_read_anyway(make, qtbot):
    sentence = "This point is in air: click a lesion."
    reader = FakeReader(answer_with=lambda _l, override: answer() if override else Refusal(sentence))
    room, panel = make(reader)
    read(room, qtbot)
    assert panel.message.label.text() == sentence and not panel.tree.isVisible()
    assert panel.message.button.text() == wording.READ_ANYWAY
    panel.message.button.click()
    qtbot.waitUntil(panel.tree.isVisible)
    assert panel.message.label.text() == wording.OUT_OF_SCOPE_READ


@window
def test_progress_and_cancel(make, qtbot):
    reader = FakeReader()
    reader.release = threading.Event()
    room, panel = make(reader)
    ct = volume()
    room.open(ct)
    room.mark_click(centre(ct))
    assert panel.message.button.text() == wording.READ
    panel.message.button.click()
    qtbot.waitUntil(lambda: panel.progress.value() > 0)
    assert panel.working.isVisible() and panel.working.button.text() == wording.CANCEL
    panel.working.button.click()
    assert not panel.working.isVisible() and panel.message.label.text() == wording.CANCELLED
    reader.release.set()


@window
def test_a_prediction_set_is_said_in_plain_words_while_its_promise_holds(make, qtbot):
    some = PredictionSet(0.9, ("H2a", "H3b"), ("Adenocarcinoma, invasive or not", "Hamartoma"))
    answers = [replace(answer(), prediction_set=some), answer()]
    room, panel = make(FakeReader(answer_with=lambda *_: answers.pop(0)))
    read(room, qtbot)
    assert panel.prediction_set.isVisible()
    words = "One of these, 90 % of the time: Adenocarcinoma, invasive or not; Hamartoma"
    assert panel.prediction_set.text() == words
    assert "90 of 100 lesions" in panel.prediction_set.toolTip()
    room.read()
    qtbot.waitUntil(lambda: not answers and not panel.prediction_set.isVisible())


@window
def test_a_stale_answer_fades_and_can_be_read_again(make, qtbot):
    room, panel = make()
    read(room, qtbot)
    lesion = room.state.lesion
    bright = bar_pixels(panel, row=0)
    x, y, z = lesion.centroid_lps_mm
    room.move_lesion(lesion.id, (x + 4, y, z))
    assert panel.stale.isVisible() and panel.stale.button.text() == wording.READ_AGAIN
    assert panel.tree.delegate.faded and bar_pixels(panel, row=0) < bright / 4
    panel.stale.button.click()
    qtbot.waitUntil(lambda: not panel.stale.isVisible())
    assert not panel.tree.delegate.faded


@window
def test_an_answer_names_the_model_that_gave_it_whichever_is_installed(make, qtbot, monkeypatch):
    room, panel = make()
    read(room, qtbot)
    card = SimpleNamespace(called="HospitalNet 2.0", demonstration=False)
    monkeypatch.setattr(type(room.state), "package_for", lambda *_: SimpleNamespace(card=card))
    panel.draw(room.state)
    assert panel.model.text() == "fake 1.0" and not panel.about.isEnabled()
    assert panel.notice.label.text() == wording.DEMONSTRATION, "a demonstration answered"
    assert "HospitalNet 2.0 would now" in panel.stale.label.text()
    assert panel.stale.button.text() == wording.READ_AGAIN
    room.select(None)
    assert panel.model.text() == "HospitalNet 2.0" and panel.notice.label.text() == wording.RESEARCH


@window
def test_a_failure_is_told_and_offers_another_try(make, qtbot):
    def broken(*_):
        raise ValueError("no weights")

    room, panel = make(FakeReader(answer_with=broken))
    read(room, qtbot)
    assert "no weights" in panel.message.label.text()
    assert panel.message.button.text() == wording.READ_AGAIN


@window
@pytest.mark.parametrize("width", [260, 330])
def test_nothing_is_cut_off_in_a_narrow_dock(make, qtbot, width):
    room, panel = make(FakeReader(answer_with=lambda *_: answer(unfamiliar=True)))
    panel.resize(width, 560)
    read(room, qtbot)
    qtbot.wait(50)
    view = panel.tree
    assert view.horizontalScrollBar().maximum() == 0
    longest = replace(rows(answer())[0], text="Proliferation of fibrous tissue " * 3)
    view.show_rows((longest,), open_tags=frozenset(), hatched=False, faded=False)
    rect = view.visualRect(view.model().index(0, 0))
    assert rect.right() <= view.viewport().width()
    for strip in (panel.notice, panel.unfamiliar):
        label = strip.label
        wanted = label.heightForWidth(label.width())
        assert label.height() >= wanted, "a wrapped sentence has its height"


@window
def test_the_card_says_scope_limits_and_metrics(display, qtbot):
    from lesionscope.errors import InputError
    from lesionscope.models.registry import find
    from lesionscope.viewer.docks.card import CardDialog, card_html

    try:
        package = find()
    except InputError as error:
        pytest.skip(str(error))
    html = card_html(replace(package.card, intended_use="<b>Look</b> & learn"))
    for heading in (wording.CARD_SCOPE, wording.CARD_INTENDED, wording.CARD_LIMITS, wording.CARD_LICENCE):
        assert f"<h3>{heading}</h3>" in html
    assert "&lt;b&gt;Look&lt;/b&gt; &amp; learn" in html, "a card can't smuggle markup in"
    dialog = CardDialog(package)
    qtbot.addWidget(dialog)
    assert wording.DEMONSTRATION in dialog.page.toPlainText()
