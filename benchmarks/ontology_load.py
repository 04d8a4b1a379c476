"""Time the first ``load_labels()`` of a process: fresh interpreters, their start and imports not counted.

python benchmarks/ontology_load.py [rounds]
"""

from __future__ import annotations

import statistics
import subprocess
import sys

PROBE = """
import time
from lesionscope.ontology import label_graph
start = time.perf_counter()
label_graph.load_labels()
print((time.perf_counter() - start) * 1e3)
"""


def main(rounds: int) -> None:
    times = [
        float(
            subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True).stdout
        )
        for _ in range(rounds)
    ]
    print(f"first load_labels(): median {statistics.median(times):.1f} ms, best {min(times):.1f}")
    print(f"worst {max(times):.1f} ms of {rounds}; the aim is under 20 ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
