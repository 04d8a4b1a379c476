"""How long a report of twenty lesions takes in all seven forms: ``python -m benchmarks.report [--runs 5]``.

The study is one of 512 × 512 × 60 voxels read from DICOM; each lesion has both diameters, a tree of scores,
171 label scores with fourteen predicted, and five known lesions like it. Unreviewed answers go in, which is
the longest that a report gets. Medians over the runs, of wall-clock and of processor time, as JSON; the first
report loads the libraries and is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.rows import QUIET_DROP, Row, gemm_gflops, record
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    PredictionSet,
    Provenance,
    Reading,
)
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.models import registry
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report import forms
from lesionscope.report.document import lesion_report
from lesionscope.report.key_image import key_images
from lesionscope.retrieval.known import Neighbour, Origin

LESIONS, PREDICTED, NEIGHBOURS = 20, 14, 5
LIMIT_MS = 3000.0
ROW = "A report of 20 lesions in seven forms"

T = TypeVar("T")


def study(folder: Path) -> CTVolume:
    """Write a series of noise and read it."""
    geometry = Geometry((512, 512, 60), (0.75, 0.75, 2.0), (-192.0, -192.0, -60.0))
    hu = np.random.default_rng(0).normal(-300, 200, geometry.size[::-1]).astype(np.int16)
    write_series(CTVolume(hu, geometry, Source("1.2")), folder)
    return open_ct(folder)


def lesions_in(volume: CTVolume) -> list[Lesion]:
    """Measure lesions of 8 to 40 mm all over the scan."""
    rng, found = np.random.default_rng(1), []
    for number in range(1, LESIONS + 1):
        voxel = (rng.integers(5, 55), *rng.integers(120, 390, 2))
        x, y, z = (float(v) for v in volume.geometry.to_lps(voxel))
        long, short = float(rng.uniform(8, 40)), float(rng.uniform(4, 8))
        lesion = lesion_from_diameters(
            Diameter((x - long / 2, y, z), (x + long / 2, y, z)),
            Diameter((x, y - short / 2, z), (x, y + short / 2, z)),
            geometry=volume.geometry,
        )
        found.append(replace(lesion, number=number))
    return found


def readings_of(lesion: Lesion) -> tuple[Reading, Reading]:
    """Answer as the bundled tree and a label model of 171 labels would."""
    rng, tree = np.random.default_rng(lesion.number), registry.find().card.tree
    nodes = tuple(NodeScore(n.tag, n.name, n.parent, *rng.random(2).tolist()) for n in tree.nodes)
    chosen = PredictionSet(0.9, ("H2a", "H3b"), ("Adenocarcinoma, invasive or not", "Hamartoma"))
    pathology = PathologyAnswer(nodes, {h.name: 0.1 for h in tree.heads if h.leaky}, 0.4, False, chosen)
    labels = load_labels().labels
    predicted = {labels[place].name for place in rng.permutation(len(labels))[:PREDICTED]}
    scores = tuple(
        LabelScore(one.name, one.kind, 0.6, 0.5, one.name in predicted, 0.3, "propagated", ("lung",))
        for one in labels
    )
    known = tuple(
        Neighbour(f"{n}", 0.1 * n, ("lung", "nodule"), "A solid nodule in the lung.", Origin("phantom:1"))
        for n in range(NEIGHBOURS)
    )
    made = Provenance("model 1", "ab" * 32, "lesionscope", "cpu", "float32", lesion.fingerprint, "1.2", True)
    at = "2026-01-01T00:00:00+00:00"
    return (
        Reading(f"p{lesion.number}", lesion.id, at, made, pathology),
        Reading(
            f"l{lesion.number}", lesion.id, at, made, labels=LabelAnswer(scores, (), 0.3), neighbours=known
        ),
    )


def parts(volume: CTVolume, lesions: list[Lesion], folder: Path) -> dict[str, tuple[float, float]]:
    """Make one report; return wall-clock and processor time of each part in ms."""
    times: dict[str, tuple[float, float]] = {}
    answers = [(lesion, *readings_of(lesion)) for lesion in lesions]
    cards = [registry.find().card]

    def timed(name: str, work: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter(), time.process_time()
        made = work()
        times[name] = (1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu))
        return made

    content = timed(
        "content",
        lambda: lesion_report(answers, geometry=volume.geometry, source=volume.source, cards=cards),
    )
    images = timed("key images", lambda: key_images(volume, lesions, notice=content["notice"]))
    report = forms.Report(content, images, lesions, volume)
    for form in forms.FORMS:
        timed(form, partial(forms.write, report, form, folder))
    times["all"] = (sum(wall for wall, _ in times.values()), sum(cpu for _, cpu in times.values()))
    return times


def main() -> None:
    """Measure, print and keep the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        volume = study(folder / "scan")
        lesions = lesions_in(volume)
        before = gemm_gflops()
        times = [parts(volume, lesions, folder / f"report-{run}") for run in range(runs + 1)][1:]
    quiet = abs(gemm_gflops() / before - 1) < QUIET_DROP
    medians = {
        name: {
            kind: round(statistics.median(run[name][which] for run in times))
            for which, kind in enumerate(("wall_ms", "cpu_ms"))
        }
        for name in times[0]
    }
    print(json.dumps(medians, indent=1))
    wall = medians["all"]["wall_ms"]
    ratio = round(LIMIT_MS / wall, 2)
    record(Row(ROW, wall, "the limit", LIMIT_MS, ratio, 1.0, ratio >= 1, quiet))


if __name__ == "__main__":
    main()
