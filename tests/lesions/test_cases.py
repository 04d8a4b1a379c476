"""A table of lesions: what stands in it, and what is said of rows that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesionscope.errors import InputError
from lesionscope.lesions.cases import read_cases

CLICK, LONG = '"-57.4, 131.2, -520.4"', '"0 0 5 10 0 5"'


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "cases.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_rows_become_cases(tmp_path: Path) -> None:
    text = f"path,click,long,id,series,labels,sentence\nscan/a,{CLICK},,one,1.2.3,lung; nodule,A nodule.\n"
    text += f"/b.nii.gz,,{LONG},,,,\n"
    first, second = read_cases(table(tmp_path, text, "utf-8-sig"))
    assert (first.line, first.id, first.path, first.series) == (2, "one", tmp_path / "scan/a", "1.2.3")
    assert first.marks == {"click": (-57.4, 131.2, -520.4)}
    assert (first.labels, first.sentence, first.problem) == (("lung", "nodule"), "A nodule.", "")
    assert (second.id, second.path, second.series) == ("2", Path("/b.nii.gz"), None)
    assert second.marks == {"long": (0.0, 0.0, 5.0, 10.0, 0.0, 5.0)}


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators_do(tmp_path: Path, mark: str) -> None:
    (case,) = read_cases(table(tmp_path, f"Path{mark} Click \r\na{mark}1, 2, 3\r\n"))
    assert case.marks == {"click": (1.0, 2.0, 3.0)}
    assert not case.problem


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (f",{CLICK},,,", "names no path"),
        ("a,,,,", "needs a 'click'"),
        (f"a,{CLICK},,{LONG},", "needs a 'click', or a 'long'"),
        ('a,"1,2",,,', "'click' is not 3 numbers"),
        ('a,"1,2,x",,,', "'click' is not 3 numbers"),
        ('a,"1,2,nan",,,', "'click' is not 3 numbers"),
        (f"a,,{CLICK},,", "'long' is not 6 numbers"),
        (f"a,{CLICK},,,first", "given already, on line 2"),
        (f"a,{CLICK},,,x,y", "more cells"),
    ],
)
def test_a_row_that_is_wrong_says_why_and_the_others_stand(tmp_path: Path, row: str, problem: str) -> None:
    cases = read_cases(table(tmp_path, f"path,click,long,short,id\na,{CLICK},,,first\n{row}\nb,{CLICK},,,\n"))
    assert [bool(case.problem) for case in cases] == [False, True, False]
    assert problem in cases[1].problem
    assert len({case.id for case in cases}) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lists no lesions"),
        ("click\n1,2,3\n", "lists no lesions"),
        ("path,click\n", "holds no lesion"),
        (f"path,click,serie\na,{CLICK},1\n", "column 'serie'.* path, click, long, short, id, series"),
        (f"path,click,\na,{CLICK},\n", "a column without a name"),
        (f"path,labels,click,Labels\na,lung,{CLICK},liver\n", "more than one column 'labels'"),
        (f"path,click\n\xff,{CLICK}\n", "could not be read"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read_cases(table(tmp_path, text, "latin-1"))
    assert "cases.csv" in str(caught.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be read"):
        read_cases(tmp_path / "none.csv")
