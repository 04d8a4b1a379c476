"""Many marked lesions at once: patch, box, labels and sentence of each, by several processes, cached.

The same call gives the same bytes whoever makes them and however many at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError, UsageError
from lesionscope.files import write_atomically
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.contents import Slices
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.patches import OFFSETS_MM, SIZE, patch
from lesionscope.phantom.clinic.patients import SERIES, VERSION, ClinicPatient, whole_body
from lesionscope.phantom.clinic.reports import ReportSentence, write_sentence
from lesionscope.phantom.clinic.wording import Split
from lesionscope.phantom.pool import ordered
from lesionscope.phantom.stored import smallest_stored, write_array
from lesionscope.progress import Progress, silent

Job = tuple[int, Split, str | None, Callable[[int], Body]]
"""Patient, split, file of label frequencies, what makes bodies."""
Known = dict[str, Any]
"""``box``, ``labels`` (places among the 171) and ``row`` of a lesion, as a cache's table has them."""
PATIENTS_AT_ONCE = 64
_SHAPE = (len(OFFSETS_MM), SIZE, SIZE)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Bookmarked lesions of a split, patient by patient.

    Parameters
    ----------
    hu
        int16 ``(n, 3, 120, 120)``: see :class:`~lesionscope.phantom.clinic.patches.Patch`; read-only
        and mapped from disk where it was cached.
    boxes
        float32 ``(n, 4)``: x0, y0, x1, y1 in patch pixels.
    labels
        bool ``(n, 171)``: everything that is true of each lesion, in the graph's order.
    rows
        Patient, lesion, direct labels, diameters (mm), sentence and its annotation, place and scan, of each.
    """

    hu: NDArray[np.int16]
    boxes: NDArray[np.float32]
    labels: NDArray[np.bool_]
    rows: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)


def sentence(
    patient: ClinicPatient, mark: Mark, wording: Split, slices: Slices | None = None
) -> ReportSentence:
    """Write the report's sentence on a marked lesion.

    Its slice numbers are those of the patient's own scan as DeepLesion counts them, or ``slices``.
    """
    if slices is None:
        slices = Slices(SERIES, {one.lesion: patient.key_slice(one) for one in patient.marks})
    lesion = patient.lesions[mark.lesion]
    others = [one for one in patient.lesions if one.id != lesion.id]
    rng = np.random.default_rng([patient.number, 26, mark.lesion])
    return write_sentence(lesion, others, rng, wording, slices)


def sentence_row(
    patient: ClinicPatient, mark: Mark, wording: Split, slices: Slices | None = None
) -> dict[str, Any]:
    """Return what is known and said of a marked lesion, as JSON has it; see :func:`sentence`."""
    lesion = patient.lesions[mark.lesion]
    said = sentence(patient, mark, wording, slices)
    return {
        "patient": patient.seed,
        "lesion": lesion.id,
        "direct": sorted(lesion.direct),
        "long_mm": round(mark.long_mm, 2),
        "short_mm": round(mark.short_mm, 2),
        "sentence": said.text,
        "bookmarks": [list(one) for one in said.bookmarks],
        "bookmark_lesions": list(said.lesions),
        "mentions": [[m.start, m.end, m.label, m.bookmark, m.relation] for m in said.mentions],
    }


def scan_row(patient: ClinicPatient, mark: Mark) -> dict[str, Any]:
    """Return how a marked lesion was scanned, and where it lies in the body as DeepLesion has it."""
    return {
        "location": [round(value, 4) for value in patient.relative_location(mark)],
        "slice_step_mm": patient.scanner.slice_step_mm,
        "thickness_mm": patient.scanner.thickness_mm,
        "kernel": patient.scanner.kernel,
    }


def _work(job: Job) -> list[tuple[NDArray[np.int16], Known]]:
    """Make a patient's bookmarked lesions; runs in a worker process."""
    seed, split, frequencies, body_of = job
    patient = ClinicPatient(seed, split, frequencies=frequencies, body_of=body_of)
    places = {name: place for place, name in enumerate(load_labels().core)}
    result = []
    for mark in patient.marks:
        if mark.bookmarked:
            seen = patch(patient, mark)
            labels = sorted(places[name] for name in patient.lesions[mark.lesion].labels)
            row = sentence_row(patient, mark, split) | scan_row(patient, mark)
            result.append((seen.hu, {"box": list(seen.box), "labels": labels, "row": row}))
    return result


