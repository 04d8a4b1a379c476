"""Pulmonary-RadPath's heads once more, in NumPy alone and case by case, written from the paper's text.

Nothing here is shared with the package: trees are dictionaries, and probabilities are
worked out leaf by leaf.
"""

from __future__ import annotations

import math

import numpy as np


def softmax(z):
    """Softmax of one vector, by plain exponentials."""
    e = [math.exp(float(v)) for v in z]
    return np.array(e) / math.fsum(e)


class Tree:
    """``parents``: {node: parent or None} in file order; ``heads``: {head: parent}; leaky head names."""

    def __init__(self, parents, heads, leaky):
        self.parents, self.heads, self.leaky = parents, heads, set(leaky)
        self.leaves = [n for n in parents if n not in parents.values()]

    def children(self, parent):
        return [n for n, p in self.parents.items() if p == parent]

    def above(self, node):
        """The node and its ancestors."""
        return [node, *self.above(self.parents[node])] if node is not None else []

    def head_of(self, node):
        """The head that decides a node."""
        return next(h for h, parent in self.heads.items() if parent == self.parents[node])


def linear(state, name, x):
    return state[f"{name}.weight"] @ x + state[f"{name}.bias"]


def logits(kind, tree, state, g):
    """One case's logits by head (by "leaves" for leaf-node), from a state dict of arrays."""
    if kind == "leaf-node":
        return {"leaves": linear(state, "leaves", g)}
    if kind.endswith("flattened"):
        return {head: linear(state, f"heads.{head}", g) for head in tree.heads}
    hidden = {}

    def features(head):
        if head not in hidden:
            parent = tree.heads[head]
            above = [tree.head_of(node) for node in reversed(tree.above(parent))] if parent else []
            x = np.concatenate([g, *(features(a) for a in above)])
            hidden[head] = np.maximum(linear(state, f"heads.{head}.hidden", x), 0.0)
        return hidden[head]

    return {head: linear(state, f"heads.{head}.logits", features(head)) for head in tree.heads}


def probabilities(kind, tree, z):
    """One case: P(node) by node (leaks taken out), and each leaky head's P(none of these)."""
    if kind == "leaf-node":
        leaf = dict(zip(tree.leaves, softmax(z["leaves"]), strict=True))
        return {n: math.fsum(p for one, p in leaf.items() if n in tree.above(one)) for n in tree.parents}, {}
    conditional, leak = {}, {}
    for head, parent in tree.heads.items():
        p, nodes = softmax(z[head]), tree.children(parent)
        if kind.startswith("leaky") and head in tree.leaky:
            leak[head] = p[-1]
            p = p[:-1] / (1 - p[-1])
        conditional |= dict(zip(nodes, p, strict=True))
    return {n: math.prod(conditional[a] for a in tree.above(n)) for n in tree.parents}, leak


def losses(kind, tree, zs, leaves, weighted):
    """Mean cross-entropy by head over n cases, with weights N/(K n_c) within the head where asked."""
    heads = {"leaves": tree.leaves}
    if kind != "leaf-node":
        heads = {head: tree.children(parent) for head, parent in tree.heads.items()}
    found = {}
    for head, nodes in heads.items():
        target = []
        for leaf in leaves:
            mine = [i for i, node in enumerate(nodes) if node in tree.above(leaf)]
            leaky = kind.startswith("leaky") and head in tree.leaky
            target.append(mine[0] if mine else len(nodes) if leaky else None)
        known = [t for t in target if t is not None]
        kinds = set(known)
        total = 0.0
        for z, t in zip(zs, target, strict=True):
            if t is not None:
                w = len(known) / (len(kinds) * known.count(t)) if weighted else 1.0
                total += -w * math.log(softmax(z[head])[t])
        found[head] = total / len(known) if known else 0.0
    return found
