"""Multi-frame objects: positions, spacing and rescale live in functional groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless
from synthetic_ct import AXIAL, slice_dataset, stored_values

from lesionscope.ct.scan import load, open_ct, scan
from lesionscope.errors import InputError

ENHANCED = "1.2.840.10008.5.1.4.1.1.2.1"


def group(**sequences: Dataset) -> Dataset:
    item = Dataset()
    for name, value in sequences.items():
        setattr(item, name, Sequence([value]))
    return item


def of(**values: object) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


def enhanced(stored: np.ndarray, z: list[float], per_frame_rescale: bool = False) -> FileDataset:
    ds = slice_dataset(stored[0], (0, 0, 0), AXIAL, "1.2.3.4", 1)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ENHANCED
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(ds, name)
    for name in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(ds, name)
    ds.NumberOfFrames = len(stored)
    shared = group(
        PlaneOrientationSequence=of(ImageOrientationPatient=list(AXIAL)),
        PixelMeasuresSequence=of(PixelSpacing=[1.1, 0.8], SliceThickness=3.0),
    )
    if not per_frame_rescale:
        shared.PixelValueTransformationSequence = Sequence(
            [of(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")]
        )
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k, height in enumerate(z):
        item = group(PlanePositionSequence=of(ImagePositionPatient=[-20.0, 15.0, height]))
        if per_frame_rescale:
            item.PixelValueTransformationSequence = Sequence(
                [of(RescaleSlope=1 + k, RescaleIntercept=-1000, RescaleType="HU")]
            )
        frames.append(item)
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    ds.PixelData = stored.tobytes()
    return ds


def test_frames_are_sorted_and_placed(tmp_path: Path) -> None:
    stored = stored_values(4)
    enhanced(stored, [47.5, 40.0, 42.5, 45.0]).save_as(tmp_path / "mf", enforce_file_format=True)
    volume = open_ct(tmp_path)
    assert np.array_equal(volume.hu, stored[[1, 2, 3, 0]] - 1024)
    assert volume.geometry.spacing_mm == pytest.approx((0.8, 1.1, 2.5))
    assert volume.geometry.slice_thickness_mm == 3.0
    assert len(volume.source.sop_instance_uids) == 1
    assert volume.source.frame_numbers == (2, 3, 4, 1)


def test_rescale_of_each_frame(tmp_path: Path) -> None:
    stored = stored_values(4)
    enhanced(stored, [40.0, 42.5, 45.0, 47.5], True).save_as(tmp_path / "mf", enforce_file_format=True)
    expected = stored.astype(int) * np.arange(1, 5)[:, None, None] - 1000
    assert np.array_equal(open_ct(tmp_path).hu, expected)


def test_compressed_frames(tmp_path: Path) -> None:
    stored = stored_values(4, 32, 24)
    ds = enhanced(stored, [40.0, 42.5, 45.0, 47.5])
    ds.compress(RLELossless, stored, generate_instance_uid=False)
    ds.save_as(tmp_path / "mf", enforce_file_format=True)
    assert np.array_equal(open_ct(tmp_path).hu, stored - 1024)


def test_frames_in_several_fragments_are_told_apart_by_the_offset_table(tmp_path: Path) -> None:
    from pydicom.encaps import encapsulate, generate_frames

    stored = stored_values(3, 32, 24)
    ds = enhanced(stored, [40.0, 42.5, 45.0])
    ds.compress(RLELossless, stored, generate_instance_uid=False)
    frames = list(generate_frames(ds.PixelData, number_of_frames=3))
    ds.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=True)
    ds.save_as(tmp_path / "mf", enforce_file_format=True)
    assert np.array_equal(open_ct(tmp_path).hu, stored - 1024)
    ds.PixelData = encapsulate(frames, fragments_per_frame=2, has_bot=False)
    ds.save_as(tmp_path / "mf", enforce_file_format=True)
    with pytest.raises(InputError, match="cannot be told apart"):
        open_ct(tmp_path)


def test_a_cut_file_keeps_its_whole_frames(tmp_path: Path) -> None:
    stored = stored_values(5)
    path = tmp_path / "mf"
    enhanced(stored, [40.0, 42.5, 45.0, 47.5, 50.0]).save_as(path, enforce_file_format=True)
    path.write_bytes(path.read_bytes()[: -stored[0].nbytes - 10])
    (series,) = scan(path).series
    assert {"truncated", "missing-slices"} <= {f.code for f in series.findings}
    assert "frame 4" in series.findings[0].message
    assert np.array_equal(load(series).hu, stored[:3] - 1024)


def test_frames_and_their_description_must_agree(tmp_path: Path) -> None:
    ds = enhanced(stored_values(4), [40.0, 42.5, 45.0])
    ds.save_as(tmp_path / "mf", enforce_file_format=True)
    with pytest.raises(InputError, match="announces 4 frames but describes 3"):
        open_ct(tmp_path)


def test_frames_without_groups_have_no_positions(tmp_path: Path) -> None:
    ds = slice_dataset(stored_values(1)[0], (0, 0, 0), AXIAL, "1.2.3", 1)
    ds.NumberOfFrames = 3
    ds.PixelData = stored_values(3).tobytes()
    ds.save_as(tmp_path / "cine", enforce_file_format=True)
    (series,) = scan(tmp_path).series
    assert series.size == (9, 8, 3) and series.has("no-geometry") and not series.usable


@pytest.mark.parametrize(
    ("group", "keyword", "values"),
    [
        ("FrameContentSequence", "TemporalPositionIndex", (1, 2)),
        ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase", (40.0, 75.0)),
        ("CTXRayDetailsSequence", "KVP", (80, 140)),
    ],
)
def test_phases_in_one_file_are_volumes_apart(
    tmp_path: Path, group: str, keyword: str, values: tuple[float, float]
) -> None:
    stored = stored_values(6)
    ds = enhanced(stored, [40.0, 42.5, 45.0] * 2)
    for k, item in enumerate(ds.PerFrameFunctionalGroupsSequence):
        setattr(item, group, Sequence([of(**{keyword: values[k // 3]})]))
    ds.save_as(tmp_path / "mf", enforce_file_format=True)
    one, two = scan(tmp_path).series
    assert one.has("time-points") and two.has("time-points")
    assert np.array_equal(load(one).hu, stored[:3] - 1024)
    assert np.array_equal(load(two).hu, stored[3:] - 1024)
