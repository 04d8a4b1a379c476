from __future__ import annotations

import re
from pathlib import Path

import pytest

from lesionscope.errors import InputError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.labels import COLUMNS, Code, parents_first, parse_labels, phrase_key, private_code

HEADER = "\t".join(COLUMNS)
GOOD = (
    "chest\tbody part\t0\t\t\t\tthorax | thoracic\tSCT:816094009:Chest",
    "lung\tbody part\t1\tchest\tpleura\t\tpulmonary\t",
    "pleura\tbody part\t2\tchest\tlung\t\t\t",
    "nodule\ttype\t\t\t\t\t\tSCT:1:One: two | RADLEX:RID2:Two",
)


def table(*lines: str) -> str:
    return "\n".join(("# a comment", HEADER, *lines, ""))


def changed(line: int, column: str, cell: str) -> str:
    """The good table with one cell of one of its lines (from 0) changed."""
    lines = list(GOOD)
    cells = lines[line].split("\t")
    cells[COLUMNS.index(column)] = cell
    lines[line] = "\t".join(cells)
    return table(*lines)


def test_a_good_table_is_read_as_it_stands() -> None:
    chest, lung, pleura, nodule = parse_labels(table(*GOOD).replace("\n", "\r\n"))
    assert (chest.name, chest.kind, chest.index, chest.synonyms) == (
        "chest",
        "body part",
        0,
        ("thorax", "thoracic"),
    )
    assert chest.codes == (Code("SCT", "816094009", "Chest"),)
    assert (lung.parents, lung.exclusives, pleura.exclusives) == (("chest",), ("pleura",), ("lung",))
    assert nodule.index is None
    assert nodule.codes == (Code("SCT", "1", "One: two"), Code("RADLEX", "RID2", "Two"))
    assert lung.codes == (private_code("lung"),)


