"""Figures of the phantom clinic's lesions: a contact sheet, and how often each label occurs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lesionscope.files import write_atomically
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.cohort import sentence
from lesionscope.phantom.clinic.frequencies import Frequencies, load_frequencies
from lesionscope.phantom.clinic.growing import Body
from lesionscope.phantom.clinic.lesions import ClinicLesion
from lesionscope.phantom.clinic.marks import Mark
from lesionscope.phantom.clinic.patches import Patch, patch
from lesionscope.phantom.clinic.patients import ClinicPatient, whole_body
from lesionscope.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SHEET = 24
COLUMNS = 6
ZOOM = 2
CAPTION_PX = 58
WINDOWS = {"lung": (-600.0, 1500.0), "airway": (-600.0, 1500.0), "bone": (350.0, 1500.0)}
"""Centre and width (HU) of the window a lesion is shown in; soft tissue's elsewhere."""
SOFT = (40.0, 400.0)
LONG_COLOUR, SHORT_COLOUR, BOX_COLOUR = (255, 90, 80), (90, 210, 255), (120, 120, 60)
COUNTED_DRAWS = 20_000
BAR_PX, LINE_PX, NAME_PX = 560, 13, 210
BAR_COLOUR = (170, 190, 215)
TICKS = (("drawn", (150, 150, 150)), ("said in reports", (200, 60, 40)), ("true", (40, 130, 60)))


