"""A report as a narrow panel shows it: simple HTML, every value escaped."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

from lesionscope.report import phrases
from lesionscope.report import wording as words
from lesionscope.report.document import Content
from lesionscope.report.response_rows import missing, response_rows
from lesionscope.report.text import date, person
from lesionscope.showable import showable
from lesionscope.viewer.report_words import NO_LESION

SHOWN_NODES = 3
SELECTED = "selected"
"""The anchor at the selected lesion's heading."""


def preview(
    content: Content, images: Mapping[str, bytes], *, picture_px: int, selected: str | None, quiet: str
) -> str:
    """Lay a report out.

    Parameters
    ----------
    content
        What it says.
    images
        Those key images, as PNG, that are drawn already, by lesion.
    picture_px
        How wide they are shown.
    selected
        The lesion whose heading is the anchor ``SELECTED``, to scroll to.
    quiet
        Colour, as HTML has it, of what is said beside the point.
    """
    study = content["study"] or {}
    who = study.get("patient") or {}
    named = " · ".join(
        part
        for part in (person(who.get("name") or ""), who.get("id"), date(study.get("study_date") or ""))
        if part
    )
    small = f'style="color:{quiet}"'
    parts = [f"<h3>{words.TITLE}</h3>", f"<p><b>{_text(content['notice'])}</b></p>"]
    said = phrases.reviewed(content["review"]) if content["lesions"] else NO_LESION
    parts += [f"<p {small}>{_text(line)}</p>" for line in (named, said) if line]
    for entry in content["lesions"]:
        parts.append(_lesion(entry, images.get(entry["id"]), picture_px, selected, small))
    if "response" in content:
        rows = "".join(
            "<tr>" + "".join(f"<td>{_text(cell)}&nbsp;&nbsp;</td>" for cell in row) + "</tr>"
            for row in response_rows(content["response"])
        )
        parts.append(f"<h4>{words.RESPONSE}</h4><table>{rows}</table>")
        parts += map(_warning, missing(content["response"]))
    return "".join(parts)


def _lesion(
    entry: Mapping[str, Any], image: bytes | None, picture_px: int, selected: str | None, small: str
) -> str:
    anchor = f'<a name="{SELECTED}"></a>' if entry["id"] == selected else ""
    parts = [
        f"<hr>{anchor}<h4>Lesion {entry['number']} <span {small}>{_text(phrases.size(entry))}</span></h4>",
        f"<p>{_text(entry['sentence'])}</p>",
    ]
    if image is not None:
        data = base64.b64encode(image).decode("ascii")
        parts.append(f'<p><img width="{picture_px}" src="data:image/png;base64,{data}"></p>')
    tree, labels = entry.get("pathology") or {}, entry.get("labels") or {}
    for title, rows in phrases.label_bars(entry):
        if rows:
            parts.append(f"<p><b>{title}</b>")
            for bar in rows:
                share = f" {bar.percent} %" if bar.percent else ""
                parts.append(f"<br>{_text(bar.name)}{share} <span {small}>{_text(bar.why)}</span>")
            parts.append("</p>")
    if "scores" in labels and not entry["findings"]:
        parts.append(f"<p><b>{words.LABELS}</b><br>{_text(phrases.no_label(entry))}</p>")
    parts += (_warning(words.CONFLICT.format(one=a, other=b)) for a, b in labels.get("conflicts", ()))
    parts += _trust(labels, small)
    nodes = sorted(tree.get("nodes", ()), key=lambda node: -node["probability"])
    if nodes:
        said = ", ".join(
            f"{_text(n['name'])} {words.percent(n['probability'])} %" for n in nodes[:SHOWN_NODES]
        )
        chosen = phrases.prediction_set(tree)
        parts.append(f"<p><b>{words.SCORE}</b><br>{said}{chosen and f'<br>{_text(chosen)}'}</p>")
        parts += _trust(tree, small)
    for part in (tree, labels):
        if "refused" in part:
            parts.append(f"<p {small}>{_text(phrases.refusal(part))}</p>")
    parts += map(_warning, entry["warnings"])
    if open_part := phrases.unreviewed(entry):
        parts.append(f"<p><i>{open_part}</i></p>")
    return "".join(parts)


def _trust(answer: Mapping[str, Any], small: str) -> list[str]:
    """Say how far a model knows lesions like this one, beside its scores."""
    said = [f"<p><b>{_text(words.UNFAMILIAR)}</b></p>"] if answer.get("unfamiliar") else []
    if sentence := phrases.familiarity(answer):
        said.append(f"<p {small}>{_text(sentence)}</p>")
    return said


def _warning(sentence: str) -> str:
    return f"<p>⚠ {_text(sentence)}</p>"


def _text(value: object) -> str:
    return escape(showable(value)).replace("\n", "<br>")
