"""Phantom key slices: what they show lies where it is painted; kept, cut and mirrored without moving it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.deeplesion import phantom_slices as module
from lesionscope.training.deeplesion.augment import shown
from lesionscope.training.deeplesion.detector_recipe import Augmentation
from lesionscope.training.deeplesion.phantom_slices import (
    PATIENTS,
    Source,
    phantom_slices,
    slices_of,
)
from lesionscope.training.deeplesion.slices import DetectionSlice, Lesions

from lesionscope.ct.geometry import Geometry
from lesionscope.lesions.outlines import outline
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.painting import paint
from lesionscope.phantom.clinic.patient_scan import scan_geometry
from lesionscope.phantom.clinic.patients import ClinicPatient

MATRIX = 256
BLOCKS = Source("train", BlockBody, 64)


def test_a_slice_shows_the_lesions_that_were_marked_on_it() -> None:
    marked = 0
    for seed in range(6):
        patient = ClinicPatient(seed, "train", body_of=BlockBody)
        geometry = scan_geometry(patient, MATRIX)
        pixel, corner = geometry.spacing_mm[0], np.array(geometry.origin_lps_mm[:2])
        found = list(slices_of(patient, MATRIX))
        assert {one.number for one in found} == {
            patient.key_slice(mark) for mark in patient.marks if mark.bookmarked
        }
        for one in found:
            assert one.hu.shape == (3, MATRIX, MATRIX) and one.hu.dtype == np.int16
            extents = {s.lesion: s.extent for s in one.shown}
            for mark in patient.marks:
                if patient.key_slice(mark) == one.number:
                    x0, y0, x1, y1 = mark.box()
                    wanted = (np.array([[x0, y0], [x1, y1]]) - corner) / pixel
                    np.testing.assert_allclose(extents[mark.lesion], wanted.ravel(), atol=1e-6)
                    marked += 1
            told = {s.lesion for s in one.shown if s.bookmarked}
            here = [m for m in patient.marks if patient.key_slice(m) == one.number]
            assert told == {m.lesion for m in here if m.bookmarked}
    assert marked > 10


def test_sections_of_lesions_between_their_ends() -> None:
    patient = ClinicPatient(3, "train", body_of=BlockBody)
    lesion, geometry = patient.lesions[0], scan_geometry(patient, MATRIX)
    number = geometry.size[2] - round(float(geometry.to_voxel(lesion.centroid)[0]))
    _, masks = module._scanned(patient, geometry, number)
    ends = module._section(masks[lesion.id], geometry)
    assert ends is not None
    # The share alone, without a scanner: its outline holds the ends.
    canvas = Canvas(slice_of(geometry, number, max(patient.scanner.thickness_mm, geometry.slice_step_mm)))
    patient.body.paint(canvas)
    share = paint(canvas, lesion)
    assert share is not None
    edge = outline(share[0], canvas.x.ravel().astype(float), canvas.y.ravel().astype(float))
    np.testing.assert_allclose(ends.min(axis=0), edge.min(axis=0), atol=2 * geometry.spacing_mm[0])
    np.testing.assert_allclose(ends.max(axis=0), edge.max(axis=0), atol=2 * geometry.spacing_mm[0])
    assert module._section(None, geometry) is None
    assert module._section(np.zeros_like(masks[lesion.id]), geometry) is None


def slice_of(geometry: Geometry, number: int, thickness: float) -> Geometry:
    x, y, z = map(float, geometry.to_lps([geometry.size[2] - number, 0, 0]))
    pixel = geometry.spacing_mm[0]
    return Geometry((MATRIX, MATRIX, 1), (pixel, pixel, thickness), (x, y, z))


def test_slices_are_kept_in_blocks_and_more_cost_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = phantom_slices(BLOCKS, 10, tmp_path, workers=1)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(few) == 10 and len(kept) == 2
    assert all(one.patient < PATIENTS for one in few)

    def refuse(*_: object) -> None:
        raise AssertionError("scanned again")

    monkeypatch.setattr(module, "slices_of", refuse)
    again = phantom_slices(BLOCKS, 7, tmp_path, workers=2)
    assert [(one.patient, one.number, one.shown) for one in again] == [
        (one.patient, one.number, one.shown) for one in few[:7]
    ]
    assert all(np.array_equal(one.hu, other.hu) for one, other in zip(again, few, strict=False))
    with pytest.raises(AssertionError, match="scanned again"):
        phantom_slices(BLOCKS, 400, tmp_path, workers=1)


def spotted(rows: int = 300, columns: int = 260) -> DetectionSlice:
    """A body with two bright lesions, 20 pixels around which nothing else is bright."""
    hu = np.full((3, rows, columns), -1000, dtype=np.int16)
    hu[:, 40:260, 30:230] = 0
    extents = np.array([[60, 70, 80, 84], [170, 200, 178, 216]], dtype=np.float32)
    for x0, y0, x1, y1 in extents.astype(int):
        hu[1, y0 : y1 + 1, x0 : x1 + 1] = 600
    marks = Lesions(extents, np.array([0, 1]))
    return DetectionSlice(1, (rows, columns), marks, marks, lambda: hu)


def test_boxes_stay_around_their_lesions_however_a_slice_is_shown() -> None:
    one, given = spotted(), DetectorInput(longest=300)
    rules = Augmentation(window=(128, 160), scale=1.25, flip=0.5)
    seen, flipped, sizes = 0, 0, set()
    for seed in range(60):
        picture, boxes, kinds = shown(one, given, rules, np.random.default_rng(seed))
        assert picture.shape == (3, 128, 160) and len(boxes) == len(kinds) >= 1
        bright = np.argwhere(picture[1] > 0.5)
        whole = (boxes[:, :2] > 1).all(axis=1) & (boxes[:, 2:] < np.array([158, 126])).all(axis=1)
        for x0, y0, x1, y1 in boxes[whole]:
            inside = bright[
                (bright[:, 1] >= x0) & (bright[:, 1] <= x1) & (bright[:, 0] >= y0) & (bright[:, 0] <= y1)
            ]
            ends = np.concatenate([inside.min(axis=0), inside.max(axis=0)])[[1, 0, 3, 2]]
            margin = np.abs(ends - [x0, y0, x1, y1])
            assert margin.max() - margin.min() < 3.1  # as much on every side, give or take a pixel
            sizes.add(round(float(x1 - x0)))
            seen += 1
        flipped += int(kinds[0] == 0 and whole[0] and boxes[0, 0] > 60)
    assert seen > 30 and len(sizes) > 4 and flipped


def test_a_slice_shown_without_changes_is_the_search_s_picture() -> None:
    one, given = spotted(), DetectorInput(longest=300)
    rules = Augmentation(window=(272, 256), scale=1.0, flip=0.0)
    picture, boxes, _ = shown(one, given, rules, np.random.default_rng(0))
    plain, frame = given.picture(one.hu())
    np.testing.assert_array_equal(picture[:, : plain.shape[1], : plain.shape[2]], plain[:, :272, :256])
    np.testing.assert_allclose(boxes, frame.to_picture(one.bookmarks.boxes(one.size)), atol=1e-4)


def test_a_lesion_larger_than_the_window_is_shown_in_part_or_not_learnt() -> None:
    one = spotted()
    large = Lesions(np.array([[40, 50, 220, 250]], dtype=np.float32), np.array([0]))
    one = DetectionSlice(1, one.size, large, None, one.hu)
    for seed in range(10):
        rules = Augmentation(window=(128, 160), scale=1.0)
        _, boxes, kinds = shown(one, DetectorInput(longest=300), rules, np.random.default_rng(seed))
        assert boxes.shape == (0, 4) and kinds.shape == (0,)