def tile(seen: Patch, mark: Mark, lesion: ClinicLesion, zoom: int = ZOOM) -> Picture:
    """Draw the middle slice of a patch with its marks, and the lesion's direct labels below."""
    from PIL import Image, ImageDraw

    centre, width = WINDOWS.get(lesion.family, SOFT)
    hu = seen.hu[len(seen.hu) // 2].astype(np.float32)
    grey = (np.clip((hu - centre) / width + 0.5, 0, 1) * 255).astype(np.uint8)
    side = hu.shape[1] * zoom
    picture = Image.new("RGB", (side, hu.shape[0] * zoom + CAPTION_PX))
    picture.paste(Image.fromarray(grey).resize((side, hu.shape[0] * zoom), Image.Resampling.BICUBIC))
    drawing = ImageDraw.Draw(picture)
    left, top, _ = seen.origin_lps_mm
    step = seen.spacing_mm[0]
    drawing.rectangle([(value + 0.5) * zoom for value in seen.box], outline=BOX_COLOUR)
    for ends, colour in ((mark.long, LONG_COLOUR), (mark.short, SHORT_COLOUR)):
        line = [(((x - left) / step + 0.5) * zoom, ((y - top) / step + 0.5) * zoom) for x, y, _ in ends]
        drawing.line(line, fill=colour)
    words = ", ".join(sorted(lesion.direct, key=lambda name: (name != lesion.place, name)))
    lines = _wrapped(words, side // 6)[:3]
    more = len(lesion.labels - lesion.direct)
    lines.append(f"{mark.long_mm:.0f} x {mark.short_mm:.0f} mm; {more} more labels true")
    for number, line_text in enumerate(lines):
        drawing.text((3, hu.shape[0] * zoom + 2 + 13 * number), line_text, fill=(235, 235, 235))
    return picture


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)


def contact_sheet(
    *,
    count: int = SHEET,
    first_patient: int = 0,
    frequencies: Frequencies | None = None,
    body_of: Callable[[int], Body] = whole_body,
    progress: Progress = silent,
) -> Picture:
    """Draw the lesions of the first training patients, at most one of a family of places in a row of six."""
    from PIL import Image

    tiles: list[Picture] = []
    recent: list[str] = []
    seed = first_patient
    while len(tiles) < count:
        patient = ClinicPatient(seed, "train", frequencies=frequencies, body_of=body_of)
        seed += 1
        for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
            if len(tiles) < count and lesion.family not in recent[-COLUMNS:]:
                recent.append(lesion.family)
                tiles.append(tile(patch(patient, mark), mark, lesion))
                progress(len(tiles), count, "Drawing lesions")
    width, height = tiles[0].size
    rows = -(-count // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + 4), rows * (height + 4)), (30, 30, 30))
    for number, one in enumerate(tiles):
        sheet.paste(one, ((number % COLUMNS) * (width + 4) + 2, (number // COLUMNS) * (height + 4) + 2))
    return sheet


def label_shares(frequencies: Frequencies, draws: int = COUNTED_DRAWS) -> dict[str, float]:
    """Return the share of drawn lesions that each label (direct or implied by one) is true of."""
    rng = np.random.default_rng(31)
    graph = frequencies.possible.graph
    counts: Counter[str] = Counter()
    for _ in range(draws):
        counts.update(graph.expand(frequencies.sample(rng).direct))
    return {name: counts[name] / draws for name in graph.core}


def clinic_shares(
    patients: int,
    frequencies: Frequencies,
    *,
    body_of: Callable[[int], Body] = whole_body,
    progress: Progress = silent,
) -> tuple[dict[str, float], dict[str, float]]:
    """Count labels in the first training patients' bookmarked lesions.

    Returns
    -------
    tuple
        The share that each label is said of in reports (relevant or uncertain to the bookmark,
        ancestors included), and the share that it is true of.
    """
    graph = frequencies.possible.graph
    said: Counter[str] = Counter()
    true: Counter[str] = Counter()
    lesions = 0
    for seed in range(patients):
        patient = ClinicPatient(seed, "train", frequencies=frequencies, body_of=body_of)
        for mark in patient.marks:
            if mark.bookmarked:
                mined = sentence(patient, mark, "train").labels("relevant", "uncertain")
                said.update(graph.expand(mined) & frozenset(graph.core))
                true.update(patient.lesions[mark.lesion].labels)
                lesions += 1
        progress(seed + 1, patients, "Counting labels")
    return tuple({n: counts[n] / max(lesions, 1) for n in graph.core} for counts in (said, true))  # type: ignore[return-value]


Row = tuple[str, float, float, float, float]


def frequency_table(*shares: dict[str, float]) -> list[Row]:
    """Return label, target, drawn, said and true share; commonest first."""
    target, drawn, said, true = shares
    rows = ((name, target[name], drawn[name], said[name], true[name]) for name in target)
    return sorted(rows, key=lambda row: -row[1])


def frequency_chart(rows: list[Row]) -> Picture:
    """Draw shares on a logarithmic scale: the target as a bar, the others as ticks on it."""
    from PIL import Image, ImageDraw

    columns = 2
    per_column = -(-len(rows) // columns)
    wide = NAME_PX + BAR_PX + 20
    picture = Image.new("RGB", (columns * wide, per_column * LINE_PX + 34), (255, 255, 255))
    drawing = ImageDraw.Draw(picture)
    drawing.text((4, 4), "Share of lesions, .0001 to 1, logarithmic", fill=(0, 0, 0))
    legend = (("target: LesaNet's release", BAR_COLOUR), *TICKS)
    totals = [sum(shares) for shares in zip(*(row[1:] for row in rows), strict=True)]
    for index, ((text, colour), labels) in enumerate(zip(legend, totals, strict=True)):
        drawing.rectangle((280 + 300 * index, 6, 292 + 300 * index, 14), fill=colour)
        drawing.text((296 + 300 * index, 4), f"{text} ({labels:.1f} labels a lesion)", fill=(0, 0, 0))

    def place(share: float) -> float:
        return float(BAR_PX * (np.log10(max(share, 1e-4)) + 4) / 4)

    for number, (name, target, *others) in enumerate(rows):
        x = (number // per_column) * wide + NAME_PX
        y = 26 + (number % per_column) * LINE_PX
        drawing.text((x - NAME_PX + 4, y), name, fill=(0, 0, 0))
        drawing.rectangle((x, y + 1, x + place(target), y + 10), fill=BAR_COLOUR)
        for share, (_, colour) in zip(others, TICKS, strict=True):
            drawing.rectangle((x + place(share) - 1, y, x + place(share) + 1, y + 11), fill=colour)
    return picture


def write_figures(
    out: str | Path,
    *,
    frequencies: str | Path | None = None,
    patients: int = 200,
    bodies: str = "whole",
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Write ``lesions.png``, ``label_frequencies.png`` and ``label_frequencies.csv`` to a folder.

    Parameters
    ----------
    out
        The folder.
    frequencies
        A file of label frequencies in place of the bundled table.
    patients
        How many to count labels in.
    bodies
        'whole', or 'blocks': plain tissue in place of anatomy.
    progress
        Called after each lesion and patient.
    """
    body_of: Callable[[int], Body] = BlockBody if bodies == "blocks" else whole_body
    source = load_frequencies(frequencies)
    folder = Path(out)
    sheet = contact_sheet(frequencies=source, body_of=body_of, progress=progress)
    said, true = clinic_shares(patients, source, body_of=body_of, progress=progress)
    rows = frequency_table(target_shares(), label_shares(source), said, true)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["label", "target", "drawn", "said", "true"])
    writer.writerows([name, *(f"{share:.5f}" for share in shares)] for name, *shares in rows)
    return (
        write_atomically(folder / "lesions.png", _png(sheet)),
        write_atomically(folder / "label_frequencies.png", _png(frequency_chart(rows))),
        write_atomically(folder / "label_frequencies.csv", table.getvalue()),
    )


def target_shares() -> dict[str, float]:
    """Return the share of labelled training lesions that LesaNet's release gives each label."""
    text = Path(__file__).with_name("target.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(share) for name, share in rows}


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
