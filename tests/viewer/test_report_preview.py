"""The report dock's page: what it says beside the scores is what the written page says."""

from __future__ import annotations

from html import unescape

import pytest

from lesionscope.report import html_form, wording
from lesionscope.viewer.docks.report_preview import preview

ODD = "The short diameter (40.3 mm) is longer than the long one (31.0 mm): check < both."
MISSED = "The visit of 2024-03-01 was left out."


def answered(**changes):
    node = {"tag": "H1a", "name": "Cancer", "parent": None, "conditional": 0.74, "probability": 0.74}
    tree = {"model": "demo 1", "nodes": [node], "leak": {}, "familiarity": 0.0002, "unfamiliar": True}
    return tree | changes


def labelled(**changes):
    labels = {"model": "labels 1", "scores": [], "familiarity": 0.31, "unfamiliar": False}
    return labels | {"conflicts": [["lung", "liver"]]} | changes


def entry(**changes):
    made = {
        "id": "a", "number": 1, "sentence": "3.0 cm lesion.", "long_mm": 17.0, "short_mm": 15.0,
        "stale": False, "findings": [], "undecided": 0, "pathology": answered(), "labels": labelled(),
        "warnings": [ODD], "centroid_lps_mm": (0.0,) * 3, "box_lps_mm": (0.0,) * 6, "box_declared": False,
        "provenance": {
            "created": "2024-05-06T07:08:09+00:00", "model": "demo 1", "package_sha256": "ab" * 32,
            "software": "", "device": "cpu", "precision": "float32", "notes": [],
        },
        "tracking_uid": "1.2",
    }  # fmt: skip
    return made | changes


def report(one):
    return {
        "study": None,
        "notice": wording.NOTICE,
        "created": "2024-05-06T07:08:09+00:00",
        "software": "",
        "review": {"decided": 0, "undecided": 0, "readers": [], "first_at": None, "last_at": None},
        "lesions": [one],
        "models": [],
        "response": {"visits": [], "lesions": [], "missing": [MISSED]},
    }


def shown(one):
    return unescape(preview(report(one), {}, picture_px=200, selected="a", quiet="#888"))


CONFLICT = wording.CONFLICT.format(one="lung", other="liver")


@pytest.mark.parametrize(
    "sentence",
    [
        wording.UNFAMILIAR,
        "Familiarity p < 0.001",
        "Familiarity p = 0.310",
        f"⚠ {CONFLICT}",
        f"⚠ {ODD}",
        f"⚠ {MISSED}",
        f"⚠ {wording.NADIR}",
        wording.NO_LABEL,
    ],
)
def test_it_says_what_the_written_page_says_of_how_far_to_trust_it(sentence):
    written = unescape(html_form.text(report(entry())).replace("<bdi>", ""))
    assert sentence in written and sentence in shown(entry())


def test_it_warns_of_nothing_where_there_is_nothing_to_warn_of():
    familiar = entry(pathology=answered(unfamiliar=False), labels={}, warnings=[])
    assert "⚠" not in shown(familiar).split(wording.RESPONSE)[0]
    assert wording.UNFAMILIAR not in shown(familiar)
