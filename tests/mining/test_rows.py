"""Whatever a file of sentences looks like: rows in order, and a sentence for each that is left out."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import random
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_fakes import Read

from lesionscope.errors import InputError, UsageError
from lesionscope.mining import lines as reading
from lesionscope.mining.lines import LONGEST

SECRET = "Doe"
"""Stands in the text of bad rows: no message may repeat it."""


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text\na,one\nb,two\n"),
        ("a.csv", "ID;Text\r\na;one\r\nb;two"),
        ("a.csv", '"id","text"\n"a","one"\n"b","two"\n'),
        ("a.CSV", "extra,Sentence,row-id\n,one,a\n,two,b\n"),
        ("a.tsv", "id\ttext\na\tone\nb\ttwo\n"),
        ("a.tab", "id\ttext\ra\tone\rb\ttwo\r"),
        ("a.jsonl", '{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}'),
        ("a.ndjson", '\n{"Row_ID": "a", "TEXT": "one"}\r\n\r\n{"id": "b", "sentence": "two"}\r\n'),
        ("a.json", '[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]'),
        ("a.json", '[\n {\n  "id": "a",\n  "text": "one"\n },\n {"text": "two", "id": "b"}\n]\n'),
        ("a.data", "id\ttext\na\tone\nb\ttwo\n"),
        ("a.data", "id,text\na,one\nb,two\n"),
        ("a.csv", "id;Text;Größe\na;one;" + "ß" * 70_001 + "\nb;two;"),
        ("a", '{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}'),
        ("a", '[{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]'),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_gives_the_same_rows(tmp_path: Path, name: str, content: str, packed: bool) -> None:
    data = content.encode()
    path = write(tmp_path / (name + ".gz" * packed), gzip.compress(data) if packed else data)
    read = Read(path)
    assert (read.texts, read.ids) == (["one", "two"], ["a", "b"])
    assert read.journal.left_out == 0


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_plain_text_is_a_sentence_a_line_numbered_by_it(tmp_path: Path, end: str) -> None:
    lines = ["  Nodule, 5 mm. ", "", 'He said "mass\x85\u2028\x0b\x0c".', "{curly", "id,text"]
    read = Read(write(tmp_path / "a.txt", end.join(lines)))
    assert read.texts == [line for line in lines if line]
    assert read.ids == read.lines == [1, 3, 4, 5]
    assert read.journal.blank == 1
    assert read.said == []


def test_text_is_handed_on_as_it_is(tmp_path: Path) -> None:
    text = '  "quoted", \tdouble  blanks,\r\n and lines\u202e\U0001fac1 كتلة \u200f é e\u0301 '
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["text", "n"], [text, 1], ["after", 2]])
    assert Read(write(tmp_path / "a.csv", table.getvalue())).texts == [text, "after"]
    assert Read(write(tmp_path / "a.json", json.dumps([{"text": text}]))).texts == [text]


def test_without_ids_rows_are_numbered(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.csv", 'text\none\n\n"two\nlines"\n" "\nfour\n'))
    assert read.ids == [1, 2, 4]
    assert read.lines == [2, 4, 7], "the physical lines that they start on"
    assert read.journal.blank == 1
    read = Read(write(tmp_path / "b.csv", "id,text\nx,one\n,two\n"))
    assert read.ids == ["x", 2]
    read = Read(write(tmp_path / "c.jsonl", '\n{"text": "one"}\n{"text": "two", "id": null}\n'))
    assert read.ids == [2, 3]
    read = Read(write(tmp_path / "d.json", '[{"text": "one"},\n 5,\n{"text": "two"}]'))
    assert read.ids == [1, 3]
    assert read.lines == [1, 3]


def test_ids_keep_their_type(tmp_path: Path) -> None:
    lines = '{"id": 7, "text": "a"}\n{"id": "007", "text": "b"}\n{"id": 0, "text": "c"}\n'
    assert Read(write(tmp_path / "a.jsonl", lines)).ids == [7, "007", 0]
    assert Read(write(tmp_path / "a.csv", "id,text\n007,a\n")).ids == ["007"]


def test_lesion_and_split_are_kept_and_the_lesion_serves_as_id(tmp_path: Path) -> None:
    (row,) = Read(write(tmp_path / "a.csv", "lesion_idx,Split,text\n12,train,one\n")).rows
    assert (row.id, row.lesion_idx, row.split) == ("12", "12", "train")
    (row,) = Read(write(tmp_path / "a.jsonl", '{"lesion_idx": 12, "id": "x", "text": "one"}')).rows
    assert (row.id, row.lesion_idx, row.split) == ("x", 12, None)


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Text,Befund,nr,NR\nwrong,Herd,1,2\n")
    assert Read(path, text_column="befund", id_column="NR").rows[0][1:3] == ("2", "Herd")
    path = write(tmp_path / "a.jsonl", '{"text": "wrong", "Befund": "Herd", "nr": 1}\n{"text": "x"}\n')
    read = Read(path, text_column="befund", id_column="nr")
    assert read.rows[0][1:3] == (1, "Herd")
    assert read.said == ["reports, line 2: it has no 'befund'; left out."]
    with pytest.raises(UsageError, match="no columns"):
        Read(write(tmp_path / "a.txt", "one"), text_column="befund")


def test_a_table_without_a_text_column_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"its columns are nr, Befund, Größe mm; .* --text-column"):
        Read(write(tmp_path / "a.csv", "nr,Befund,Größe mm\n1,Herd,3\n"))
    with pytest.raises(InputError, match=r"no column 'x'.*--id-column"):
        Read(write(tmp_path / "a.csv", "nr,text\n1,Herd\n"), id_column="x")
    for headless in ("Nodule seen in the left lower lobe of Doe,5\n", "17,Doe\n"):
        with pytest.raises(InputError, match="doesn't look like column names") as failure:
            Read(write(tmp_path / "a.csv", headless))
        assert SECRET not in str(failure.value)


def test_a_repeated_column_is_said(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.csv", "text,text\none,two\n"))
    assert read.texts == ["one"]
    assert read.said == ["reports: several of its columns have the name 'text'; the first is used."]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"b,Doe,x", "3 columns, not 2"),
        (b"Doe", "1 columns, not 2"),
        (b"b,", "text is empty"),
        (b'b,"  "', "text is empty"),
        (b"b,Doe\0", "NUL bytes"),
        (b'b,"Doe\0', "NUL bytes|pair up"),
        (b'b,"Doe', "pair up"),
        (b'b,"Doe" nodule', "pair up"),
        (b"b," + b"Doe " * 500_000, "longer than 1,000,000 bytes"),
        (b'b,"' + b"Doe " * 500_000 + b'"', "longer than 1,000,000 bytes"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_bad_row_of_a_table_costs_no_other(tmp_path: Path, bad: bytes, reason: str, end: bytes) -> None:
    rows = [b"id,text", b"a,one", b'"a2","one, ""half"""', bad, b'c,"three', b'lines"', b"d,four"]
    read = Read(write(tmp_path / "a.csv", end.join(rows) + end))
    assert read.ids == ["a", "a2", "c", "d"]
    assert read.texts == ["one", 'one, "half"', f"three{end.decode()}lines", "four"]
    assert read.lines == [2, 3, 5, 7]
    (said,) = read.said
    assert said.startswith("reports, line 4: it") and said.endswith("; left out.")
    assert re.search(reason, said), said
    assert SECRET not in said


