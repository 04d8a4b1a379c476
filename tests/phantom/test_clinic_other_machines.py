"""Another machine makes the same lesions, as far as one can tell that turns its processor's extras off.

Without them NumPy adds in another order and OpenBLAS takes other kernels, so sums differ in their
last bits, as they do on other processors. No label, mark or box may hang on those bits.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lesionscope.phantom.clinic.cohort import sentence
from lesionscope.phantom.clinic.patches import patch
from lesionscope.phantom.clinic.patients import ClinicPatient


def write(first: int, count: int, path: str) -> None:
    """Write down lesions of so many patients: all that is true and said of each, boxes, patches."""
    facts, boxes, patches = [], [], []
    for seed in range(first, first + count):
        patient = ClinicPatient(seed, "train")
        for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
            seen = patch(patient, mark)
            said = sentence(patient, mark, "train").text
            facts.append(repr((seed, lesion.place, sorted(lesion.direct), sorted(lesion.labels), said)))
            boxes.append(seen.box)
            patches.append(seen.hu)
    np.savez(path, facts=np.array(facts), boxes=np.array(boxes), hu=np.stack(patches))


def plain_processor() -> dict[str, str]:
    """Environment in which NumPy and OpenBLAS use what every x86-64 or ARM processor has."""
    extras = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(extras),
        "OPENBLAS_CORETYPE": "Prescott",
        "OMP_NUM_THREADS": "2",
    }


def compare(first: int, count: int, folder: Path) -> None:
    for name, environment in (("one", dict(os.environ)), ("other", plain_processor())):
        command = [sys.executable, __file__, str(first), str(count), str(folder / f"{name}.npz")]
        subprocess.run(command, check=True, env=environment)
    one, other = (np.load(folder / f"{name}.npz") for name in ("one", "other"))
    assert one["facts"].tolist() == other["facts"].tolist()
    assert np.abs(one["boxes"] - other["boxes"]).max() < 1e-3
    gap = np.abs(one["hu"].astype(np.int32) - other["hu"])
    assert gap.max() <= 1


def test_labels_do_not_hang_on_the_processor(tmp_path):
    compare(300, 3, tmp_path)


@pytest.mark.slow
def test_labels_of_many_patients_do_not_hang_on_the_processor(tmp_path):
    compare(1000, 150, tmp_path)


if __name__ == "__main__":
    write(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
