"""``lesionscope doctor``."""

from __future__ import annotations

import argparse

from lesionscope.doctor import examine


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check, and the one command that mends each that fails; 1 where any fails."""
    failed = 0
    for check in examine():
        print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.found}", flush=True)
        if not check.ok:
            failed += 1
            print(f"      mend it with:  {check.remedy}")
    print("All is well." if not failed else f"{failed} thing(s) to mend.")
    return 1 if failed else 0