def test_a_quote_that_never_closes_swallows_nothing(tmp_path: Path) -> None:
    plain = [f"{n},sentence {n}" for n in range(50_000)]
    read = Read(write(tmp_path / "a.csv", "\n".join(["id,text", '-1,"open', *plain])))
    assert read.ids == [str(n) for n in range(50_000)]
    assert read.said == ["reports, line 2: its quotation marks don't pair up; left out."]


def test_tabs_need_no_quotation_marks(tmp_path: Path) -> None:
    rows = ["id\ttext", 'a\t"Ground glass" nodule', 'b\t"open', 'c\t"a\ttab"', 'd\t5" mass']
    read = Read(write(tmp_path / "a.tsv", "\n".join(rows)))
    assert read.texts == ['"Ground glass" nodule', '"open', "a\ttab", '5" mass']
    assert read.said == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"id": "b", "text": "Doe" oops}', "not JSON"),
        (b'{"id": NaN, "text": "Doe"}', "not JSON"),
        (b'{"id": 1e999, "text": "Doe"}', "without end"),
        (b'{"id": ' + b"9" * 5000 + b', "text": "Doe"}', "not JSON"),
        (b'{"id": "b", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "text": "Doe"}', "not JSON"),
        (b'"Doe"', "no object"),
        (b"[1, 2]", "no object"),
        (b'{"id": "b"}', "no 'text'"),
        (b'{"id": "b", "text": null}', "text is empty"),
        (b'{"id": "b", "text": " "}', "text is empty"),
        (b'{"id": "b", "text": 5}', "text is a number, not a string"),
        (b'{"id": "b", "text": ["Doe"]}', "text is a list"),
        (b'{"id": "b", "text": {"Doe": 1}}', "text is an object"),
        (b'{"id": "b", "text": true}', "text is true or false"),
        (b'{"id": ["Doe"], "text": "Doe"}', "id is a list"),
        (b'{"id": true, "text": "Doe"}', "id is true or false"),
        (b'{"id": "b", "text": "Doe\0"}', "NUL bytes"),
        (b'{"id": "b", "text": "' + b"Doe " * 500_000 + b'"}', "longer than 1,000,000 bytes"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_bad_object_costs_no_other(tmp_path: Path, bad: bytes, reason: str, listed: bool) -> None:
    rows = [b'{"id": "a", "text": "one \\"[{,}]\\\\"}', bad, b'{"id": "c", "text": "three"}']
    data = b"[" + b",\n".join(rows) + b"]" if listed else b"\n".join(rows)
    read = Read(write(tmp_path / "a.json", data))
    assert (read.ids, read.texts) == (["a", "c"], ['one "[{,}]\\', "three"])
    (said,) = read.said
    assert said.startswith("reports, line 2: it") and reason in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "bad", ['{"id": "b", "text": "Doe"', '{"id": "b", "text": "Doe', "{", "Doe", "{'text': 'Doe'}"]
)
def test_a_line_that_is_no_object_costs_no_other(tmp_path: Path, bad: str) -> None:
    read = Read(write(tmp_path / "a.jsonl", f'{bad}\n{{"id": "c", "text": "three"}}\n{bad}'))
    assert read.ids == ["c"]
    assert read.said == [f"reports, line {line}: it is not JSON; left out." for line in (1, 3)]


