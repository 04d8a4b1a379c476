"""Masks written and read back by other readers lie on the very voxels they came from."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report.segmentation import LesionMask, write_dicom, write_masks, write_nifti


def turned(x, z, shear=0.0):
    a, b, c = np.deg2rad([x, z, shear])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    axes = about_z @ about_x
    axes[:, 2] = np.cos(c) * axes[:, 2] + np.sin(c) * axes[:, 1]
    return tuple(axes.ravel())


STRAIGHT = Geometry((30, 24, 9), (0.8, 0.7, 2.5), (-11.0, 5.0, 40.0))
GRIDS = {
    "straight": STRAIGHT,
    "oblique": replace(STRAIGHT, direction=turned(25, 14)),
    "tilted": replace(STRAIGHT, direction=turned(0, 0, 18)),
    "uneven": replace(
        STRAIGHT, spacing_mm=(0.8, 0.7, None), offsets_mm=(0.0, 2.0, 4.0, 6.0, 9.0, 11.0, 13.0, 15.0, 17.0)
    ),
    "sagittal": replace(STRAIGHT, direction=(0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
}


@pytest.fixture
def opened(tmp_path):
    """Write a grid as DICOM and open it again."""

    def make(name):
        rng = np.random.default_rng(2)
        hu = rng.integers(-900, 900, GRIDS[name].size[::-1]).astype(np.int16)
        write_series(CTVolume(hu, GRIDS[name], Source(f"seg-{name}")), tmp_path / name)
        return open_ct(tmp_path / name)

    return make


def two_masks(volume):
    rng = np.random.default_rng(4)
    one, other = np.zeros((2, *volume.hu.shape), bool)
    one[2:6, 4:12, 6:15] = rng.random((4, 8, 9)) < 0.6
    other[5:8, 13:20, 16:28] = rng.random((3, 7, 12)) < 0.6
    middles = [volume.geometry.to_lps(np.argwhere(mask).mean(axis=0)) for mask in (one, other)]
    return [
        LesionMask(replace(lesion_from_click(middle), number=number), mask)
        for number, middle, mask in zip((1, 3), middles, (one, other), strict=True)
    ]


def points(mask, geometry):
    return {tuple(np.round(p, 2)) for p in geometry.to_lps(np.argwhere(mask))}


def read_seg(path):
    """Each segment's voxels as points, LPS mm, by DICOM's own formula (PS3.3 C.7.6.2.1.1)."""
    seg = pydicom.dcmread(path)
    shared = seg.SharedFunctionalGroupsSequence[0]
    found = {}
    for frame, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        own = group if "PlaneOrientationSequence" in group else shared
        along = np.array(own.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
        own = group if "PixelMeasuresSequence" in group else shared
        rows, columns = (float(v) for v in own.PixelMeasuresSequence[0].PixelSpacing)
        j, i = np.nonzero(frame)
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        places = position + i[:, None] * columns * along[0] + j[:, None] * rows * along[1]
        found.setdefault(number, set()).update(tuple(np.round(p, 2)) for p in places)
    return seg, found


def off(one, other):
    """Greatest distance between two sets of points of one size."""
    a, b = (np.array(sorted(part)) for part in (one, other))
    assert a.shape == b.shape
    from scipy.spatial import cKDTree

    return float(cKDTree(a).query(b)[0].max())


@pytest.mark.parametrize("name", GRIDS)
def test_a_dicom_segmentation_lies_on_the_same_voxels(name, opened, tmp_path):
    volume = opened(name)
    masks = two_masks(volume)
    path = write_dicom(masks, volume, tmp_path / "mask.dcm")
    seg, found = read_seg(path)
    for number, mask in enumerate(masks, start=1):
        assert off(found[number], points(mask.voxels, volume.geometry)) < 0.02
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["Lesion 1", "Lesion 3"]
    assert [s.TrackingUID for s in seg.SegmentSequence] == [mask.lesion.tracking_uid for mask in masks]
    assert seg.StudyInstanceUID == volume.source.study_uid
    referred = {
        i.ReferencedSOPInstanceUID for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    }
    assert referred == set(volume.source.sop_instance_uids[2:8])


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("name", ["straight", "tilted"])
def test_the_standards_own_checker_finds_no_error(name, opened, tmp_path):
    volume = opened(name)
    path = write_dicom(two_masks(volume), volume, tmp_path / "mask.dcm")
    told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert not [line for line in told.stderr.splitlines() if line.startswith("Error")]


TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip


def rewritten(volume, change):
    """Change the headers of a scan's files, and open it again."""
    for number, path in enumerate(sorted(Path(volume.source.path).glob("*.dcm"))):
        ds = pydicom.dcmread(path)
        with pydicom.config.disable_value_validation():
            change(ds, number)
        ds.save_as(path)
    return open_ct(volume.source.path)


