"""Real volumes by a CSV manifest: checked rows, stratified subsets, cached cubes."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.radpath.manifest import Row, read_cubes, read_manifest, rows_of, subsets

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Finding, Source
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.ontology.tree import load_tree

TREE = load_tree()
HEADER = "path,x,y,z,leaf\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "lesions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_with_paths_relative_to_the_file(tmp_path):
    path = write(tmp_path, "﻿path, x,y,z,leaf,subset,patient\nct/a.nii, 1.5,-2,3,H4a,4,p1\n")
    (row,) = read_manifest(path, TREE)
    assert row == Row(2, tmp_path / "ct" / "a.nii", (1.5, -2.0, 3.0), "H4a", 4, None, "p1")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,x,y,leaf\n", "lacks the columns z"),
        (HEADER, "lists no lesion"),
        (HEADER + "a,1,2,3,\n", "row 2: 'leaf' is empty"),
        (HEADER + "a,1,2,3,H4a\nb,1,2,3\n", "row 3: 'leaf' is empty"),
        (HEADER + "a,1,2,3,H2a\n", "row 2: 'H2a' is no leaf"),
        (HEADER + "a,1,two,3,H4a\n", "row 2: x, y and z must be numbers"),
        (HEADER + "a,1,nan,3,H4a\n", "finite"),
        ("path,x,y,z,leaf,subset\na,1,2,3,H4a,7\n", "0 to 4"),
        ("path,x,y,z,leaf,subset\na,1,2,3,H4a,1\nb,1,2,3,H4a,\n", "row 3: 'subset' is empty"),
        ("path,x,y,z,leaf,patient\na,1,2,3,H4a,p\nb,1,2,3,H4a,\n", "row 3: 'patient' is empty"),
        ("path,x,y,z,leaf,split\na,1,2,3,H4a,train\nb,1,2,3,H4a,\n", "row 3: 'split' is empty"),
        ("path,x,y,z,leaf,split\na,1,2,3,H4a,dev\n", "row 2: 'split' must be train, validation, test"),
        ("path,x,y,z,leaf,patient_id\na,1,2,3,H4a,p\n", "'patient_id' but none named 'patient'"),
        ("path,x,y,z,leaf,Subject\na,1,2,3,H4a,p\n", "'subject' but none named 'patient'"),
        ("path,x,y,z,leaf,patient,Patient\na,1,2,3,H4a,p,q\n", "'patient' twice"),
        ("path,x,y,z,leaf,MRN\na,1,2,3,H4a,7\n", "'mrn' but none named 'patient'"),
        ("path,x,y,z,leaf,id_patient\na,1,2,3,H4a,7\n", "'id_patient' but none named 'patient'"),
        ("path,x,y,z,leaf,Pat ID\na,1,2,3,H4a,7\n", "'pat id' but none named 'patient'"),
        (HEADER + "a,1,2,3,H4a,7\n", "row 2: it has more cells than the table has columns"),
        (HEADER + "a,1,2,3,H4a\nb,1,2,3,H4a\na,1.0,2,3.00,H4a\n", "rows 2 and 4: they are one lesion; "),
        (HEADER + "a,1,2,3,H4a\n./a,1,2,3,H3b\n", "rows 2 and 3: .* one lesion, once H4a and once H3b"),
        (
            "path,x,y,z,leaf,series_uid\na,1,2,3,H4a,1.2\na,1,2,3,H4a,1.3\na,1,2,3,H4a,\n",
            "rows 2 and 4: they are one lesion",
        ),
        (
            "path,x,y,z,leaf,subset,split\na,1,2,3,H4a,1,train\nb,1,2,3,H4a,1,test\n",
            "both 'subset' and 'split'",
        ),
        (
            "path,x,y,z,leaf,patient,split\na,1,2,3,H4a,p,train\nb,1,2,3,H4a,q,test\nc,1,2,3,H4a,p,test\n",
            "rows 2 and 4: lesions of one patient are in the splits train and test",
        ),
    ],
)
def test_a_wrong_row_is_named(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_manifest(write(tmp_path, text), TREE)


@pytest.mark.parametrize(
    ("patients", "rows"),
    [
        ("P1,p1", "2 and 3"),
        ("7,8,007", "2 and 4"),
        ("7,7.0", "2 and 3"),
        ("Müller  A,MU\u0308LLER a", "2 and 3"),
        ("P-01,Q-1,P-1", "2 and 4"),
        ("7,70,7.01,P7,1.2,12,0,00.5", None),
    ],
)
def test_patients_that_may_be_one_are_refused(tmp_path, patients, rows):
    lines = "".join(f"{i}.nii,1,2,3,H4a,{name}\n" for i, name in enumerate(patients.split(",")))
    path = write(tmp_path, "path,x,y,z,leaf,patient\n" + lines)
    if rows is None:
        assert len(read_manifest(path, TREE)) == len(patients.split(","))
        return
    with pytest.raises(InputError, match=f"rows {rows}: their patients differ in nothing but capitals"):
        read_manifest(path, TREE)


def test_columns_that_tell_no_patients_apart_are_not_read(tmp_path):
    more = "pathology,spatial,rapid,pattern,seed,amrn"
    path = write(
        tmp_path,
        f"path,x,y,z,leaf,series_uid,{more}\n" + "".join(f"a,1,2,3,H4a,1.{i},,,,,,\n" for i in range(2)),
    )
    assert [row.series_uid for row in read_manifest(path, TREE)] == ["1.0", "1.1"]


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv"):
        read_manifest(tmp_path / "none.csv", TREE)


def test_subsets_are_equal_stratified_and_keep_patients_together():
    rng = np.random.default_rng(0)
    tags = rng.choice(TREE.leaves, 500, p=[0.3, 0.2] + [0.5 / 9] * 9)
    rows = [
        Row(i + 2, Path(f"{i}.nii"), (0, 0, 0), str(tag), patient=f"p{i // 2}" if i < 100 else "")
        for i, tag in enumerate(tags)
    ]
    got = subsets(rows, seed=1)
    assert set(got) == set(range(5)) and np.ptp(np.bincount(got)) <= 10
    for tag, total in Counter(tags).items():
        counts = np.bincount(got[tags == tag], minlength=5)
        assert np.abs(counts - total / 5).max() <= 4
    assert all(got[2 * i] == got[2 * i + 1] for i in range(50))
    np.testing.assert_array_equal(got, subsets(rows, seed=1))


def test_given_subsets_are_kept():
    rows = [Row(i, Path(str(i)), (0, 0, 0), "H4a", subset=i % 5) for i in range(7)]
    assert subsets(rows).tolist() == [0, 1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize(("patients", "paths", "what"), [("pqp", "abc", "patient"), (None, "aba", "file")])
def test_given_subsets_may_not_tear_a_patient_apart(patients, paths, what):
    rows = [
        Row(i + 2, Path(path), (0, 0, 0), "H4a", subset=i, patient=patients[i] if patients else "")
        for i, path in enumerate(paths)
    ]
    with pytest.raises(InputError, match=f"rows 2 and 4: lesions of one {what} are in the subsets 0 and 2"):
        subsets(rows)
    assert subsets(rows[:2]).tolist() == [0, 1]


def test_the_patients_column_may_be_in_capitals(tmp_path):
    lines = "".join(f"{i}.nii,1,2,3,{TREE.leaves[i % 2]},P{i // 2}\n" for i in range(20))
    rows = read_manifest(write(tmp_path, "Path,X,Y,Z,Leaf,Patient\n" + lines), TREE)
    got = subsets(rows)
    assert all(got[2 * i] == got[2 * i + 1] for i in range(10)) and len(set(got)) == 5


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_spreadsheets_other_separators_do(tmp_path, mark):
    text = "\ufeffPath,x,y,z,leaf,\r\na.nii,1.5,-2,3,H4a,\r\n".replace(",", mark)
    (row,) = read_manifest(write(tmp_path, text), TREE)
    assert row == Row(2, tmp_path / "a.nii", (1.5, -2.0, 3.0), "H4a")
    with pytest.raises(InputError, match=r"row 2: x, y and z must be numbers .*, decimals after a point"):
        read_manifest(write(tmp_path, text.replace("1.5", "1,5")), TREE)


def test_splits_that_a_manifest_names_are_kept(tmp_path):
    names = ("train", "test", "train", "validation")
    lines = "".join(f"{i}.nii,1,2,3,H4a,{names[i % 4]}\n" for i in range(12))
    rows = read_manifest(write(tmp_path, "path,x,y,z,leaf,split\n" + lines), TREE)
    for split in ("train", "validation", "test"):
        own = [row.number - 2 for row in rows_of(rows, split, (0, 1, 2))]
        assert own == [i for i in range(12) if names[i % 4] == split]


def test_a_manifest_of_one_split_is_dealt_out(tmp_path):
    lines = "".join(f"{i}.nii,1,2,3,H4a,train\n" for i in range(10))
    rows = read_manifest(write(tmp_path, "path,x,y,z,leaf,split\n" + lines), TREE)
    assert [len(rows_of(rows, split, w)) for split, w in (("train", (0, 1, 2)), ("test", (4,)))] == [6, 2]


def ramp_volume() -> CTVolume:
    """HU = x + 10 z on an anisotropic grid, x from −40, z from −60 mm."""
    geometry = Geometry((90, 60, 50), (1.0, 1.5, 2.5), (-40.0, -45.0, -60.0))
    k, _, i = np.meshgrid(np.arange(50), np.arange(60), np.arange(90), indexing="ij")
    hu = (-40.0 + i + 10 * (-60.0 + 2.5 * k)).astype(np.float32)
    return CTVolume(hu, geometry, Source("1.2.3"))


def test_cubes_are_cut_at_the_centroid_once_and_cached(tmp_path):
    opened = []

    def opener(path, series_uid):
        opened.append((path, series_uid))
        return ramp_volume()

    rows = [
        Row(2, tmp_path / "v", (0.5, 0.5, 0.5), "H4a"),
        Row(3, tmp_path / "v", (2.5, 0.5, -1.5), "H1c", series_uid=None),
    ]
    first = read_cubes(rows, tmp_path / "cache", opener=opener)
    assert len(opened) == 1 and first.dtype == np.int16 and first.shape == (2, 64, 64, 64)
    # Voxel (31.5, 31.5, 31.5) is the centroid: along x one HU a mm, along z ten.
    middle = first[0, 31:33, 31:33, 31:33].astype(float).mean()
    assert middle == pytest.approx(0.5 + 10 * 0.5, abs=1)
    assert first[0, 31, 31, 40] - first[0, 31, 31, 30] == 10
    assert first[0, 40, 31, 31] - first[0, 30, 31, 31] == 100
    assert first[1].astype(float)[31:33, 31:33, 31:33].mean() == pytest.approx(2.5 - 15, abs=1)
    again = read_cubes(rows, tmp_path / "cache", opener=opener)
    assert len(opened) == 1
    np.testing.assert_array_equal(first, again)
    if os.name != "nt":  # Windows has no modes
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").iterdir()}
        assert modes == {0o600}, "patients' pixels are their owner's alone"


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LesionscopeError, match=r"file.* could not be written .* choose another folder"):
        read_cubes(
            [Row(2, tmp_path / "v", (0, 0, 0), "H4a")], tmp_path / "file", opener=lambda *_: ramp_volume()
        )


def test_a_centroid_outside_its_volume_names_the_row(tmp_path):
    rows = [Row(9, tmp_path / "v", (500.0, 0.0, 0.0), "H4a")]
    with pytest.raises(InputError, match=r"Row 9.*outside the volume"):
        read_cubes(rows, tmp_path / "c", opener=lambda *_: ramp_volume())


def test_a_volume_that_cannot_be_read_names_the_row(tmp_path):
    def opener(path, series_uid):
        raise InputError(f"{path} holds no CT.")

    with pytest.raises(InputError, match=r"Row 5 of the manifest: .* holds no CT"):
        read_cubes([Row(5, tmp_path / "v", (0, 0, 0), "H4a")], tmp_path / "c", opener=opener)


@pytest.mark.parametrize("code", ["not-hu", "no-geometry"])
def test_a_volume_that_is_not_in_hounsfield_units_names_the_row(tmp_path, code):
    volume = replace(ramp_volume(), findings=(Finding(code, "noticed"),))
    with pytest.raises(InputError, match=r"Row 7 of the manifest, .*v: .*open the original CT series"):
        read_cubes([Row(7, tmp_path / "v", (0, 0, 0), "H4a")], tmp_path / "c", opener=lambda *_: volume)
    assert not list((tmp_path / "c").glob("*"))


@pytest.mark.parametrize("form", ["folder", "file", "detached"])
def test_a_file_that_was_corrected_is_read_again(tmp_path, form):
    """A file overwritten in place leaves its folder's own time as it was."""
    path, written = {
        "folder": (tmp_path / "v", tmp_path / "v" / "1" / "a.dcm"),
        "file": (tmp_path / "v.nii", tmp_path / "v.nii"),
        "detached": (tmp_path / "v.mhd", tmp_path / "v.raw"),
    }[form]
    written.parent.mkdir(parents=True, exist_ok=True)
    if form == "detached":
        path.write_text("header")
    opened = []

    def opener(*_):
        volume = ramp_volume()
        opened.append(written.read_text())
        return replace(volume, hu=volume.hu + len(opened))

    rows = [Row(2, path, (0.5, 0.5, 0.5), "H4a")]
    cubes = []
    for content in ("one", "one", "two"):
        if not written.is_file() or written.read_text() != content:
            written.write_text(content)
            os.utime(written, ns=(0, len(opened) + 1))
        cubes.append(read_cubes(rows, tmp_path / "cache", opener=opener))
    assert opened == ["one", "two"]
    np.testing.assert_array_equal(cubes[0], cubes[1])
    np.testing.assert_array_equal(cubes[0] + 1, cubes[2])
