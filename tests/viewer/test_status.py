"""What the status bar says."""

from __future__ import annotations

from window_helpers import BALL_LPS, landmark_volume

from lesionscope.ct.volume import Finding
from lesionscope.viewer.status import place, readout


def test_letters_follow_the_signs():
    assert place((-57.44, 131.23, -520.36)) == "R 57.4  P 131.2  F 520.4 mm"
    assert place((1.0, -2.0, 3.0)) == "L 1.0  A 2.0  H 3.0 mm"


def test_the_value_is_that_of_the_volume_as_read():
    volume = landmark_volume()
    assert readout(volume, BALL_LPS).startswith("HU 1500")
    assert "(-30.00, -20.00, 12.00)" in readout(volume, BALL_LPS)
    assert readout(volume, (52.0, 47.0, 0.0)).startswith("HU −1000")


def test_outside_and_uncalibrated_volumes_say_so():
    assert readout(landmark_volume(), (900.0, 0.0, 0.0)).startswith("outside the scan")
    picture = landmark_volume(findings=(Finding("not-hu", "No rescale."),))
    assert readout(picture, BALL_LPS).startswith("value 1500")
