"""What needs no drawing while the slice changes.

napari draws a layer of shapes or points anew for every slice, marks or none, and vispy then builds two
of the shapes' shader programs again: longer than the CT slice itself takes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import numpy as np
from napari.layers import Layer, Points, Shapes


@contextlib.contextmanager
def unseen_marks_rest(layers: Iterable[Layer], axis: int, *slices_mm: float) -> Iterator[None]:
    """Keep layers of marks from being drawn anew that have a mark on none of these slices.

    Parameters
    ----------
    layers
        In three dimensions, along the world's axes.
    axis
        The world axis (0, 1, 2 = z, y, x) that is sliced.
    slices_mm
        Positions on it: of the slice that was shown and of the one that will be.
    """
    with contextlib.ExitStack() as resting:
        for layer in layers:
            if isinstance(layer, Shapes | Points) and not any(_may_show(layer, axis, mm) for mm in slices_mm):
                for event in (layer.events.set_data, layer.events.highlight):
                    resting.enter_context(event.blocker())
        yield


def _may_show(layer: Shapes | Points, axis: int, position_mm: float) -> bool:
    # napari rounds to slices: one slice more on either side is surely enough.
    at = (position_mm - layer.translate[axis]) / layer.scale[axis]
    if isinstance(layer, Points):
        return bool(np.any(np.abs(layer.data[:, axis] - at) <= 1))
    ends = (corners[:, axis] for corners in layer.data)
    return any(along.min() - 1 <= at <= along.max() + 1 for along in ends)
