"""DeepLesion's table and slices: the release's own boxes, and damaged sets that train on the rest."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.deeplesion.dataset import (
    context_box,
    examined,
    hu_around,
    key_slices,
    read_dataset,
    split_patients,
)
from lesionscope.training.deeplesion.table import read_table

from lesionscope import cli
from lesionscope.errors import Cancelled, InputError
from lesionscope.lesions.deeplesion import (
    COLUMNS,
    TABLE,
    DeepLesionRow,
    measured_box,
    write_dl_info,
    write_slice,
)
from lesionscope.progress import CancelToken

SIDE = 64


def made_up(patient: int, key: int = 5, at: tuple[float, float] = (30.0, 34.0)) -> DeepLesionRow:
    x, y = at
    ends = (x - 6, y, x + 6, y, x, y - 4, x, y + 4)
    return DeepLesionRow(
        patient=patient,
        study=1,
        series=1,
        key_slice=key,
        measurement=ends,
        box=measured_box(ends),
        diameters_px=(12.0, 8.0),
        location=(0.5, 0.5, 0.5),
        coarse_type=-1,
        possibly_noisy=False,
        slice_range=(key - 1, key + 1),
        spacing_mm=(0.8, 0.8, 5.0),
        image_size=(SIDE, SIDE),
        window_hu=(-175.0, 275.0),
        gender="F",
        age=60,
        split="train",
    )


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(-1000, 1000, (SIDE, SIDE)).astype(np.int16)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten patients, of whom the first has two lesions on a slice."""
    rows = [made_up(1), made_up(1, at=(40.0, 20.0)), *(made_up(patient) for patient in range(2, 11))]
    write_dl_info(tmp_path / TABLE, rows)
    for row in rows[1:]:
        path = row.slice_path(tmp_path)
        path.parent.mkdir(parents=True)
        write_slice(path, picture(row.patient))
    return tmp_path


def change(root: Path, row: int, **cells: str) -> None:
    """Change cells of a row of the table."""
    table = list(csv.reader(io.StringIO((root / TABLE).read_text())))
    for column, value in cells.items():
        table[row + 1][COLUMNS.index(column)] = value
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    (root / TABLE).write_text(text.getvalue())


def test_the_box_rule_gives_the_releases_own_boxes(shared_data: Path) -> None:
    """With the release's 5 pixels, to the table's digits, from its text alone."""
    path = shared_data / "deeplesion" / "DL_info_rows.csv"
    table = read_table(path)
    assert len(table.rows) == 4
    with path.open(newline="") as stream:
        for number, cells in enumerate(csv.DictReader(stream)):
            expected = [float(value) for value in cells["Bounding_boxes"].split(",")]
            assert context_box(table.rows[number], padding=5) == pytest.approx(expected, abs=5e-4)
    # Also by the reader's own check, which would say so.
    assert not [problem for problem in table.problems if problem.kind == "box"]
    assert table.left_out == ()


def test_a_box_has_20_pixels_more_where_the_picture_has_them() -> None:
    assert context_box(made_up(1)) == (4, 10, 56, 58)
    assert context_box(made_up(1, at=(10, 60))) == (1, 36, 36, SIDE)


@pytest.mark.parametrize("seed", range(5))
def test_boxes_of_random_diameters_against_pixels(seed: int) -> None:
    """A pixel is in the box if one of the ends is 20 or fewer columns, and one 20 or fewer rows, away…"""
    rng = np.random.default_rng(seed)
    ends = rng.integers(1, SIDE + 1, (4, 2))
    x0, y0, x1, y1 = context_box(replace(made_up(1), measurement=tuple(map(float, ends.ravel()))))
    for axis, (first, last) in enumerate([(x0, x1), (y0, y1)]):
        # …or between such.
        near = [p for p in range(1, SIDE + 1) if np.abs(ends[:, axis] - p).min() <= 20]
        assert (first, last) == (near[0], near[-1])


def test_a_whole_set_has_no_problems_and_a_slice_holds_all_its_lesions(root: Path) -> None:
    slices, problems = read_dataset(root, workers=1)
    assert problems == ()
    assert [one.rows for one in slices] == [(0, 1), *((row,) for row in range(2, 11))]
    # From 0, not from 1.
    assert slices[0].boxes.tolist() == [[3, 9, 55, 57], [13, 0, 63, 43]]


