"""From a model's answer to the rows of the tree, without Qt."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.inference.reading import NodeScore, PathologyAnswer
from lesionscope.ontology.tree import PathologyTree
from lesionscope.viewer import wording


@dataclass(frozen=True)
class Row:
    """One line of the tree: what it says, how long its bar is, and its children.

    Parameters
    ----------
    tag
        Its identity among the rows.
    text, tip
        What it says, and what it says when pointed at.
    score
        0…1; ``None`` where there is no bar.
    threshold
        Where the bar gets a mark.
    note
        A second, smaller line.
    is_leak, heading, quiet, alert
        "None of these"; a class of rows; in the background; something is wrong with it.
    children
        Rows below it.
    """

    tag: str
    text: str
    score: float | None
    tip: str = ""
    is_leak: bool = False
    children: tuple[Row, ...] = ()
    threshold: float | None = None
    note: str = ""
    heading: bool = False
    quiet: bool = False
    alert: bool = False


def rows(answer: PathologyAnswer, tree: PathologyTree | None = None) -> tuple[Row, ...]:
    """Lay out an answer: siblings by falling score, "none of these" last and apart.

    Parameters
    ----------
    answer
        What the model said.
    tree
        The model's tree where it is at hand; else a head is recognised by its
        nodes' tags, which begin with its name.
    """
    return _level(None, answer, tree)


def _level(parent: str | None, answer: PathologyAnswer, tree: PathologyTree | None) -> tuple[Row, ...]:
    siblings = [node for node in answer.nodes if node.parent == parent]
    siblings.sort(key=lambda node: -node.probability)
    level = [
        Row(
            node.tag,
            node.name,
            node.probability,
            wording.NODE_TIP.format(
                name=node.name,
                percent=wording.percent(node.probability),
                conditional=wording.percent(node.conditional),
            ),
            children=_level(node.tag, answer, tree),
        )
        for node in siblings
    ]
    head = _head(parent, siblings, answer, tree)
    if head is not None:
        leak = answer.leak[head]
        tip = wording.NONE_OF_THESE_TIP.format(percent=wording.percent(leak))
        level.append(Row(f"{head}:none", wording.NONE_OF_THESE, leak, tip, is_leak=True))
    return tuple(level)


def _head(
    parent: str | None, siblings: list[NodeScore], answer: PathologyAnswer, tree: PathologyTree | None
) -> str | None:
    """Return the leaky head that decides among ``siblings``."""
    if not siblings:
        return None
    if tree is not None:
        return next((h.name for h in tree.heads if h.parent == parent and h.name in answer.leak), None)
    fitting = [head for head in answer.leak if all(node.tag.startswith(head) for node in siblings)]
    return max(fitting, key=len, default=None)


def set_words(answer: PathologyAnswer) -> tuple[str, str]:
    """Say an answer's prediction set, and what it promises; both empty where there is none."""
    given = answer.prediction_set
    if given is None:
        return "", ""
    level = wording.percent(given.level)
    return (
        wording.PREDICTION_SET.format(level=level, names="; ".join(given.names)),
        wording.PREDICTION_SET_TIP.format(level=level),
    )


def likely_path(answer: PathologyAnswer) -> tuple[str, ...]:
    """Tags from the top down, the best-scored child at each level."""
    path: list[str] = []
    parent: str | None = None
    while children := [node for node in answer.nodes if node.parent == parent]:
        parent = max(children, key=lambda node: node.probability).tag
        path.append(parent)
    return tuple(path)


def top_leaf(answer: PathologyAnswer) -> NodeScore | None:
    """Return the best-scored class that has no classes below it."""
    parents = {node.parent for node in answer.nodes}
    leaves = [node for node in answer.nodes if node.tag not in parents]
    return max(leaves, key=lambda node: node.probability, default=None)


def leaf_name(answer: PathologyAnswer, leaf: NodeScore) -> str:
    """Name a class for a list, with its parent's where two levels or more lie over it.

    Deep names are often mere adjectives: "Invasive" says little without "Adenocarcinoma".
    """
    by_tag = {node.tag: node for node in answer.nodes}
    parent = by_tag.get(leaf.parent) if leaf.parent is not None else None
    if parent is None or parent.parent is None:
        return leaf.name
    return f"{leaf.name} ({parent.name})"
