from __future__ import annotations

import math
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionscope.ct.crops import crop
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import Cancelled, InputError, LesionscopeError, UsageError
from lesionscope.inference import devices, networks, runner
from lesionscope.inference.networks import DeviceMemoryFull, OnnxNetwork, TorchNetwork
from lesionscope.inference.predictor import Predictor
from lesionscope.inference.reading import PathologyAnswer, Reading, Refusal
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.models.package import ModelPackage
from lesionscope.progress import CancelToken


@pytest.fixture(scope="module")
def reader(package: ModelPackage) -> Predictor:
    return Predictor(package, device="cpu")


def read(reader: Predictor, volume: CTVolume, point: tuple[float, float, float], **how: Any) -> Reading:
    return reader.read(volume, lesion_from_click(point), **how)


def answer_of(reading: Reading) -> PathologyAnswer:
    assert isinstance(reading.pathology, PathologyAnswer)
    return reading.pathology


def test_an_answer_is_a_tree_of_probabilities(
    reader: Predictor, volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    answer = answer_of(read(reader, volume, places.nodule))
    by_tag = {node.tag: node for node in answer.nodes}
    assert set(by_tag) == set(package.tree.by_tag)
    for head in package.tree.heads:
        assert sum(by_tag[tag].conditional for tag in head.nodes) == pytest.approx(1.0, abs=1e-12)
    for node in answer.nodes:
        above = 1.0 if node.parent is None else by_tag[node.parent].probability
        assert node.probability == pytest.approx(above * node.conditional, abs=1e-12)
        assert 0.0 <= node.probability <= above <= 1.0
    assert set(answer.leak) == {head.name for head in package.tree.heads if head.leaky}
    assert all(0.0 <= mass <= 1.0 for mass in answer.leak.values())
    assert 0.0 < answer.familiarity <= 1.0
    assert answer.unfamiliar == (answer.familiarity < package.card.familiarity.threshold)


def test_a_reading_tells_what_made_it(
    reader: Predictor, volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    lesion = lesion_from_click(places.nodule)
    reading = reader.read(volume, lesion)
    made = reading.provenance
    assert (made.model, made.package_sha256) == (reader.model, package.sha256)
    assert made.device.startswith("cpu (onnxruntime")
    assert (made.precision, made.notes) == ("float32", ())
    assert made.series_uid == volume.source.uid
    assert not reading.is_stale(lesion.fingerprint)
    assert reading.lesion_id == lesion.id
    assert len(reading.embedding) == package.bank().shape[1]
    assert {"scope", "crop", "network", "total"} <= set(reading.timings_ms)
    assert reading.timings_ms["total"] >= reading.timings_ms["network"] > 0
    with pytest.raises(FrozenInstanceError):
        reading.id = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        reading.timings_ms["total"] = 0.0  # type: ignore[index]


def test_out_of_scope_is_refused_and_read_when_overridden(
    reader: Predictor, volume: CTVolume, places: Any
) -> None:
    refused = read(reader, volume, places.mediastinum)
    assert isinstance(refused.pathology, Refusal)
    assert "lung" in refused.pathology.sentence
    assert refused.provenance.device == "none"
    assert "total" in refused.timings_ms
    answer_of(read(reader, volume, places.mediastinum, override_scope=True))
    outside = read(reader, volume, places.outside, override_scope=True)
    assert isinstance(outside.pathology, Refusal)


def test_an_answer_at_the_edge_of_the_scan_says_how_much_was_filled_with_air(
    reader: Predictor, volume: CTVolume, places: Any
) -> None:
    """The scan begins 7.5 mm below the centre, and the cube reaches 24 mm: a third of it is air."""
    edge = read(reader, volume, places.at_the_edge)
    answer_of(edge)
    (note,) = edge.provenance.notes
    assert re.search(r"edge of the scan: 3[345]% of what this model sees .* filled with air\.$", note)
    assert read(reader, volume, places.nodule).provenance.notes == ()
    x, y, _ = places.nodule
    almost_whole = read(reader, volume, (x, y, -91.5 + 20.0), override_scope=True)
    assert almost_whole.provenance.notes == (), "4 of 48 mm"
    mostly_air = read(reader, volume, (-166.0, -124.0, -89.0), override_scope=True)
    assert re.search(r"8\d% of what", mostly_air.provenance.notes[0])


def test_values_that_are_not_numbers_are_refused(reader: Predictor, volume: CTVolume, places: Any) -> None:
    hu = volume.hu.astype(np.float32)
    k, j, i = (round(float(v)) for v in volume.geometry.to_voxel(places.nodule))
    for bad in (np.nan, np.inf):
        hu[k, j, i + 5] = bad
        reading = read(reader, replace(volume, hu=hu), places.nodule)
        assert isinstance(reading.pathology, Refusal)
        assert "not numbers" in reading.pathology.sentence


def test_progress_and_cancel_between_steps(reader: Predictor, volume: CTVolume, places: Any) -> None:
    heard: list[tuple[int, int, str]] = []
    read(reader, volume, places.nodule, progress=lambda *step: heard.append(step))
    assert [step[0] for step in heard] == [0, 1, 2, 3, 4]
    for stop_at in range(4):
        token = CancelToken()

        def stop(done: int, total: int, label: str, at: int = stop_at, token: CancelToken = token) -> None:
            if done == at:
                token.cancel()

        with pytest.raises(Cancelled):
            read(reader, volume, places.nodule, cancel=token, progress=stop)


def test_a_cancel_stops_a_running_network(package: ModelPackage) -> None:
    network = OnnxNetwork(package, threads=1)
    cubes = np.zeros((100, 1, *package.card.preprocessing.shape), np.float32)
    token = CancelToken()
    threading.Timer(0.15, token.cancel).start()
    with pytest.raises(Cancelled) as stopped:
        network.run(cubes, token)
    # A run that had come to its end would have had no error of the runtime's to speak of.
    assert "terminate flag" in str(stopped.value.__cause__)


def real_cubes(shared_data: Path, package: ModelPackage) -> np.ndarray[Any, Any]:
    how = package.card.preprocessing
    places: dict[str, list[tuple[float, float, float] | None]] = {
        "01_chest_lidc0314/dicom": [(-57.44, 131.23, -520.36), (-90.0, 180.0, -515.0), (60.0, 150.0, -525.0)],
        "03_sts019_mass/CT_image.nii.gz": [(-21.8, -78.9, -154.7)],
        "05_nifti_abdomen_totalseg": [(-60.0, -150.0, 400.0)],
        "09_gantry_tilt_philips": [None],
    }
    cubes = []
    for item, centres in places.items():
        volume = open_ct(shared_data / "ct" / item)
        for centre in centres:
            point = volume.geometry.to_lps(np.array(volume.hu.shape) / 2) if centre is None else centre
            hu = crop(volume, point, shape=how.shape, spacing_mm=how.spacing_mm)
            assert hu.std() > 1, "a crop that shows something"
            cubes.append(how.normalise(hu)[np.newaxis])
    return np.stack(cubes)


def test_torch_and_onnx_agree_on_real_crops(shared_data: Path, package: ModelPackage) -> None:
    cubes = real_cubes(shared_data, package)
    onnx, torch = OnnxNetwork(package).run(cubes), TorchNetwork(package).run(cubes)
    assert set(onnx) == set(torch) == {head.name for head in package.tree.heads} | {"embedding"}
    for name, values in onnx.items():
        assert values.shape == torch[name].shape
        assert np.abs(values - torch[name]).max() < 1e-4, name
        assert np.abs(values[0] - values[3]).max() > 1e-4, "different crops, different answers"


def test_threads_share_a_predictor(reader: Predictor, volume: CTVolume, places: Any) -> None:
    points = [places.nodule, places.ground_glass] * 4
    alone = [answer_of(read(reader, volume, point)) for point in points[:2]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda point: answer_of(read(reader, volume, point)), points))
    for number, answer in enumerate(together):
        expected = [node.probability for node in alone[number % 2].nodes]
        assert [node.probability for node in answer.nodes] == pytest.approx(expected, abs=1e-9)


class FullGpu:
    """A GPU without room: when the network is made, or when it runs."""

    device = "cuda:0 (fake)"
    precision = "float32"

    def __init__(self, package: ModelPackage, device: str) -> None:
        self.made_for = device

    def run(self, cubes: Any, cancel: Any = None) -> Any:
        raise DeviceMemoryFull("full")


class NoRoom(FullGpu):
    def __init__(self, package: ModelPackage, device: str) -> None:
        raise DeviceMemoryFull("full")


@pytest.mark.parametrize("gpu", [FullGpu, NoRoom])
@pytest.mark.parametrize("device", ["auto", "cuda:0"])
def test_a_full_gpu_leaves_the_cpu_to_answer_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
    package: ModelPackage,
    volume: CTVolume,
    places: Any,
    gpu: Any,
    device: str,
) -> None:
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 1)
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: True)
    monkeypatch.setattr(runner, "TorchNetwork", gpu)
    reader = Predictor(package, device=device)
    for _ in range(2):
        reading = read(reader, volume, places.nodule)
        answer_of(reading)
        assert reading.provenance.device.startswith("cpu (onnxruntime")
        assert reading.provenance.notes == ("The memory of cuda:0 was full, so the CPU answered.",)


