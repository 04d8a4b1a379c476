"""Arguments that several commands take, and those of bank, review, harvest, mine and find."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def numbers(count: int) -> Any:
    """Return an argparse type: ``count`` finite numbers with commas between them."""

    def parse(text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != count or not all(abs(value) < 1e6 for value in values):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {count} numbers in mm with commas between them, such as "
                + ",".join(["-57.4", "131.2", "-520.4", "-40", "131.2", "-520.4"][:count])
            )
        return values

    return parse


def folder(text: str) -> Path:
    """Return an argparse value: a folder to write into, there or not."""
    path = Path(text)
    with suppress(OSError):  # a name that no disk takes is said where the folder is made
        if path.exists() and not path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a file: give a folder")
    return path


def folder_or_stdout(text: str) -> str:
    """Return an argparse value: a folder to write into, or -."""
    return text if text == "-" else str(folder(text))


class LesionPart(argparse.Action):
    """Gathers --click, --long and --short into lesions, in the order they are given.

    A --click begins a lesion, and the diameters after it are its own; a diameter
    begins one where the lesion before it has that diameter already.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add one part."""
        part = self.dest
        marks: list[dict[str, tuple[float, ...]]] = list(namespace.lesions or [])
        if not marks or part == "click" or part in marks[-1]:
            marks.append({})
        marks[-1] = {**marks[-1], part: values}
        namespace.lesions = marks


def add_marks(parser: argparse.ArgumentParser) -> None:
    """Add --click, --long and --short, which gather as ``lesions``, and --series."""
    parser.add_argument(
        "--click",
        action=LesionPart,
        type=numbers(3),
        metavar="X,Y,Z",
        help="the centre of a lesion; repeat for more lesions",
    )
    for name in ("long", "short"):
        parser.add_argument(
            f"--{name}",
            action=LesionPart,
            type=numbers(6),
            metavar="X1,Y1,Z1,X2,Y2,Z2",
            help=f"end points of the {name} diameter of the lesion before it (or of a lesion of its own)",
        )
    parser.set_defaults(lesions=None)
    parser.add_argument("--series", metavar="UID", help="which series, where there are several (see info)")


def add_bank(bank: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lesionscope bank``."""
    kinds = bank.add_subparsers(metavar="build|query|show", required=True, dest="bank_command")
    device: dict[str, Any] = {"metavar": "DEVICE", "help": "auto, cpu, cuda or cuda:N (else as configured)"}
    package: dict[str, Any] = {
        "metavar": "NAME",
        "help": "a label model's name, or the path of its folder (else as configured)",
    }
    build = kinds.add_parser("build", help="read known lesions into a bank; it goes on where it was stopped")
    build.add_argument("--package", **package)
    build.add_argument("--out", type=folder, required=True, metavar="BANK", help="the bank's folder")
    build.add_argument(
        "--from", dest="source", metavar="phantom:N|DIR", help="phantoms, or a folder in DeepLesion's layout"
    )
    build.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="a table: path, click or long and short, id, labels, sentence",
    )
    build.add_argument(
        "--split", choices=("train", "validation", "test"), default="train", help="which lesions (train)"
    )
    build.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that make phantoms"
    )
    build.add_argument(
        "--cache", type=Path, metavar="DIR", help="keeps phantoms for the next time (the user's cache)"
    )
    build.add_argument("--device", **device)
    query = kinds.add_parser("query", help="the known lesions like one of a CT, as JSON on stdout")
    query.add_argument("bank", metavar="BANK", help="a bank's name, or the path of its folder")
    query.add_argument("path", metavar="PATH", type=Path, help="a file, a folder or a zip")
    query.add_argument("--package", **package)
    add_marks(query)
    query.add_argument("--k", type=int, default=5, metavar="N", help="how many (5)")
    query.add_argument(
        "--label", metavar="LABEL", help="only lesions with this label, or one that implies it"
    )
    query.add_argument("--include-same-patient", action="store_true", help="the patient's own ones too")
    query.add_argument("--device", **device)
    show = kinds.add_parser("show", help="check a bank, and print what it holds as JSON")
    show.add_argument("bank", metavar="BANK", help="a bank's name, or the path of its folder")


