from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from lesionscope.training.radpath.manifest import read_manifest

from lesionscope.ct.crops import crop
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.ontology.tree import load_tree
from lesionscope.phantom.chest_series import APART_MM, chest_volume
from lesionscope.phantom.corners import BALL_HU, CORNER_HU, ball_centre, corner_blocks, corner_marked
from lesionscope.phantom.dicom_series import write_series
from lesionscope.phantom.radpath import case, cube, write_manifest

GRID = Geometry((20, 16, 9), (0.7421875, 0.9, 2.5), (-31.25, 12.125, -401.0))


def read_series(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


@pytest.mark.parametrize("lowest", [-1024, -2000])
def test_series_reads_back_the_same(tmp_path: Path, lowest: int) -> None:
    rng = np.random.default_rng(0)
    hu = rng.integers(lowest, 3072, GRID.size[::-1]).astype(np.int16)
    paths = write_series(CTVolume(hu, GRID, Source(uid="x")), tmp_path)
    image = read_series(tmp_path)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), hu)
    assert np.allclose(image.GetOrigin(), GRID.origin_lps_mm)
    assert np.allclose(image.GetSpacing(), GRID.spacing_mm)
    assert np.allclose(image.GetDirection(), GRID.direction)
    assert len(paths) == 9


def test_oblique_series_reads_back_the_same(tmp_path: Path) -> None:
    a = math.radians(20)
    direction = (math.cos(a), 0, math.sin(a), 0, 1, 0, -math.sin(a), 0, math.cos(a))
    grid = Geometry((8, 8, 5), (1.0, 1.0, 3.0), (5.0, -7.0, 11.0), direction)
    volume = corner_marked(grid)
    write_series(volume, tmp_path)
    image = read_series(tmp_path)
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), volume.hu)
    assert np.allclose(image.GetDirection(), direction, atol=1e-6)


def test_tilted_and_uneven_slices_keep_their_positions(tmp_path: Path) -> None:
    a = math.radians(12)
    direction = (1, 0, 0, 0, 1, math.sin(a), 0, 0, math.cos(a))
    grid = Geometry((6, 6, 4), (1.0, 1.0, None), (0, 0, 0), direction, offsets_mm=(0, 2, 5, 11))
    for k, path in enumerate(write_series(corner_marked(grid), tmp_path)):
        ds = pydicom.dcmread(path)
        assert np.allclose(np.array(ds.ImagePositionPatient, float), grid.to_lps([k, 0, 0]), atol=1e-6)
        assert ds.InstanceNumber == k + 1


def test_uids_are_steady_valid_and_distinct(tmp_path: Path) -> None:
    volume = corner_marked(GRID)
    first = [pydicom.dcmread(p) for p in write_series(volume, tmp_path / "a", study="s")]
    again = [pydicom.dcmread(p) for p in write_series(volume, tmp_path / "b", study="s")]
    other = [pydicom.dcmread(p) for p in write_series(volume, tmp_path / "c", study="s", identity="another")]
    assert [d.SOPInstanceUID for d in first] == [d.SOPInstanceUID for d in again]
    assert len({d.SOPInstanceUID for d in first + other}) == 18
    assert first[0].StudyInstanceUID == other[0].StudyInstanceUID
    assert first[0].SeriesInstanceUID != other[0].SeriesInstanceUID
    for ds in first:
        assert ds.SOPInstanceUID.startswith("2.25.") and ds.SOPInstanceUID.is_valid
        assert ds.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert str(ds.PatientName) == "Phantom^Lesionscope"


def test_hu_beyond_sixteen_bits_are_refused(tmp_path: Path) -> None:
    volume = CTVolume(np.full((1, 2, 2), 1e6, np.float32), Geometry((2, 2, 1), (1, 1, 1.0)), Source("x"))
    with pytest.raises(UsageError, match="16-bit"):
        write_series(volume, tmp_path)


