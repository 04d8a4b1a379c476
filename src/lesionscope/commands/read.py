"""``lesionscope read``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lesionscope import config
from lesionscope.commands.clicked import MASK_FORMS, measured, tell, write_masks
from lesionscope.commands.output import terminal_progress
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.errors import UsageError
from lesionscope.inference.label_reader import open_label_reader
from lesionscope.inference.predictor import Predictor
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.models import registry
from lesionscope.report import document, json_form

STDOUT = "-"
FORMATS = ("json", "html", "csv", *MASK_FORMS)


def run(arguments: argparse.Namespace) -> int:
    """Read the lesions that were asked for, and write the report in each form that was."""
    forms = _forms(arguments.format, arguments.out)
    if not arguments.lesions:
        raise UsageError("There is no lesion to read: give --click X,Y,Z, or --long with its end points.")
    settings = config.load()
    package = registry.find(arguments.pathology_model or settings.pathology_model)
    predictor = Predictor(
        package,
        device=arguments.device or settings.device,
        threads=settings.threads,
        unfamiliar_below=settings.unfamiliar_below,
    )
    labels = open_label_reader(settings, arguments.label_model, arguments.device)
    progress = terminal_progress()
    volume = open_ct(arguments.path, arguments.series, progress=progress)
    marked = [
        replace(lesion_of(marks, volume.geometry), number=number)
        for number, marks in enumerate(arguments.lesions, start=1)
    ]
    clicked = [measured(volume, lesion, wanted=settings.click_box) for lesion in marked]
    lesions = [one.lesion for one in clicked]
    how: dict[str, Any] = {"override_scope": arguments.override_scope, "progress": progress}
    items = [
        (
            lesion,
            predictor.read(volume, lesion, **how),
            None if labels is None else labels.read(volume, lesion, **how),
        )
        for lesion in lesions
    ]
    content = document.lesion_report(
        items,
        geometry=volume.geometry,
        source=volume.source,
        cards=[package.card] if labels is None else [package.card, labels.package.card],
        # What is printed may end in a log: the files of a report name the patient, stdout doesn't.
        patient=arguments.out != STDOUT,
    )
    tell(content, clicked)
    if arguments.out == STDOUT:
        sys.stdout.write(json_form.text(content))
        return 0
    from lesionscope.report.forms import write
    from lesionscope.report.key_image import key_images

    images = key_images(volume, lesions, notice=content["notice"]) if "html" in forms else None
    for form in forms:
        if form in MASK_FORMS:
            print(write_masks(clicked, volume, form, Path(arguments.out)))
        else:
            print(write(content, form, Path(arguments.out), images=images))
    return 0


def _forms(wanted: str, out: str) -> tuple[str, ...]:
    """Split --format, each form once."""
    forms = tuple(dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip()))
    unknown = [form for form in forms if form not in FORMATS]
    if unknown or not forms:
        raise UsageError(f"--format takes {', '.join(FORMATS)}, with commas between, not '{wanted}'.")
    if out == STDOUT and forms != ("json",):
        raise UsageError("--out - prints JSON only: give a folder to write html or csv.")
    return forms


def lesion_of(marks: Mapping[str, tuple[float, ...]], geometry: Geometry) -> Lesion:
    """Make the lesion of one --click, --long, --short group; a click moves the centroid there."""
    click, long, short = (marks.get(name) for name in ("click", "long", "short"))
    if long is None:
        if short is not None:
            raise UsageError("--short needs the --long diameter of the same lesion.")
        if click is None:
            raise UsageError("A lesion needs --click X,Y,Z or --long with its end points.")
        return lesion_from_click(click)
    lesion = lesion_from_diameters(
        _diameter(long), None if short is None else _diameter(short), geometry=geometry
    )
    if click is None:
        return lesion
    return replace(lesion, centroid_lps_mm=(click[0], click[1], click[2]))


def _diameter(ends: tuple[float, ...]) -> Diameter:
    return Diameter((ends[0], ends[1], ends[2]), (ends[3], ends[4], ends[5]))
