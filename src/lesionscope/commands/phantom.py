"""``lesionscope phantom``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from lesionscope.commands.output import terminal_progress
from lesionscope.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """Make what was asked for."""
    kinds = {
        "atlas": atlas,
        "chest": chest,
        "cohort": cohort,
        "deeplesion": deeplesion,
        "lesions": lesions,
        "patient": patient,
        "radpath": radpath,
    }
    return kinds[arguments.kind](arguments)


def chest(arguments: argparse.Namespace) -> int:
    """Write a chest as a DICOM series, and truth.json with its lesions beside it."""
    _check_seed(arguments)
    samples: Any = import_module("lesionscope.sample_data")
    print(samples.make_chest(arguments.out, seed=arguments.seed, progress=terminal_progress()))
    return 0


def _check_seed(arguments: argparse.Namespace) -> None:
    if arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {arguments.seed}.")


def patient(arguments: argparse.Namespace) -> int:
    """Write a whole-body patient as a DICOM series, and truth.json with its lesions and reports."""
    if arguments.workers < 1:
        raise UsageError("--workers must be 1 or more.")
    if not 16 <= arguments.matrix <= 1024 or (arguments.step is not None and not 0.5 <= arguments.step <= 50):
        raise UsageError("--matrix must be 16 to 1024, --step 0.5 to 50 mm.")
    samples: Any = import_module("lesionscope.sample_data")
    made = samples.make_patient(
        arguments.out,
        seed=arguments.seed,
        split=arguments.split,
        matrix=arguments.matrix,
        step_mm=arguments.step,
        workers=arguments.workers,
        progress=terminal_progress(),
    )
    print(made)
    return 0


def atlas(arguments: argparse.Namespace) -> int:
    """Write outlined slices of a whole-body patient."""
    _check_seed(arguments)
    from lesionscope.phantom.body.atlas import write_atlas

    files = write_atlas(arguments.seed, arguments.out, progress=terminal_progress())
    print(f"{len(files)} slices in {arguments.out}")
    return 0


def radpath(arguments: argparse.Namespace) -> int:
    """Write labelled lung lesions: a volume a patient and manifest.csv, or cubes as one NumPy array."""
    if arguments.count < 1 or arguments.workers < 1:
        raise UsageError("--count and --workers must be 1 or more.")
    from lesionscope.phantom.radpath import cubes, write_manifest

    split, count = arguments.split, arguments.count
    alike = {
        "frequencies": arguments.frequencies,
        "first_seed": arguments.first_seed,
        "workers": arguments.workers,
        "progress": terminal_progress(),
    }
    if arguments.form == "cubes":
        print(f"{len(cubes(split, count, cache=arguments.out, **alike))} cubes in {arguments.out}")
    else:
        print(write_manifest(arguments.out, split, count, form=arguments.form, **alike))
    return 0


def deeplesion(arguments: argparse.Namespace) -> int:
    """Write clinic patients in DeepLesion's layout, with reports, mined labels and the truth apart."""
    from lesionscope.phantom.clinic.deeplesion import write_deeplesion

    made = write_deeplesion(
        arguments.out,
        arguments.patients,
        split=arguments.split,
        first_patient=arguments.first_patient,
        frequencies=arguments.frequencies,
        around_mm=arguments.around,
        workers=arguments.workers,
        progress=terminal_progress(),
    )
    print(made)
    return 0


def cohort(arguments: argparse.Namespace) -> int:
    """Write bookmarked lesions as training takes them: an array of patches, and a table of what is known."""
    from lesionscope.phantom.clinic.cohort import cohort as make

    made = make(
        arguments.split,
        arguments.count,
        first_patient=arguments.first_patient,
        frequencies=arguments.frequencies,
        workers=arguments.workers,
        cache=arguments.out,
        progress=terminal_progress(),
    )
    print(f"{len(made)} lesions in {arguments.out}")
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
