"""Reading many cases one after another: what fails is said and passed over, what was read is kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lesionscope.crash import write_log
from lesionscope.errors import Cancelled, LesionscopeError
from lesionscope.lesions.cases import Case
from lesionscope.progress import Progress, silent
from lesionscope.report.case_journal import CaseJournal, Outcome, Status
from lesionscope.report.document import Content

SHORT = 5
Read = Callable[[Case], Content]
"""Reads one case: a report on its one lesion, without the patient's name."""


def read_cases_into(
    journal: CaseJournal,
    cases: Sequence[Case],
    read: Read,
    *,
    how: str = "",
    say: Callable[[str], None] = lambda sentence: None,
    progress: Progress = silent,
) -> tuple[Outcome, ...]:
    """Read the cases that the journal does not have, and those that failed before.

    Parameters
    ----------
    journal
        Gets each outcome as soon as there is one.
    cases
        The list.
    read
        Reads one.
    how
        What else the answers depend on: a case that was read in another way is read again.
    say
        Gets a sentence for each case that failed.
    progress
        Told before each case.

    Returns
    -------
    tuple
        The outcome of every case, in the list's order.

    Raises
    ------
    LesionscopeError
        The journal can't be written.
    """
    for done, case in enumerate(cases):
        progress(done, len(cases), "Reading cases")
        asked = digest(case, how)
        before = journal.outcomes.get(case.id)
        if before is None or before.asked != asked or before.status == "error":
            outcome = _outcome(case, asked, read)
            if outcome.status == "error":
                say(f"line {case.line} ({case.id}): {outcome.message}")
            journal.add(outcome)
    progress(len(cases), len(cases), "Reading cases")
    return tuple(journal.outcomes[case.id] for case in cases)


def digest(case: Case, how: str = "") -> str:
    """Digest what a case asks."""
    asked = [str(case.path), case.series, sorted((case.marks or {}).items()), case.problem, how]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _outcome(case: Case, asked: str, read: Read) -> Outcome:
    start = time.perf_counter()

    def failed(message: str) -> Outcome:
        return Outcome(case.id, case.line, asked, "error", message, _since(start))

    if case.problem:
        return failed(f"{case.problem}.")
    try:
        content = read(case)
    except Cancelled:
        raise
    except LesionscopeError as error:
        return failed(nameless(" ".join(str(error).split()), case.path))
    except Exception as error:
        # One case in a thousand must not cost the others; the log says where it happened.
        return failed(f"an error of ours ({type(error).__name__}): {write_log(error)}")
    lesion = {name: value for name, value in content["lesions"][0].items() if name != "timings_ms"}
    refusals = [lesion[part].get("refused") for part in ("pathology", "labels") if part in lesion]
    status: Status = "refused" if refusals and all(refusals) else "ok"
    return Outcome(
        case.id,
        case.line,
        asked,
        status,
        str(refusals[0]) if status == "refused" else "",
        _since(start),
        (content["study"] or {}).get("series_uid", ""),
        content["notice"],
        lesion,
    )


def nameless(sentence: str, path: Path) -> str:
    """Leave a case's path out of a sentence: folders are often named after patients."""
    for text in (str(path.resolve()), str(path)):
        sentence = sentence.replace(text, "its CT")
    # A short name of a file may be any word of the sentence.
    return sentence.replace(path.name, "its CT") if len(path.name) >= SHORT else sentence


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 3)