def test_a_gpu_that_torch_cannot_use(
    monkeypatch: pytest.MonkeyPatch, package: ModelPackage, volume: CTVolume, places: Any
) -> None:
    """Here torch has no CUDA, whatever the driver says: auto falls back, a device asked for doesn't."""
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 1)
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    reading = read(Predictor(package, device="auto"), volume, places.nodule)
    assert "The CPU answered" in reading.provenance.notes[0]
    with pytest.raises(LesionscopeError, match="cuda:0"):
        read(Predictor(package, device="cuda:0"), volume, places.nodule)
    monkeypatch.setattr(devices, "cuda_device_count", lambda: 0)
    with pytest.raises(UsageError):
        Predictor(package, device="cuda:0")


def test_torch_s_out_of_memory_is_told_apart(monkeypatch: pytest.MonkeyPatch, package: ModelPackage) -> None:
    import torch

    network = TorchNetwork(package)

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(network, "_network", full)
    with pytest.raises(DeviceMemoryFull):
        network.run(np.zeros((1, 1, 48, 48, 48), np.float32))
    monkeypatch.setattr("lesionscope.models.pathology_net.load", full)
    with pytest.raises(DeviceMemoryFull):
        TorchNetwork(package)


def test_torch_on_the_cpu_gives_the_same_reading(
    package: ModelPackage, reader: Predictor, volume: CTVolume, places: Any
) -> None:
    by_torch = read(Predictor(package, runtime="torch", device="cpu"), volume, places.nodule)
    assert by_torch.provenance.device.startswith("cpu (torch")
    expected = [node.probability for node in answer_of(read(reader, volume, places.nodule)).nodes]
    assert [node.probability for node in answer_of(by_torch).nodes] == pytest.approx(expected, abs=1e-4)


