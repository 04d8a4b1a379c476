"""One picture a lesion: the axial slice through its centre with its marks and the notice in its pixels.

The slice is resampled along the patient's axes, so that it hangs right for every
volume: the patient's right on the left of the picture, the front on top.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SIDE_PX = 600
SMOOTHING = 3
"""Marks are drawn so many times larger and shrunk: Pillow's own lines have steps."""
FIELD_MM = (90.0, 260.0)
FIELD_PER_BOX = 3.5
BAR_MM = 20.0
FONT_PX = 15
DASH_PX = (7.0, 5.0)

Colour = tuple[int, int, int, int]
# Okabe and Ito's palette: told apart with any colour vision; the short axis is also dashed.
LONG_COLOUR: Colour = (240, 228, 66, 255)
SHORT_COLOUR: Colour = (86, 180, 233, 255)
BOX_COLOUR: Colour = (255, 255, 255, 150)
CROSS_COLOUR: Colour = (230, 159, 0, 255)
INK: Colour = (255, 255, 255, 255)
BAND: Colour = (0, 0, 0, 170)
SHADE: Colour = (0, 0, 0, 150)
SHADE_PX = 1.0
"""A dark rim on each side of a line keeps it in sight on bright tissue."""


Pixel = tuple[float, float]


@dataclass(frozen=True)
class View:
    """How a person wants a lesion's picture: its window, and how wide it is in mm; ``None``: by itself."""

    window: Window | None = None
    field_mm: float | None = None


AS_IT_IS = View()


@dataclass(frozen=True)
class KeyImage:
    """A PNG, and the words that belong under it."""

    png: bytes
    caption: str


def key_images(
    volume: CTVolume,
    lesions: Iterable[Lesion],
    *,
    notice: str = wording.NOTICE,
    window: Window | None = None,
    views: Mapping[str, View] | None = None,
) -> dict[str, KeyImage]:
    """Return lesion id → picture for the lesions that lie in the volume, in its own window by default.

    ``views`` are those that were chosen for single lesions, by id.
    """
    wanted = views or {}
    chosen = default_window(volume) if window is None else window
    return {
        lesion.id: key_image(
            volume,
            lesion,
            notice=notice,
            window=wanted.get(lesion.id, AS_IT_IS).window or chosen,
            field_mm=wanted.get(lesion.id, AS_IT_IS).field_mm,
        )
        for lesion in lesions
        if volume.geometry.contains(lesion.centroid_lps_mm)
    }


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
    picture = Image.fromarray(_grey(hu, window)).convert("RGBA")
    picture.alpha_composite(_marks(lesion, grid))
    picture.alpha_composite(_words(lesion, grid, notice, window))
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "PNG", compress_level=1)
    caption = wording.KEY_IMAGE.format(
        z=lesion.centroid_lps_mm[2],
        window=f"{window.title} (centre {window.centre:g}, width {window.width:g} HU)",
        field=SIDE_PX * grid.slice_step_mm,
    )
    if _off_slice(lesion, volume.geometry):
        caption += f"; {wording.PROJECTED}"
    return KeyImage(stream.getvalue(), caption)


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


def _marks(lesion: Lesion, grid: Geometry) -> Image.Image:
    from PIL import Image, ImageDraw

    sheet = Image.new("RGBA", (SIDE_PX * SMOOTHING, SIDE_PX * SMOOTHING))
    draw = ImageDraw.Draw(sheet)
    x0, y0, _, x1, y1, _ = lesion.box_lps_mm
    z = lesion.centroid_lps_mm[2]
    left, top = _pixel(grid, (x0, y0, z))
    right, bottom = _pixel(grid, (x1, y1, z))
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        _line(draw, a, b, BOX_COLOUR, 1.2, dashed=lesion.box_declared)
    column, row = _pixel(grid, lesion.centroid_lps_mm)
    for a, b in (
        ((left - 20, row), (left - 6, row)),
        ((right + 6, row), (right + 20, row)),
        ((column, top - 20), (column, top - 6)),
        ((column, bottom + 6), (column, bottom + 20)),
    ):
        _line(draw, a, b, CROSS_COLOUR, 2.4)
    for diameter, colour in ((lesion.long, LONG_COLOUR), (lesion.short, SHORT_COLOUR)):
        if diameter is not None:
            _diameter(draw, grid, diameter, colour, dashed=colour is SHORT_COLOUR)
    return sheet.reduce(SMOOTHING)


def _diameter(
    draw: ImageDraw.ImageDraw, grid: Geometry, diameter: Diameter, colour: Colour, *, dashed: bool
) -> None:
    a, b = _pixel(grid, diameter.start_lps_mm), _pixel(grid, diameter.end_lps_mm)
    _line(draw, a, b, colour, 2.0, dashed=dashed)
    along = np.subtract(b, a)
    length = float(np.linalg.norm(along))
    if length > 0:
        dx, dy = along[1] / length * 5, -along[0] / length * 5
        for end in (a, b):
            _line(draw, (end[0] - dx, end[1] - dy), (end[0] + dx, end[1] + dy), colour, 2.0)


def _line(
    draw: ImageDraw.ImageDraw, a: Pixel, b: Pixel, colour: Colour, width: float, *, dashed: bool = False
) -> None:
    """Draw a line given in picture pixels (pixel centres are whole numbers) on the larger sheet."""
    start, end = np.array(a), np.array(b)
    length = float(np.linalg.norm(end - start))
    pieces = [(0.0, length)]
    if dashed:
        on, off = DASH_PX
        pieces = [(at, min(at + on, length)) for at in np.arange(0.0, length, on + off).tolist()]
    step = (end - start) / length if length > 0 else np.zeros(2)
    for ink, broad in ((SHADE, width + 2 * SHADE_PX), (colour, width)):
        for first, last in pieces:
            ends = [tuple((start + step * at + 0.5) * SMOOTHING) for at in (first, last)]
            draw.line(ends, fill=ink, width=round(broad * SMOOTHING))


def _words(lesion: Lesion, grid: Geometry, notice: str, window: Window) -> Image.Image:
    """Orientation letters, the lesion's number, a scale bar, and the notice over the foot."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGBA", (SIDE_PX, SIDE_PX))
    draw = ImageDraw.Draw(sheet)
    font, middle, foot = ImageFont.load_default(FONT_PX), SIDE_PX / 2, SIDE_PX - 26

    def put(at: Pixel, text: str, anchor: str) -> None:
        draw.text(at, text, INK, font, anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0, 255))

    put((8, middle), "R", "lm")
    put((SIDE_PX - 8, middle), "L", "rm")
    put((middle, 8), "A", "mt")
    put((middle, foot - 6), "P", "mb")
    number = f"Lesion {lesion.number}" if lesion.number else "Lesion"
    put((8, 8), number, "lt")
    put((SIDE_PX - 8, 8), f"{window.title} window", "rt")
    bar = BAR_MM / grid.slice_step_mm
    put((SIDE_PX - 10 - bar / 2, foot - 14), f"{BAR_MM:.0f} mm", "mb")
    draw.rectangle((SIDE_PX - 10 - bar, foot - 9, SIDE_PX - 10, foot - 6), fill=INK, outline=(0, 0, 0, 255))
    draw.rectangle((0, foot, SIDE_PX, SIDE_PX), fill=BAND)
    draw.text((middle, foot + 13), notice, INK, font, anchor="mm")
    return sheet


def _pixel(grid: Geometry, lps: Iterable[float]) -> Pixel:
    _, row, column = grid.to_voxel(list(lps))
    return float(column), float(row)
