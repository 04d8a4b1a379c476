"""Lesions of the clinic on their way into a bank of known lesions, with all that is true of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.cohort import cohort
from lesionscope.phantom.clinic.wording import Split
from lesionscope.progress import Progress, silent
from lesionscope.retrieval.keys import PHANTOM_SECRET, key, phantom_key
from lesionscope.retrieval.known import Origin, UnreadLesion


def phantom_lesions(
    count: int,
    *,
    split: Split = "train",
    workers: int = 2,
    cache: Path | None = None,
    progress: Progress = silent,
) -> Iterator[UnreadLesion]:
    """Give the first ``count`` bookmarked lesions of a split; see :func:`~.cohort.cohort`.

    ``origin.reference`` is ``phantom:<split>/<patient>/<lesion>``, from which the patient can be made again.
    """
    names = load_labels().core
    made = cohort(split, count, workers=workers, cache=cache, progress=progress)
    for hu, box, true, row in zip(made.hu, made.boxes, made.labels, made.rows, strict=True):
        patient = f"{split}/{row['patient']}"
        reference = f"phantom:{patient}/{row['lesion']}"
        yield UnreadLesion(
            id=reference,
            hu=hu,
            patch_box=box,
            labels=tuple(name for name, holds in zip(names, true, strict=True) if holds),
            sentence=row["sentence"],
            patient_key=phantom_key(split, row["patient"]),
            study_key=key(PHANTOM_SECRET, "study", patient),
            origin=Origin(reference),
            long_mm=row["long_mm"],
            short_mm=row["short_mm"],
        )