def test_the_limit_of_familiarity_can_be_set(package: ModelPackage, volume: CTVolume, places: Any) -> None:
    for limit, unfamiliar in ((0.0, False), (1.1, True)):
        reader = Predictor(package, unfamiliar_below=limit)
        assert answer_of(read(reader, volume, places.nodule)).unfamiliar is unfamiliar


def test_answers_that_are_not_finite_are_refused(
    monkeypatch: pytest.MonkeyPatch, package: ModelPackage, volume: CTVolume, places: Any
) -> None:
    class Broken(OnnxNetwork):
        def run(self, cubes: Any, cancel: Any = None) -> Any:
            return {name: values * math.nan for name, values in super().run(cubes, cancel).items()}

    monkeypatch.setattr(runner, "OnnxNetwork", Broken)
    reading = read(Predictor(package), volume, places.nodule)
    assert isinstance(reading.pathology, Refusal)
    assert "no finite answer" in reading.pathology.sentence


def test_a_damaged_package_is_named(
    tmp_path: Path, package: ModelPackage, volume: CTVolume, places: Any
) -> None:
    import shutil

    shutil.copytree(package.folder, tmp_path / "copy")
    damaged = replace(package, folder=tmp_path / "copy")
    damaged.onnx_path.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"model\.onnx"):
        read(Predictor(damaged), volume, places.nodule)
    with pytest.raises(InputError, match=r"model\.onnx"):
        OnnxNetwork(damaged)


def test_a_closed_predictor_reads_no_more(package: ModelPackage, volume: CTVolume, places: Any) -> None:
    reader = Predictor(package)
    reader.prepare()
    assert read(reader, volume, places.nodule).timings_ms["load"] < 50
    reader.close()
    with pytest.raises(LesionscopeError, match="closed"):
        read(reader, volume, places.nodule)


def test_reading_on_the_cpu_loads_no_torch() -> None:
    program = """
import sys
import numpy as np
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.predictor import Predictor
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.models.registry import find
volume = CTVolume(np.zeros((60, 60, 60), np.int16), Geometry((60, 60, 60), (1.0, 1.0, 1.0)), Source("1"))
reading = Predictor(find(), device="cpu").read(volume, lesion_from_click((30, 30, 30)), override_scope=True)
assert reading.pathology.nodes
assert "onnxruntime" in sys.modules
print(sorted({"torch", "pandas", "napari", "qtpy", "PyQt5", "SimpleITK"} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_both_networks_fit_the_protocol(package: ModelPackage) -> None:
    made: list[networks.Network] = [OnnxNetwork(package, threads=1), TorchNetwork(package)]
    assert {network.precision for network in made} == {"float32"}
