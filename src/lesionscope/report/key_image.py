"""One picture a lesion: the axial slice through its centre with its marks and the notice in its pixels.

The slice is resampled along the patient's axes, so that it hangs right for every
volume: the patient's right on the left of the picture, the front on top.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import crop, crop_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window, default_window
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import slice_slab_mm
from lesionscope.report import wording
from lesionscope.session.report_notes import ReportNote, View

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDE_PX = 600
SMOOTHING = 3
"""Marks are drawn so many times larger and shrunk: Pillow's own lines have steps."""
FIELD_MM = (90.0, 260.0)
FIELD_PER_BOX = 3.5
BAR_MM = 20.0
FONT_PX = 15
BAND_TOP, BAND = SIDE_PX - 26, 2 / 3
"""Where the band under the notice begins, and how much it darkens."""
DASH_PX = (7.0, 5.0)

Colour = tuple[int, int, int, int]
# Okabe and Ito's palette: told apart with any colour vision; the short axis is also dashed.
LONG_COLOUR: Colour = (240, 228, 66, 255)
SHORT_COLOUR: Colour = (86, 180, 233, 255)
BOX_COLOUR: Colour = (255, 255, 255, 150)
CROSS_COLOUR: Colour = (230, 159, 0, 255)
INK = (255, 255, 255)
SHADE: Colour = (0, 0, 0, 150)
SHADE_PX = 1.0
"""A dark rim on each side of a line keeps it in sight on bright tissue."""
EDGE_PX = 4
"""As far as a stroke's width and rim reach beyond its ends."""


Pixel = tuple[float, float]


@dataclass(frozen=True, eq=False)
class KeyImage:
    """A picture, uint8 ``(rows, columns, 3)`` RGB, and the words that belong under it.

    Each encoding is made once, for several forms want the same.
    """

    pixels: NDArray[np.uint8]
    caption: str

    @cached_property
    def png(self) -> bytes:
        """The picture as PNG, exactly."""
        return self._encoded("PNG", compress_level=1)

    @cached_property
    def jpeg(self) -> bytes:
        """The picture as fine JPEG."""
        return self._encoded("JPEG", quality=93, subsampling=0)

    def _encoded(self, kind: str, **options: int) -> bytes:
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(self.pixels).save(stream, kind, **options)
        return stream.getvalue()


def key_images(
    volume: CTVolume,
    lesions: Iterable[Lesion],
    *,
    notice: str = wording.NOTICE,
    window: Window | None = None,
    notes: Mapping[str, ReportNote] | None = None,
) -> dict[str, KeyImage]:
    """Return lesion id → picture for the lesions that lie in the volume, in its own window by default.

    ``notes`` hold the views that a person chose for lesions, by id.
    """
    chosen = default_window(volume) if window is None else window
    images = {}
    for lesion in lesions:
        if volume.geometry.contains(lesion.centroid_lps_mm):
            note = (notes or {}).get(lesion.id)
            view = (note and note.view) or View()
            images[lesion.id] = key_image(
                volume, lesion, notice=notice, window=view.window or chosen, field_mm=view.field_mm
            )
    return images


def key_image(
    volume: CTVolume, lesion: Lesion, *, notice: str, window: Window, field_mm: float | None = None
) -> KeyImage:
    """Draw one lesion.

    Parameters
    ----------
    volume
        As read: axis-aligned, oblique, tilted or uneven.
    lesion
        Its diameters (long solid, short dashed, both with end bars), its box
        (dashed where it is only declared) and ticks that point to its centre.
    notice
        Burned into the pixels, over the foot of the picture.
    window
        HU shown from black to white.
    field_mm
        Width of the picture; by default a few times that of the box.
    """
    from PIL import Image

    grid = _grid(lesion, field_mm)
    hu = crop(
        volume,
        lesion.centroid_lps_mm,
        shape=(1, SIDE_PX, SIDE_PX),
        spacing_mm=grid.spacing_mm[0],
        pad_hu=window.low,
    )[0]
    grey = _grey(hu, window)
    grey[BAND_TOP:] = (grey[BAND_TOP:] * (1 - BAND)).astype(np.uint8)
    picture = Image.fromarray(grey).convert("RGB")
    _draw_marks(picture, lesion, grid)
    _write(picture, lesion, grid, notice, window)
    caption = wording.KEY_IMAGE.format(
        z=lesion.centroid_lps_mm[2],
        window=f"{window.title} (centre {window.centre:g}, width {window.width:g} HU)",
        field=SIDE_PX * grid.slice_step_mm,
    )
    if _off_slice(lesion, volume.geometry):
        caption += f"; {wording.PROJECTED}"
    return KeyImage(np.asarray(picture), caption)


def to_pixel(lesion: Lesion, lps: Iterable[float], field_mm: float | None = None) -> Pixel:
    """Return where an LPS point falls in a lesion's picture: (column, row), its height ignored."""
    return _pixel(_grid(lesion, field_mm), lps)


def _grid(lesion: Lesion, field_mm: float | None = None) -> Geometry:
    box = lesion.box_lps_mm
    widest = max(box[3] - box[0], box[4] - box[1])
    field = min(max(FIELD_PER_BOX * widest, FIELD_MM[0]), FIELD_MM[1]) if field_mm is None else field_mm
    return crop_geometry(lesion.centroid_lps_mm, (1, SIDE_PX, SIDE_PX), field / SIDE_PX)


def _grey(hu: NDArray[np.float32], window: Window) -> NDArray[np.uint8]:
    """Window HU to 0…255."""
    share = (hu - window.low) / max(window.width, 1e-3)
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), dtype=np.uint8)


def _drawn(lesion: Lesion) -> Iterator[Diameter]:
    yield from (diameter for diameter in (lesion.long, lesion.short) if diameter is not None)


