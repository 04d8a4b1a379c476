"""The PDF: what it must say, the pictures in it, and text that stays text."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_document import labels_reading, reading_for
from test_key_image import GRIDS, volume_with_balls
from test_reviewed import decide

from lesionscope.ct.volume import CTVolume, Patient
from lesionscope.ct.windows import preset
from lesionscope.followup.response import Followed, Role, Size, assess
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.models import registry
from lesionscope.report import html_form, pdf_form, wording
from lesionscope.report.document import Content, lesion_report
from lesionscope.report.key_image import LONG_COLOUR, SHORT_COLOUR, key_images, to_pixel
from lesionscope.report.reviewed import Review


def poppler(tool: str, *arguments: str | Path) -> bytes:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} isn't here: install Debian's poppler-utils")
    return subprocess.run([tool, *map(str, arguments)], capture_output=True, check=True).stdout


def words(data: bytes, folder: Path) -> str:
    (folder / "report.pdf").write_bytes(data)
    return " ".join(poppler("pdftotext", "-layout", folder / "report.pdf", "-").decode().split())


def test_it_says_what_must_be_said(measured: Lesion, volume: CTVolume, tmp_path: Path) -> None:
    card = registry.find().card
    table = assess(
        (Followed(measured.tracking_uid, "Lesion 1", "lung", False, Role.TARGET, (Size(long_mm=18.0),)),),
        ("20240101",),
    )
    review = Review((decide(measured, "right lung", "accepted", "Doe, Jane"),))
    read = reading_for(measured)
    read = replace(read, provenance=replace(read.provenance, notes=("40 % of it was filled with air.",)))
    content = lesion_report(
        [(measured, read, labels_reading(measured))],
        source=volume.source,
        cards=[card],
        review=review,
        response=table,
    )
    said = words(pdf_form.pdf(content, key_images(volume, [measured])), tmp_path)
    for part in (
        wording.NOTICE,
        wording.PARTLY_REVIEWED,
        "not reviewed; own score",
        "1.8 × 1.2 cm lesion in the right lung.",
        "accepted by Doe, Jane",
        "Labels decided on: 1, by Doe, Jane",
        wording.RESPONSE,
        "Sum of targets 18.0 mm",
        card.title,
        f"Calibration: {card.calibration.method}"[:40],
        content["software"],
        "nodule and cyst",
        "40 % of it was filled with air.",
    ):
        assert part in said, part


def test_every_state_and_hostile_text_stays_text(content: Content, tmp_path: Path) -> None:
    data = pdf_form.pdf(content)
    for active in (b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/AA", b"/OpenAction /"):
        assert active not in data
    said = words(data, tmp_path)
    assert "<script>alert('x')</script>" in said and said.count("comment") == 1250
    assert wording.STALE.split(":")[0] in said and "lies in air" in said and wording.NOT_READ in said
    assert "مريض" not in said or "\u202e" not in said
    assert pdf_form.drawable("a\u202eb山\x00\ud800c\td") == "ab□\N{REPLACEMENT CHARACTER}c    d"


def test_what_the_font_lacks_is_said_and_other_scripts_read_right(
    measured: Lesion, volume: CTVolume, tmp_path: Path
) -> None:
    def said(name: str) -> str:
        named = replace(
            volume.source, patient=Patient(name, "1"), kernel="", description="", study_description=""
        )
        return words(pdf_form.pdf(lesion_report([(measured, None)], source=named)), tmp_path)

    stated = wording.MISSING.format(sign=pdf_form.MISSING)
    assert stated in said("山田^花子") and "□□, □□" in said("山田^花子")
    for name in ("Müller^Jörg", "Κώστας^Ω", "Иванов^Пётр", "Nguyễn^Thị", "שלום^דוד", "محمد^سلام"):
        assert stated not in said(name), name


@pytest.mark.parametrize("name", ["axial", "oblique", "tilted", "gantry"])
def test_page_and_paper_show_the_right_slice_and_marks(name: str, tmp_path: Path) -> None:
    geometry, middle = GRIDS[name], (3.0, -2.0, 4.0)
    volume = volume_with_balls(geometry, [(middle, 6.0)])
    measured = lesion_from_diameters(
        Diameter((-9.0, -2.0, 4.0), (15.0, -2.0, 4.0)),
        Diameter((3.0, -9.0, 4.0), (3.0, 5.0, 4.0)),
        geometry=geometry,
    )
    content = lesion_report([(measured, None)], source=volume.source)
    images = key_images(volume, [measured], window=preset("soft-tissue"))
    page = html_form.text(content, images)
    assert base64.b64encode(images[measured.id].png).decode() in page
    (tmp_path / "report.pdf").write_bytes(pdf_form.pdf(content, images))
    poppler("pdfimages", "-j", tmp_path / "report.pdf", tmp_path / "image")
    (file,) = tmp_path.glob("image*")
    shown = np.asarray(Image.open(file).convert("RGB")).astype(int)
    own = np.asarray(Image.open(io.BytesIO(images[measured.id].png))).astype(int)
    assert shown.shape == own.shape and np.abs(shown - own).mean() < 3
    assert measured.long is not None and measured.short is not None
    for end, colour in (
        (measured.long.end_lps_mm, LONG_COLOUR),
        (measured.long.start_lps_mm, LONG_COLOUR),
        (measured.short.end_lps_mm, SHORT_COLOUR),
    ):
        column, row = (round(v) for v in to_pixel(measured, end))
        near = shown[row - 3 : row + 4, column - 3 : column + 4]
        assert np.abs(near - colour[:3]).sum(axis=-1).min() < 60
    for way in ((3.0, 3.0, 0.0), (-3.0, -3.0, 0.0)):
        column, row = (round(v) for v in to_pixel(measured, np.add(middle, way)))
        assert shown[row, column].min() > 220, "the ball lies under its marks"