def test_half_a_surrogate_pair_is_text(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.jsonl", r'{"id": "\udfff", "text": "mass \ud800"}'))
    assert (read.ids, read.texts) == (["\udfff"], ["mass \ud800"])


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,text\r\na,"Größe, 5 mm"\r\nb,肺\U0001fac1 nodule\r\n'),
        ("a.txt", "Größe, 5 mm\r\n肺\U0001fac1 nodule\r\n"),
        ("a.jsonl", '{"text": "Größe, 5 mm"}\n{"text": "肺\U0001fac1 nodule"}\n'),
        ("a.json", '[{"text": "Größe, 5 mm"},\n{"text": "肺\U0001fac1 nodule"}]\n'),
    ],
)
def test_encodings_with_a_mark(tmp_path: Path, encoding: str, mark: bytes, name: str, content: str) -> None:
    read = Read(write(tmp_path / name, mark + content.encode(encoding)))
    assert read.texts == ["Größe, 5 mm", "肺\U0001fac1 nodule"]
    assert read.said == ([] if encoding == "utf-8" else [f"reports: read as {encoding.upper()}."])


def test_a_lone_surrogate_in_utf16_and_half_a_character_at_the_end(tmp_path: Path) -> None:
    data = codecs.BOM_UTF16_LE + "one \ud800 two\nthree\n".encode("utf-16-le", "surrogatepass")
    assert Read(write(tmp_path / "a.txt", data)).texts == ["one \ud800 two", "three"]
    read = Read(write(tmp_path / "a.txt", data + b"x"))
    assert read.texts == ["one \ud800 two", "three"]
    assert "ends in the middle of a character; the rows after that are missing" in read.said[-1]


def test_lines_that_are_not_utf8_are_read_one_by_one_and_said(tmp_path: Path) -> None:
    lines = [b"Gr\xf6\xdfe", "Größe".encode(), b"\x935 mm\x94", b"\x81\xe9"]
    read = Read(write(tmp_path / "a.txt", b"\n".join(lines)))
    assert read.texts == ["Größe", "Größe", "“5 mm”", "\x81é"]
    assert read.said == [
        "reports, line 1: not UTF-8, read as Windows-1252.",
        "reports, line 4: not UTF-8, read as Latin-1.",
    ]
    assert "2 lines not UTF-8 and read as Windows-1252, 1 line not" in read.journal.summary()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes, **columns: str) -> Read:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return Read("-", **columns)

    assert read(b"Nodule, lung\nFindings, as above\n").texts == ["Nodule, lung", "Findings, as above"]
    assert read(b"Findings, impression\nx\n").texts == ["Findings, impression", "x"]
    assert read(b'\n{"id": 4, "text": "one"}\noops\n').ids == [4]
    table = read(b"id\ttext\n4\tone\n")
    assert table.rows[0][:3] == (2, "4", "one")
    assert table.said == ["reports: read as a table whose columns are parted by tabs."]
    assert read(b"a,b\n1,one\n", text_column="b").texts == ["one"]
    assert read(gzip.compress(b"one\n")).texts == ["one"]
    assert read(b"\xef\xbb\xbfone\n").texts == ["one"]
    assert read(b"").rows == []


