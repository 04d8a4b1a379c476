"""Curves of time over size on logarithmic axes, a panel for each kind, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN = 300, 240, 46
OURS, PEERS = "#0b6e4f", "#a0522d"


@dataclass(frozen=True)
class Curve:
    """Median times ``ms`` at ``sizes``, and the exponent fitted to them."""

    curve: str
    who: str
    sizes: list[int]
    ms: list[float]
    exponent: float
    quiet: bool
    title: str


def chart(curves: Sequence[Curve]) -> str:
    """Return the figure: panels side by side, ours drawn through and the peer dashed."""
    names = list(dict.fromkeys(one.curve for one in curves))
    panels = [_panel([c for c in curves if c.curve == name], i * WIDTH) for i, name in enumerate(names)]
    width = WIDTH * len(names)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}"',
            ' font-family="sans-serif" font-size="10">',
            f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
            *panels,
            "</svg>\n",
        ]
    )


def _panel(curves: Sequence[Curve], left: int) -> str:
    sizes = [math.log10(size) for one in curves for size in one.sizes]
    times = [math.log10(ms) for one in curves for ms in one.ms]
    low_x, high_x = min(sizes), max(sizes)
    low_y, high_y = math.floor(min(times)), math.ceil(max(times))

    def x(size: float) -> float:
        return left + MARGIN + (math.log10(size) - low_x) / (high_x - low_x) * (WIDTH - MARGIN - 16)

    def y(ms: float) -> float:
        return HEIGHT - MARGIN - (math.log10(ms) - low_y) / (high_y - low_y) * (HEIGHT - MARGIN - 50)

    parts = [f'<text x="{left + MARGIN}" y="16" font-size="13">{escape(curves[0].title)}</text>']
    for power in range(low_y, high_y + 1):
        at = y(10**power)
        parts.append(
            f'<line x1="{left + MARGIN}" x2="{left + WIDTH - 16}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
            f'<text x="{left + MARGIN - 4}" y="{at + 3:.1f}" text-anchor="end">{_time(power)}</text>'
        )
    for size in curves[0].sizes:
        parts.append(
            f'<text x="{x(size):.1f}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{_short(size)}</text>'
        )
    for place, one in enumerate(curves):
        colour, dash = (OURS, "") if one.who == "ours" else (PEERS, ' stroke-dasharray="5 3"')
        line = " ".join(f"{x(s):.1f},{y(t):.1f}" for s, t in zip(one.sizes, one.ms, strict=True))
        text = f"{one.who}: size^{one.exponent:g}{'' if one.quiet else ' (not quiet)'}"
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
            f'<text x="{left + MARGIN}" y="{HEIGHT - 16 + 12 * place}" fill="{colour}">{escape(text)}</text>'
        )
    return "\n".join(parts)


def _time(power: int) -> str:
    """Return 10^power ms in words."""
    return f"{10**power:g} ms" if power < 3 else f"{10 ** (power - 3):,g} s"


def _short(count: int) -> str:
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if count >= unit:
            return f"{count / unit:g}{name}"
    return str(count)
