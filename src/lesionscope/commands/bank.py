"""``lesionscope bank``."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict
from pathlib import Path

from lesionscope import config
from lesionscope.commands.bank_sources import Give, deeplesion_lesions, listed_lesions
from lesionscope.commands.output import print_json, say, terminal_progress
from lesionscope.errors import InputError, UsageError
from lesionscope.models.label_package import find_label_package
from lesionscope.progress import Progress, silent
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.registry import bank_folder

MOST = 1000
"""Neighbours that may be asked for."""


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    return {"build": build, "query": query, "show": show}[arguments.bank_command](arguments)


def build(arguments: argparse.Namespace) -> int:
    """Fill a bank from one source; it goes on where it was stopped."""
    from lesionscope.inference.bank_filling import fill, filled

    settings = config.load()
    package = find_label_package(arguments.package or settings.label_model)
    progress = terminal_progress()
    give, total = _source(arguments, progress)
    with filled(arguments.out, package) as bank:
        added = fill(
            bank,
            package,
            give(bank.given()),
            total=total,
            device=arguments.device or settings.device,
            threads=settings.threads,
            progress=progress if total else silent,
            say=say,
        )
        if not len(bank):
            raise InputError(
                f"None of the lesions could be used, so the bank {arguments.out} is empty: mend what is said "
                "above, or give other lesions."
            )
        model = f"{bank.package.name} {bank.package.version}"
        print(f"{added} lesions added, {len(bank)} in {arguments.out}, of {model}")
    return 0


def query(arguments: argparse.Namespace) -> int:
    """Print the known lesions like one of a CT."""
    from lesionscope.commands.clicked import measured
    from lesionscope.commands.marked import lesion_of
    from lesionscope.ct.scan import open_ct
    from lesionscope.inference.label_predictor import LabelPredictor
    from lesionscope.inference.label_reader import own_keys
    from lesionscope.inference.reading import Refusal

    if len(arguments.lesions or ()) != 1:
        raise UsageError("Give one lesion: --click X,Y,Z, or --long with its end points.")
    if not 1 <= arguments.k <= MOST:
        raise UsageError(f"--k must be in 1…{MOST}, not {arguments.k}.")
    settings = config.load()
    package = find_label_package(arguments.package or settings.label_model)
    with Bank.open(bank_folder(arguments.bank), package.embedding_sha256) as bank:
        volume = open_ct(arguments.path, arguments.series, progress=terminal_progress())
        marked = lesion_of(arguments.lesions[0], volume.geometry)
        lesion = measured(volume, marked, wanted=settings.click_box).lesion
        predictor = LabelPredictor(
            package, device=arguments.device or settings.device, threads=settings.threads
        )
        reading = predictor.read(volume, lesion)
        if isinstance(reading.labels, Refusal):
            raise InputError(reading.labels.sentence)
        own = None if arguments.include_same_patient else own_keys(bank, volume.source)
        found = bank.query(reading.embedding, arguments.k, label=arguments.label, exclude_patient=own)
    print_json(
        {
            "model": predictor.model,
            "bank": str(arguments.bank),
            "distance": "Euclidean between embeddings of length 1",
            "label": arguments.label,
            "neighbours": [asdict(one) for one in found],
        }
    )
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Check a bank, and print what it holds."""
    with Bank.open(bank_folder(arguments.bank), None) as bank:
        bank.verify()
        print_json(
            {
                "folder": str(bank.folder),
                "package": asdict(bank.package),
                "lesions": len(bank),
                "patients": bank.patients(),
                "dimension": bank.dimension,
                "labels": dict(bank.label_counts()),
            }
        )
    return 0


def _source(arguments: argparse.Namespace, progress: Progress) -> tuple[Give, int]:
    """Return the lesions asked for, and how many they are: 0 where their own reading tells progress."""
    if (arguments.source is None) == (arguments.list is None):
        raise UsageError("Give --from phantom:N or --from DIR, or --list FILE.")
    if arguments.list is not None:
        return listed_lesions(arguments.list, say, progress), 0
    if phantom := re.fullmatch(r"phantom:([1-9]\d{0,6})", arguments.source):
        from lesionscope.phantom.clinic.known import phantom_lesions

        count = int(phantom[1])
        # Where training keeps its phantoms, so that a bank of them need not make them again.
        cache = arguments.cache or config.cache_folder() / "clinic"
        return (
            lambda _: phantom_lesions(
                count, split=arguments.split, workers=arguments.workers, cache=cache, progress=progress
            )
        ), count
    folder = Path(arguments.source)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give phantom:N, or a folder in DeepLesion's layout.")
    return deeplesion_lesions(folder, arguments.split, say, progress), 0
