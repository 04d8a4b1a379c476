"""DeepLesion's table and slices, against real rows of the release."""

import csv
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.deeplesion import (
    COLUMNS,
    DeepLesionRow,
    measured_box,
    read_dl_info,
    read_sentences,
    read_slice,
    write_dl_info,
    write_slice,
)


@pytest.fixture
def real(shared_data: Path) -> Path:
    return shared_data / "deeplesion" / "DL_info_rows.csv"


ROW = DeepLesionRow(
    patient=12, study=3, series=1, key_slice=41,
    measurement=(100.5, 80.25, 110.0, 90.0, 103.0, 88.0, 108.0, 83.125), box=(95.5, 75.25, 115.0, 95.0),
    diameters_px=(13.6222, 7.0), location=(0.4, 0.5, 0.6), coarse_type=-1, possibly_noisy=False,
    slice_range=(35, 47), spacing_mm=(0.8, 0.8, 2.5), image_size=(512, 512), window_hu=(-175.0, 275.0),
    gender="F", age=None, split="validation",
)  # fmt: skip


def changed(tmp_path: Path, column: str, value: str) -> Path:
    """Write ROW's table with one cell changed."""
    path = write_dl_info(tmp_path / "DL_info.csv", [ROW])
    with path.open(encoding="utf-8", newline="") as stream:
        header, cells = csv.reader(stream)
    cells[header.index(column)] = value
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, cells])
    return path


def test_real_rows_are_written_as_they_were(real: Path, tmp_path: Path) -> None:
    again = write_dl_info(tmp_path / "again.csv", read_dl_info(real))
    assert again.read_bytes() == real.read_bytes()


def test_real_boxes_follow_from_the_diameters(real: Path) -> None:
    for row in read_dl_info(real):
        assert measured_box(row.measurement) == pytest.approx(row.box, abs=6e-4)
        ends = np.reshape(row.measurement, (2, 2, 2))
        assert np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) == pytest.approx(row.diameters_px, rel=2e-4)


def test_a_real_row_by_hand(real: Path) -> None:
    row = read_dl_info(real)[3]
    assert row.box == (246.735, 128.524, 270.288, 162.618)
    assert (row.slice_range, row.spacing_mm, row.age, row.split) == (
        (58, 118),
        (0.732422, 0.732422, 1),
        73,
        "train",
    )
    assert row.file_name == "000001_01_01_003.png"
    assert row.slice_path("d", 58) == Path("d/Images_png/000001_01_01/058.png")


def test_rows_survive_other_hands(tmp_path: Path) -> None:
    path = write_dl_info(tmp_path / "DL_info.csv", [ROW, replace(ROW, age=63, gender="")])
    with path.open(encoding="utf-8", newline="") as stream:
        table = list(csv.reader(stream))
    turned = [[*reversed(line), "more"] for line in table]
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, lineterminator="\r\n").writerows(turned)
    assert read_dl_info(path) == (ROW, replace(ROW, age=63, gender=""))


@pytest.mark.parametrize("step", ["-5", "nan", "0"])
def test_an_unknown_slice_step_is_kept(tmp_path: Path, step: str) -> None:
    (row,) = read_dl_info(changed(tmp_path, "Spacing_mm_px_", f"0.8, 0.8, {step}"))
    assert not row.spacing_mm[2] > 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Measurement_coordinates", "1, 2, 3"),
        ("Measurement_coordinates", "1, 2, 3, 4, 5, 6, 7, nan"),
        ("Bounding_boxes", "a, b, c, d"),
        ("Key_slice_index", "-1"),
        ("Key_slice_index", "4.5"),
        ("Slice_range", "9, 3"),
        ("Coarse_lesion_type", "9"),
        ("Possibly_noisy", "2"),
        ("Patient_age", "old"),
        ("Train_Val_Test", "0"),
        ("Image_size", ""),
    ],
)
def test_what_a_line_can_t_hold_is_named(tmp_path: Path, column: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"DL_info.csv, line 2: {column}"):
        read_dl_info(changed(tmp_path, column, value))


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    for content in (b"", b"a,b\n1,2\n", b"\xff\xfe\x00", ",".join(COLUMNS[1:]).encode()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.csv"):
            read_dl_info(path)
    with pytest.raises(InputError, match=r"none\.csv"):
        read_dl_info(tmp_path / "none.csv")


def test_a_line_cut_short_is_named(tmp_path: Path) -> None:
    path = write_dl_info(tmp_path / "DL_info.csv", [ROW, ROW])
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"DL_info\.csv"):
        read_dl_info(path)


def test_an_unknown_split_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dev"):
        write_dl_info(tmp_path / "DL_info.csv", [replace(ROW, split="dev")])
    assert not list(tmp_path.iterdir())


def test_slices_hold_hu_and_an_offset(tmp_path: Path) -> None:
    hu = np.array(list(itertools.product((-1024, -1, 0), (40, 3071, 32767))), dtype=np.int16)
    write_slice(tmp_path / "001.png", hu)
    with Image.open(tmp_path / "001.png") as image:
        assert image.mode in ("I;16", "I") and image.size == (2, 9)  # Pillow 10 names it "I"
        assert np.array_equal(np.asarray(image), hu.astype(int) + 32768)
    assert np.array_equal(read_slice(tmp_path / "001.png"), hu)
    assert read_slice(tmp_path / "001.png").dtype == np.int16


def test_other_images_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "colour.png")
    (tmp_path / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in ("colour.png", "half.png", "none.png"):
        with pytest.raises(InputError, match=name):
            read_slice(tmp_path / name)


def test_sentences_are_lines_of_json_whatever_signs_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    signs = "A nodule,\u2028in the lung;\x85\x7f 5\u2029mm."
    path.write_text(
        f'\ufeff{{"lesion_idx": 3, "text": "{signs}"}}\r\n'
        '{"lesion_idx": 12.0, "text": "A cyst.", "id": "r1"}\n\n'
        '{"lesion_idx": 12, "text": "Stable.", "id": "r2"}\n'
        '{"lesion_idx": "12", "text": "A cyst.", "id": "r2"}\n \n',
        encoding="utf-8",
    )
    assert read_sentences(path) == {3: ("3", signs), 12: ("r1; r2", "A cyst. Stable.")}


@pytest.mark.parametrize(
    "line",
    [
        '{"lesion_idx": 1, "te', "[1]", "7", '{"text": "x"}', '{"lesion_idx": 1}',
        '{"lesion_idx": 1, "text": null}',
        '{"lesion_idx": -1, "text": "x"}', '{"lesion_idx": 1.5, "text": "x"}',
        '{"lesion_idx": Infinity, "text": "x"}', '{"lesion_idx": 1, "text": "half \\ud83d a sign"}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_sentence_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "reports.jsonl"
    path.write_text(f'{{"lesion_idx": 0, "text": "x"}}\n\n{line}\n')
    with pytest.raises(InputError, match=r"reports\.jsonl, line 3"):
        read_sentences(path)


def test_a_file_of_sentences_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"lesion_idx": 0, "text": "\xe9"}')
    for name, why in (
        ("none.jsonl", "no such file"),
        ("latin.jsonl", "not text in UTF-8"),
        (".", "a folder"),
    ):
        with pytest.raises(InputError, match=why):
            read_sentences(tmp_path / name)
