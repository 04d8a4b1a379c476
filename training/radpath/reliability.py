"""Reliability diagrams: how often an answer is right against how sure it is, before and after calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.models.probabilities import Floats, softmax
from lesionscope.ontology.tree import PathologyTree

from .losses import IGNORE, head_targets
from .metrics import BINS

SIDE, GAP, MARGIN = 190, 42, 34
COLOURS = ("#b0722a", "#2a6fb0")
"""Before and after."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Answers by how sure they are: each bin's mean confidence, share right, and cases, ``(bins,)``."""

    confidence: Floats
    accuracy: Floats
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: Σ_b n_b/n · |accuracy − confidence|."""
        held = self.count > 0
        gap = np.abs(self.accuracy[held] - self.confidence[held])
        return float(gap @ self.count[held] / self.count.sum()) if held.any() else float("nan")


def reliability(probabilities: ArrayLike, truth: ArrayLike, bins: int = BINS) -> Reliability:
    """Sort answers into bins of equal width over (0, 1].

    Parameters
    ----------
    probabilities
        ``(n, classes)``, rows sum to 1.
    truth
        Index of the true class, ``(n,)``.
    bins
        Their number.
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(truth)
    sure = p.max(axis=1)
    right = p.argmax(axis=1) == y
    which = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.bincount(which, sure, bins) / count, np.bincount(which, right, bins) / count, count
        )


def head_reliability(
    tree: PathologyTree, logits: Mapping[str, Floats], leaf: NDArray[np.int64]
) -> dict[str, Reliability]:
    """Sort each head's answers, the leak included, over the cases that it has a target for."""
    found = {}
    for name, target in head_targets(tree, leaf).items():
        known = target != IGNORE
        found[name] = reliability(softmax(logits[name][known]), target[known])
    return found


def drawn(panels: Mapping[str, Sequence[Reliability]], words: Sequence[str]) -> str:
    """Draw panels side by side as SVG: a dot a bin, its area by the bin's cases; the diagonal is calibrated.

    Parameters
    ----------
    panels
        By title, the diagrams to lay over each other.
    words
        What each of them is called.
    """
    width = MARGIN + len(panels) * (SIDE + GAP)
    height = SIDE + 2 * MARGIN + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, lines) in enumerate(panels.items()):
        parts += _panel(MARGIN + number * (SIDE + GAP), MARGIN, title, lines)
    for number, word in enumerate(words):
        x, y = MARGIN + number * 180, height - 10
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 9}" y="{y}">{word}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(left: int, top: int, title: str, lines: Sequence[Reliability]) -> list[str]:
    """Draw one panel: frame, diagonal, dots and the errors."""
    errors = " → ".join(f"{100 * line.error:.1f}" for line in lines)
    parts = [
        f'<rect x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>',
        f'<path d="M{left} {top + SIDE}L{left + SIDE} {top}" stroke="#bbb" stroke-dasharray="4 3"/>',
        f'<text x="{left}" y="{top - 8}">{title}: calibration error {errors} %</text>',
        f'<text x="{left}" y="{top + SIDE + 14}">0</text>',
        f'<text x="{left + SIDE - 70}" y="{top + SIDE + 14}">how sure   1</text>',
        f'<text transform="translate({left - 6} {top + 70}) rotate(-90)">share right</text>',
    ]
    for line, colour in zip(lines, COLOURS, strict=False):
        held = np.flatnonzero(line.count)
        places = [
            (left + SIDE * line.confidence[b], top + SIDE * (1 - line.accuracy[b]), line.count[b])
            for b in held
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.5"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.5 + 9 * float(np.sqrt(n / line.count.sum())):.1f}" '
            f'fill="{colour}" fill-opacity="0.75"/>'
            for x, y, n in places
        ]
    return parts