def test_corner_marks_tell_every_flip_and_swap_apart() -> None:
    volume = corner_marked(Geometry((16, 16, 16), (1, 1, 1.0)))
    seen = set()
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        for flips in np.ndindex(2, 2, 2):
            turned = volume.hu.transpose(order)[tuple(slice(None, None, -1 if f else 1) for f in flips)]
            seen.add(turned.tobytes())
    assert len(seen) == 48


def test_ball_and_corners_lie_where_they_are_said_to() -> None:
    volume = corner_marked(GRID)
    assert volume.hu_at(ball_centre(GRID)) == BALL_HU
    assert volume.hu[0, 0, 0] == CORNER_HU[0] and volume.hu[-1, 0, -1] == CORNER_HU[5]
    for hu, block in corner_blocks(GRID).items():
        assert (volume.hu[block] == hu).all()


@pytest.mark.parametrize("form", ["nifti", "dicom"])
def test_manifest_leads_to_the_cubes(tmp_path: Path, form: str) -> None:
    table = write_manifest(tmp_path, "validation", 2, frequencies="balanced", form=form, workers=1)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["path", "x", "y", "z", "leaf", "patient", "split", "seed"]
    row = rows[0]
    of = case(int(row["seed"]))
    assert row["leaf"] == of.leaf and row["split"] == "validation"
    assert [one.leaf for one in read_manifest(table, load_tree())] == [one["leaf"] for one in rows]
    path = tmp_path / row["path"]
    image = SimpleITK.ReadImage(str(path)) if form == "nifti" else read_series(path)
    geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    volume = CTVolume(SimpleITK.GetArrayFromImage(image).astype(np.int16), geometry, Source("x"))
    centre = tuple(float(row[axis]) for axis in "xyz")
    hu = crop(volume, centre, shape=(40, 40, 40))
    assert np.abs(hu - cube(of)[12:52, 12:52, 12:52]).mean() < 6
    assert not list(tmp_path.rglob(".*"))


def test_manifest_refuses_an_unknown_form(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nifti"):
        write_manifest(tmp_path, "train", 1, form="png")


def test_manifest_in_a_file_says_so(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x", encoding="utf-8")
    with pytest.raises(LesionscopeError, match="could not be written"):
        write_manifest(blocked, "train", 1, workers=1)


def test_whole_chest_has_its_lesions() -> None:
    steps: list[tuple[int, int]] = []
    volume, truth = chest_volume(
        3, (2.0, 2.0, 4.0), ("H4a", "H3b", "H4b"), progress=lambda done, total, _: steps.append((done, total))
    )
    assert volume.hu.dtype == np.int16 and steps[-1][0] == steps[-1][1] == volume.hu.shape[0]
    assert volume.geometry.is_axis_aligned and [t.leaf for t in truth] == ["H4a", "H3b", "H4b"]
    lung = (volume.hu < -700) & (volume.hu > -950)
    assert lung.mean() > 0.1
    for one in truth:
        assert volume.geometry.contains(one.centroid_lps_mm)
        assert 0.5 * one.looks.diameter_mm < one.long.length_mm < 1.6 * one.looks.diameter_mm
        assert 3.0 < one.short.length_mm <= one.long.length_mm + 0.6
        along = np.subtract(one.long.end_lps_mm, one.long.start_lps_mm)
        across = np.subtract(one.short.end_lps_mm, one.short.start_lps_mm)
        assert abs(along @ across) < 0.02 * np.linalg.norm(along) * np.linalg.norm(across)
    gaps = [
        np.linalg.norm(np.subtract(a.centroid_lps_mm, b.centroid_lps_mm))
        for n, a in enumerate(truth)
        for b in truth[n + 1 :]
    ]
    assert min(gaps) > 0.6 * APART_MM
    again, _ = chest_volume(3, (2.0, 2.0, 4.0), ("H4a", "H3b", "H4b"))
    assert np.array_equal(again.hu, volume.hu)