def cohort(
    split: Split,
    lesions: int,
    *,
    first_patient: int = 0,
    frequencies: str | Path | None = None,
    workers: int = 2,
    cache: str | Path | None = None,
    body_of: Callable[[int], Body] = whole_body,
    progress: Progress = silent,
) -> Cohort:
    """Make the first ``lesions`` bookmarked lesions of a split, or read them from a cache.

    Parameters
    ----------
    split
        'train', 'validation' or 'test'.
    lesions
        How many.
    first_patient
        Skip so many patients.
    frequencies
        A file of label frequencies in place of the bundled table.
    workers
        Processes; the bytes don't depend on it.
    cache
        A folder that keeps them for the next call that asks for the same ones or the first so many
        of them. They are never all in memory then: 22,824 lesions are 2 GB.
    body_of
        Makes the body of a seed.
    progress
        Called after each patient.
    """
    if lesions < 1 or workers < 1 or first_patient < 0:
        raise UsageError("A cohort needs 1 or more lesions and workers, and a first patient of 0 or more.")
    source = str(frequencies) if frequencies is not None else None
    load_frequencies(source)  # says what is wrong with the file before anything starts
    alike = (split, source, body_of)
    if cache is None:
        hu = np.empty((lesions, *_SHAPE), dtype=np.int16)
        return _assemble(hu, _fill(hu, alike, first_patient, workers, progress))
    content = Path(source).read_bytes() if source is not None else b""
    maker = (body_of.__module__, body_of.__qualname__)
    key = hashlib.sha256(repr((VERSION, maker, split, first_patient)).encode() + content).hexdigest()[:12]
    stem = f"clinic-{split}-{key}"
    stored = smallest_stored(Path(cache), stem, lesions)
    if stored is None:
        stored = Path(cache) / f"{stem}-{lesions}.npy"
        known = write_array(
            stored,
            (lesions, *_SHAPE),
            np.int16,
            lambda hu: _fill(hu, alike, first_patient, workers, progress),
        )
        write_atomically(stored.with_suffix(".json"), json.dumps(known))
    return _read(stored, lesions)


def _fill(
    hu: NDArray[np.int16],
    alike: tuple[Split, str | None, Callable[[int], Body]],
    first: int,
    workers: int,
    progress: Progress,
) -> list[Known]:
    """Fill an array with lesions, and return what is known of each."""
    known: list[Known] = []
    for made in _patients(alike, first, len(hu), workers):
        for pixels, one in made[: len(hu) - len(known)]:
            hu[len(known)] = pixels
            known.append(one)
        progress(len(known), len(hu), f"Seeing phantom patients ({alike[0]})")
        if len(known) >= len(hu):
            break
    return known


def _assemble(hu: NDArray[np.int16], known: Sequence[Known]) -> Cohort:
    boxes = np.array([one["box"] for one in known], dtype=np.float32)
    labels = np.zeros((len(known), len(load_labels().core)), dtype=np.bool_)
    for index, one in enumerate(known):
        labels[index, one["labels"]] = True
    return Cohort(hu, boxes, labels, tuple(one["row"] for one in known))


def _read(stored: Path, lesions: int) -> Cohort:
    try:
        hu = np.load(stored, mmap_mode="r")
        known = json.loads(stored.with_suffix(".json").read_text(encoding="utf-8"))
        if hu.shape != (len(known), *_SHAPE) or len(known) < lesions:
            raise ValueError("sizes differ")
        return _assemble(hu[:lesions], known[:lesions])
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"The cached lesions {stored} can't be used ({error}): delete them.") from error


def _patients(
    alike: tuple[Split, str | None, Callable[[int], Body]], first: int, lesions: int, workers: int
) -> Iterator[list[tuple[NDArray[np.int16], Known]]]:
    """Yield patients in order until nobody asks any more."""
    while True:
        # About two lesions of a patient are bookmarked at the very least, so one round does.
        jobs: Sequence[Job] = [(first + index, *alike) for index in range(lesions // 2 + PATIENTS_AT_ONCE)]
        yield from ordered(_work, jobs, workers)
        first += len(jobs)
