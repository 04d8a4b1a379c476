"""``read --click`` measures what was clicked, says so, and writes its voxels; without a model at work."""

import numpy as np
import pytest

from lesionscope.commands.clicked import measured, tell, write_masks
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.inference.reading import Refusal
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report.document import lesion_report


@pytest.fixture
def volume(tmp_path):
    """A ball of 20 mm in fat, as a series on disk."""
    geometry = Geometry((120, 120, 20), (0.8, 0.8, 2.5), (-48.0, -48.0, -25.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    hu = np.where(np.linalg.norm(geometry.to_lps(index), axis=-1) < 10, 60, -90)
    hu = hu + np.random.default_rng(5).normal(0, 5, hu.shape)
    write_series(CTVolume(hu.astype(np.int16), geometry, Source("ball")), tmp_path / "ct")
    return open_ct(tmp_path / "ct")


def test_a_click_is_measured_and_a_report_says_that_it_was_proposed(volume, tmp_path):
    clicked = [measured(volume, lesion_from_click(place)) for place in ((1.0, 2.0, 0.0), (35.0, 35.0, 10.0))]
    assert [one.lesion.box_declared for one in clicked] == [False, True]
    content = lesion_report([(one.lesion, Refusal("Nobody was asked.")) for one in clicked])
    tell(content, clicked)
    ball, fat = content["lesions"]
    assert ball["proposed"] is True and ball["long_mm"] == pytest.approx(20, abs=1.5)
    assert len(ball["short_lps_mm"]) == 6 and ball["centroid_lps_mm"] == [1.0, 2.0, 0.0]
    assert fat["proposed"] is False and fat["long_mm"] is None and "20 mm" in fat["proposal"]
    for form in ("seg", "nifti"):
        assert write_masks(clicked, volume, form, tmp_path / "out").stat().st_size > 300
    with pytest.raises(UsageError, match="no outlined lesion"):
        write_masks(clicked[1:], volume, "seg", tmp_path / "none")


def test_drawn_diameters_and_switched_off_clicks_stay_as_they_are(volume):
    drawn = lesion_from_diameters(Diameter((-8.0, 0, 0), (8.0, 0, 0)), geometry=volume.geometry)
    click = lesion_from_click((1.0, 2.0, 0.0))
    outside = lesion_from_click((900.0, 0.0, 0.0))
    for lesion, wanted in ((drawn, True), (click, False), (outside, True)):
        one = measured(volume, lesion, wanted=wanted)
        assert one.lesion is lesion and one.proposal is None
    content = lesion_report([(drawn, None)])
    tell(content, [measured(volume, drawn)])
    assert "proposed" not in content["lesions"][0]
