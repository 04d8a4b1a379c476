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


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("No ascites and an enlarged inguinal node BOOKMARK", "groin lymph node", "relevant"),
        ("No ascites and an enlarged inguinal node BOOKMARK", "ascites", "irrelevant"),
        ("No hydronephrosis, a stable renal cyst BOOKMARK, and no mass", "kidney cyst", "relevant"),
        ("No adenopathy and two masses BOOKMARK in the liver", "mass", "relevant"),
        ("No effusion, new nodule, or consolidation BOOKMARK", "nodule", "irrelevant"),
        ("Mass BOOKMARK that spares the liver and the spleen", "spleen", "irrelevant"),
        ("No new liver lesions and new splenic lesions BOOKMARK", "spleen", "irrelevant"),
        ("A splenic mass BOOKMARK is seen and the effusion has resolved", "mass", "relevant"),
        ("The mass and the effusion BOOKMARK have resolved", "mass", "irrelevant"),
    ],
)
def test_a_denial_ends_where_something_else_is_opened(
    miner: Miner, text: str, label: str, relation: str
) -> None:
    assert relations(miner, text, 0)[label] == relation


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("Patient with history of lymphoma has an enlarged node BOOKMARK", "lymph node", "relevant"),
        ("Status post colectomy, reveals a liver mass BOOKMARK", "liver mass", "relevant"),
        ("Status post chemotherapy and the splenic mass BOOKMARK grew", "mass", "relevant"),
        ("History of cyst now splenic mass BOOKMARK", "mass", "relevant"),
        ("Resection of the kidney and the spleen BOOKMARK", "spleen", "relevant"),
        ("Post resection of the kidney and the spleen BOOKMARK", "spleen", "irrelevant"),
        ("Post gadolinium the enhancing mass BOOKMARK", "mass", "relevant"),
        ("Post obstructive consolidation BOOKMARK", "consolidation", "relevant"),
    ],
)
def test_history_ends_where_the_present_begins(miner: Miner, text: str, label: str, relation: str) -> None:
    assert relations(miner, text, 0)[label] == relation


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("Interval resolution of the consolidation BOOKMARK", "irrelevant"),
        ("Disappearance of the hepatic consolidation BOOKMARK", "irrelevant"),
        ("Completely resolved lung consolidation BOOKMARK", "irrelevant"),
        ("Consolidation BOOKMARK in the lingula, which has now resolved", "irrelevant"),
        ("Consolidation BOOKMARK resolved since 2010", "irrelevant"),
        ("Resolution of the abscess with a consolidation BOOKMARK", "relevant"),
        ("Near complete resolution of the consolidation BOOKMARK", "relevant"),
        ("Consolidation BOOKMARK has not resolved", "relevant"),
        ("Consolidation BOOKMARK, not seen on the prior", "relevant"),
        ("High resolution CT of the consolidation BOOKMARK", "relevant"),
    ],
)
def test_what_has_resolved_is_gone(miner: Miner, text: str, relation: str) -> None:
    assert relations(miner, text, 0)["consolidation"] == relation


def test_each_bookmark_has_its_own_place_and_shares_the_head(miner: Miner) -> None:
    text = "nodules in the right upper lobe BOOKMARK and left lower lobe OTHER_BMK"
    first, second = relations(miner, text, 0), relations(miner, text, 1)
    assert first["nodule"] == second["nodule"] == "relevant"
    assert (first["right upper lobe"], first["left lower lobe"]) == ("relevant", "irrelevant")
    assert (second["right upper lobe"], second["left lower lobe"]) == ("irrelevant", "relevant")
    assert "left lower lobe" not in miner.mine(text).labels


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        (
            "Differential of this liver mass BOOKMARK includes cyst, abscess and metastasis",
            "mass",
            "relevant",
        ),
        (
            "Differential of this liver mass BOOKMARK includes cyst, abscess and metastasis",
            "metastasis",
            "uncertain",
        ),
        (
            "Differential considerations for the mass BOOKMARK are an abscess and a scar",
            "scar",
            "uncertain",
        ),
        ("Liver mass BOOKMARK, differential includes abscess and scar", "scar", "uncertain"),
        ("Liver mass BOOKMARK, likely abscess and less likely scar", "scar", "uncertain"),
        ("Liver mass BOOKMARK, likely an abscess and, less likely, a scar", "scar", "uncertain"),
        ("Liver mass BOOKMARK, likely abscess, and there is a scar", "scar", "irrelevant"),
        ("Liver mass BOOKMARK, likely abscess and renal scar", "scar", "irrelevant"),
    ],
)
def test_every_member_of_a_differential_is_doubted(
    miner: Miner, text: str, label: str, relation: str
) -> None:
    assert relations(miner, text, 0)[label] == relation


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("Calcified lung nodules, for example, an LLL lesion BOOKMARK", "nodule", "relevant"),
        ("Calcified lung nodules, such as the nodule in the LLL BOOKMARK", "calcified", "relevant"),
        ("Mediastinal masses, including a subcarinal node BOOKMARK", "mediastinum", "relevant"),
        ("Liver cyst, and lung nodules, e.g. a nodule BOOKMARK in the lingula", "cyst", "irrelevant"),
        ("Liver cyst, and lung nodules, e.g. a nodule BOOKMARK in the lingula", "lung nodule", "relevant"),
        ("Calcified lung nodules, and a nodule BOOKMARK in the lingula", "calcified", "irrelevant"),
    ],
)
def test_an_example_has_what_is_said_of_all(miner: Miner, text: str, label: str, relation: str) -> None:
    found = {m.relation for m in miner.mine(text).mentions if m.label == label}
    assert relation in found
    assert ("relevant" in found) == (relation == "relevant")


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


