"""The command line: ``lesionscope info | read | find | mine | models | bank | review | train | phantom | …``.

No logic here: arguments in, a layer called, an exit status out. Layers are loaded
only when their command runs, so that ``--help`` and ``read`` start fast.

Exit status: 0 done; 2 wrong usage; 3 bad input (one line on stderr); 1 it could not be
done or written here, or an error of ours, which then names a log; 130 stopped with Ctrl+C.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lesionscope import __version__
from lesionscope.commands.arguments import (
    add_bank,
    add_find,
    add_harvest,
    add_marks,
    add_mine,
    add_review,
    folder,
    folder_or_stdout,
)
from lesionscope.errors import LesionscopeError

STOPPED = 130
ONE_BLAS_THREAD = ("info", "read")
"""Commands whose matrices are small: waking BLAS threads, which spin, costs them more than it saves."""
POINT_OPTIONS = ("--click", "--long", "--short")
SPLITS = ("train", "validation", "test")
IMPORT_LESANET = "make a package of the checkpoint that LesaNet's authors published"
NEGATIVE = re.compile(r"-\.?\d")


class Parser(argparse.ArgumentParser):
    """A parser that takes ``--debug`` and no abbreviations, as do all that argparse makes below it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the traceback of an error of ours",
        )


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every subcommand that this version has."""
    parser = Parser(
        prog="lesionscope",
        description="Read a CT lesion the way a radiologist describes it. Demonstration models, "
        "not for clinical use.",
        epilog="Exit status: 0 done, 2 wrong usage, 3 bad input, 1 not possible here, or an error of ours.",
    )
    parser.add_argument("--version", action="version", version=f"lesionscope {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")

    def command(name: str, handler: str, summary: str, **more: Any) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary, **more)
        made.set_defaults(handler=handler)
        return made

    info = command("info", "info:run", "Tell which CT series a file or folder holds, as JSON on stdout.")
    info.add_argument("path", metavar="PATH", type=Path, help="a file, a folder or a zip")

    _add_read(
        command(
            "read",
            "read:run",
            "Read lesions without a window. Points are LPS millimetres.",
            epilog="A lesion that the model won't answer for (air, not a lung, outside the scan) is no "
            'error: its "pathology" holds {"model", "refused": why}. '
            "Example: lesionscope read SERIES --click=-57.4,131.2,-520.4 --out -",
        )
    )

    add_find(
        command(
            "find",
            "find:run",
            "Look for lesions: candidates for a reader, as JSON.",
            epilog="Ctrl+C leaves the candidates found so far (status 130). "
            "Example: lesionscope find SERIES --slices 40:60 --out -",
        )
    )

    add_mine(
        command(
            "mine",
            "mine:run",
            "Find the labels that report sentences speak of.",
            epilog="A row that can't be used is said on stderr by its line, and the rest is mined; status 3 "
            "means that no row could be. Example: lesionscope mine sentences.csv --out labels.jsonl",
        )
    )

    models = command("models", "models:run", "List the model packages, or show one's card.")
    kinds = models.add_subparsers(metavar="list|show|import-lesanet", required=True, dest="models_command")
    kinds.add_parser("list", help="names, versions, titles and where they lie")
    show = kinds.add_parser("show", help="the card of one package, as JSON on stdout")
    show.add_argument("name", metavar="NAME", help="a package's name, or the path of its folder")
    _add_import_lesanet(kinds.add_parser("import-lesanet", help=IMPORT_LESANET))

    add_bank(command("bank", "bank:run", "Build, ask or show a bank of known lesions."))

    add_review(command("review", "review:run", "Review mined labels: into a project, and out of it."))

    train = command("train", "training:train", "Train a recipe; it resumes where it was stopped.")
    _add_recipe(train)
    train.add_argument(
        "--out", type=folder, required=True, metavar="DIR", help="checkpoints and metrics.json"
    )

    evaluate = command("evaluate", "training:evaluate", "Score a trained checkpoint.")
    _add_recipe(evaluate)
    evaluate.add_argument("--checkpoint", type=Path, required=True, metavar="PATH", help="file or run folder")
    evaluate.add_argument(
        "--out", type=folder, metavar="DIR", help="for metrics.json (beside the checkpoint by default)"
    )

    add_harvest(
        command(
            "harvest",
            "harvest:run",
            "Make a dataset in DeepLesion's layout of one's own archive; it goes on where it was stopped.",
            epilog="What can't be used is listed in DIR/harvest/problems.csv, by the UID of its document. "
            "That folder is for your site alone; table and slices hold no names, dates or UIDs.",
        )
    )

    _add_phantom(command("phantom", "phantom:run", "Make synthetic data, the same for the same seed."))

    demo = command("demo", "demo:run", "Open a phantom chest, mark a lesion in it and read it.")
    demo.add_argument("--out", type=folder, metavar="DIR", help="leave a screenshot and a report here")
    demo.add_argument(
        "--stay",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep the window open (by default on a real screen only)",
    )

    doctor = command(
        "doctor", "doctor:run", "Check what Lesionscope needs and say how to mend what is missing."
    )
    doctor.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help="check a folder in DeepLesion's layout instead: what can be trained on, why not the rest",
    )
    doctor.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that read slices")
    return parser


def _add_read(read: argparse.ArgumentParser) -> None:
    read.add_argument("path", metavar="PATH", type=Path, nargs="?", help="a file, a folder or a zip")
    add_marks(read)
    read.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="a table of cases in place of PATH (path, click or long and short, id, series): writes "
        "readings.csv and status.csv, and goes on where it was stopped",
    )
    read.add_argument("--pathology-model", metavar="NAME", help="a package's name, or the path of its folder")
    read.add_argument("--label-model", metavar="NAME", help="likewise, for the labels")
    read.add_argument("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N (else as configured)")
    read.add_argument(
        "--override-scope", action="store_true", help="answer although a lesion is out of the model's scope"
    )
    read.add_argument(
        "--format",
        default="json",
        metavar="LIST",
        help="any of json,sr,sc,fhir,html,pdf,csv,seg,nifti with commas between (json)",
    )
    read.add_argument(
        "--deidentify",
        action="store_true",
        help="leave out names, dates and free text, replace UIDs, and write the images that DICOM forms "
        "refer to likewise (DICOM PS3.15 E, basic profile)",
    )
    read.add_argument(
        "--out",
        type=folder_or_stdout,
        required=True,
        metavar="DIR|-",
        help="a folder, or - for JSON on stdout",
    )


def _add_import_lesanet(imported: argparse.ArgumentParser) -> None:
    imported.set_defaults(handler="import_lesanet:run")
    imported.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="their file, as downloaded")
    imported.add_argument(
        "--labels",
        type=Path,
        required=True,
        metavar="XLSX",
        help="their labels_for_demo.xlsx, with thresholds",
    )
    imported.add_argument(
        "--name", default="lesanet-published", help="the package's name (lesanet-published)"
    )


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name, or the path of its YAML file")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change one setting of the recipe; repeat for more",
    )


def _add_phantom(phantom: argparse.ArgumentParser) -> None:
    seed: dict[str, Any] = {"type": int, "default": 1, "help": "of the patient (1)"}
    out: dict[str, Any] = {"type": folder, "required": True, "metavar": "DIR", "help": "the folder for it"}
    split: dict[str, Any] = {"choices": SPLITS, "default": "train", "help": "whose patients (train)"}
    workers: dict[str, Any] = {"type": int, "default": os.cpu_count() or 1, "help": "processes"}
    kinds = phantom.add_subparsers(metavar="KIND", required=True, dest="kind")
    chest = kinds.add_parser("chest", help="a chest CT as a DICOM series, with truth.json")
    chest.add_argument("--seed", **seed)
    chest.add_argument("--out", **out)
    patient = kinds.add_parser(
        "patient",
        help="a whole-body patient as a DICOM series, with its lesions and reports in truth.json",
    )
    patient.add_argument("--seed", **seed)
    patient.add_argument("--split", **split)
    patient.add_argument("--matrix", type=int, default=512, metavar="N", help="pixels a side of a slice")
    patient.add_argument(
        "--step", type=float, metavar="MM", help="between slices; by default the patient's own"
    )
    patient.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes; each takes memory of its own (1)"
    )
    patient.add_argument("--out", **out)
    atlas = kinds.add_parser("atlas", help="slices of a whole-body patient with its parts outlined, as PNG")
    atlas.add_argument("--seed", **seed)
    atlas.add_argument("--out", **out)
    radpath = kinds.add_parser("radpath", help="labelled lung lesions: volumes and a manifest, or cubes")
    radpath.add_argument(
        "--form",
        choices=("nifti", "dicom", "cubes"),
        default="nifti",
        help="volumes as NIfTI or DICOM with manifest.csv, or 64³ mm cubes as one NumPy array (nifti)",
    )
    radpath.add_argument("--split", **split)
    radpath.add_argument("--count", type=int, default=100, metavar="N", help="lesions (100)")
    radpath.add_argument("--first-seed", type=int, default=0, metavar="N", help="skip so many patients")
    radpath.add_argument(
        "--frequencies",
        choices=("table1", "balanced"),
        default="table1",
        help="of pathologies: as in the paper's Table 1, or all alike (table1)",
    )
    radpath.add_argument("--workers", **workers)
    radpath.add_argument("--out", **out)
    deeplesion = kinds.add_parser(
        "deeplesion",
        help="whole-body patients in DeepLesion's layout, with reports, mined labels and the truth",
    )
    deeplesion.add_argument("--patients", type=int, required=True, metavar="N", help="3 to 4 lesions each")
    deeplesion.add_argument(
        "--split", choices=("all", *SPLITS), default="all", help="70, 15 and 15 %% of each, or one (all)"
    )
    deeplesion.add_argument(
        "--around", type=float, default=15.0, metavar="MM", help="slices above and below a key slice (15)"
    )
    cohort = kinds.add_parser(
        "cohort",
        help="patches, boxes, labels and sentences of many lesions, as training takes them",
    )
    cohort.add_argument("--count", type=int, required=True, metavar="N", help="lesions")
    cohort.add_argument("--split", **split)
    for made in (deeplesion, cohort):
        made.add_argument("--first-patient", type=int, default=0, metavar="N", help="skip so many patients")
        made.add_argument("--frequencies", type=Path, metavar="FILE", help="another joint label distribution")
        made.add_argument("--workers", **workers)
        made.add_argument("--out", **out)
    lesions = kinds.add_parser(
        "lesions",
        help="figures of the clinic's lesions: a contact sheet, label frequencies",
    )
    lesions.add_argument("--frequencies", type=Path, metavar="FILE", help="another joint label distribution")
    lesions.add_argument(
        "--bodies", choices=("whole", "blocks"), default="whole", help="anatomy, or plain blocks of tissue"
    )
    lesions.add_argument("--patients", type=int, default=200, metavar="N", help="patients to count labels in")
    lesions.add_argument("--out", **out)


def join_negative(argv: Sequence[str]) -> list[str]:
    """Write ``--click -57,1,2`` as ``--click=-57,1,2``: argparse would take the minus for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] in POINT_OPTIONS and NEGATIVE.match(word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments without the program's name; the process's own by default.

    Returns
    -------
    int
        The exit status. Wrong usage and ``--help`` raise ``SystemExit`` as argparse does.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path is said even where it can't be spelt
    arguments = build_parser().parse_args(join_negative(sys.argv[1:] if argv is None else argv))
    debug = getattr(arguments, "debug", False)
    module, _, function = arguments.handler.partition(":")
    if arguments.command in ONE_BLAS_THREAD:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        handler = getattr(importlib.import_module(f"lesionscope.commands.{module}"), function)
        status = int(handler(arguments))
        sys.stdout.flush()
        return status
    except LesionscopeError as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _complain(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _complain("stopped; nothing was left half-written.", STOPPED)
    except BrokenPipeError:
        # Whoever read our output has what it wanted. Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            return _complain(f"{error.filename} is too long a name for this disk: give a shorter one.", 3)
        if debug:
            raise
        from lesionscope.crash import write_log

        return _complain(
            f"an error of ours ({type(error).__name__}): {write_log(error)} "
            "Run again with --debug to see it here.",
            1,
        )


def _complain(sentence: str, status: int) -> int:
    """Say one line on stderr."""
    print(f"lesionscope: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
