"""What each label does to a picture: the same lesion scanned with and without it.

Pairs lie in plain blocks of the tissue where such a lesion grows, so that nothing but the label
differs, and anatomy neither hides nor helps.

``python -m lesionscope.phantom.clinic.paired`` writes ``paired.json`` anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.files import write_atomically
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.frequencies import Draw, load_frequencies
from lesionscope.phantom.clinic.growing import Body, contrast_of, grow, site
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.patches import patch
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.phantom.pool import ordered
from lesionscope.progress import Progress, silent

RECORD = Path(__file__).with_name("paired.json")
PAIRS = 9
SEEDS = 50_000_000
"""Patients of pairs are far from those that anything is trained on."""
SEEN_HU = 8.0
TRIES = 6


@dataclass(frozen=True)
class Pair:
    """One lesion with and without a label.

    Parameters
    ----------
    change
        Root mean square difference on the key slice, over both lesions' pixels, over the scan's noise.
    size_change_mm
        How much longer the lesion became.
    """

    change: float
    size_change_mm: float


def pair(name: str, number: int, body_of: Callable[[int], Body] = BlockBody) -> Pair | None:
    """Scan one lesion with a label and without it; ``None`` where the body has no room for it."""
    frequencies = load_frequencies()
    possible = frequencies.possible
    place = possible.graph.core.index(name)
    patient = ClinicPatient(SEEDS + PAIRS * place + number, body_of=body_of, draws=())
    if name in ("enhancing", "nonenhancing") and contrast_of(patient.body.phase) == 0:
        return None
    grid = (patient.first_slice_mm, patient.scanner.slice_step_mm)
    for attempt in range(TRIES):
        rng = np.random.default_rng([patient.number, 30, attempt])
        draw = frequencies.with_label(name, rng)
        if name not in draw.direct:
            continue
        found = site(patient.body, draw, possible, rng)
        if found is None:
            continue
        point, parts = found
        grown = []
        for labels in (draw.direct, draw.direct - {name}):
            seed = (patient.number, 31, attempt)
            one = grow(
                patient.body, Draw(draw.place, draw.family, labels), possible, point, parts, 0, seed, grid
            )
            if one is not None:
                grown.append(one)
        if len(grown) == 2:
            break
    else:
        return None
    first = grown[0]
    mark = Mark(0, first.slice_mm, *first.ends, True)
    seen = [
        patch(patient, mark, offsets_mm=(0.0,), lesions=lesions, noisy=False).hu[0].astype(np.float64)
        for lesions in ((), (first.lesion,), (grown[1].lesion,))
    ]
    either = (np.abs(seen[1] - seen[0]) > SEEN_HU) | (np.abs(seen[2] - seen[0]) > SEEN_HU)
    gap = float(np.sqrt(np.mean(np.square(seen[1] - seen[2])[either]))) if either.any() else 0.0
    return Pair(gap / patient.scanner.noise_hu, grown[0].lesion.long_mm - grown[1].lesion.long_mm)


def _work(name: str) -> list[Pair]:
    made = (pair(name, number) for number in range(PAIRS))
    return [one for one in made if one is not None]


def record(
    names: Sequence[str] | None = None, *, workers: int = 2, progress: Progress = silent
) -> dict[str, Any]:
    """Measure every type and attribute; body parts change where a lesion lies and nothing else."""
    from lesionscope.phantom.clinic.rules import FAINT_BY_INTENT

    possible = load_frequencies().possible
    wanted = [n for n in possible.graph.core if n not in possible.family] if names is None else list(names)
    labels: dict[str, Any] = {}
    for index, (name, pairs) in enumerate(zip(wanted, ordered(_work, wanted, workers), strict=True)):
        entry: dict[str, Any] = {
            "change_over_noise": round(float(np.median([one.change for one in pairs])), 2) if pairs else None,
            "size_change_mm": round(float(np.median([one.size_change_mm for one in pairs])), 1)
            if pairs
            else None,
            "pairs": len(pairs),
        }
        if name in FAINT_BY_INTENT:
            entry["faint_by_intent"] = FAINT_BY_INTENT[name]
        labels[name] = entry
        progress(index + 1, len(wanted), "Scanning pairs")
    return {
        "what": "median over pairs of one lesion with and without the label: root mean square difference on "
        "the key slice over both lesions' pixels, as a multiple of the scan's noise",
        "command": "python -m lesionscope.phantom.clinic.paired",
        "faint_by_intent": {
            "body parts": "they say where the lesion lies: that changes what is around it, not the lesion",
            **FAINT_BY_INTENT,
        },
        "labels": labels,
    }


def main() -> None:
    """Write the record anew."""
    from lesionscope.commands.output import terminal_progress

    made = record(progress=terminal_progress())
    write_atomically(RECORD, json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
