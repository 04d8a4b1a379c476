"""How well a box from a click agrees with the truth, on phantom patients and on masks drawn by hand.

python benchmarks/click_box.py phantoms [--split validation] [--patients 60]   agreement, as JSON
python benchmarks/click_box.py masks FOLDER                                    the same on real tumours
python benchmarks/click_box.py peers [--patients 40]                           ready-made methods beside it
python benchmarks/click_box.py elsewhere [--patients 20]                       clicks on healthy tissue
python benchmarks/click_box.py fit [--patients 110]                            weights of click_rays.EXPECTED

A click falls at random where the lesion is at least half as deep as it gets on its key slice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, label
from skimage.draw import polygon2mask

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference import click_box, click_rays
from lesionscope.inference.click_box import Proposal, propose
from lesionscope.lesions.lesion import Point
from lesionscope.lesions.outlines import diameters, outline
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.clinic.lesions import ClinicLesion
from lesionscope.phantom.clinic.painting import paint
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.phantom.scanner import render

Mask = NDArray[np.bool_]
HALF_MM, DEPTH_MM, MOST_SLICES = 72.0, 32.0, 16
CLICKS = 2
GOOD = 0.7


@dataclass(frozen=True, eq=False)
class Case:
    """A click, and the voxels that are the lesion's; ``name`` groups the figures."""

    name: str
    volume: CTVolume
    truth: Mask
    click_kji: tuple[float, float, float]

    @cached_property
    def slice_truth(self) -> Mask:
        """The part of the lesion that was clicked, on the clicked slice."""
        k, j, i = np.rint(self.click_kji).astype(int)
        parts, _ = label(self.truth[k])
        return np.asarray(parts == parts[j, i])


def phantom_cases(split: str, first: int, patients: int) -> Iterator[Case]:
    """Scan the surroundings of every lesion of some patients."""
    for seed in range(first, first + patients):
        patient = ClinicPatient(seed, split)
        for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
            volume, truth = surroundings(patient, lesion, mark.slice_mm)
            key = volume.geometry.size[2] // 2
            rng = np.random.default_rng([patient.number, 78, lesion.id])
            for click in clicks(truth[key], rng):
                yield Case(lesion.family, volume, truth, (key, *click))


def surroundings(patient: ClinicPatient, lesion: ClinicLesion, key_mm: float) -> tuple[CTVolume, Mask]:
    scanner = patient.scanner
    pixel, step = scanner.pixel_mm, scanner.slice_step_mm
    side = 2 * int(HALF_MM / pixel) + 1
    beside = min(int(np.ceil(DEPTH_MM / step)), MOST_SLICES)
    x, y, _ = lesion.centroid
    geometry = Geometry(
        (side, side, 2 * beside + 1),
        (pixel, pixel, step),
        (x - pixel * (side - 1) / 2, y - pixel * (side - 1) / 2, key_mm - beside * step),
        slice_thickness_mm=scanner.thickness_mm,
    )
    hu = render(patient.paint, geometry, scanner, np.random.default_rng([patient.number, 77, lesion.id]))
    canvas = Canvas(geometry)
    patient.body.paint(canvas)
    share = paint(canvas, lesion)
    assert share is not None
    return CTVolume(hu, geometry, Source(f"phantom-{patient.number}-{lesion.id}")), share > 0.5


def clicks(truth: Mask, rng: np.random.Generator, count: int = CLICKS) -> Iterator[tuple[float, float]]:
    """Draw clicks (row, column) in the deeper half of the largest part of a slice's truth."""
    parts, found = label(truth)
    if not found:
        return
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    depth = distance_transform_edt(np.pad(parts == sizes.argmax(), 1))[1:-1, 1:-1]
    deep = np.argwhere(depth >= 0.5 * depth.max())
    for _ in range(count):
        row, column = deep[rng.integers(len(deep))] + rng.uniform(-0.4, 0.4, 2)
        yield float(row), float(column)


