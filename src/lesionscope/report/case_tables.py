"""The outcomes of a list of cases as two tables.

``readings.csv`` is tidy: a row for each case and each thing that a model said of it (a node of the tree, a
head's "none of these", a label). ``status.csv`` has a row a case: what became of it, and what is said of
the case as a whole.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.report.case_journal import Outcome
from lesionscope.showable import cell

READINGS, STATUS = "readings.csv", "status.csv"
READING_COLUMNS = (
    "case", "task", "model", "kind", "name", "tag", "parent", "probability", "conditional", "threshold",
    "predicted",
)  # fmt: skip
STATUS_COLUMNS = (
    "case", "line", "status", "message", "series_uid", "x_lps_mm", "y_lps_mm", "z_lps_mm", "long_mm",
    "short_mm", "pathology_model", "pathology_refused", "pathology_familiarity", "label_model",
    "labels_refused", "label_familiarity", "similar_lesions", "seconds", "notice",
)  # fmt: skip
LEAK = "none of these"

Row = dict[str, Any]


def write_tables(outcomes: Iterable[Outcome], folder: Path) -> tuple[Path, Path]:
    """Write both tables, each whole or not at all; cases in the order given."""
    known = list(outcomes)
    rows = (row for outcome in known for row in readings(outcome))
    return (
        _write(folder / READINGS, READING_COLUMNS, rows),
        _write(folder / STATUS, STATUS_COLUMNS, map(status, known)),
    )


def readings(outcome: Outcome) -> Iterator[Row]:
    """Return a row for each thing that a model said of a case."""
    tree = outcome.lesion.get("pathology", {})
    alike = {"case": outcome.case, "task": "pathology", "model": tree.get("model")}
    for node in tree.get("nodes", ()):
        said = {name: node[name] for name in ("name", "tag", "parent", "probability", "conditional")}
        yield {**alike, "kind": "node", **said}
    for head, mass in tree.get("leak", {}).items():
        yield {**alike, "kind": LEAK, "name": LEAK, "tag": head, "probability": mass}
    labels = outcome.lesion.get("labels", {})
    alike = {"case": outcome.case, "task": "labels", "model": labels.get("model")}
    for score in labels.get("scores", ()):
        said = {name: score[name] for name in ("probability", "threshold", "predicted")}
        yield {**alike, "kind": score["class"], "name": score["label"], **said}


def status(outcome: Outcome) -> Row:
    """Return the row of a case."""
    lesion = outcome.lesion
    tree, labels = lesion.get("pathology", {}), lesion.get("labels", {})
    x, y, z = lesion.get("centroid_lps_mm", (None, None, None))
    near = (f"{known['id']} ({known['distance']:.3f})" for known in lesion.get("neighbours", ()))
    return {
        "case": outcome.case,
        "line": outcome.line,
        "status": outcome.status,
        "message": outcome.message,
        "series_uid": outcome.series_uid,
        "x_lps_mm": x,
        "y_lps_mm": y,
        "z_lps_mm": z,
        "long_mm": lesion.get("long_mm"),
        "short_mm": lesion.get("short_mm"),
        "pathology_model": tree.get("model"),
        "pathology_refused": tree.get("refused"),
        "pathology_familiarity": tree.get("familiarity"),
        "label_model": labels.get("model"),
        "labels_refused": labels.get("refused"),
        "label_familiarity": labels.get("familiarity"),
        "similar_lesions": "; ".join(near),
        "seconds": outcome.seconds,
        "notice": outcome.notice,
    }


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> Path:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows([cell(row.get(name)) for name in columns] for row in rows)
    return write_atomically(path, stream.getvalue().encode("utf-8-sig"))
