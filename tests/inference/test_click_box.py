"""Proposals against shapes whose diameters and voxels are known, on every kind of grid."""

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import Cancelled
from lesionscope.inference.click_box import on_slice, propose
from lesionscope.lesions.marking import DEFAULT_SIZE_MM, lesion_from_click
from lesionscope.progress import CancelToken

CENTRE = np.array([12.0, -30.0, 200.0])


def turned(x=0.0, z=0.0):
    a, b = np.deg2rad([x, z])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return about_z @ about_x


def sheared(degrees):
    a = np.deg2rad(degrees)
    axes = np.eye(3)
    axes[:, 2] = 0.0, np.sin(a), np.cos(a)
    return axes


def around(axes=None, spacing=(0.8, 0.8, 1.25), size=(150, 150, 60), offsets=None):
    """A grid whose middle voxel lies at ``CENTRE``."""
    axes = np.eye(3) if axes is None else axes
    steps = np.array([spacing[0], spacing[1], 1.0 if spacing[2] is None else spacing[2]])
    middle = np.array(size) // 2 * steps
    if offsets is not None:
        middle[2] = offsets[size[2] // 2]
    origin = CENTRE - axes @ middle
    return Geometry(size, spacing, tuple(origin), tuple(axes.ravel()), offsets)


def scan(geometry, semi=(12.0, 8.0, 9.0), inside=50.0, outside=-90.0, noise=6.0, centre=CENTRE):
    """An ellipsoid with axes along the patient's, with noise and partial volume at its rim."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    rho = np.linalg.norm((geometry.to_lps(index) - centre) / semi, axis=-1)
    share = np.clip(0.5 + (1 - rho) * np.mean(semi), 0, 1)
    hu = outside + (inside - outside) * share
    hu += np.random.default_rng(1).normal(0, noise, hu.shape)
    return CTVolume(np.rint(hu).astype(np.int16), geometry, Source("made")), rho < 1


GRIDS = {
    "thin": around(),
    "thick": around(spacing=(0.8, 0.8, 5.0), size=(150, 150, 20)),
    "unequal pixels": around(spacing=(0.5, 0.95, 1.25), size=(240, 130, 60)),
    "oblique": around(turned(12, 20), size=(190, 190, 80)),
    "tilted": around(sheared(18), size=(150, 150, 60)),
    "sagittal": around(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), (0.8, 1.0, 1.25), (150, 110, 80)),
    "uneven": around(
        spacing=(0.8, 0.8, None),
        size=(150, 150, 31),
        offsets=tuple(np.cumsum([0.0] + [2.0, 3.0, 2.5] * 10)),
    ),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(("inside", "outside"), [(50.0, -90.0), (30.0, -850.0), (55.0, 110.0)])
def test_an_ellipsoid_has_its_own_diameters_on_every_grid(name, inside, outside):
    volume, truth = scan(GRIDS[name], inside=inside, outside=outside)
    found = propose(volume, np.add(CENTRE, (2.0, -1.0, 0.0)))
    assert found.found, found.sentence
    assert found.long.length_mm == pytest.approx(24, abs=1.5)
    assert found.short.length_mm == pytest.approx(16, abs=1.5)
    ends = np.array([found.long.start_lps_mm, found.long.end_lps_mm])
    assert np.ptp(ends[:, 0]) > 22.5 and np.ptp(ends[:, 2]) == 0
    rim = np.linalg.norm((found.contour_lps_mm[:, :2] - CENTRE[:2]) / (12, 8), axis=1)
    np.testing.assert_allclose(rim, 1, atol=0.15)
    mask = found.mask.whole(volume.hu.shape)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.85
    # The block says itself where it lies.
    index = np.argwhere(found.mask.voxels)
    np.testing.assert_allclose(
        found.mask.geometry.to_lps(index), volume.geometry.to_lps(index + found.mask.start), atol=1e-6
    )


def test_the_slice_clicked_is_the_key_slice():
    volume, _ = scan(GRIDS["thick"])
    found = propose(volume, np.add(CENTRE, (0.0, 0.0, 6.0)))
    assert found.click_lps_mm[2] == pytest.approx(CENTRE[2] + 5.0)
    assert set(found.contour_lps_mm[:, 2]) == {found.click_lps_mm[2]} == {found.long.end_lps_mm[2]}
    smaller = np.sqrt(1 - (5 / 9) ** 2)
    assert found.long.length_mm == pytest.approx(24 * smaller, abs=1.5)


def test_the_lesion_keeps_its_identity_and_its_box_holds_the_diameters():
    volume, _ = scan(GRIDS["thin"])
    click = lesion_from_click(tuple(CENTRE))
    lesion = propose(volume, CENTRE).lesion(volume.geometry, click)
    assert (lesion.id, lesion.tracking_uid) == (click.id, click.tracking_uid)
    assert not lesion.box_declared and lesion.long.length_mm > lesion.short.length_mm
    assert np.all(np.array(lesion.box_lps_mm[:2]) < CENTRE[:2] - (12, 8))


def test_on_the_first_slice_and_in_a_single_slice():
    geometry = GRIDS["thin"]
    volume, _ = scan(geometry, centre=np.array([CENTRE[0], CENTRE[1], geometry.origin_lps_mm[2]]))
    first = propose(volume, (CENTRE[0], CENTRE[1], geometry.origin_lps_mm[2] - 0.4))
    assert first.found and first.long.length_mm == pytest.approx(24, abs=1.5)
    assert first.mask.voxels[0].any() and first.mask.start[0] == 0
    alone = around(spacing=(0.8, 0.8, None), size=(150, 150, 1), offsets=(0.0,))
    single = propose(scan(alone)[0], CENTRE)
    assert single.found and single.mask.voxels.shape[0] == 1
    assert single.short.length_mm == pytest.approx(16, abs=1.5)


@pytest.mark.parametrize(
    ("word", "options", "click"),
    [
        ("outside", {}, (400, 0, 0)),
        ("air", {"inside": -990.0, "outside": -500.0}, (0, 0, 0)),
        ("bone", {"inside": 900.0}, (0, 0, 0)),
        ("boundary", {"inside": -90.0}, (0, 0, 0)),
        ("smaller", {"semi": (1.3, 1.3, 4.0), "inside": 300.0, "noise": 1.0}, (0, 0, 0)),
        ("edge of the volume", {"centre": np.add(CENTRE, (58, 0, 0))}, (55, 0, 0)),
    ],
)
def test_a_declared_box_says_why(word, options, click):
    volume, _ = scan(GRIDS["thin"], **options)
    found = propose(volume, CENTRE + click)
    assert not found.found and word in found.sentence and "20 mm" in found.sentence
    assert (found.long, found.short, found.mask, len(found.contour_lps_mm)) == (None, None, None, 0)
    lesion = found.lesion(volume.geometry)
    assert lesion.box_declared and np.ptp([lesion.box_lps_mm[0], lesion.box_lps_mm[3]]) == DEFAULT_SIZE_MM


def test_what_is_larger_than_the_rays_is_declared():
    volume, _ = scan(around(size=(260, 260, 10)), semi=(90.0, 90.0, 90.0))
    found = propose(volume, CENTRE)
    assert not found.found and ("larger" in found.sentence or "boundary" in found.sentence)


def test_it_can_be_stopped():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        propose(scan(GRIDS["thin"])[0], CENTRE, cancel=token)


def test_a_click_moves_to_its_slice_and_nowhere_else():
    geometry = GRIDS["thick"]
    x, y, z = on_slice(geometry, np.add(CENTRE, (0.3, 0.2, 2.4)))
    assert (x, y, z) == pytest.approx((12.3, -29.8, 200.0))
    oblique = np.add(CENTRE, (0.3, 0.2, 2.4))
    assert on_slice(GRIDS["oblique"], oblique) == pytest.approx(tuple(oblique))


def test_the_nodule_of_a_real_chest_is_measured(shared_data):
    volume = open_ct(shared_data / "ct/01_chest_lidc0314/dicom")
    found = propose(volume, (-57.44, 131.23, -520.36))
    # LUNA16 gives 15.5 mm, the diameter of a ball; its readers saw it somewhat oblong.
    assert found.found and 14 < found.long.length_mm < 20 and 11 < found.short.length_mm < 16
    assert np.linalg.norm(np.mean(found.contour_lps_mm, axis=0) - (-57.44, 131.23, -520.36)) < 4


def test_a_real_tumour_agrees_with_its_mask(shared_data):
    import SimpleITK
    from skimage.draw import polygon2mask

    folder = shared_data / "ct/04_sts025_nrrd_mha"
    volume = open_ct(folder / "ct.nrrd")
    truth = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(folder / "mask.nrrd"))) > 0
    found = propose(volume, volume.geometry.to_lps((22, 68, 75)))
    region = polygon2mask(truth.shape[1:], volume.geometry.to_voxel(found.contour_lps_mm)[:, 1:])
    assert 2 * (region & truth[22]).sum() / (region.sum() + truth[22].sum()) > 0.65
