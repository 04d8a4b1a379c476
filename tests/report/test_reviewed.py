"""What goes into a report follows from what readers decided, in every form alike."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from test_document import labels_reading, reading_for

from lesionscope.inference.reading import Refusal
from lesionscope.lesions.lesion import Lesion
from lesionscope.report import csv_form, html_form, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.reviewed import Review, findings_of
from lesionscope.session.decisions import Decision, Verdict

READER = "Reader <1>"


def decide(lesion: Lesion, label: str, verdict: Verdict, reader: str = READER, second: int = 0) -> Decision:
    origin = "reader" if verdict == "added" else "predicted"
    return Decision(lesion.id, label, verdict, reader, f"2026-01-01T00:00:{second:02d}.000+00:00", origin)


@pytest.fixture
def decisions(measured: Lesion) -> tuple[Decision, ...]:
    return (
        decide(measured, "lung", "accepted"),
        decide(measured, "right lung", "accepted", second=1),
        decide(measured, "nodule", "rejected", second=2),
        decide(measured, "cyst", "rejected", second=3),
        decide(measured, "nodule", "accepted", second=4),
        decide(measured, "spiculated", "added", second=5),
    )


def report(lesion: Lesion, review: Review) -> Content:
    return lesion_report([(lesion, reading_for(lesion), labels_reading(lesion))], review=review)


def test_only_what_readers_let_stand_goes_in(measured: Lesion, decisions: tuple[Decision, ...]) -> None:
    content = report(measured, Review(decisions, unreviewed=False))
    (entry,) = content["lesions"]
    assert {one["label"]: one["review"] for one in entry["findings"]} == {
        "lung": "accepted",
        "right lung": "accepted",
        "nodule": "accepted",
        "spiculated": "added",
    }
    assert entry["sentence"] == "1.8 × 1.2 cm spiculated nodule in the right lung."
    assert [score["label"] for score in entry["labels"]["scores"]] == ["lung", "right lung", "nodule"]
    assert entry["pathology"]["refused"] == wording.LEFT_OUT and "neighbours" not in entry
    assert entry["labels"]["review"] == "reviewed" and entry["labels"]["conflicts"] == []
    assert content["review"] == {
        "readers": [READER],
        "decided": 5,
        "undecided": 0,
        "first_at": "2026-01-01T00:00:00.000+00:00",
        "last_at": "2026-01-01T00:00:05.000+00:00",
        "unreviewed_included": False,
        "complete": True,
    }


def test_unreviewed_answers_are_marked_where_they_go_in(
    measured: Lesion, decisions: tuple[Decision, ...]
) -> None:
    content = report(measured, Review(decisions[:3]))
    (entry,) = content["lesions"]
    assert {one["label"]: one["review"] for one in entry["findings"]} == {
        "lung": "accepted",
        "right lung": "accepted",
        "cyst": "unreviewed",
    }
    assert "cyst" not in entry["sentence"]
    assert entry["undecided"] == ["cyst"] and entry["labels"]["review"] == "partly reviewed"
    assert not content["review"]["complete"]
    row = dict(zip(*csv.reader(io.StringIO(csv_form.text(content))), strict=True))
    assert row["Labels (body part)"] == "lung; right lung" and row["readers"] == READER
    assert row["Labels (type), not reviewed by a reader"] == "cyst 65 %" and row["Labels (type)"] == ""
    page = html_form.text(content)
    assert wording.PARTLY_REVIEWED in page and "accepted by Reader &lt;1&gt;" in page
    assert "not reviewed; own score" in page
    assert "labels shown but not decided on: 1" in page


def test_a_tree_that_nobody_reviewed_keeps_a_report_open(
    measured: Lesion, decisions: tuple[Decision, ...]
) -> None:
    assert not report(measured, Review(decisions))["review"]["complete"]
    assert not report(measured, Review((), unreviewed=False))["review"]["complete"]


@pytest.mark.parametrize(
    ("second", "how"),
    [
        ("decided", "reviewed"), ("undecided", "unreviewed"), ("stale", "partly reviewed"),
        ("stale tree", "partly reviewed"), ("unread", "unreviewed"), ("refused", "unreviewed"),
        ("marked", "reviewed"),
    ],
)  # fmt: skip
def test_a_report_is_complete_only_with_every_lesion_reviewed(
    measured: Lesion, clicked: Lesion, decisions: tuple[Decision, ...], second: str, how: str
) -> None:
    """Answers that stay out leave nothing to decide on, and are vouched for by nobody all the same."""
    moved = replace(clicked, centroid_lps_mm=(3.0, 2.0, 1.0))
    reading, tree = labels_reading(clicked), None
    theirs = tuple(decide(clicked, label, "accepted") for label in ("lung", "right lung", "nodule", "cyst"))
    if second == "undecided":
        theirs = ()
    elif second == "stale":
        reading = labels_reading(moved)
    elif second == "stale tree":
        tree = reading_for(moved)
    elif second in ("unread", "refused", "marked"):
        reading = Refusal("That point lies in air.") if second == "refused" else None
        # A radiologist's own label on a lesion that no model answered for is a decision like any other.
        theirs = (decide(clicked, "cyst", "added"),) if second == "marked" else ()
    review = Review((*decisions, *theirs), unreviewed=False)
    content = lesion_report(
        [(measured, None, labels_reading(measured)), (clicked, tree, reading)], review=review
    )
    assert [entry["review"] for entry in content["lesions"]] == ["reviewed", how]
    assert content["review"]["complete"] is (how == "reviewed")


def test_nothing_is_not_reviewed() -> None:
    assert not lesion_report([])["review"]["complete"]


def test_the_last_decision_counts_whoever_made_it(measured: Lesion) -> None:
    first, then = decide(measured, "lung", "accepted"), decide(measured, "lung", "rejected", "Other", 1)
    findings, undecided = findings_of(measured.id, None, Review((first, then), unreviewed=False))
    assert findings == () and undecided == ()
    (back,), _ = findings_of(measured.id, None, Review((then, first), unreviewed=False))
    assert back.decision == first


def test_mined_labels_are_shown_and_want_a_decision(measured: Lesion) -> None:
    mined = {measured.id: ("calcified",)}
    (finding,), undecided = findings_of(measured.id, None, Review(mined=mined))
    assert (finding.kind, finding.state, finding.origin) == ("attribute", "unreviewed", "mined")
    assert undecided == ("calcified",)
    assert findings_of(measured.id, None, Review(mined=mined, unreviewed=False)) == ((), ("calcified",))


def test_a_stale_reading_stays_out_and_decisions_stay_in(
    measured: Lesion, decisions: tuple[Decision, ...]
) -> None:
    moved = replace(measured, centroid_lps_mm=(3.0, 2.0, 1.0))
    (entry,) = lesion_report([(moved, None, labels_reading(measured))], review=Review(decisions))["lesions"]
    assert {one["label"] for one in entry["findings"]} == {"lung", "right lung", "nodule", "spiculated"}
    assert all(one["probability"] is None for one in entry["findings"])


def test_an_edited_sentence_is_kept_as_it_is(measured: Lesion) -> None:
    text = "=1+1 <b>Unchanged</b> since 山田."
    content = report(measured, Review(sentences={measured.id: text}))
    assert content["lesions"][0]["sentence"] == text and content["lesions"][0]["sentence_edited"]
    row = dict(zip(*csv.reader(io.StringIO(csv_form.text(content))), strict=True))
    assert row["sentence"] == f"'{text}"
    assert "<b>Unchanged" not in html_form.text(content)