def cut_off(share: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    return damage


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("missing", Path.unlink),
        ("unreadable", cut_off(0.0)),
        ("unreadable", cut_off(0.001)),
        ("unreadable", cut_off(0.5)),
        ("unreadable", cut_off(0.99)),
        ("unreadable", lambda path: path.write_bytes(b"no picture")),
        ("size", lambda path: write_slice(path, picture(0)[:-1])),
    ],
)
def test_a_damaged_picture_costs_its_lesions_alone(
    root: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    path = made_up(1).slice_path(root)
    damage(path)
    slices, problems = read_dataset(root, workers=1)
    assert [one.rows for one in slices] == [(row,) for row in range(2, 11)]
    assert [(problem.row, problem.kind) for problem in problems] == [(0, kind), (1, kind)]
    assert all(str(path) in problem.text for problem in problems)


@pytest.mark.parametrize(
    ("kind", "cells", "says"),
    [
        ("row", {"Measurement_coordinates": "1, 2, 3"}, "Measurement_coordinates must be 8 numbers"),
        ("row", {"Bounding_boxes": "nan, 1, 2, 3"}, "Bounding_boxes must be 4 numbers"),
        ("row", {"Coarse_lesion_type": "9"}, "Coarse_lesion_type can't be 9"),
        ("row", {"Train_Val_Test": ""}, "Train_Val_Test must be a whole number"),
        ("name", {"File_name": "000009_01_01_005.png"}, "the numbers beside it 000004_01_01_005.png"),
        ("spacing", {"Spacing_mm_px_": "nan, nan, 5"}, "pixels can't be nan × nan mm"),
        ("spacing", {"Spacing_mm_px_": "0.8, -0.8, 5"}, "pixels can't be 0.8 × -0.8 mm"),
        ("noisy", {"Possibly_noisy": "1"}, "possibly noisy"),
        ("box", {"Bounding_boxes": "41, 43, 19, 25"}, "turned inside out"),
        ("box", {"Bounding_boxes": "59, 25, 81, 43"}, "lies outside a picture of 64 × 64"),
        ("box", {"Measurement_coordinates": "9, 9, 99, 9, 54, 4, 54, 14"}, "diameters lie outside"),
        ("box", {"Measurement_coordinates": "9, 9, 20, 9, 12, 9, 14, 9"}, "span no area"),
    ],
)
def test_a_bad_row_is_left_out_and_listed(root: Path, kind: str, cells: dict[str, str], says: str) -> None:
    change(root, 4, **cells)
    table = read_table(root / TABLE)
    assert sorted(table.rows) == [row for row in range(11) if row != 4]
    (found,) = [problem for problem in table.problems if problem.left_out]
    assert (found.row, found.kind) == (4, kind)
    assert says in found.text
    assert "line 6" in found.text


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        ("spacing", {"Spacing_mm_px_": "0.8, 0.8, nan"}),
        ("spacing", {"Spacing_mm_px_": "0.8, 0.8, -1"}),
        ("range", {"Slice_range": "6, 40"}),
        ("range", {"Slice_range": "1, 4"}),
        ("box", {"Bounding_boxes": "19, 25, 41, 43.5"}),
    ],
)
def test_what_training_can_do_without_is_listed_but_kept(
    root: Path, kind: str, cells: dict[str, str]
) -> None:
    change(root, 4, **cells)
    table = read_table(root / TABLE)
    assert len(table.rows) == 11
    assert [(found.row, found.kind, found.left_out) for found in table.problems] == [(4, kind, False)]


def test_of_the_same_lesion_twice_the_first_is_kept(root: Path) -> None:
    lines = (root / TABLE).read_text().splitlines(keepends=True)
    (root / TABLE).write_text("".join([*lines, lines[3]]))
    table = read_table(root / TABLE)
    assert sorted(table.rows) == list(range(11))
    (found,) = table.problems
    assert (found.row, found.kind) == (11, "duplicate")
    assert "the same as row 2" in found.text


def test_lines_of_too_few_or_too_many_cells(root: Path) -> None:
    lines = (root / TABLE).read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0]
    lines[5] += ",7"
    (root / TABLE).write_text("\n".join(lines))
    table = read_table(root / TABLE)
    assert [(problem.row, problem.kind) for problem in table.problems] == [(2, "row"), (4, "row")]
    assert "ends before Train_Val_Test" in table.problems[0].text
    assert sorted(table.rows) == [0, 1, 3, *range(5, 11)]


def test_a_table_that_breaks_off_trains_on_what_stands_before(root: Path) -> None:
    text = (root / TABLE).read_text()
    lines = text.splitlines(keepends=True)
    before = len("".join(lines[:8]))
    (root / TABLE).write_text(text[: before + lines[8].index('"') + 5])  # within a quoted cell
    table = read_table(root / TABLE)
    assert sorted(table.rows) == list(range(7))
    (found,) = table.problems
    assert (found.row, found.kind) == (7, "row")
    assert "nothing after it was read" in found.text