def mask_cases(folder: Path, slices: int = 5, count: int = 4) -> Iterator[Case]:
    """Click into real tumours whose masks were drawn by hand, on several of their slices."""
    import SimpleITK as sitk  # noqa: N813

    for name, scan, mask in (
        ("03_sts019_mass", "CT_image.nii.gz", "CT_mask.nii.gz"),
        ("04_sts025_nrrd_mha", "ct.nrrd", "mask.nrrd"),
    ):
        volume = open_ct(folder / name / scan)
        image = sitk.ReadImage(str(folder / name / mask))
        truth = sitk.GetArrayFromImage(image) > 0
        # Both files lie on one grid; the reader may have put its axes in another order.
        assert truth.shape == volume.hu.shape
        assert np.allclose(volume.geometry.origin_lps_mm, image.GetOrigin(), atol=0.01)
        area = truth.sum(axis=(1, 2))
        inside = np.nonzero(area > 0.5 * area.max())[0]
        for k in inside[np.linspace(0, len(inside) - 1, slices).astype(int)]:
            for click in clicks(truth[k], np.random.default_rng([78, int(k)]), count):
                yield Case(name, volume, truth, (float(k), *click))


def dice(one: Mask, other: Mask) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def drawn(proposal: Proposal, volume: CTVolume) -> Mask:
    """Return the contour's pixels on the volume's own slice."""
    return np.asarray(
        polygon2mask(volume.hu.shape[1:], volume.geometry.to_voxel(proposal.contour_lps_mm)[:, 1:])
    )


def judged(case: Case) -> dict[str, float | str | bool]:
    """Propose, and set the proposal beside the truth."""
    start, worked = time.perf_counter(), time.process_time()
    proposal = propose(case.volume, case.volume.geometry.to_lps(case.click_kji))
    row: dict[str, float | str | bool] = {
        "name": case.name,
        "found": proposal.found,
        "ms": 1e3 * (time.perf_counter() - start),
        "cpu_ms": 1e3 * (time.process_time() - worked),
        "why": "" if proposal.found else proposal.sentence.split(".")[0],
    }
    if proposal.long is None or proposal.mask is None:
        return row
    truth = case.slice_truth
    spacing = case.volume.geometry.spacing_mm
    x, y = (np.arange(n) * s for n, s in zip(truth.shape[::-1], spacing[:2], strict=True))
    exact = diameters(outline(truth.astype(np.float32), x, y))
    region = drawn(proposal, case.volume)
    overlap = dice(region, truth)
    row |= {
        "dice": overlap,
        "iou": overlap / (2 - overlap),
        "dice3d": dice(proposal.mask.whole(case.volume.hu.shape), case.truth),
        "long_mm": exact.long_mm,
        "long_error_mm": proposal.long.length_mm - exact.long_mm,
        "short_error_mm": (proposal.short.length_mm if proposal.short else 0.0) - exact.short_mm,
        "expected": proposal.expected_dice or 0.0,
    }
    return row


def summary(rows: list[dict[str, float | str | bool]]) -> dict[str, object]:
    """Medians and quartiles over proposals, and how many clicks had one."""
    found = [row for row in rows if row["found"]]
    result: dict[str, object] = {"clicks": len(rows), "found": round(len(found) / len(rows), 3)}
    for key in ("dice", "iou", "dice3d", "long_error_mm", "short_error_mm"):
        values = np.array([row[key] for row in found], dtype=float)
        if len(values):
            result[key] = [round(float(v), 3) for v in np.percentile(values, [25, 50, 75])]
    if found:
        values = np.array([row["dice"] for row in found], dtype=float)
        result["dice_mean"] = round(float(values.mean()), 3)
        result["dice_mean_none_is_0"] = round(float(values.sum() / len(rows)), 3)
        result["share_dice_above_0.7"] = round(float((values > GOOD).mean()), 3)
        errors = np.abs([float(row["long_error_mm"]) for row in found])
        result["long_abs_error_mm"] = [round(float(v), 2) for v in np.percentile(errors, [25, 50, 75])]
    return result


def percentiles(rows: list[dict[str, float | str | bool]], key: str) -> dict[str, float]:
    """Median and 95th percentile of all but the first clicks, which load libraries."""
    values = np.array([row[key] for row in rows], dtype=float)[3:]
    return {"median": round(float(np.median(values)), 1), "p95": round(float(np.percentile(values, 95)), 1)}


