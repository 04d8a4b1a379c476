"""Makes the sample patient that ships: ``python -m lesionscope.sample_data.make DIR``.

The same bytes each time on one machine. Baseline and follow-up are chest scans of one phantom patient,
three months apart: some lesions grew, some shrank, one came and one went, and the patient lies elsewhere
on the table.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.files import new_folder, write_atomically
from lesionscope.progress import Progress, silent

from . import MARKS, REPORTS, SERIES, TRUTH, VISITS

if TYPE_CHECKING:
    from lesionscope.phantom.clinic.frequencies import Draw
    from lesionscope.phantom.clinic.patients import ClinicPatient
    from lesionscope.phantom.clinic.visits import Visit

SEED = 2038
MATRIX, STEP_MM = 224, 5.0
BOTTOM_MM, TOP_MM = -190.0, 135.0
"""From the liver to the apices, in the body's own z."""
LESIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("right upper lobe", ("nodule", "spiculated", "solid")),
    ("left lower lobe", ("nodule", "solid")),
    ("subcarinal lymph node", ("lymphadenopathy",)),
    ("liver", ("mass", "hypoattenuation")),
    ("right lower lobe", ("nodule", "calcified")),
    ("left lung", ("ground-glass opacity",)),
    ("right mid lung", ("nodule",)),
)
"""Place, and what each lesion is."""
BASELINE = {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 1.0}
FOLLOW_UP = {0: 1.5, 1: 0.6, 2: 1.25, 3: 0.8, 4: 1.0, 6: 1.0}
LYING_MM, TURNED_DEGREES = (7.0, -11.0, 23.5), 4.0
"""How the patient lies at follow-up."""


def draws() -> tuple[Draw, ...]:
    """Return the labels of the patient's lesions, all visits together."""
    from lesionscope.phantom.clinic.frequencies import Draw, load_frequencies

    family = load_frequencies().possible.family
    return tuple(Draw(place, family[place], frozenset((place, *what))) for place, what in LESIONS)


def visits(progress: Progress = silent) -> tuple[Visit, Visit]:
    """Scan the patient twice."""
    from lesionscope.phantom.clinic.patients import ClinicPatient
    from lesionscope.phantom.clinic.visits import Plan, visit

    patient = ClinicPatient(SEED, draws=draws())
    if [lesion.place for lesion in patient.lesions] != [place for place, _ in LESIONS]:
        raise ValueError(f"the body of patient {SEED} has no room for every lesion")
    first = visit(patient, Plan(VISITS[0], "20260105", BASELINE), grid(patient, 0.0), progress=progress)
    later = Plan(VISITS[1], "20260406", FOLLOW_UP, LYING_MM, TURNED_DEGREES)
    return first, visit(patient, later, grid(patient, 1.7), earlier=first, progress=progress)


def grid(patient: ClinicPatient, shift_mm: float) -> Geometry:
    """Return a scan's grid in the body's coordinates; ``shift_mm`` moves its slices."""
    low, high = np.array(patient.body.bounds)
    pixel = round(float((high - low)[:2].max()) / (MATRIX - 2), 4)
    x, y = (float(v) for v in np.round((low + high)[:2] / 2 - pixel * (MATRIX - 1) / 2, 3))
    slices = int((TOP_MM - BOTTOM_MM) / STEP_MM) + 1
    size = (MATRIX, MATRIX, slices)
    return Geometry(size, (pixel, pixel, STEP_MM), (x, y, BOTTOM_MM + shift_mm), slice_thickness_mm=STEP_MM)


def write(out: str | Path, progress: Progress = silent) -> Path:
    """Write both visits, and the truth apart from them, into a new folder."""
    from lesionscope.phantom.dicom_series import SOFT_TISSUE_WINDOW, write_series

    made = visits(progress)
    with new_folder(out) as place:
        for one in made:
            here = place / one.plan.name
            write_series(
                one.volume,
                here / SERIES,
                patient_name=one.volume.source.patient.name,
                patient_id=one.volume.source.patient.patient_id,
                study_date=one.plan.date,
                window=SOFT_TISSUE_WINDOW,
                compressed=True,
            )
            _json(here / MARKS, [_mark(number, mark) for number, mark in enumerate(one.marks, 1)])
            said = [{"mark": n, "sentence": one.text} for n, one in enumerate(one.sentences, 1)]
            _json(here / REPORTS, said)
        _json(place / TRUTH, _truth(*made))
    return Path(out)


def _json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _mark(number: int, mark: Any) -> dict[str, Any]:
    return {"mark": number, "long_lps_mm": _round(mark.long), "short_lps_mm": _round(mark.short)}


def _round(ends: Any) -> list[list[float]]:
    return [[float(value) for value in row] for row in np.round(ends, 3)]


def _truth(first: Visit, later: Visit) -> dict[str, Any]:
    known: dict[int, dict[str, Any]] = {}
    for one in (first, later):
        for number, lesion in enumerate(one.lesions, 1):
            entry = known.setdefault(lesion.id, {"id": lesion.id})
            entry[one.plan.name] = {
                "mark": number,
                "centroid_lps_mm": [round(float(v), 3) for v in lesion.centroid],
                "long_mm": round(lesion.long_mm, 2),
                "short_mm": round(lesion.short_mm, 2),
                "labels": sorted(lesion.labels),
            }
    for number, entry in known.items():
        before, after = first.plan.sizes.get(number), later.plan.sizes.get(number)
        entry["size_ratio"] = None if before is None or after is None else after / before
    return {
        "turned_degrees": later.plan.turned_degrees,
        "moved_lps_mm": list(later.plan.lying_mm),
        "lesions": [known[number] for number in sorted(known)],
    }


def main() -> None:
    """Write the sample patient."""
    from lesionscope.commands.output import terminal_progress

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="DIR", help="a new or empty folder")
    print(write(parser.parse_args().out, terminal_progress()))


if __name__ == "__main__":
    main()