def test_a_table_that_lacks_a_column_is_refused(root: Path) -> None:
    text = (root / TABLE).read_text()
    (root / TABLE).write_text(text.replace("Spacing_mm_px_", "Spacing", 1))
    with pytest.raises(InputError, match="no column Spacing_mm_px_"):
        read_dataset(root)


@pytest.mark.parametrize("damaged", ["table", "pictures", "all"])
def test_a_set_of_which_nothing_is_left_is_refused(root: Path, damaged: str) -> None:
    if damaged == "pictures":
        for path in root.rglob("*.png"):
            path.unlink()
    elif damaged == "table":
        (root / TABLE).write_text((root / TABLE).read_text().splitlines()[0])
    else:
        (root / TABLE).unlink()
    with pytest.raises(InputError, match=re.escape(str(root / TABLE))):
        read_dataset(root, workers=1)


def test_everything_wrong_at_once_is_listed_by_row(root: Path) -> None:
    change(root, 6, Possibly_noisy="1")
    change(root, 8, Spacing_mm_px_="nan, 1, 1")
    made_up(3).slice_path(root).unlink()
    table = examined(root, workers=1)
    found = [(problem.row, problem.kind) for problem in table.problems]
    assert found == [(3, "missing"), (6, "noisy"), (8, "spacing")]
    assert len(key_slices(table)) == 7


def test_several_processes_find_the_same(root: Path) -> None:
    cut_off(0.5)(made_up(3).slice_path(root))
    assert examined(root, workers=2).problems == examined(root, workers=1).problems != ()


def test_looking_through_pictures_can_be_stopped(root: Path) -> None:
    token = CancelToken()
    seen = []

    def progress(done: int, total: int, label: str) -> None:
        seen.append((done, total))
        token.cancel()

    with pytest.raises(Cancelled):
        examined(root, workers=1, progress=progress, cancel=token)
    assert seen == [(1, 10)]


def test_neighbours_are_read_where_they_are_of_use(root: Path) -> None:
    row = made_up(1)
    key = picture(1)
    assert (hu_around(root, row) == key).all()
    write_slice(row.slice_path(root, 4), picture(44))
    write_slice(row.slice_path(root, 6), picture(46))
    np.testing.assert_array_equal(hu_around(root, row), [picture(44), key, picture(46)])
    cut_off(0.5)(row.slice_path(root, 4))
    write_slice(row.slice_path(root, 6), picture(46)[1:])
    assert (hu_around(root, row) == key).all()


def test_patients_are_dealt_70_15_15_and_each_to_one_part() -> None:
    # Most have several lesions.
    patients = np.random.default_rng(1).integers(1, 201, 1000).tolist()
    parts = split_patients(patients, seed=0)
    count = len(set(patients))
    assert [len(part) for part in parts] == pytest.approx([0.7 * count, 0.15 * count, 0.15 * count], abs=1)
    assert sum(map(len, parts)) == count
    assert frozenset.union(*parts) == set(patients)
    assert split_patients(reversed(patients), seed=0) == parts
    assert split_patients(patients, seed=1) != parts
    assert split_patients([7], seed=0)[0] == {7}


def test_the_doctor_lists_what_is_wrong_and_what_is_left(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor", "--dataset", str(root), "--workers", "1"]) == 0
    assert capsys.readouterr().out == "11 lesions on 10 slices can be trained on, 0 can't.\n"
    made_up(3).slice_path(root).unlink()
    change(root, 5, Spacing_mm_px_="0.8, 0.8, nan")
    change(root, 6, Measurement_coordinates="9, 9, 99, 9, 54, 4, 54, 14")
    change(root, 1, Train_Val_Test="3")
    assert cli.main(["doctor", "--dataset", str(root), "--workers", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[:18] for line in lines[1:3]] == ["out   row 3, missi", "note  row 5, spaci"]
    # Its diameters lie outside, and its box isn't theirs.
    assert all(line.startswith(("out   row 6, box", "note  row 6, box")) for line in lines[3:-1])
    torn = "rows 0 and 1, which are of one patient, in the splits train and test"
    assert lines[0].startswith("note  row 1, split: ") and torn in lines[0]
    assert lines[-1] == "9 lesions on 8 slices can be trained on, 2 can't."


def test_the_doctor_refuses_a_set_without_anything_left(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in root.rglob("*.png"):
        path.unlink()
    assert cli.main(["doctor", "--dataset", str(root), "--workers", "1"]) == 3
    assert "Nothing in" in capsys.readouterr().err
