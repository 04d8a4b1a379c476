"""What a sentence says: phrases, word order, shared words, compounds, prefixes, levels, slips of the pen."""

from __future__ import annotations

import pytest

from lesionscope.mining.miner import Miner


def said(miner: Miner, text: str) -> set[str]:
    """Return the labels mentioned, not expanded."""
    return {mention.label for mention in miner.mine(text).mentions}


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("hypodense lesion in the dome of the liver", {"hypoattenuation", "liver"}),
        ("nodules", {"nodule"}),
        ("enlarged axillae", {"axilla"}),
        ("heterogeneously enhancing", {"heterogeneous", "enhancing"}),
        ("the lesion enhances", {"enhancing"}),
        ("R renal lesion", {"right kidney", "kidney"}),
    ],
)
def test_words_in_any_form(miner: Miner, text: str, labels: set[str]) -> None:
    assert labels <= said(miner, text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("cyst in the tail of the pancreas", "pancreatic tail"),
        ("lesion head pancreas", "pancreatic head"),
        ("right upper and lower lobe nodules", "right lower lobe"),
        ("left and right kidneys", "left kidney"),
        ("left and right kidneys", "right kidney"),
        ("anterior superior mediastinal mass", "anterior mediastinum"),
        ("sclerosis of the body and pedicle of T8", "vertebral body"),
        ("lucent focus at L3", "spine"),
        ("T2 and T3 fractures", "spine"),
        ("sclerosis of T4 in stage 4 cancer", "spine"),
        ("R/L renal cysts", "left kidney"),
        ("hemorrhagic renal cyst on the right", "right kidney"),
        ("nonenhancing focus, kidney, left", "left kidney"),
        ("Lt lower pole renal cyst", "left kidney"),
        ("node in the AP window", "mediastinum lymph node"),
        ("node, supraclav, left", "supraclavicular lymph node"),
        ("juxtapleural nodule", "pleura"),
        ("intrahepatic mass", "liver"),
        ("nodules in the right upper and left lower lobes", "right upper lobe"),
        ("nodules in the right upper and left lower lobes", "left lower lobe"),
        ("right internal and left external iliac nodes", "internal iliac lymph node"),
        ("left common, internal, and external iliac nodes", "internal iliac lymph node"),
        ("right upper, middle and lower lobes", "right upper lobe"),
        ("right upper, middle and lower lobes", "right mid lung"),
        ("right upper, middle and lower lobes", "right lower lobe"),
        ("right lower, left upper or left lower lobe", "left upper lung"),
        ("pancreatic head, body, and tail", "pancreatic tail"),
        ("head, body and tail of the pancreas", "pancreatic head"),
    ],
)
def test_word_order_and_anatomy(miner: Miner, text: str, label: str) -> None:
    assert label in said(miner, text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("hilar and mediastinal adenopathy", "hilum lymph node"),
        ("hilar and mediastinal adenopathy", "mediastinum lymph node"),
        ("cyst in the left kidney", "kidney cyst"),
        ("mass, posterior segment of the right liver", "liver mass"),
        ("small nodule, right lower lobe, lung", "lung nodule"),
        ("retroperitoneal mass or node", "retroperitoneum lymph node"),
    ],
)
def test_a_modifier_and_a_head_make_a_compound(miner: Miner, text: str, label: str) -> None:
    assert label in said(miner, text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("lung nodule and liver mass", "lung mass"),
        ("lung nodule; liver mass", "lung mass"),
        ("mass medial to the left kidney with a cyst", "kidney cyst"),
        ("perihepatic fluid", "liver"),
        ("right hilar lymph node, chest", "left hilum lymph node"),
        ("lesion in the neck of the pancreas", "neck"),
        ("gall bladder", "urinary bladder"),
        ("fat-containing lesion", "fat"),
        ("enhancing in the arterial phase", "artery"),
        ("arterially enhancing mass", "artery"),
        ("LAD stent", "lymphadenopathy"),
        ("femoral LN", "femur"),
        ("axillary node with a fatty hilum", "hilum"),
        ("peritoneal cavity", "cavitary"),
        ("right upper, and left hilar nodes", "right hilum lymph node"),
        ("right upper and left lower lobe", "left upper lung"),
        ("left lung, thyroid and liver", "left kidney"),
        ("right lung, kidney and spleen", "right kidney"),
        ("b/l adrenal masses", "left adrenal gland"),
        ("T2 N1 lung cancer", "spine"),
        ("T3N0 lung cancer", "spine"),
        ("stage T3 bladder cancer", "spine"),
        ("T1 and T2 weighted images", "spine"),
        ("low T1 and high T2 signal in the liver", "spine"),
        ("T2-bright lesion", "spine"),
    ],
)
def test_what_is_not_said(miner: Miner, text: str, label: str) -> None:
    assert label not in said(miner, text)


def test_a_slip_of_the_pen_in_a_long_word(miner: Miner) -> None:
    assert "retroperitoneum lymph node" in said(miner, "retroperioneal node")
    assert "mediastinum" in said(miner, "mediastnal mass")
    assert "supraclavicular lymph node" in said(miner, "supraclavicualr node")
    assert "lymphadenopathy" in said(miner, "adenopthy")
    assert "paraaortic" in said(miner, "paraortic node")


def test_words_that_differ_in_prefix_or_ending_are_no_slips(miner: Miner) -> None:
    assert "intramuscular" not in said(miner, "intermuscular lesion")
    assert said(miner, "infiltrating") == set()
    assert said(miner, "neurotic") == said(miner, "avascular") == set()


def test_all_matches_are_listed_with_their_spans(miner: Miner) -> None:
    mined = miner.mine("Right lower lobe lung nodule")
    found = {(m.text, m.label) for m in mined.mentions}
    assert {("Right lower lobe", "right lower lobe"), ("lung", "lung"), ("nodule", "nodule")} <= found
    assert ("lung nodule", "lung nodule") in found
