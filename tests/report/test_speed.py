"""A report of twenty lesions in all seven forms is a matter of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from test_sr import lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.report import forms
from lesionscope.report.key_image import key_images

LIMIT_S = 3.0


def test_twenty_lesions_in_seven_forms(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    """Processor time, so that what else the machine does makes no difference."""
    volume = scan()
    first = lesions_on(volume)[0]
    lesions = [replace(first, id=f"{n}", tracking_uid=f"1.2.3.{n}", number=n) for n in range(1, 21)]

    def write(folder: Path) -> int:
        content = report(lesions, volume)
        images = key_images(volume, lesions, notice=content["notice"])
        whole = forms.Report(content, images, lesions, volume)
        return sum(len(forms.write(whole, form, folder)) for form in forms.FORMS)

    write(tmp_path / "warm")  # libraries are loaded once
    start = time.process_time()
    assert write(tmp_path / "timed") == 6 + 20
    assert time.process_time() - start < LIMIT_S
