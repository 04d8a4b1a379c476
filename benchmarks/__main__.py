"""Run every benchmark, each in a process of its own, and write the table: ``python -m benchmarks [--small]``.

Figures go into ``results.json`` as each benchmark ends; ``docs/performance.md`` is written from it at the
end. A small run takes about five minutes and shows that all of it works; sizes are in the rows' names.
``--only NAMES`` runs some; ``--table`` only writes the table anew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.rows import HEAD, QUIET_CORES, QUIET_DROP, keep, line, recorded

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BENCHMARKS: dict[str, tuple[str, str]] = {
    "dicom_load": ("--slices 300 --rounds 11", "--slices 60 --rounds 5"),
    "dicom_memory": ("--slices 300", "--slices 60"),
    "compressed": ("--slices 40 --rounds 5", "--slices 10 --rounds 2"),
    "first_slice": ("--slices 300 --rounds 11", "--slices 60 --rounds 5"),
    "nifti": ("--slices 100 --rounds 7", "--slices 30 --rounds 3"),
    "crops": ("--rounds 31", "--rounds 5"),
    "networks": ("--rounds 31", "--rounds 5 --threads 1"),
    "retrieval": ("--lesions 32000 --rounds 31", "--lesions 32000 --rounds 3"),
    "triplets": ("--rounds 15", "--rounds 3"),
    "cold_start": ("--rounds 5", "--rounds 1"),
    "click": ("--rounds 15", "--rounds 5 --threads 1"),
    "mining": ("", "--sentences 4000 --rounds 1"),
    "hmlc": ("", "--rounds 3"),
    "nms": ("", "--rounds 3"),
    "report": ("", "--runs 2"),
    "window": ("", "--small"),
}
"""Arguments of a whole run and of a small one."""

TEXT = """# Performance

Each row runs ours and the peer in turn, after showing that both give the same result; figures are medians.
*Good* is what a good implementation reaches, and what *met* is about; *target* is the stretch, and *limit*
what the hardware allows.
Made by `make bench`, or in a few minutes by `python -m benchmarks --small`; figures lie in
`benchmarks/results.json`.

A run is *quiet* where a matrix product before and after it differs by less than {drop:.0%} and others keep
less than {cores:g} of a core busy. Figures of a run that was not are an order of magnitude, no more: threads
that must share their cores wait for each other. The ratio of processor times is steadier, but knows nothing
of what several threads win.

{table}

{notes}

## The window

Rows that speak of napari, the wheel, clicks, memory and minutes' reading come from real napari windows with
mouse, wheel and key events, made by `scripts/with_display.sh --virtual python -m benchmarks.window`; all
figures, with percentiles, processor time and what others kept busy, lie in `benchmarks/window.json`.

- **Command → first image**: napari's own command on a DICOM folder, against the same voxels as `.npy`
  without Lesionscope; from starting the process to the main canvas showing the image. Of what Lesionscope
  adds, by profile, a quarter each goes into imports and the two further canvases, the rest into images, docks
  and first frames. Layers of marks come with the first marking tool or mark.
- **Wheel → frame**: from the notch to the frame's swap. Ours draws crosshair and letters on three canvases,
  napari alone one canvas without widgets over it; on a virtual display the processor draws. Twice as long
  is *met*, and with both networks at work twice as long as without. On Linux the workers' threads, and ONNX
  Runtime's with them, have a niceness of 10, so that the window has the processor first; elsewhere they
  compete.
- **Click → in sight**: the answers for the lesion as the click proposed it, after loading; below a second
  is *met*.
- **Memory**: resident after garbage collection, a straight line through studies 5 to 20. *Met* is less than
  2 % of a study. A window of its own for each study costs 7 MiB a window that stays (napari alone: 0.5),
  though nothing in Python is left of it. Over the replay memory rises to about 900 MiB in six studies, as
  fonts, models and drawing code come in, and less after. Every closed study's volume is gone at once
  (`tests/viewer/test_leaks.py`).
