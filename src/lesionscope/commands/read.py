"""``lesionscope read``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lesionscope.commands.clicked import MASK_FORMS, write_masks
from lesionscope.commands.marked import open_models
from lesionscope.commands.output import terminal_progress
from lesionscope.ct.scan import open_ct
from lesionscope.errors import UsageError
from lesionscope.report import json_form
from lesionscope.report.forms import FORMS, WITH_IMAGES, Report, write

STDOUT = "-"
FORMATS = (*FORMS, *MASK_FORMS)


def run(arguments: argparse.Namespace) -> int:
    """Read the lesions that were asked for, and write the report in each form that was."""
    if arguments.list is not None:
        from lesionscope.commands.read_list import run as run_list

        return run_list(arguments)
    forms = _forms(arguments.format, arguments.out)
    if arguments.path is None:
        raise UsageError("Give the CT to read, or --list with a table of cases.")
    if not arguments.lesions:
        raise UsageError("There is no lesion to read: give --click X,Y,Z, or --long with its end points.")
    progress = terminal_progress()
    models = open_models(arguments)
    volume = open_ct(arguments.path, arguments.series, progress=progress)
    # What is printed may end in a log: the files of a report name the patient, stdout doesn't.
    content, clicked = models.report(
        volume, arguments.lesions, patient=arguments.out != STDOUT, progress=progress
    )
    lesions = [one.lesion for one in clicked]
    images = {}
    if WITH_IMAGES.intersection(forms):
        from lesionscope.report.key_image import key_images

        images = key_images(volume, lesions, notice=content["notice"])
    report = Report(content, images, lesions, volume)
    if arguments.deidentify:
        report = _deidentified(report, forms, Path(arguments.out))
    if arguments.out == STDOUT:
        sys.stdout.write(json_form.text(report.content))
        return 0
    for form in forms:
        if form in MASK_FORMS:
            print(write_masks(clicked, volume, form, Path(arguments.out)))
            continue
        for path in write(report, form, Path(arguments.out)):
            print(path)
    return 0


def _deidentified(report: Report, forms: tuple[str, ...], folder: Path) -> Report:
    """Take identities out; where DICOM forms are wanted, the images that they refer to are written too."""
    from lesionscope.report.deidentify import UidMap, deidentified, write_images

    if any(form in MASK_FORMS for form in forms):
        raise UsageError("--deidentify can't write seg or nifti: they take their headers from the scan.")
    uids = UidMap()
    if {"sr", "sc"}.intersection(forms):
        for path in write_images(report, uids, folder / "images"):
            print(path)
    return deidentified(report, uids)


def _forms(wanted: str, out: str) -> tuple[str, ...]:
    """Split --format, each form once."""
    forms = tuple(dict.fromkeys(part.strip() for part in wanted.split(",") if part.strip()))
    unknown = [form for form in forms if form not in FORMATS]
    if unknown or not forms:
        raise UsageError(f"--format takes {', '.join(FORMATS)}, with commas between, not '{wanted}'.")
    if out == STDOUT and forms != ("json",):
        raise UsageError("--out - prints JSON only: give a folder to write other forms.")
    return forms
