"""From a label model's answer to the rows of its panel, without Qt."""

from __future__ import annotations

from collections.abc import Mapping

from lesionscope.inference.reading import LabelAnswer, LabelScore
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.labels import phrase_key
from lesionscope.report.label_groups import Branch, Group, conflicts_of, groups
from lesionscope.report.wording import GROUPS, reason
from lesionscope.viewer import wording
from lesionscope.viewer.docks.tree_rows import Row

Against = Mapping[str, tuple[str, ...]]


def label_rows(answer: LabelAnswer, wanted: str = "") -> tuple[Row, ...]:
    """Lay out an answer: a heading a class; below it what is predicted, the most likely first.

    What a label implies is folded below it, and what is not predicted below a last row of its class.

    Parameters
    ----------
    answer
        What the model said.
    wanted
        Words to look for in names and synonyms; then all labels that hold them are listed, predicted or not.
    """
    against = conflicts_of(answer)
    if wanted.strip():
        return _found(answer, against, phrase_key(wanted))
    return tuple(_group(group, against) for group in groups(answer))


def open_tags(rows: tuple[Row, ...], folded: frozenset[str], unfolded: frozenset[str]) -> frozenset[str]:
    """Return the rows that are open: headings unless a person folded them, others only if unfolded."""
    return (frozenset(row.tag for row in rows) | unfolded) - folded


def _group(group: Group, against: Against) -> Row:
    children = [_branch(branch, against) for branch in group.branches]
    if not children:
        children.append(Row(f"none:{group.kind}", wording.NO_LABEL, None))
    if group.rest:
        rest = tuple(_row(score, against) for score in group.rest)
        text = wording.NOT_PREDICTED.format(count=len(rest))
        children.append(Row(f"rest:{group.kind}", text, None, quiet=True, children=rest))
    return _heading(group.kind, tuple(children))


def _heading(kind: str, children: tuple[Row, ...]) -> Row:
    return Row(f"class:{kind}", GROUPS[kind], None, heading=True, children=children)


def _branch(branch: Branch, against: Against) -> Row:
    return _row(branch.score, against, tuple(_row(score, against) for score in branch.implied))


def _found(answer: LabelAnswer, against: Against, key: str) -> tuple[Row, ...]:
    known = load_labels().by_name
    rows = []
    for group in groups(answer):
        listed = [s for branch in group.branches for s in (branch.score, *branch.implied)] + list(group.rest)
        fitting = [
            score
            for score in listed
            if any(key in phrase_key(name) for name in (score.label, *known[score.label].synonyms))
        ]
        if fitting:
            rows.append(_heading(group.kind, tuple(_row(score, against) for score in fitting)))
    return tuple(rows)


def _row(score: LabelScore, against: Against, children: tuple[Row, ...] = ()) -> Row:
    clash = against.get(score.label, ())
    why = reason(score.why, score.own, score.sources)
    notes = [wording.EXCLUDED_BY.format(others=", ".join(clash))] if clash else []
    if score.predicted and score.why != "own score":
        notes.append(why)
    tip = wording.LABEL_TIP.format(
        name=score.label,
        percent=wording.percent(score.probability),
        threshold=wording.percent(score.threshold),
        own=wording.percent(score.own),
        why=why if score.predicted else wording.BELOW_THRESHOLD,
    )
    return Row(
        score.label,
        score.label,
        score.probability,
        "\n".join([tip, *notes[: bool(clash)]]),
        threshold=score.threshold,
        note="; ".join(notes),
        alert=bool(clash),
        quiet=not score.predicted,
        children=children,
    )
