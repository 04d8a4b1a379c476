"""Keep outcomes until killed, saying each one that was acknowledged: ``journal_forever.py JOURNAL``."""

from __future__ import annotations

import sys
from pathlib import Path

from lesionscope.report.case_journal import CaseJournal, Outcome

if __name__ == "__main__":
    with CaseJournal(Path(sys.argv[1]), {"pathology": "ab"}) as journal:
        number = len(journal.outcomes)
        print("open", flush=True)
        while True:
            journal.add(Outcome(str(number), number, "asked", "ok", lesion={"filling": "x" * 20_000}))
            number += 1
            print(number, flush=True)