- **Replay**: a study every three minutes and 38 or so acts a study (opening, scrolling, windowing,
  clicking, drawing, correcting, undoing, searching, reporting, comparing, reviewing), from one seed,
  without the time for looking. A fault is an exception anywhere, an error in a log or from Qt, a thread, an
  open or a temporary file left, or a session on disk that differs from what the script did. Two studies of
  it are a test (`tests/viewer/test_replay.py`).

## Growth, and what keeps rows from more

How time grows with size: [growth.svg](growth.svg), made by `python -m benchmarks.growth`. Nothing grows
faster than its data, but for what memory does to big ones: 1,000 slices take 2.5 times as long as 400 by
themselves (89 ms and 35), and three times between the peer's runs, which take and give back gigabytes.

By processor time on one thread (best of several runs):

- **Row 1.** Of 32 ms, headers of 300 slices and their order take 8, and their pixels 19 on two threads; two
  threads that only read take 15, most of it the system's, which clears and fills a volume's pages. The rest
  is to look at the values' ends and to add the intercept.
- **Row 3.** Slices are decoded by as many threads as there are cores, up to four, by imagecodecs. A JPEG-LS
  slice costs 4 ms of one core, where the peer takes 5, so two cores win twice at most. The peer's JPEG 2000
  uses both cores already. Run lengths take 0.5 ms a slice, where the peer takes 20; the rest is reading
  files.
- **Row 4.** All headers are read before a slice is shown: only they say which file is the middle one.
- **Row 5.** libdeflate inflates in 95 ms what zlib takes 165 for; of ISA-L, zlib-ng and rapidgzip none is
  much faster on two cores. The digest of the file, by which its session is found again, takes most of the
  rest.
- **Row 6.** By itself a crop takes 0.16 ms and a patch 0.18, a third of it NumPy taking rows and columns by
  index; between the peer's runs a crop takes twice that. The peer shares the work among threads, ours does
  not.
- **Row 8.** The graph goes by slices, in two dimensions (`models/slicewise.py`): in three it takes twice as
  long. Of what is left, describing the lung's texture takes more than a quarter.
- **Row 9.** NumPy multiplies bytes fifteen times slower than floats, and no library that is here for
  another reason does better, so embeddings are not quantised (`benchmarks/retrieval.py`). Of a whole
  query's 0.7 ms, 0.5 go into rows of SQLite.
- **Row 10.** A third goes into products, in double precision since distances of close embeddings cancel, and
  a fifth into sorting similarities. All of it is a thousandth of a training step.
- **Row 11.** Ours also proposes the lesion's extent and answers with labels and known lesions, for which the
  peer loads and runs nothing: SciPy's image functions alone take 140 ms to import, SQLAlchemy 110, and two
  networks 120 to load.
- **Row 12.** Crop, patch, scores and neighbours take 3.5 ms, 1.5 of it SQLite. The aim is a share of the
  networks' own time, which has halved since it was set: 15 ms here.
- **Sentences.** spaCy alone takes three tenths of our processor time, and half of the time where ours has two
  quiet cores: its matcher is compiled, ours is Python. Ours also relates findings to bookmarks and expands
  labels.
"""


def table(rows: list[dict]) -> str:
    """Return the page's text."""
    notes = [f"- {row['row']}: {row['note']}." for row in rows if row.get("note")]
    lines = "\n".join([HEAD, *map(line, rows)])
    return TEXT.format(drop=QUIET_DROP, cores=QUIET_CORES, table=lines, notes="\n".join(notes))


def main() -> int:
    """Run, and write the table; 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    failed = []
    for name in () if arguments.table else arguments.only:
        print(f"benchmarks.{name}", flush=True)
        before = recorded()
        # Rows of other sizes go: the table has one run of each benchmark.
        keep([row for row in before if row.get("file") != name])
        wanted = BENCHMARKS[name][arguments.small].split()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *wanted]).returncode:
            failed.append(name)
            keep(before)
    PAGE.write_text(table(recorded()))
    if failed:
        print(f"These failed, and their rows are as they were: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
