"""A report as CSV: one row a lesion, one column a class, ready for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.report import phrases, wording
from lesionscope.report.document import Content
from lesionscope.report.response_rows import missing
from lesionscope.report.text import date, person
from lesionscope.showable import cell

Row = dict[str, Any]


def text(content: Content) -> str:
    """Return the CSV (RFC 4180, CRLF)."""
    rows = [_row(content, lesion) for lesion in content["lesions"]]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["notice"]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow([cell(name) for name in columns])
    for row in rows:
        writer.writerow([cell(row.get(name)) for name in columns])
    return stream.getvalue()


def write(content: Content, path: str | Path) -> Path:
    """Write the CSV with a byte-order mark, without which Excel garbles other scripts."""
    return write_atomically(path, text(content).encode("utf-8-sig"))


def _row(content: Content, lesion: Mapping[str, Any]) -> Row:
    study = content.get("study") or {}
    patient = study.get("patient") or {}
    row: Row = {
        "notice": content["notice"],
        "patient_name": person(patient.get("name", "")),
        "patient_id": patient.get("id"),
        "birth_date": date(patient.get("birth_date", "")),
        "sex": patient.get("sex"),
        "study_date": date(study.get("study_date", "")),
        "study_description": study.get("study_description"),
        "series_number": study.get("series_number"),
        "series_description": study.get("series_description"),
        "series_uid": study.get("series_uid"),
        "lesion": lesion["number"],
        "tracking_uid": lesion["tracking_uid"],
        **_numbered("centroid", "xyz", lesion["centroid_lps_mm"]),
        **_numbered("box", ("x0", "y0", "z0", "x1", "y1", "z1"), lesion["box_lps_mm"]),
        "box_declared": lesion["box_declared"],
        "long_mm": lesion["long_mm"],
        "short_mm": lesion["short_mm"],
        "sentence": lesion["sentence"],
        **_findings(lesion),
        "warnings": " ".join(lesion["warnings"]),
        "stale": lesion["stale"],
        **_response(content, lesion),
    }
    answer = lesion.get("pathology")
    if answer is not None:
        row |= {"model": answer["model"], "refused": answer.get("refused")}
    if answer is not None and "nodes" in answer:
        row |= {
            "familiarity": answer["familiarity"],
            "unfamiliar": answer["unfamiliar"],
            "review": answer["review"],
            "prediction_set": phrases.prediction_set(answer),
        }
        for node in answer["nodes"]:
            title = f"{node['tag']} {node['name']}"
            row[f"{title} ({wording.SCORE.lower()})"] = node["probability"]
            row[f"{title} ({wording.WITHIN_LEVEL.lower()})"] = node["conditional"]
        for head, mass in answer["leak"].items():
            row[f"{head} {wording.NONE_OF_THESE.lower()}"] = mass
    row |= _labels(lesion)
    made = lesion.get("provenance") or (lesion.get("labels") or {}).get("provenance") or {}
    row |= {
        "read_at": made.get("created"),
        "device": made.get("device"),
        "package_sha256": made.get("package_sha256"),
        "software": content["software"],
    }
    return row


def _response(content: Content, lesion: Mapping[str, Any]) -> Row:
    """Return what a lesion adds to the sum at each visit, and the response there."""
    table = content.get("response")
    if table is None:
        return {}
    row: Row = {}
    followed = next((one for one in table["lesions"] if one["id"] == lesion["tracking_uid"]), None)
    row["recist_role"] = followed and followed["role"]
    for number, visit in enumerate(table["visits"], start=1):
        size = followed and followed["sizes"][number - 1]
        row[f"recist_visit{number}_date"] = date(visit["date"])
        row[f"recist_visit{number}_mm"] = size and size["recist_mm"]
        row[f"recist_visit{number}_sum_mm"] = visit["sum_mm"]
        row[f"recist_visit{number}_response"] = visit["overall"]
    if said := missing(table):
        row["recist_missing"] = " ".join(said)
    return row


def _findings(lesion: Mapping[str, Any]) -> Row:
    """Return a cell for each class of labels: what readers let stand, and what none has reviewed."""
    row: Row = {}
    for kind, title in wording.GROUPS.items():
        alike = [one for one in lesion["findings"] if one["class"] == kind]
        name = f"{wording.LABELS} ({title.lower()})"
        row[name] = "; ".join(one["label"] for one in alike if one["review"] != "unreviewed")
        row[f"{name}, {wording.UNREVIEWED.lower()}"] = "; ".join(
            _scored(one) for one in alike if one["review"] == "unreviewed"
        )
    row["readers"] = "; ".join(sorted({one["reader"] for one in lesion["findings"] if one["reader"]}))
    return row


def _scored(finding: Mapping[str, Any]) -> str:
    score = finding["probability"]
    return finding["label"] if score is None else f"{finding['label']} {wording.percent(score)} %"


def _labels(lesion: Mapping[str, Any]) -> Row:
    """Return what the label model says of the lesion as a whole."""
    answer = lesion.get("labels")
    if answer is None:
        return {}
    row: Row = {"label_model": answer["model"], "labels_refused": answer.get("refused")}
    if "scores" not in answer:
        return row
    row |= {
        "label_conflicts": "; ".join(" / ".join(pair) for pair in answer["conflicts"]),
        "label_familiarity": answer["familiarity"],
        "labels_unfamiliar": answer["unfamiliar"],
    }
    if "neighbours" in lesion:
        row["similar_lesions"] = "; ".join(
            f"{known['id']} ({known['distance']:.3f})" for known in lesion["neighbours"]
        )
    return row


def _numbered(name: str, axes: str | tuple[str, ...], values: list[float]) -> Row:
    return {f"{name}_{axis}_lps_mm": value for axis, value in zip(axes, values, strict=True)}
