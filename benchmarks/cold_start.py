"""From starting Python to the first answer: Lesionscope's command beside torch and MONAI (row 11).

``python -m benchmarks.cold_start [--rounds 5]``. Both open the bundled patient's series and put
one crop through the bundled pathology network, whose backbone is MONAI's DenseNet with other names for its
weights; its features are first shown to be those that our answer's embedding holds. Ours names the labels
and known lesions like it, too. Needs MONAI (extra ``bench``).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys

import numpy as np

from benchmarks.rows import interleaved, record
from benchmarks.sample import BASELINE, patient
from lesionscope.inference.predictor import Predictor
from lesionscope.models import registry

PEER = """
import json, sys
import numpy as np, SimpleITK, torch
from monai.networks.nets import DenseNet
from safetensors.torch import load_file

folder, weights, x, y, z = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:6])
names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(folder)
image = SimpleITK.ReadImage(names)
grid = SimpleITK.ResampleImageFilter()
grid.SetSize((48, 48, 48))
grid.SetOutputSpacing((1.0, 1.0, 1.0))
grid.SetOutputOrigin((x - 23.5, y - 23.5, z - 23.5))
grid.SetInterpolator(SimpleITK.sitkLinear)
grid.SetDefaultPixelValue(-1024)
grid.SetOutputPixelType(SimpleITK.sitkFloat32)
hu = SimpleITK.GetArrayFromImage(grid.Execute(image))
cube = torch.from_numpy((np.clip(hu, -1024, 400) + 1024) / 712 - 1)[None, None]
network = DenseNet(3, 1, 1, init_features=64, growth_rate=16, block_config=(8, 4, 4), bn_size=4)


def renamed(name):
    first, *rest = name.removeprefix("backbone.").split(".")
    if first == "stem":
        return ".".join(["features", *rest])
    if first == "blocks":
        block, layer = int(rest[0]) + 1, int(rest[1]) + 1
        return ".".join([f"features.denseblock{block}.denselayer{layer}.layers", *rest[2:]])
    if first == "transitions":
        return ".".join([f"features.transition{int(rest[0]) + 1}", *rest[1:]])
    return ".".join(["features.norm5", *rest])


tensors = {renamed(k): v for k, v in load_file(weights).items() if k.startswith("backbone.")}
missing, unexpected = network.load_state_dict(tensors, strict=False)
assert not unexpected and all(name.startswith("class_layers") for name in missing)
with torch.inference_mode():
    features = network.eval().features(cube)
    print(json.dumps(torch.relu(features).mean(dim=(2, 3, 4))[0].tolist()))
"""


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    package = registry.find()
    volume, lesions = patient()
    place = [str(value) for value in lesions[0].centroid_lps_mm]
    folder = str(BASELINE / "dicom")
    read = ["read", folder, f"--click={','.join(place)}", "--override-scope", "--out", "-"]
    ours = [sys.executable, "-m", "lesionscope.cli", *read, "--pathology-model", package.name]
    theirs = [sys.executable, "-c", PEER, folder, str(package.weights_path), *place]

    def run(command: list[str]) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    found = importlib.util.find_spec("monai") is not None
    if found:
        reading = Predictor(package, runtime="onnx").read(volume, lesions[0], override_scope=True)
        means = np.array(reading.embedding)[-288:-144]
        features = np.array(json.loads(run(theirs)))
        assert np.allclose(features, means, atol=1e-4), abs(features - means).max()
    record(
        interleaved(
            "cold process → first answer, monai stem",
            lambda: run(ours),
            "torch + MONAI + SimpleITK",
            (lambda: run(theirs)) if found else None,
            target=8.0,
            good=6.2,
            rounds=rounds,
            note="" if found else "MONAI isn't installed: it comes with the extra bench",
            number=11,
        )
    )


if __name__ == "__main__":
    main()