def add_review(review: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lesionscope review``."""
    kinds = review.add_subparsers(metavar="import|export|kappa", required=True, dest="review_command")
    take_in = kinds.add_parser("import", help="take lesions with mined labels into a project, new or not")
    take_in.add_argument("project", metavar="PROJECT", type=Path, help="the project's file")
    take_in.add_argument(
        "--from", dest="source", type=Path, metavar="DIR", help="a folder in DeepLesion's layout"
    )
    take_in.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="a table: path, click or long and short, patient, labels or sentence, perhaps id, series, "
        "uncertain, split, sentence_id",
    )
    take_in.add_argument("--labels", type=Path, metavar="FILE", help="LesaNet's label file (the one in DIR)")
    take_in.add_argument(
        "--sentences",
        type=Path,
        metavar="FILE",
        help="JSON lines of lesion_idx and text (reports.jsonl in DIR)",
    )
    take_in.add_argument(
        "--split",
        nargs="+",
        choices=("train", "validation", "test"),
        default=["train", "validation", "test"],
        help="which lesions of DIR (all)",
    )
    take_in.add_argument("--limit", type=int, metavar="N", help="so many lesions at most")
    export = kinds.add_parser("export", help="write the labels for training, and the decisions as a table")
    export.add_argument("project", metavar="PROJECT", type=Path, help="the project's file")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="the label file (JSON)")
    kappa = kinds.add_parser(
        "kappa",
        help="how two readers agree, as JSON on stdout; projects are taken together",
    )
    kappa.add_argument(
        "projects", metavar="PROJECT", type=Path, nargs="+", help="one project, or one a reader"
    )
    kappa.add_argument("--readers", metavar="A,B", help="which two, where there are more")
    for chosen in (export, kappa):
        chosen.add_argument(
            "--adjudicator", metavar="NAME", help="the reader who decides where others don't agree"
        )


def add_harvest(harvest: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lesionscope harvest``."""
    harvest.add_argument(
        "archive",
        metavar="DIR",
        type=Path,
        help="images, with structured reports (TID 1500) and RT structure sets among them",
    )
    harvest.add_argument("--out", type=folder, required=True, metavar="DIR", help="the dataset's folder")
    harvest.add_argument(
        "--around", type=float, default=30.0, metavar="MM", help="slices above and below a key slice (30)"
    )
    harvest.add_argument(
        "--regions",
        metavar="REGEX",
        help="what the name of an outlined region says where it is a lesion; gross tumour volumes (GTV) are "
        "lesions anyhow (lesion, nodule, tumour…)",
    )


def add_mine(mine: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lesionscope mine``."""
    mine.add_argument(
        "path",
        metavar="FILE",
        help="CSV, TSV, JSON lines or plain text (a sentence a line), gzipped or not; - for stdin",
    )
    mine.add_argument("--out", default="-", metavar="FILE|-", help="a file, or - for stdout (-)")
    mine.add_argument(
        "--format",
        default="jsonl",
        choices=("jsonl", "lesanet"),
        help="a line of JSON a sentence, or LesaNet's label file: rows need lesion_idx and split (jsonl)",
    )
    mine.add_argument("--text-column", metavar="NAME", help="the column of sentences (text, sentence…)")
    mine.add_argument("--id-column", metavar="NAME", help="the column of row ids (id, row_id… or numbers)")
    mine.add_argument("--workers", type=int, default=0, metavar="N", help="processes; 0 for one a core (0)")
    mine.add_argument(
        "--relations",
        default="rules",
        metavar="rules|model|DIR",
        help="what relates labels to bookmarks: rules, the bundled model, or a package of your own (rules)",
    )
    mine.add_argument(
        "--labels", type=Path, metavar="FILE", help="a vocabulary of your own, in the form of the bundled one"
    )


def add_find(find: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lesionscope find``."""
    find.add_argument("path", metavar="PATH", type=Path, help="a file, a folder or a zip")
    find.add_argument(
        "--slices", metavar="A:B", help="from slice A to the one before B, counted from 0 as stored (all)"
    )
    find.add_argument(
        "--min-score", type=score, metavar="S", help="score of a candidate, 0 to 1 (the model's own)"
    )
    find.add_argument("--series", metavar="UID", help="which series, where there are several (see info)")
    find.add_argument("--model", metavar="NAME", help="a detector's name, or the path of its folder")
    find.add_argument(
        "--out",
        type=folder_or_stdout,
        default="-",
        metavar="DIR|-",
        help="a folder for candidates.json, or - for stdout (-)",
    )


def score(text: str) -> float:
    """Return an argparse value: a score in 0…1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a score from 0 to 1, such as 0.5")
    return value
