"""A tree of classes read from a data file, and the heads that decide its branches.

A *head* is the set of children of one node (or of the root): one softmax, or, in a
tree whose siblings are independent, one sigmoid a node. The file may describe any
tree; Pulmonary-RadPath's (paper 000, Figure 2a) and one of chest X-ray findings in
the shape of HMLC's (paper 003, Figure 1) ship.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError, unreadable

RADPATH = "pulmonary_radpath"
CHEST_XRAY = "chest_xray"
"""Bundled trees, for :func:`load_bundled_tree`."""


@dataclass(frozen=True)
class Node:
    """One class: tag, name, parent tag (``None`` at the top) and published case counts."""

    tag: str
    name: str
    parent: str | None
    train_dev: int = 0
    test: int = 0


@dataclass(frozen=True)
class Head:
    """The children of ``parent``, in file order; ``leaky`` adds the "none of these" class last."""

    name: str
    parent: str | None
    nodes: tuple[str, ...]
    leaky: bool

    @property
    def width(self) -> int:
        """Number of outputs, the leak included."""
        return len(self.nodes) + self.leaky


@dataclass(frozen=True)
class PathologyTree:
    """Nodes with parents before children, and heads with parents before children.

    ``exclusive``: at most one of a head's nodes holds (softmax); otherwise any of them
    may hold together (multi-label: sigmoids).
    """

    name: str
    title: str
    nodes: tuple[Node, ...]
    heads: tuple[Head, ...]
    exclusive: bool = True

    @cached_property
    def by_tag(self) -> Mapping[str, Node]:
        """Nodes by tag."""
        return {node.tag: node for node in self.nodes}

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Tags without children, in file order."""
        parents = {node.parent for node in self.nodes}
        return tuple(node.tag for node in self.nodes if node.tag not in parents)

    def path(self, tag: str) -> tuple[str, ...]:
        """Tags from the top down to ``tag``, both included."""
        path: list[str] = []
        step: str | None = tag
        while step is not None:
            path.append(step)
            step = self.by_tag[step].parent
        return tuple(reversed(path))

    @cached_property
    def levels(self) -> int:
        """Number of nodes on the longest path from the top to a leaf."""
        return max(len(self.path(tag)) for tag in self.leaves)

    def target(self, leaf: str, head: Head) -> int | None:
        """Index that ``head`` should answer for a case of class ``leaf``.

        Returns the node's index, the leak's index (the last) where the case is
        none of the head's nodes and the head is leaky, else ``None`` (no loss).
        """
        for index, tag in enumerate(head.nodes):
            if tag in self.path(leaf):
                return index
        return len(head.nodes) if head.leaky else None

    def ancestor_heads(self, head: Head) -> tuple[Head, ...]:
        """Heads that decide the ancestors of ``head``'s nodes, the top one first."""
        if head.parent is None:
            return ()
        return tuple(next(h for h in self.heads if tag in h.nodes) for tag in self.path(head.parent))

    def as_dict(self) -> dict[str, Any]:
        """Return the tree in the form that :func:`tree_from_dict` reads."""
        siblings: dict[str, Any] = {} if self.exclusive else {"siblings": "independent"}
        return siblings | {
            "name": self.name,
            "title": self.title,
            "nodes": [
                {"tag": n.tag, "name": n.name, "parent": n.parent, "train_dev": n.train_dev, "test": n.test}
                for n in self.nodes
            ],
            "heads": {head.name: head.parent for head in self.heads},
            "leaky": [head.name for head in self.heads if head.leaky],
        }


def tree_from_dict(data: Mapping[str, Any], origin: str = "the class tree") -> PathologyTree:
    """Build a tree, refusing one that doesn't hang together.

    Without ``heads`` each parent's children make one, named after the parent.
    ``siblings`` is "exclusive" (the default) or "independent".

    Raises
    ------
    InputError
        Repeated tags, unknown parents, a cycle, or heads that miss nodes.
    """
    try:
        name = str(data["name"])
        nodes = tuple(
            Node(
                str(n["tag"]), str(n["name"]), n["parent"], int(n.get("train_dev", 0)), int(n.get("test", 0))
            )
            for n in data["nodes"]
        )
        heads_by_name: dict[str, str | None] = dict(
            data["heads"] if "heads" in data else {n.parent or "top": n.parent for n in nodes}
        )
        leaky = set(data.get("leaky", ()))
        exclusive = {"exclusive": True, "independent": False}[data.get("siblings", "exclusive")]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{origin} is not a class tree ({error!r}): see pulmonary_radpath.json for the form."
        ) from error
    seen: set[str] = set()
    for node in nodes:
        if node.tag in seen:
            raise InputError(f"{origin} names the node {node.tag} twice: give each its own tag.")
        if node.parent is not None and node.parent not in seen:
            raise InputError(
                f"{origin}: {node.tag} stands before its parent {node.parent}, or that one is missing."
            )
        seen.add(node.tag)
    heads = tuple(
        Head(head, parent, tuple(n.tag for n in nodes if n.parent == parent), head in leaky)
        for head, parent in heads_by_name.items()
    )
    parents = [head.parent for head in heads]
    wanted = {node.parent for node in nodes}
    if len(set(parents)) != len(parents) or set(parents) != wanted or not leaky <= set(heads_by_name):
        raise InputError(f"{origin}: the heads must cover each parent's children exactly once.")
    order = {None: -1} | {node.tag: index for index, node in enumerate(nodes)}
    return PathologyTree(
        name,
        str(data.get("title", name)),
        nodes,
        tuple(sorted(heads, key=lambda head: order[head.parent])),
        exclusive,
    )


def load_tree(path: str | Path | None = None) -> PathologyTree:
    """Read a tree file; without a path, Pulmonary-RadPath's (14 nodes, 4 heads, 11 leaves)."""
    source = _bundled(RADPATH) if path is None else Path(path)
    return _read(source)


def load_bundled_tree(name: str) -> PathologyTree:
    """Read a bundled tree by name: :data:`RADPATH`, or :data:`CHEST_XRAY` (19 nodes, 14 leaves)."""
    return _read(_bundled(name))


def _bundled(name: str) -> Traversable:
    return files("lesionscope.ontology") / f"{name}.json"


def _read(source: Traversable | Path) -> PathologyTree:
    try:
        data = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(source, "a class tree", error) from error
    return tree_from_dict(data, str(source))