def _off_slice(lesion: Lesion, geometry: Geometry) -> bool:
    ends = [p[2] for d in _drawn(lesion) for p in (d.start_lps_mm, d.end_lps_mm)]
    return any(abs(z - lesion.centroid_lps_mm[2]) > slice_slab_mm(geometry) / 2 for z in ends)


@dataclass(frozen=True)
class _Stroke:
    """A line in picture pixels; pixel centres are whole numbers."""

    start: Pixel
    end: Pixel
    colour: Colour
    width: float
    dashed: bool = False


def _strokes(lesion: Lesion, grid: Geometry) -> Iterator[_Stroke]:
    """Give what is drawn of a lesion, the undermost first."""
    x0, y0, _, x1, y1, _ = lesion.box_lps_mm
    z = lesion.centroid_lps_mm[2]
    left, top = _pixel(grid, (x0, y0, z))
    right, bottom = _pixel(grid, (x1, y1, z))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        yield _Stroke(a, b, BOX_COLOUR, 1.2, lesion.box_declared)
    column, row = _pixel(grid, lesion.centroid_lps_mm)
    for a, b in (
        ((left - 20, row), (left - 6, row)),
        ((right + 6, row), (right + 20, row)),
        ((column, top - 20), (column, top - 6)),
        ((column, bottom + 6), (column, bottom + 20)),
    ):
        yield _Stroke(a, b, CROSS_COLOUR, 2.4)
    for diameter, colour in ((lesion.long, LONG_COLOUR), (lesion.short, SHORT_COLOUR)):
        if diameter is not None:
            yield from _axis(grid, diameter, colour, dashed=colour is SHORT_COLOUR)


def _axis(grid: Geometry, diameter: Diameter, colour: Colour, *, dashed: bool) -> Iterator[_Stroke]:
    """Give a diameter and the bars at its ends."""
    a, b = _pixel(grid, diameter.start_lps_mm), _pixel(grid, diameter.end_lps_mm)
    yield _Stroke(a, b, colour, 2.0, dashed)
    length = math.dist(a, b)
    if length > 0:
        dx, dy = (b[1] - a[1]) / length * 5, (a[0] - b[0]) / length * 5
        for column, row in (a, b):
            yield _Stroke((column - dx, row - dy), (column + dx, row + dy), colour, 2.0)


def _draw_marks(picture: Image.Image, lesion: Lesion, grid: Geometry) -> None:
    """Draw the marks on a larger sheet, no wider than they are, and lay it over the picture shrunk."""
    from PIL import Image, ImageDraw

    strokes = list(_strokes(lesion, grid))
    ends = np.clip([end for stroke in strokes for end in (stroke.start, stroke.end)], 0, SIDE_PX)
    corner = np.maximum(np.floor(ends.min(axis=0)) - EDGE_PX, 0).astype(int)
    size = np.minimum(np.ceil(ends.max(axis=0)) + EDGE_PX, SIDE_PX).astype(int) - corner
    sheet = Image.new("RGBA", tuple((size * SMOOTHING).tolist()))
    draw = ImageDraw.Draw(sheet)
    for stroke in strokes:
        _draw(draw, stroke, corner)
    sheet = sheet.reduce(SMOOTHING)
    picture.paste(sheet, tuple(corner.tolist()), sheet)


def _draw(draw: ImageDraw.ImageDraw, stroke: _Stroke, corner: NDArray[np.int_]) -> None:
    start, end = np.array(stroke.start) - corner, np.array(stroke.end) - corner
    length = float(np.linalg.norm(end - start))
    pieces = [(0.0, length)]
    if stroke.dashed:
        on, off = DASH_PX
        pieces = [(at, min(at + on, length)) for at in np.arange(0.0, length, on + off).tolist()]
    step = (end - start) / length if length > 0 else np.zeros(2)
    for ink, broad in ((SHADE, stroke.width + 2 * SHADE_PX), (stroke.colour, stroke.width)):
        for first, last in pieces:
            ends = [tuple((start + step * at + 0.5) * SMOOTHING) for at in (first, last)]
            draw.line(ends, fill=ink, width=round(broad * SMOOTHING))


def _write(picture: Image.Image, lesion: Lesion, grid: Geometry, notice: str, window: Window) -> None:
    """Write orientation letters, the lesion's number, a scale bar, and the notice over the foot."""
    from PIL import ImageDraw, ImageFont

    draw = ImageDraw.Draw(picture)
    font, middle, black = ImageFont.load_default(FONT_PX), SIDE_PX / 2, (0, 0, 0)

    def put(at: Pixel, text: str, anchor: str) -> None:
        draw.text(at, text, INK, font, anchor=anchor, stroke_width=2, stroke_fill=black)

    put((8, middle), "R", "lm")
    put((SIDE_PX - 8, middle), "L", "rm")
    put((middle, 8), "A", "mt")
    put((middle, BAND_TOP - 6), "P", "mb")
    put((8, 8), f"Lesion {lesion.number}" if lesion.number else "Lesion", "lt")
    put((SIDE_PX - 8, 8), f"{window.title} window", "rt")
    bar = BAR_MM / grid.slice_step_mm
    put((SIDE_PX - 10 - bar / 2, BAND_TOP - 14), f"{BAR_MM:.0f} mm", "mb")
    draw.rectangle((SIDE_PX - 10 - bar, BAND_TOP - 9, SIDE_PX - 10, BAND_TOP - 6), fill=INK, outline=black)
    draw.text((middle, BAND_TOP + 13), notice, INK, font, anchor="mm")


def _pixel(grid: Geometry, lps: Iterable[float]) -> Pixel:
    _, row, column = grid.to_voxel(list(lps))
    return float(column), float(row)
