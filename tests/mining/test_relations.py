"""Relevant, uncertain or irrelevant, to the sentence and to each bookmark."""

from __future__ import annotations

import pytest

from lesionscope.mining.bookmarks import find_bookmarks
from lesionscope.mining.miner import Miner


def relations(miner: Miner, text: str, bookmark: int | None = None) -> dict[str, str]:
    return {m.label: m.relation for m in miner.mine(text).mentions if m.bookmark == bookmark}


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("no adenopathy", "lymphadenopathy", "irrelevant"),
        ("cyst without calcification in the liver", "calcified", "irrelevant"),
        ("cyst without calcification in the liver", "liver", "relevant"),
        ("no nodule, mass, or adenopathy", "mass", "irrelevant"),
        ("no change in the liver cyst", "cyst", "relevant"),
        ("nodule, not calcified", "noncalcified", "relevant"),
        ("nodule, not calcified", "calcified", "irrelevant"),
        ("possible metastasis in the liver", "metastasis", "uncertain"),
        ("possible metastasis in the liver", "liver", "relevant"),
        ("metastasis cannot be excluded", "metastasis", "uncertain"),
        ("adenopathy or mass", "mass", "uncertain"),
        ("adenopathy or mass", "lymphadenopathy", "uncertain"),
        ("no mass, but a cyst", "cyst", "relevant"),
        ("nodule medial to the spleen", "spleen", "irrelevant"),
        ("nodule medial to the spleen", "nodule", "relevant"),
        ("pretracheal node, no longer enlarged", "enlargement", "irrelevant"),
        ("suggestive of necrosis in the mediastinal mass", "mass", "relevant"),
        ("mass displacing the bladder and invading the rectum", "urinary bladder", "irrelevant"),
        ("mass displacing the bladder and invading the rectum", "rectum", "relevant"),
        ("mass that displaces the trachea", "trachea", "irrelevant"),
        ("the left kidney is displaced by a mass", "left kidney", "irrelevant"),
        ("nodule, previously solid, now cavitary", "solid", "irrelevant"),
        ("the previously cavitary nodule in the lung is solid", "cavitary", "irrelevant"),
        ("the previously cavitary nodule in the lung is solid", "nodule", "relevant"),
        ("previously seen nodule", "nodule", "relevant"),
        ("what was a cyst in the right ovary is now a mass", "cyst", "irrelevant"),
        ("what was a cyst in the right ovary is now a mass", "ovary", "relevant"),
        ("neither node shows calcification", "calcified", "irrelevant"),
        ("neither node shows calcification", "lymph node", "relevant"),
        ("neither calcification nor fat is seen", "fat", "irrelevant"),
        ("no adenopathy other than the axillary node", "axilla lymph node", "relevant"),
        ("cancer must be ruled out", "cancer", "uncertain"),
        ("hemangioma versus, less likely, metastasis", "hemangioma", "uncertain"),
        ("lung nodule or scar along the chest wall", "chest wall", "relevant"),
        ("not changed: mass", "mass", "relevant"),
        ("nodule in the right lower lobe, history of lymphadenopathy", "lymphadenopathy", "irrelevant"),
    ],
)
def test_to_the_sentence(miner: Miner, text: str, label: str, relation: str) -> None:
    assert relations(miner, text)[label] == relation


def test_each_bookmark_has_its_own_place_and_shares_the_head(miner: Miner) -> None:
    text = "nodules in the right upper lobe BOOKMARK and left lower lobe OTHER_BMK"
    first, second = relations(miner, text, 0), relations(miner, text, 1)
    assert first["nodule"] == second["nodule"] == "relevant"
    assert (first["right upper lobe"], first["left lower lobe"]) == ("relevant", "irrelevant")
    assert (second["right upper lobe"], second["left lower lobe"]) == ("irrelevant", "relevant")
    assert "left lower lobe" not in miner.mine(text).labels


def test_an_earlier_finding_is_not_the_bookmarks(miner: Miner) -> None:
    said = relations(miner, "There is a liver mass, and a nodule in the right lower lobe BOOKMARK", 0)
    assert (said["mass"], said["liver"], said["nodule"]) == ("irrelevant", "irrelevant", "relevant")


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("RUL BOOKMARK and LLL BOOKMARK nodules", "nodule", ["relevant", "relevant"]),
        (
            "Adenopathy: right axilla BOOKMARK, left hilum BOOKMARK",
            "lymphadenopathy",
            ["relevant", "relevant"],
        ),
        ("Lung nodules: RUL BOOKMARK, calcified; LLL BOOKMARK", "lung nodule", ["relevant", "relevant"]),
        ("Hepatic cysts, one in segment 2 BOOKMARK and one in segment 7 BOOKMARK", "liver", ["relevant"] * 2),
        ("Liver cysts BOOKMARK, BOOKMARK", "cyst", ["relevant", "relevant"]),
        ("Mass BOOKMARK arising from the stomach and invading the spleen", "spleen", ["relevant"]),
        ("Lesion BOOKMARK is too small to characterize but likely represents a cyst", "cyst", ["uncertain"]),
        ("Collection near the liver BOOKMARK, consistent with seroma", "seroma", ["relevant"]),
        ("BOOKMARK is a mass in the liver, and there is a nodule elsewhere", "nodule", ["irrelevant"]),
        ("Lung nodule BOOKMARK and liver lesion BOOKMARK", "nodule", ["relevant", "irrelevant"]),
        ("Interval growth of BOOKMARK, a mass of the liver", "mass", ["relevant"]),
        ("Renal mass BOOKMARK with thrombus in the portal vein", "thrombus", ["irrelevant"]),
    ],
)
def test_to_several_bookmarks(miner: Miner, text: str, label: str, expected: list[str]) -> None:
    found = [relations(miner, text, number)[label] for number in range(len(expected))]
    assert found == expected


def test_sizes_and_slices_are_bookmarks_where_none_is_marked() -> None:
    found = find_bookmarks("A 2.1 x 1.4 cm cyst (series 3, image 45) and a 9 mm nodule, previously 1.1 cm")
    assert [mark.text for mark in found] == ["2.1 x 1.4 cm", "9 mm"]
    assert all(mark.target for mark in found)


def test_a_bound_is_a_size_where_there_is_no_other() -> None:
    assert [mark.text for mark in find_bookmarks("nodes up to 1.5 cm")] == ["1.5 cm"]
    assert [mark.text for mark in find_bookmarks("3 cm mass, nodes less than 1 cm")] == ["3 cm"]


def test_marked_bookmarks_win_over_sizes() -> None:
    found = find_bookmarks("2 cm cyst BOOKMARK beside OTHER_BMK")
    assert [(mark.text, mark.target) for mark in found] == [("BOOKMARK", True), ("OTHER_BMK", False)]
