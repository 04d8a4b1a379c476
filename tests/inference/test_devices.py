from __future__ import annotations

from importlib import metadata

import pytest

from lesionscope.errors import UsageError
from lesionscope.inference import devices


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int, cuda_build: bool = True) -> None:
    monkeypatch.setattr(devices, "cuda_device_count", lambda: gpus)
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: cuda_build)


def test_auto_takes_a_gpu_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2)
    assert devices.choose("auto") == ("cuda:0", ())
    assert devices.choose("cuda") == ("cuda:0", ())
    assert devices.choose("cuda:1") == ("cuda:1", ())
    assert devices.choose("cpu") == ("cpu", ())
    machine(monkeypatch, 0)
    assert devices.choose("auto") == ("cpu", ())


def test_auto_notes_a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 1, cuda_build=False)
    device, notes = devices.choose("auto")
    assert device == "cpu"
    assert "without CUDA" in notes[0]


@pytest.mark.parametrize(
    ("gpus", "cuda_build", "device", "says"),
    [
        (0, True, "cuda", "no CUDA GPU"),
        (1, True, "cuda:1", "only 1"),
        (1, False, "cuda:0", "without CUDA"),
        (1, True, "cuda:x", "no device"),
        (1, True, "tpu", "no device"),
    ],
)
def test_a_device_asked_for_by_name_must_be_there(
    monkeypatch: pytest.MonkeyPatch, gpus: int, cuda_build: bool, device: str, says: str
) -> None:
    machine(monkeypatch, gpus, cuda_build)
    with pytest.raises(UsageError, match=says):
        devices.choose(device)


@pytest.mark.parametrize(("version", "cuda"), [("2.9.0", True), ("2.9.0+cu126", True), ("2.9.0+cpu", False)])
def test_torch_s_build_is_told_by_its_version(
    monkeypatch: pytest.MonkeyPatch, version: str, cuda: bool
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    assert devices.torch_has_cuda() is cuda


def test_counting_never_fails() -> None:
    assert devices.cuda_device_count.__wrapped__() >= 0
