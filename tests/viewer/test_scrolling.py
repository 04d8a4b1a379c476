"""Marks are drawn anew only where one comes or goes, and the picture is the whole one all the same."""

from __future__ import annotations

import numpy as np
import pytest

from lesionscope.viewer.grid import Grid

LINE = "#ff00ff"


def _place(study):
    grid = Grid.of(study.volume.geometry)
    return {"scale": grid.spacing[::-1], "translate": grid.origin[::-1], "units": ("mm",) * 3}


def _lined(study, canvas, lines):
    """Put lines (voxels) over a canvas; return their layer and, by slice, how often it was drawn anew."""
    from napari.layers import Shapes

    layer = Shapes(lines, shape_type="line", edge_color=LINE, edge_width=1.0, ndim=3, **_place(study))
    return _watched(study, canvas, layer)


def _dotted(study, canvas, ends):
    """Put the ends of a line over a canvas, and watch them the same way."""
    from napari.layers import Points

    layer = Points(ends[0], face_color=LINE, border_color=LINE, size=4.0, ndim=3, **_place(study))
    return _watched(study, canvas, layer)


def _watched(study, canvas, layer):
    canvas.add_layer(layer)
    drawn = []
    layer.events.set_data.connect(lambda: drawn.append(study.slice_of(canvas)[0] - 1))
    return layer, drawn


def _pink(canvas) -> int:
    """Count the line's pixels in what the canvas draws."""
    picture = canvas.qt_viewer.screenshot(flash=False)[..., :3].astype(int)
    return int(((picture[..., 0] > 200) & (picture[..., 1] < 60) & (picture[..., 2] > 200)).sum())


@pytest.mark.window
@pytest.mark.parametrize("name", ["axial", "coronal"])
@pytest.mark.parametrize("marked", [_lined, _dotted])
def test_marks_are_drawn_anew_only_where_one_comes_or_goes(study, qtbot, name, marked):
    canvas = study.canvas(name)
    here = study.slice_of(canvas)[0] - 1
    ends = np.array(study.volume.hu.shape) / 2 + [[-4, -4, -4], [4, 4, 4]]
    ends[:, canvas.axis] = here + 4
    layer, drawn = marked(study, canvas, [ends])
    for number in range(here + 1, here + 9):
        drawn.clear()
        assert study.scroll(1, canvas)
        anew = bool(drawn)
        assert (_pink(canvas) > 0) == (number == here + 4)
        assert anew or number not in (here + 4, here + 5), "it comes, it goes"
        assert not anew or here + 2 < number < here + 7, "far from it nothing is drawn"
        layer.refresh()
        assert (_pink(canvas) > 0) == (number == here + 4), "what was left out would have changed nothing"


@pytest.mark.window
def test_a_line_across_the_slices_shows_on_each_of_them(study, qtbot):
    """On the plane that it runs across, a line is a spot on every slice between its ends."""
    canvas = study.axial
    here = study.slice_of(canvas)[0] - 1
    ends = np.tile(np.array(study.volume.hu.shape) / 2, (2, 1))
    ends[:, 0] = here + 2, here + 7
    _, drawn = _lined(study, canvas, [ends])
    for _ in range(10):
        assert study.scroll(1, canvas)
    assert set(range(here + 2, here + 9)) <= set(drawn), "each slice of it and the one after"
    assert here + 10 not in drawn
