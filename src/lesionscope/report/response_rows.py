"""The RECIST table of a report: as values for scripts, and as rows of text for every other form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lesionscope.followup.response import ResponseTable
from lesionscope.report import wording
from lesionscope.report.text import date


def response_entry(table: ResponseTable) -> dict[str, Any]:
    """Return a response table as JSON values; sizes in mm, changes as shares."""
    return {
        "criteria": "RECIST 1.1",
        "lesions": [
            {
                "id": lesion.id,
                "name": lesion.name,
                "organ": lesion.organ,
                "node": lesion.node,
                "role": str(lesion.role),
                "sizes": [
                    None
                    if size is None
                    else {**asdict(size), "seen": str(size.seen), "recist_mm": lesion.recist_mm(visit)}
                    for visit, size in enumerate(lesion.sizes)
                ],
            }
            for lesion in table.lesions
        ],
        "visits": [
            {
                **asdict(visit),
                **{
                    name: None if outcome is None else str(outcome)
                    for name, outcome in (
                        ("target", visit.target),
                        ("non_target", visit.non_target),
                        ("overall", visit.overall),
                    )
                },
                "overall_words": None if visit.overall is None else visit.overall.words,
            }
            for visit in table.visits
        ],
        "missing": list(table.missing),
    }


def response_rows(entry: Mapping[str, Any]) -> list[list[str]]:
    """Return the table as text: a heading, a row a lesion, then the sum, its changes and the response."""
    visits = entry["visits"]
    rows = [["Lesion", "Counts as", *(date(visit["date"]) for visit in visits)]]
    for lesion in entry["lesions"]:
        axis = "short axis" if lesion["node"] else "long axis"
        rows.append(
            [
                lesion["name"],
                f"{lesion['role']}, {axis}",
                *(_size(lesion["sizes"][place]) for place in range(len(visits))),
            ]
        )
    rows.append(["Sum of targets", "", *(_sum(visit) for visit in visits)])
    rows.append(["From baseline", "", *(_share(visit["from_baseline"]) for visit in visits)])
    rows.append(["From nadir", "", *(_share(visit["from_nadir"]) for visit in visits)])
    rows.append(["Response (RECIST 1.1)", "", *(visit["overall"] or "baseline" for visit in visits)])
    return rows


def missing(entry: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of visits that the table lacks, or has all the same; mostly nothing."""
    concerns = dict.fromkeys(str(visit["concern"]) for visit in entry["visits"] if visit.get("concern"))
    lacking = [str(sentence) for sentence in entry.get("missing") or ()]
    return [*concerns, *lacking, *([wording.NADIR] if lacking else [])]


def _size(size: Mapping[str, Any] | None) -> str:
    if size is None:
        return "–"
    return size["seen"] if size["recist_mm"] is None else f"{size['recist_mm']:.1f} mm"


def _sum(visit: Mapping[str, Any]) -> str:
    return f"{visit['sum_mm']:.1f} mm" + ("" if visit["complete"] else " (not all)")


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.0f} %"