def anonymised(ds, number):
    for name in (*TYPE_2, "FrameOfReferenceUID", "PositionReferenceIndicator", "SliceThickness"):
        if name in ds:
            del ds[name]


def defaced(ds, number):
    ds.PatientBirthDate, ds.StudyDate, ds.StudyTime, ds.PatientSex = "00000000", "20231399", "2561", "U"
    ds.SliceThickness = None


@pytest.mark.parametrize("change", [anonymised, defaced])
def test_images_that_anonymising_emptied_can_be_referred_to(change, opened, tmp_path):
    volume = rewritten(opened("straight"), change)
    masks = two_masks(volume)
    path = write_dicom(masks, volume, tmp_path / "mask.dcm")
    seg, found = read_seg(path)
    for number, mask in enumerate(masks, start=1):
        assert off(found[number], points(mask.voxels, volume.geometry)) < 0.02
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SliceThickness) == pytest.approx(2.5)
    assert not any((seg.PatientBirthDate, seg.PatientSex, seg.StudyDate, seg.StudyTime))
    assert seg.FrameOfReferenceUID == (volume.source.frame_of_reference_uid or volume.source.uid)
    if shutil.which("dciodvfy"):
        told = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        assert not [line for line in told.stderr.splitlines() if line.startswith("Error")]


def test_images_that_can_not_be_referred_to_leave_nifti(opened, tmp_path):
    """A frame of reference for each image of one series: no segmentation can name them all."""

    def scattered(ds, number):
        ds.FrameOfReferenceUID = f"1.2.3.{number}"

    volume = rewritten(opened("straight"), scattered)
    masks = two_masks(volume)
    with pytest.raises(UsageError, match="write a NIfTI mask instead"):
        write_dicom(masks, volume, tmp_path / "mask.dcm")
    assert write_masks(masks, volume, tmp_path, "mask").name == "mask.nii.gz"
    assert not (tmp_path / "mask.dcm").exists()


@pytest.mark.parametrize("name", ["straight", "oblique", "sagittal"])
def test_a_nifti_mask_lies_on_the_same_voxels(name, opened, tmp_path):
    import nibabel

    volume = opened(name)
    masks = two_masks(volume)
    image = nibabel.load(write_nifti(masks, volume, tmp_path / "mask.nii.gz"))
    labels = np.asarray(image.dataobj)
    for mask in masks:
        index = np.argwhere(labels == mask.lesion.number)
        ras = nibabel.affines.apply_affine(image.affine, index)
        there = {tuple(p) for p in ras * (-1, -1, 1)}
        assert off(there, points(mask.voxels, volume.geometry)) < 0.02


@pytest.mark.parametrize(("name", "word"), [("tilted", "tilted"), ("uneven", "unevenly")])
def test_a_grid_that_nifti_cannot_say_is_refused(name, word, opened, tmp_path):
    volume = opened(name)
    with pytest.raises(UsageError, match=f"{word}.*DICOM segmentation"):
        write_nifti(two_masks(volume), volume, tmp_path / "mask.nii.gz")
    assert not (tmp_path / "mask.nii.gz").exists()


def test_what_cannot_be_written_is_refused(opened, tmp_path):
    volume = opened("straight")
    masks = two_masks(volume)
    loose = CTVolume(volume.hu, volume.geometry, Source("file"))
    with pytest.raises(UsageError, match="NIfTI mask instead"):
        write_dicom(masks, loose, tmp_path / "mask.dcm")
    with pytest.raises(UsageError, match="no outlined lesion"):
        write_dicom([], volume, tmp_path / "mask.dcm")
    with pytest.raises(UsageError, match="1 to 255"):
        far = LesionMask(replace(masks[0].lesion, number=300), masks[0].voxels)
        write_nifti([far], volume, tmp_path / "mask.nii.gz")
    shutil.rmtree(tmp_path / "straight")
    with pytest.raises(InputError, match="no longer holds 6"):
        write_dicom(masks, volume, tmp_path / "mask.dcm")