def elsewhere(split: str, first: int, patients: int, count: int = 4) -> dict[str, object]:
    """Click soft tissue 15 mm or more from the lesion: what is proposed there is no lesion."""
    said: dict[str, int] = defaultdict(int)
    long_mm = []
    for seed in range(first, first + patients):
        patient = ClinicPatient(seed, split)
        lesions = zip(patient.lesions, patient.marks, strict=True)
        for lesion, mark in list(lesions)[:1]:
            volume, truth = surroundings(patient, lesion, mark.slice_mm)
            key = truth.shape[0] // 2
            away = distance_transform_edt(~truth[key]) * patient.scanner.pixel_mm
            soft = np.argwhere((away > 15) & (np.abs(gaussian_filter(volume.hu[key], 2.0) - 25.0) < 175))
            rng = np.random.default_rng([patient.number, 79])
            for j, i in soft[rng.integers(len(soft), size=count)]:
                proposal = propose(volume, volume.geometry.to_lps((key, j, i)))
                said["proposed" if proposal.found else proposal.sentence.split(".")[0]] += 1
                if proposal.long is not None:
                    long_mm.append(proposal.long.length_mm)
    return {"said": dict(said), "long_mm": np.round(np.percentile(long_mm, [25, 50, 75]), 1).tolist()}


def report(cases: Iterator[Case]) -> dict[str, object]:
    rows = [judged(case) for case in cases]
    groups = defaultdict(list)
    for row in rows:
        groups[str(row["name"])].append(row)
    why: dict[str, int] = defaultdict(int)
    for row in rows:
        if not row["found"]:
            why[str(row["why"])] += 1
    return {
        "all": summary(rows),
        "ms": percentiles(rows, "ms"),
        "cpu_ms": percentiles(rows, "cpu_ms"),
        "not_found": dict(why),
        "by": {name: summary(group) for name, group in sorted(groups.items())},
    }


def flooded(hu: NDArray[np.float32], click: tuple[int, int], pixel: float, tolerance: float) -> Mask:
    from skimage.segmentation import flood

    return np.asarray(flood(gaussian_filter(hu, 1.0 / pixel), click, tolerance=tolerance))


def confident(hu: NDArray[np.float32], click: tuple[int, int], pixel: float) -> Mask:
    import SimpleITK as sitk  # noqa: N813

    grown = sitk.ConfidenceConnected(
        sitk.GetImageFromArray(gaussian_filter(hu, 0.8 / pixel)),
        seedList=[(int(click[1]), int(click[0]))],
        numberOfIterations=3,
        multiplier=2.5,
        initialNeighborhoodRadius=2,
        replaceValue=1,
    )
    return np.asarray(binary_fill_holes(sitk.GetArrayFromImage(grown) > 0))


def walked(hu: NDArray[np.float32], click: tuple[int, int], pixel: float, beta: float = 90) -> Mask:
    """Grow by a random walker alone: inside 2 mm of the click, outside 25 mm of it."""
    from skimage.segmentation import random_walker

    rows, columns = np.ogrid[: hu.shape[0], : hu.shape[1]]
    away = np.hypot(rows - click[0], columns - click[1]) * pixel
    seeds = np.where(away < 2, 1, np.where(away > 25, 2, 0)).astype(np.int32)
    shade = np.clip(gaussian_filter(hu, 0.8), -1000, 400)
    return np.asarray(random_walker(shade, seeds, beta=beta, mode="cg_j", tol=1e-2) == 1)