def test_a_dribbling_pipe_is_read_as_a_file_is() -> None:
    class Dribble(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.left = data

        def read1(self, size: int) -> bytes:
            part, self.left = self.left[:1], self.left[1:]
            return part

    for content, pieces in [
        ("\ufeffa\r\nb\rc\n\n🫁".encode(), [b"a\r\n", b"b\r", b"c\n", b"\n", "🫁".encode()]),
        (codecs.BOM_UTF16_BE + "a\r\n🫁".encode("utf-16-be"), [b"a\r\n", "🫁".encode()]),
        (gzip.compress(b"a\nb"), [b"a\n", b"b"]),
    ]:
        source = reading._begin(Dribble(content), reading.Source("x", ""))
        assert [piece.raw for piece in reading.lines(source)] == pieces
    source = reading._begin(Dribble(rb'[{"a": "\\\"]"}, [1, [2]] ,3 ]'), reading.Source("x", ""))
    assert [piece.raw for piece in reading.elements(source)] == [rb'{"a": "\\\"]"}', b"[1, [2]] ", b"3 "]


def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        Read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is a folder"):
        Read(tmp_path)
    with pytest.raises(InputError, match=r"Excel workbook.*save the sheet as CSV"):
        Read(write(tmp_path / "a.csv", b"PK\x03\x04rest"))
    with pytest.raises(InputError, match="PDF"):
        Read(write(tmp_path / "a.pdf", b"%PDF-1.7"))
    with pytest.raises(InputError, match="compression is damaged"):
        Read(write(tmp_path / "a.gz", b"\x1f\x8bnonsense"))
    with pytest.raises(InputError, match="line 1: the line of column names can't be read"):
        Read(write(tmp_path / "a.csv", b'id,"text\n1,one\n'))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", ""), ("a.csv", "id,text\n"), ("a.txt", "\n \n"), ("a.jsonl", ""), ("a.json", "[]"), ("a", "")],
)
def test_nothing_in_it(tmp_path: Path, name: str, content: str) -> None:
    read = Read(write(tmp_path / name, content))
    assert (read.rows, read.said) == ([], [])


def test_a_file_that_breaks_off_says_so_and_keeps_what_was_whole(tmp_path: Path) -> None:
    numbers = random.Random(1)
    lines = [f"{n} {numbers.random()}" for n in range(50_000)]
    data = gzip.compress("\n".join(lines).encode())
    read = Read(write(tmp_path / "a.txt.gz", data[: len(data) // 2]))
    assert 1000 < len(read.rows) < len(lines)
    assert read.texts == lines[: len(read.rows)], "the last line, cut in two, is not among them"
    assert read.said == ["reports: its compression is damaged (EOFError); the rows after that are missing."]
    for content, count in [('[{"text": "one"},', 1), ('[{"text": "one"}', 0), ('[{"text": "one"}] more', 1)]:
        read = Read(write(tmp_path / "a.json", content))
        assert len(read.rows) == count
        assert "the rows after that are missing" in read.said[-1]


def test_a_row_may_be_as_long_as_the_limit(tmp_path: Path) -> None:
    text = "x" * (LONGEST - 1)
    assert Read(write(tmp_path / "a.txt", f"{text}\n{text}xx\nafter")).texts == [text, "after"]
    read = Read(write(tmp_path / "a.csv", f'text\n"{text[:-10]}"\nafter\n'))
    assert [len(text) for text in read.texts] == [LONGEST - 11, 5]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=8), st.booleans())
def test_tables_of_any_text_come_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], tab: bool
) -> None:
    table = io.StringIO(newline="")
    csv.writer(table, delimiter="\t" if tab else ",", quoting=csv.QUOTE_ALL).writerows(
        [["id", "text"], *([n, text] for n, text in enumerate(texts))]
    )
    path = tmp_path_factory.getbasetemp() / ("any.tsv" if tab else "any.csv")
    read = Read(write(path, table.getvalue()))
    said = [(str(n), text) for n, text in enumerate(texts) if text.strip()]
    assert [(row.id, row.text) for row in read.rows] == said
    assert read.journal.left_out == len(texts) - len(said)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([".csv", ".tsv", ".txt", ".jsonl", ".json", ""]))
def test_any_bytes_end_in_rows_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    try:
        read = Read(write(path, b"text,id\n" * (suffix == ".csv") + data))
    except InputError:
        return
    assert all(row.text.strip() for row in read.rows)
    assert read.lines == sorted(set(read.lines)) or suffix in ("", ".json")
