"""``lesionscope read --list``: many cases, one table."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from lesionscope.commands.marked import open_models
from lesionscope.commands.output import say, terminal_progress
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.cases import Case, read_cases
from lesionscope.report.case_journal import CaseJournal
from lesionscope.report.case_list import read_cases_into
from lesionscope.report.case_tables import write_tables
from lesionscope.report.document import Content

JOURNAL = "journal.jsonl"


def run(arguments: argparse.Namespace) -> int:
    """Read every case of a list that was not read yet; a case that fails is said, and the others go on."""
    if arguments.path is not None or arguments.lesions or arguments.series:
        raise UsageError("--list names the CTs, series and marks itself: leave out PATH, marks and --series.")
    if arguments.out == "-" or arguments.format != "json":
        raise UsageError("--list writes readings.csv and status.csv: give --out a folder, and no --format.")
    if arguments.deidentify:
        raise UsageError(
            "--deidentify works on the report of one CT: the tables of --list hold the ids of your own "
            "list and the UIDs of its series. Leave it out, or read the CTs one by one."
        )
    cases = read_cases(arguments.list)
    models = open_models(arguments)
    folder = Path(arguments.out)
    opened: tuple[Path, str | None, CTVolume] | None = None

    def read(case: Case) -> Content:
        nonlocal opened
        if opened is None or opened[:2] != (case.path, case.series):
            opened = None  # the one before goes first: two may not fit in memory
            opened = (case.path, case.series, open_ct(case.path, case.series))
        return models.report(opened[2], [case.marks or {}], patient=False)[0]

    known = None if models.labels is None or models.labels.bank is None else models.labels.bank.digest()
    how = json.dumps([models.override_scope, models.click_box, known])
    with CaseJournal(folder / JOURNAL, models.digests) as journal:
        try:
            read_cases_into(journal, cases, read, how=how, say=say, progress=terminal_progress())
        finally:
            done = [journal.outcomes[case.id] for case in cases if case.id in journal.outcomes]
            for path in write_tables(done, folder):
                print(path)
    counts = Counter(outcome.status for outcome in done)
    say(f"{len(cases)} cases: " + ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    if counts["error"] == len(cases):
        raise InputError(f"None of the cases of {arguments.list} could be read: status.csv says why.")
    return 0