def peers(cases: Iterator[Case]) -> dict[str, object]:
    """Set ready-made methods beside ours; a click that ours declines counts 0."""
    methods: dict[str, Callable[..., Mask]] = {
        "flood, 30 HU": lambda *a: flooded(*a, 30.0),
        "flood, 60 HU": lambda *a: flooded(*a, 60.0),
        "ConfidenceConnected": confident,
        "random walker alone": walked,
    }
    scores = defaultdict(list)
    for case in cases:
        hu = case.volume.hu[round(case.click_kji[0])].astype(np.float32)
        j, i = (round(v) for v in case.click_kji[1:])
        for name, method in methods.items():
            region = method(hu, (j, i), case.volume.geometry.spacing_mm[0])
            scores[name].append(dice(region, case.slice_truth))
        proposal = propose(case.volume, case.volume.geometry.to_lps(case.click_kji))
        scores["rays and random walker"].append(
            dice(drawn(proposal, case.volume), case.slice_truth) if proposal.found else 0.0
        )
    return {
        name: {
            "dice_mean": round(float(np.mean(values)), 3),
            "dice_median": round(float(np.median(values)), 3),
            "share_above_0.7": round(float(np.mean(np.array(values) > GOOD)), 3),
        }
        for name, values in scores.items()
    }


def sampled_truth(case: Case, click: Point) -> Mask:
    """Return which points ``(rays, radii)`` around a click are the lesion's."""
    x = click[0] + np.cos(click_rays.ANGLES)[:, None] * click_rays.RADII
    y = click[1] + np.sin(click_rays.ANGLES)[:, None] * click_rays.RADII
    points = np.stack([x, y, np.full_like(x, click[2])], axis=-1)
    j, i = np.moveaxis(np.rint(case.volume.geometry.to_voxel(points)[..., 1:]).astype(int), -1, 0)
    truth = case.slice_truth
    there = (j >= 0) & (i >= 0) & (j < truth.shape[0]) & (i < truth.shape[1])
    return np.asarray(there & truth[np.where(there, j, 0), np.where(there, i, 0)])


def fit(cases: Iterator[Case], ridge: float = 3.0) -> dict[str, object]:
    """Fit the expected Dice of the rays' outlines to the Dice that they have."""
    measures, agreement = [], []
    middle = click_box.PLANE // 2
    for case in cases:
        click = click_box.on_slice(case.volume.geometry, case.volume.geometry.to_lps(case.click_kji))
        plane, _ = click_box._plane_at(case.volume, click)
        smooth = click_box._smoothed(plane, click_box.SMOOTHING_MM)
        found = click_rays.outlines(
            click_rays.along_rays(smooth[None], click_box.PIXEL_MM, (middle, middle))[0]
        )
        truth = sampled_truth(case, click)
        inside = found.radii_mm[..., None] > click_rays.RADII
        both = ((inside & truth) * click_rays.RADII).sum(axis=(1, 2))
        either = ((inside * 1.0 + truth) * click_rays.RADII).sum(axis=(1, 2))
        agreement += (2 * both / either).tolist()
        measures.append(found.measures)
    a, b = np.concatenate(measures), np.array(agreement)
    weights = np.linalg.solve(a.T @ a + ridge * np.diag([0.0, *np.ones(a.shape[1] - 1)]), a.T @ b)
    grouped = b.reshape(len(measures), -1)
    chosen = (a @ weights).reshape(grouped.shape).argmax(axis=1)
    return {
        "weights": dict(zip(click_rays.EXPECTED, np.round(weights, 4).tolist(), strict=True)),
        "dice_chosen": round(float(grouped[np.arange(len(grouped)), chosen].mean()), 4),
        "dice_best": round(float(grouped.max(axis=1).mean()), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["phantoms", "masks", "peers", "elsewhere", "fit"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--patients", type=int, default=60)
    chosen = parser.parse_args()
    if chosen.what == "masks":
        if chosen.folder is None:
            parser.error("masks needs the folder that holds 03_sts019_mass and 04_sts025_nrrd_mha")
        result = report(mask_cases(chosen.folder))
    elif chosen.what == "fit":
        result = fit(phantom_cases("train", chosen.first, chosen.patients))
    elif chosen.what == "elsewhere":
        result = elsewhere(chosen.split, chosen.first, chosen.patients)
    elif chosen.what == "peers":
        result = peers(phantom_cases(chosen.split, chosen.first, chosen.patients))
    else:
        result = report(phantom_cases(chosen.split, chosen.first, chosen.patients))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