@pytest.mark.parametrize("phrase", ["less than 1 cm", "smaller than 1 cm", "under 1 cm"])
def test_a_bound_that_is_a_label_is_no_size(miner: Miner, phrase: str) -> None:
    assert relations(miner, f"Nodes {phrase}")["subcentimeter"] == "relevant"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Axial 5 mm images show a nodule measuring 9 mm", ["9 mm"]),
        ("With 1.25 mm slice thickness, a 4 mm nodule", ["4 mm"]),
        ("At a slice thickness of 5 mm, no nodule", []),
        ("Contiguous 3-mm thick sections of a 2 cm mass", ["2 cm"]),
        ("Nodule 7 mm image 33", ["7 mm image 33"]),
        ("4 mm interval increase", ["4 mm"]),
        ("Hilar mass, 2 cm from the carina, measures 3.4 cm", ["3.4 cm"]),
        ("Nodule 1.5 cm distal to the carina measures 8 mm", ["8 mm"]),
        ("Cyst, within 2 mm of the gallbladder, measures 1.4 cm", ["1.4 cm"]),
        ("Node measuring 9 mm anterior to the aorta, 2 cm mass", ["9 mm", "2 cm"]),
        ("Node grew 9 mm from the prior study, 2 cm mass", ["9 mm", "2 cm"]),
        ("Mass 3 cm from the carina", ["3 cm"]),
        ("Nodule .8 cm and 1.2 x .9 cm cyst", [".8 cm", "1.2 x .9 cm"]),
        ("Cyst.8 mm nodule", []),
    ],
)
def test_distances_and_slices_are_no_lesions(text: str, found: list[str]) -> None:
    assert [mark.text for mark in find_bookmarks(text)] == found


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("Polyp BOOKMARK 5 cm from the rectum in the sigmoid colon", "rectum", "irrelevant"),
        ("Polyp BOOKMARK 5 cm from the rectum in the sigmoid colon", "sigmoid colon", "relevant"),
        ("Cyst BOOKMARK within 3 mm of the gallbladder", "gallbladder", "irrelevant"),
        ("Cyst BOOKMARK with 3 mm of gallbladder thickening", "gallbladder", "relevant"),
        ("Mass BOOKMARK grew 3 mm from the prior in the chest", "chest", "relevant"),
        ("Mass BOOKMARK, .8 cm, in the spleen", "spleen", "relevant"),
        ("Mass measuring .8 cm in the spleen BOOKMARK", "mass", "relevant"),
    ],
)
def test_what_a_distance_is_from_is_a_landmark(miner: Miner, text: str, label: str, relation: str) -> None:
    assert relations(miner, text, 0)[label] == relation


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("On CT of the abdomen, the right lung nodule BOOKMARK", "abdomen", "irrelevant"),
        ("CT scan of the neck, chest and pelvis shows a liver mass BOOKMARK", "chest", "irrelevant"),
        ("CT scan of the neck, chest and pelvis shows a liver mass BOOKMARK", "liver", "relevant"),
        ("Since the thoracic and pelvic CT the renal mass BOOKMARK grew", "pelvis", "irrelevant"),
        ("CT shows a mass BOOKMARK in the pelvis", "pelvis", "relevant"),
        ("On CT of the chest wall mass BOOKMARK", "chest wall", "relevant"),
        ("MRI of the liver with a mass BOOKMARK", "liver", "relevant"),
    ],
)
def test_what_an_examination_is_of_is_no_lesions_place(
    miner: Miner, text: str, label: str, relation: str
) -> None:
    assert relations(miner, text, 0)[label] == relation


@pytest.mark.parametrize(
    ("text", "label", "relation"),
    [
        ("Left renal cyst BOOKMARK is larger than the splenic mass", "mass", "irrelevant"),
        ("Left renal cyst BOOKMARK is larger than the splenic mass", "spleen", "irrelevant"),
        ("Mass BOOKMARK of the liver, similar in size to that in the spleen", "spleen", "irrelevant"),
        ("Compared to the splenic lesion, the liver mass BOOKMARK is small", "spleen", "irrelevant"),
        ("Nodule BOOKMARK larger than on the prior in the lingula", "lingula", "relevant"),
        ("Nodule BOOKMARK similar to before thought to be adenopathy", "lymphadenopathy", "relevant"),
        ("Lesion BOOKMARK more likely fibrosis than carcinoma", "carcinoma", "uncertain"),
    ],
)
def test_what_a_lesion_is_compared_with_is_another(
    miner: Miner, text: str, label: str, relation: str
) -> None:
    assert relations(miner, text, 0)[label] == relation


def test_marked_bookmarks_win_over_sizes() -> None:
    found = find_bookmarks("2 cm cyst BOOKMARK beside OTHER_BMK")
    assert [(mark.text, mark.target) for mark in found] == [("BOOKMARK", True), ("OTHER_BMK", False)]
