"""Append lesions until killed, saying each append that was acknowledged: ``append_forever.py BANK``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from made_up_lesions import PACKAGE, made_up

from lesionscope.retrieval.bank import Bank

BATCH = 5

if __name__ == "__main__":
    with Bank.open(sys.argv[1], PACKAGE.sha256, writable=True) as bank:
        first = len(bank)
        print("open", flush=True)
        while True:
            bank.append([made_up(number) for number in range(first, first + BATCH)])
            first += BATCH
            print(first, flush=True)