def test_labels_with_a_place_come_first_and_in_its_order() -> None:
    lines = [GOOD[3], GOOD[2], GOOD[0], GOOD[1]]
    assert [label.name for label in parse_labels(table(*lines))] == ["chest", "lung", "pleura", "nodule"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed(0, "parents", "lung"), "lines 3, 4: the parents run in a circle: chest → lung → chest"),
        (
            changed(1, "parents", "thorax cavity"),
            "line 4: 'lung' refers to 'thorax cavity', which has no line",
        ),
        (changed(1, "exclusives", "moon"), "line 4: 'lung' refers to 'moon'"),
        (changed(1, "exceptions", "moon + chest"), "line 4: 'lung' refers to 'moon'"),
        (changed(1, "label", "chest"), "lines 3, 4: the label 'chest' stands there twice"),
        (changed(1, "class", "organ"), "line 4: the class 'organ' is none of"),
        (changed(1, "place", "0"), "lines 3, 4: the place 0 is given twice"),
        (changed(2, "place", "3"), "line 5: the place 3 leaves a gap"),
        (changed(2, "place", "-1"), "line 5: the place '-1' is no whole number"),
        (changed(2, "place", "²"), "line 5: the place '²' is no whole number"),
        (changed(1, "synonyms", "thorax"), "lines 3, 4: 'thorax' means both 'chest' and 'lung'"),
        (changed(1, "synonyms", "nodule"), "lines 4, 6: 'nodule' means both 'lung' and 'nodule'"),
        (changed(1, "synonyms", "lung"), "line 4: 'lung' lists one phrase twice"),
        (changed(0, "synonyms", "a-b | a b"), "line 3: 'chest' lists one phrase twice"),
        (changed(0, "synonyms", "Thorax"), "line 3: synonyms are written in lower case"),
        (changed(0, "synonyms", "thorax| thoracic"), "line 3: the synonyms must be parted by ' | '"),
        (changed(0, "synonyms", "thorax | "), "line 3: the synonyms must be parted by ' | '"),
        (changed(1, "exclusives", "pleura | pleura"), "line 4: the exclusives name 'pleura' twice"),
        (changed(1, "exclusives", "lung"), "line 4: 'lung' is listed as its own parent or exclusive"),
        (changed(1, "exclusives", "chest"), "lines 4, 3: 'lung' is both 'chest' and 'lung', which exclude"),
        (changed(3, "parents", "lung | pleura"), "lines 6, 4, 5: 'nodule' is both 'lung' and 'pleura'"),
        (
            changed(3, "exceptions", "lung + pleura"),
            "line 6: the exception 'lung + pleura' of 'nodule' excepts",
        ),
        (changed(3, "exceptions", "lung"), "line 6: an exception is two labels"),
        (changed(3, "codes", "SCT:1"), "line 6: a code is written SCHEME:VALUE:MEANING"),
        (changed(0, "label", ""), "line 3: the label is empty"),
        (table(*GOOD, "short\ttype"), "line 7: 2 columns where 8 belong"),
        ("# nothing\nlabel\tclass\n", "line 2: the columns must be label, class"),
        ("", "line 1: no label at all"),
    ],
)
def test_what_does_not_hang_together_is_refused_with_its_lines(text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        parse_labels(text, "my.tsv")
    assert str(refused.value).startswith("my.tsv can't be used as a table of labels; line")


def test_an_inherited_contradiction_may_be_excepted() -> None:
    cells = changed(3, "parents", "lung | pleura").splitlines()
    cells[5] = cells[5].replace("lung | pleura\t\t\t", "lung | pleura\t\tpleura + lung\t")
    below = "subnodule\ttype\t\tnodule\t\t\t\t"
    labels = parse_labels("\n".join((*cells, below)))
    assert labels[3].exceptions == (("pleura", "lung"),)


def test_many_problems_are_told_at_once_but_not_all() -> None:
    wrong = [f"label {n}\torgan\t\t\t\t\t\t" for n in range(9)]
    with pytest.raises(InputError) as refused:
        parse_labels(table(*wrong))
    assert "line 3:" in str(refused.value) and "line 7:" in str(refused.value)
    assert str(refused.value).endswith("; 4 more")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.tsv"
    latin.write_bytes(b"\xff\xfe\x00")
    for path in (latin, tmp_path / "absent.tsv", tmp_path):
        with pytest.raises(InputError, match=re.escape(str(path))):
            load_labels(path)


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text(table(*GOOD), encoding="utf-8")
    graph = load_labels(str(path))
    assert graph.core == ("chest", "lung", "pleura")
    assert graph.ancestors("lung") == {"chest"}


def test_private_codes_stay_and_fit_dicom() -> None:
    assert private_code("porta Hepatis") == Code("99LESIONSCOPE", "L7F9A15A4", "porta Hepatis")
    codes = [code for label in load_labels().labels for code in label.codes]
    assert len({(code.scheme, code.value) for code in codes}) == len(codes)
    assert all(len(code.scheme) <= 16 and len(code.value) <= 16 and len(code.meaning) <= 64 for code in codes)


def test_standard_codes_are_those_of_pydicoms_dictionaries() -> None:
    from pydicom.sr._concepts_dict import concepts

    known = {
        (scheme, value)
        for scheme in ("SCT", "RADLEX")
        for meanings in concepts[scheme].values()
        for value in meanings
    }
    core = load_labels().labels[:171]
    standard = [
        code for label in load_labels().labels for code in label.codes if code.scheme in ("SCT", "RADLEX")
    ]
    assert standard and all((code.scheme, code.value) in known for code in standard)
    assert sum(label.codes[0].scheme == "SCT" for label in core) == 94
    assert sum(label.codes[0].scheme == "RADLEX" for label in core) == 1
    for label in load_labels().labels:  # a code must never lose or swap the side
        for side in ("left", "right"):
            if label.codes[0].scheme == "SCT" and side in label.name.split():
                assert side in label.codes[0].meaning.lower()


def test_every_label_has_phrases_of_its_own() -> None:
    labels = load_labels().labels
    assert all(label.synonyms for label in labels)
    phrases = [phrase_key(phrase) for label in labels for phrase in (label.name, *label.synonyms)]
    assert len(set(phrases)) == len(phrases)
    assert "cervical" not in phrases, "a word that means too many things"


def test_parents_first_orders_or_finds_the_circle() -> None:
    order, circle = parents_first({"a": ["b", "c"], "b": ["c", "elsewhere"], "c": []})
    assert (order, circle) == (("c", "b", "a"), ())
    assert parents_first({"x": ["a"], "a": ["b"], "b": ["a"]}) == ((), ("a", "b", "a"))
