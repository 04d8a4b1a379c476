"""A picture of some lesions of each category, to see what it holds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from lesionscope.files import write_atomically

from .agreement import Labels
from .crops import Crops

ACROSS, DOWN = 10, 5
TILE, GAP = 96, 2


def write_sheets(folder: Path, crops: Crops, categories: Labels, seed: int) -> tuple[Path, ...]:
    """Draw up to 50 lesions of each category, picked at random; a PNG a category."""
    from PIL import Image

    rng = np.random.default_rng([seed, 5])
    written = []
    for category in range(int(categories.max()) + 1):
        members = np.flatnonzero(categories == category)
        picked = rng.permutation(members)[: ACROSS * DOWN]
        sheet = Image.new("L", (ACROSS * (TILE + GAP), -(-len(picked) // ACROSS) * (TILE + GAP)))
        for place, lesion in enumerate(picked):
            tile = Image.fromarray(crops.grey[lesion]).resize((TILE, TILE), Image.Resampling.BILINEAR)
            sheet.paste(tile, (place % ACROSS * (TILE + GAP), place // ACROSS * (TILE + GAP)))
        buffer = io.BytesIO()
        sheet.save(buffer, format="PNG")
        written.append(write_atomically(folder / f"category-{category}.png", buffer.getvalue()))
    return tuple(written)
