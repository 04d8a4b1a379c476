"""Slices of a patient with the outlines and names of its parts."""

from __future__ import annotations

import colorsys
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lesionscope.ct.geometry import Geometry
from lesionscope.files import write_atomically
from lesionscope.phantom.body.body import Body
from lesionscope.phantom.body.layers import Frame
from lesionscope.phantom.body.names import OWN
from lesionscope.phantom.canvas import Canvas
from lesionscope.progress import Progress, silent

PIXEL_MM = 0.8
WINDOW_HU = (-160.0, 240.0)
AXIAL_LEVELS = (112, 62, 20, -12, -60, -120, -180, -215, -240, -275, -345, -415, -450, -500)
"""Heights of the axial slices in the design patient, mm."""
CORONAL_LEVELS = (-45, -10, 18, 40)
LEAST_PIXELS = 60
_PLAIN = {"", "wall fat", "inner fat", "skin", "epicardial fat", "perirenal fat", "oesophagus lumen"}


def write_atlas(seed: int, folder: Path, *, progress: Progress = silent) -> tuple[Path, ...]:
    """Write a PNG a slice, axial and coronal, with the outline and name of every tissue.

    Parameters
    ----------
    seed
        The patient.
    folder
        Made where it isn't there.
    progress
        Told after each slice.

    Returns
    -------
    tuple
        The files: ``axial_NN.png`` from head to feet, then ``coronal_NN.png`` from front to back.

    Raises
    ------
    LesionscopeError
        They can't be written.
    """
    body = Body(seed)
    (x0, y0, z0), (x1, y1, z1) = body.bounds
    wide, deep, tall = (int(n / PIXEL_MM) for n in (x1 - x0, y1 - y0, z1 - z0))
    steps = (PIXEL_MM, PIXEL_MM, PIXEL_MM)
    slices: list[tuple[str, Geometry, str]] = []
    for number, level in enumerate(AXIAL_LEVELS, 1):
        z = body.build.z(level)
        slices.append(
            (f"axial_{number:02d}", Geometry((wide, deep, 1), steps, (x0, y0, z)), f"z = {z:.0f} mm")
        )
    for number, level in enumerate(CORONAL_LEVELS, 1):
        y = body.build.at(0, level, 0)[1]
        slices.append(
            (f"coronal_{number:02d}", Geometry((wide, 1, tall), steps, (x0, y, z0)), f"y = {y:.0f} mm")
        )
    written = []
    for done, (name, geometry, place) in enumerate(slices, 1):
        coronal = name.startswith("coronal")
        canvas = Canvas(geometry)
        body.paint(canvas)
        owner = body.owners(Frame(body.build, canvas, body.lattices))
        here = (slice(None, None, -1), 0) if coronal else (0, slice(None))
        hu, tissue = canvas.hu[here], owner[here]
        title = f"Phantom patient {seed}, {body.sex}, {body.phase}, {place}"
        picture = io.BytesIO()
        outlined(hu, tissue, title).save(picture, "PNG")
        written.append(write_atomically(folder / f"{name}.png", picture.getvalue()))
        progress(done, len(slices), "Drawing the atlas")
    return tuple(written)


def outlined(hu: NDArray[np.float32], tissue: NDArray[np.intp], title: str) -> Image.Image:
    """Draw one slice twice as large, the patient's right on the left, parts outlined and named."""
    low, high = WINDOW_HU
    grey = np.clip((hu - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    rgb = np.repeat(np.repeat(np.stack([grey] * 3, axis=-1), 2, axis=0), 2, axis=1)
    large = np.repeat(np.repeat(tissue, 2, axis=0), 2, axis=1)
    names = list(OWN)
    spots: list[tuple[int, int, str, tuple[int, int, int]]] = []
    for number in np.unique(tissue):
        name = names[int(number)]
        inside = large == number
        if name in _PLAIN or inside.sum() < 4 * LEAST_PIXELS:
            continue
        red, green, blue = colorsys.hsv_to_rgb((int(number) * 0.618) % 1.0, 0.45, 1.0)
        colour = (int(255 * red), int(255 * green), int(255 * blue))
        padded = np.pad(inside, 1)
        core = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        rgb[inside & ~core] = colour
        rows, columns = np.nonzero(inside)
        middle = np.argmin(np.square(rows - rows.mean()) + np.square(columns - columns.mean()))
        spots.append((int(columns[middle]), int(rows[middle]), name, colour))
    image = Image.fromarray(rgb)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    taken: list[tuple[float, float, float, float]] = []
    for x, y, name, colour in sorted(spots, key=lambda spot: spot[1]):
        for shift in (0, 15, -15, 30, -30, 45, -45):
            box = draw.textbbox((x, y + shift), name, font=font, anchor="mm")
            if all(box[0] > t[2] or box[2] < t[0] or box[1] > t[3] or box[3] < t[1] for t in taken):
                taken.append(box)
                at = (x, y + shift)
                draw.text(at, name, colour, font, anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0))
                break
    draw.text((8, 6), title, fill=(255, 255, 255), font=font)
    draw.text((8, image.height // 2), "R", fill=(255, 255, 255), font=font)
    draw.text((image.width - 18, image.height // 2), "L", fill=(255, 255, 255), font=font)
    return image
