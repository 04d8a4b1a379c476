"""A report as one HTML page that needs nothing else: pictures inside, prints on A4.

The template escapes every value; the page forbids itself scripts and anything
from elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.files import write_atomically
from lesionscope.report import wording
from lesionscope.report.document import Content
from lesionscope.report.key_image import KeyImage
from lesionscope.report.response_rows import response_rows
from lesionscope.report.text import date, moment, person, showable

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True)
class Bar:
    """One row of the tree as it is drawn; ``depth`` counts from 0, shares are 0…1."""

    name: str
    depth: int
    share: float
    percent: str
    within: str = ""
    leak: bool = False


@dataclass(frozen=True)
class Shown:
    """One lesion as the template wants it."""

    entry: Mapping[str, Any]
    size: str
    image: str = ""
    caption: str = ""
    bars: tuple[Bar, ...] = field(default=())
    familiarity: str = ""
    labels: tuple[tuple[str, tuple[Bar, ...]], ...] = ()
    """Each class of labels by its title, with those predicted."""
    label_familiarity: str = ""
    unreviewed: bool = False
    """Whether any answer shown of it was not reviewed."""


def text(content: Content, images: Mapping[str, KeyImage] | None = None) -> str:
    """Return the page."""
    pictures = images or {}
    study = content.get("study") or {}
    return _template().render(
        content=content,
        study=study,
        patient=study.get("patient"),
        lesions=[_shown(entry, pictures.get(entry["id"])) for entry in content["lesions"]],
        response=response_rows(content["response"]) if "response" in content else [],
        reviewed=reviewed(content["review"]),
        words=wording,
    )


def write(content: Content, path: str | Path, images: Mapping[str, KeyImage] | None = None) -> Path:
    """Write the page. Raises as :func:`write_atomically`."""
    return write_atomically(path, text(content, images))


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
            yield Bar(
                node["name"],
                depth,
                score,
                wording.percent(score),
                wording.percent(node["conditional"]),
            )
            yield from level(node["tag"], depth + 1)
        mass = leak.pop(head_of.get(parent, ""), None) if children else None
        if mass is not None:
            yield Bar(wording.NONE_OF_THESE, depth, mass, wording.percent(mass), leak=True)

    yield from level(None, 0)
    for head, mass in leak.items():
        name = f"{wording.NONE_OF_THESE} ({head})"
        yield Bar(name, 0, mass, wording.percent(mass), leak=True)


def _shown(entry: Mapping[str, Any], picture: KeyImage | None) -> Shown:
    answer = entry.get("pathology") or {}
    labels = entry.get("labels") or {}
    groups = tuple(label_bars(entry))
    answered = "nodes" in answer
    return Shown(
        entry=entry,
        size=size_text(entry),
        image="" if picture is None else base64.b64encode(picture.png).decode("ascii"),
        caption="" if picture is None else picture.caption,
        bars=tuple(bars(answer)) if answered else (),
        familiarity=_p_value(answer["familiarity"]) if answered else "",
        labels=groups if "scores" in labels or entry["findings"] else (),
        label_familiarity="" if labels.get("familiarity") is None else _p_value(labels["familiarity"]),
        unreviewed=answered or any(one["review"] == "unreviewed" for one in entry["findings"]),
    )


def size_text(entry: Mapping[str, Any]) -> str:
    """Write a lesion's diameters: ``18.0 × 12.0 mm``."""
    lengths = [f"{mm:.1f}" for mm in (entry["long_mm"], entry["short_mm"]) if mm is not None]
    return f"{' × '.join(lengths)} mm" if lengths else "not measured"


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
                "unreviewed": wording.MINED
                if score is None
                else wording.reason(score["why"], score["own"], score["sources"]),
            }[one["review"]]
            rows.append(
                Bar(one["label"], 0, share or 0.0, "" if share is None else wording.percent(share), why)
            )
        yield title, tuple(rows)


def reviewed(review: Mapping[str, Any]) -> str:
    """Say in a sentence or two what was reviewed and by whom."""
    if not review["decided"]:
        return wording.NOTHING_REVIEWED
    said = wording.REVIEWED_BY.format(
        count=review["decided"],
        readers=", ".join(review["readers"]),
        first=moment(review["first_at"]),
        last=moment(review["last_at"]),
    )
    if review["undecided"]:
        said += f"; {wording.STILL_OPEN.format(count=review['undecided'])}"
    return f"{said}."


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _plain(value: object) -> object:
    """Clean text on its way into the page; what the template itself made (markup) passes."""
    return showable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lesionscope.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(person=person, date=date, moment=moment)
    return environment.get_template("report.html")
