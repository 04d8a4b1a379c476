"""Parts of a report's content as people read them: rows with bars, sizes, who reviewed it.

Shared by every form that is read by people, and by the window's preview.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lesionscope.inference.reading import why
from lesionscope.report import wording
from lesionscope.report.text import moment


@dataclass(frozen=True)
class Bar:
    """One class or label as it is drawn; ``depth`` counts from 0, shares are 0…1."""

    name: str
    depth: int
    share: float
    percent: str
    """Empty where no model gave a score."""
    within: str = ""
    """Percent within its level of a tree."""
    why: str = ""
    """Why a label is there, or who let it stand."""
    leak: bool = False


def refusal(answer: Mapping[str, Any]) -> str:
    """Return why a model didn't answer; what to do about it is for the person who asked it."""
    return why(answer["refused"])


def bars(answer: Mapping[str, Any]) -> Iterator[Bar]:
    """Walk a tree of scores from the top, each level followed by its "none of these".

    A head whose place isn't known (no card was given) has its "none of these"
    after the tree, by the head's name.
    """
    nodes, leak = answer["nodes"], dict(answer["leak"])
    head_of = {parent: head for head, parent in (answer.get("heads") or {}).items()}

    def level(parent: str | None, depth: int) -> Iterator[Bar]:
        children = [node for node in nodes if node["parent"] == parent]
        for node in children:
            score = node["probability"]
            within = wording.percent(node["conditional"])
            yield Bar(node["name"], depth, score, wording.percent(score), within)
            yield from level(node["tag"], depth + 1)
        mass = leak.pop(head_of.get(parent, ""), None) if children else None
        if mass is not None:
            yield Bar(wording.NONE_OF_THESE, depth, mass, wording.percent(mass), leak=True)

    yield from level(None, 0)
    for head, mass in leak.items():
        yield Bar(f"{wording.NONE_OF_THESE} ({head})", 0, mass, wording.percent(mass), leak=True)


def label_bars(entry: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Bar, ...]]]:
    """Give each class of labels with those of a lesion, and why each is there or who let it stand."""
    scores = {score["label"]: score for score in (entry.get("labels") or {}).get("scores", ())}
    for kind, title in wording.GROUPS.items():
        rows = []
        for one in entry["findings"]:
            if one["class"] != kind:
                continue
            score, share = scores.get(one["label"]), one["probability"]
            why = {
                "accepted": wording.ACCEPTED.format(reader=one["reader"]),
                "added": wording.ADDED.format(reader=one["reader"]),
                "unreviewed": wording.OPEN_LABEL.format(
                    why=wording.MINED
                    if score is None
                    else wording.reason(score["why"], score["own"], score["sources"])
                ),
            }[one["review"]]
            percent = "" if share is None else wording.percent(share)
            rows.append(Bar(one["label"], 0, share or 0.0, percent, why=why))
        yield title, tuple(rows)


def no_label(entry: Mapping[str, Any]) -> str:
    """Say why a lesion that a label model answered for has no label in the report."""
    return wording.LABELS_LEFT_OUT if entry["undecided"] else wording.NO_LABEL


def prediction_set(answer: Mapping[str, Any]) -> str:
    """Say the classes that hold the right one as often as promised; empty where there is no such set."""
    given = answer.get("prediction_set")
    if given is None:
        return ""
    level = wording.percent(given["level"])
    return wording.PREDICTION_SET.format(level=level, names="; ".join(given["names"]))


def of_tree(answer: Mapping[str, Any]) -> list[str]:
    """Say what stands beside a tree of scores where it stands alone: its set, familiarity, how to read it."""
    said = [
        f"{given}." if (given := prediction_set(answer)) else "",
        familiarity(answer),
        *_meanings_of_tree(answer),
    ]
    return [sentence for sentence in said if sentence]


def meanings(lesions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say how the scores of a report are to be read, each thing once."""
    said: dict[str, None] = {}
    for entry in lesions:
        said |= dict.fromkeys(_meanings_of_tree(entry.get("pathology") or {}))
        if (entry.get("labels") or {}).get("scores"):
            said[wording.LABEL_MEANING] = None
    return list(said)


def _meanings_of_tree(answer: Mapping[str, Any]) -> Iterator[str]:
    if "nodes" in answer:
        yield wording.SCORE_MEANING
    if "prediction_set" in answer:
        yield wording.COVERAGE.format(level=wording.percent(answer["prediction_set"]["level"]))


def familiarity(answer: Mapping[str, Any]) -> str:
    """Say how familiar a model is with a lesion; empty where that isn't known."""
    value = answer.get("familiarity")
    if value is None:
        return ""
    return wording.FAMILIARITY.format(p="< 0.001" if value < 0.001 else f"= {value:.3f}")


def size(entry: Mapping[str, Any]) -> str:
    """Write a lesion's diameters: ``18.0 × 12.0 mm``."""
    lengths = [f"{mm:.1f}" for mm in (entry["long_mm"], entry["short_mm"]) if mm is not None]
    return f"{' × '.join(lengths)} mm" if lengths else wording.NOT_MEASURED


def reviewed(review: Mapping[str, Any]) -> str:
    """Say in a sentence or two what was reviewed and by whom."""
    if not review["decided"]:
        return wording.NOTHING_REVIEWED
    times = dict.fromkeys(moment(review[at]) for at in ("first_at", "last_at"))
    said = wording.REVIEWED_BY.format(
        count=review["decided"], readers=", ".join(review["readers"]), when=" to ".join(times)
    )
    if review["undecided"]:
        said += f"; {wording.STILL_OPEN.format(count=review['undecided'])}"
    return f"{said}."


def unreviewed(entry: Mapping[str, Any]) -> str:
    """Say that some or all answers shown of a lesion were not reviewed; empty where each was."""
    states = {one["review"] for one in entry["findings"]}
    if "nodes" not in (entry.get("pathology") or {}) and "unreviewed" not in states:
        return ""
    return wording.PARTLY_REVIEWED if states - {"unreviewed"} else wording.UNREVIEWED


def card(entry: Mapping[str, Any]) -> str:
    """Write a model card as one paragraph."""
    return (
        f"{entry['title']} ({entry['model']}). {entry['intended_use']} Limits: {' '.join(entry['limits'])} "
        f"Scope: {entry['scope']}. Calibration: {entry['calibration']}. Licence: {entry['licence']}."
    )
