"""``lesionscope phantom``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from lesionscope.commands.output import terminal_progress
from lesionscope.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """Make what was asked for."""
    kinds = {"atlas": atlas, "chest": chest, "lesions": lesions, "patient": patient, "radpath": radpath}
    return kinds[arguments.kind](arguments)


def chest(arguments: argparse.Namespace) -> int:
    """Write a chest as a DICOM series, and truth.json with its lesions beside it."""
    samples: Any = import_module("lesionscope.sample_data")
    print(samples.make_chest(arguments.out, seed=arguments.seed, progress=terminal_progress()))
    return 0


def patient(arguments: argparse.Namespace) -> int:
    """Write a whole-body patient as a DICOM series, and truth.json with its lesions and reports."""
    if arguments.workers < 1:
        raise UsageError("--workers must be 1 or more.")
    samples: Any = import_module("lesionscope.sample_data")
    made = samples.make_patient(
        arguments.out, seed=arguments.seed, workers=arguments.workers, progress=terminal_progress()
    )
    print(made)
    return 0


def atlas(arguments: argparse.Namespace) -> int:
    """Write outlined slices of a whole-body patient."""
    from lesionscope.phantom.body.atlas import write_atlas

    files = write_atlas(arguments.seed, arguments.out, progress=terminal_progress())
    print(f"{len(files)} slices in {arguments.out}")
    return 0


def radpath(arguments: argparse.Namespace) -> int:
    """Write labelled cubes: an int16 array (n, z, y, x) of HU, and a table of the truth."""
    if arguments.count < 1 or arguments.workers < 1:
        raise UsageError("--count and --workers must be 1 or more.")
    from lesionscope.phantom.cubes import cubes

    made = cubes(
        arguments.split,
        arguments.count,
        frequencies=arguments.frequencies,
        first_seed=arguments.first_seed,
        workers=arguments.workers,
        cache=arguments.out,
        progress=terminal_progress(),
    )
    print(f"{len(made)} cubes in {arguments.out}")
    return 0


def lesions(arguments: argparse.Namespace) -> int:
    """Write a contact sheet of lesions, and how often each label occurs beside how often it should."""
    if arguments.patients < 1:
        raise UsageError("--patients must be 1 or more.")
    from lesionscope.phantom.clinic.figures import write_figures

    for path in write_figures(
        arguments.out,
        frequencies=arguments.frequencies,
        patients=arguments.patients,
        bodies=arguments.bodies,
        progress=terminal_progress(),
    ):
        print(path)
    return 0
