"""The window, with a hand at mouse and wheel: ``python -m benchmarks.window [--only PARTS] [--small]``.

Needs a display; ``scripts/with_display.sh --virtual python -m benchmarks.window`` makes one.

- ``start``: from the command to the first image drawn, beside napari alone on the same voxels.
- ``scroll``: from a notch of the wheel to the frame, idle and while both networks read, beside napari alone.
- ``click``: from a click to tree, labels and known lesions in sight, all loaded.
- ``memory``: resident memory over studies opened, read and closed, in one window and in windows of their own.
- ``replay``: ``--minutes`` of reading at speed (:mod:`benchmarks.window_replay`), or a stretch of it.

Figures go into ``window.json`` part by part, and the chief ones into the table. Each part has a process of
its own. Slices are drawn by the processor where there is no graphics card, as on a virtual display.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.rows import Quiet, Row, record
from benchmarks.window_parts import Part, click, memory, scroll, start
from benchmarks.window_replay import MINUTES_A_STUDY, WARM_STUDIES, replay

FIGURES = Path(__file__).with_name("window.json")
PARTS = ("start", "scroll", "click", "memory", REPLAY := "replay")


def replayed(place: Path, minutes: float, begin: float) -> Part:
    """Replay so many minutes of reading, from a minute on."""
    studies = max(round(minutes / MINUTES_A_STUDY), 1)
    done = replay(studies, place, first=round(begin / MINUTES_A_STUDY), told=True)
    figures: dict[str, Any] = {
        "minutes": minutes,
        "studies": studies,
        "acts": sum(done.acts.values()),
        "acts_by_kind": dict(sorted(done.acts.items())),
        "faults": done.faults,
        "resident_mib": [round(value, 1) for value in done.resident_mib],
    }
    grown = done.growth
    if grown is not None:
        figures["mib_a_study"] = {"slope": round(grown.each, 3), "standard_error": round(grown.error, 3)}
        figures["slope_after_studies"] = WARM_STUDIES
    return figures, []


def replay_row(kept: dict[str, Any]) -> Row:
    """Return the row of all that was replayed, in one go or in stretches."""
    stretches = [figures for name, figures in kept.items() if name.startswith("replay")]
    minutes, acts = (sum(one[name] for one in stretches) for name in ("minutes", "acts"))
    faults = sum(len(one["faults"]) for one in stretches)
    quiet = all(one["quiet"] for one in stretches)
    name = "errors, threads and files left, sessions unlike the script, in reading replayed"
    note = f"{minutes:g} minutes, {acts:,} acts"
    return Row(name, faults, "–", None, None, 0.0, not faults, quiet, unit="faults", limit="0", note=note)


def parts(small: bool, minutes: float | None, begin: float) -> dict[str, Callable[[Path], Part]]:
    """Return what each part runs, in a folder of its own."""
    reading = minutes if minutes is not None else 6.0 if small else 120.0
    return {
        "start": lambda place: start(place, rounds=1 if small else 5),
        "scroll": lambda place: scroll(slices=60 if small else 300, steps=30 if small else 200),
        "click": lambda place: click(place, clicks=4 if small else 30),
        "memory": lambda place: memory(place, studies=8 if small else 20, windows=4 if small else 12),
        REPLAY: lambda place: replayed(place, reading, begin),
    }


def run(name: str, work: Callable[[Path], Part]) -> None:
    """Run one part in this process and keep its figures under its name."""
    os.environ["NAPARI_CONFIG"] = ""  # neither read nor write the user's own settings
    with tempfile.TemporaryDirectory(prefix="lesionscope-window-") as place, Quiet() as watch:
        os.environ["LESIONSCOPE_DATA"] = str(Path(place) / "data")
        began, cpu = time.monotonic(), time.process_time()
        figures, rows = work(Path(place))
        took = {"seconds": round(time.monotonic() - began, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    kept[name] = figures | took | {"quiet": watch.quiet, "others_cores": watch.load}
    FIGURES.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps({name: kept[name]}, indent=1, ensure_ascii=False))
    for row in rows:
        record(replace(row, quiet=watch.quiet, load=watch.load))
    if name.startswith(REPLAY):
        record(replay_row(kept))


def main() -> int:
    """Run the parts, each in a process of its own; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--minutes", type=float, help="of reading to replay; 120 by default")
    parser.add_argument("--begin", type=float, default=0.0, help="replay from this minute on, as a stretch")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    begin, chosen = arguments.begin, arguments.only
    work = parts(arguments.small, arguments.minutes, begin)
    if len(chosen) == 1:
        name = chosen[0]
        run(f"{name} from minute {begin:g}" if name == REPLAY and begin else name, work[name])
        return 0
    more = [*(["--small"] if arguments.small else [])]
    if arguments.minutes is not None:
        more += ["--minutes", str(arguments.minutes)]
    failed = 0
    for name in chosen:
        command = [sys.executable, "-m", "benchmarks.window", "--only", name, *more]
        failed |= subprocess.run(command).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
