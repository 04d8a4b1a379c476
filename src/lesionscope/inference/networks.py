"""A package's network on one runtime: ONNX Runtime on the CPU, torch on a GPU.

Both answer alike: arrays in, in the order of the card's inputs, a dictionary of arrays
out. Neither library is loaded before a network of its kind is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import LesionscopeError
from lesionscope.inference.onnx_graph import OnnxGraph
from lesionscope.models.label_package import LabelPackage
from lesionscope.models.package import ModelPackage
from lesionscope.progress import CancelToken

Outputs = dict[str, NDArray[np.float32]]
"""Raw scores and ``embedding`` ``(n, d)`` under the names that the card's ``onnx`` section gives them."""
Inputs = NDArray[np.float32] | tuple[NDArray[np.float32], ...]
Package = ModelPackage | LabelPackage


class DeviceMemoryFull(LesionscopeError):
    """The GPU has no room for the network or a cube; the CPU can answer instead."""


class Network(Protocol):
    """A network that is ready to answer."""

    device: str
    """What ``Provenance.device`` says: the processor, and the runtime with its version."""
    precision: str

    def run(self, inputs: Inputs, cancel: CancelToken | None = None) -> Outputs:
        """Answer for n lesions, as the package's preprocessing makes them."""
        ...


class OnnxNetwork:
    """``model.onnx`` on the CPU by ONNX Runtime; safe to share between threads.

    Parameters
    ----------
    package
        The model package.
    threads
        Threads of one inference.
    """

    precision = "float32"

    def __init__(self, package: Package, threads: int = 2) -> None:
        section = package.card.onnx
        self._inputs = tuple(section["inputs"]) if "inputs" in section else (str(section["input"]),)
        self._outputs = list(package.card.onnx["outputs"])
        self._graph = OnnxGraph(package.onnx_path, threads)
        self.device = self._graph.device

    def run(self, inputs: Inputs, cancel: CancelToken | None = None) -> Outputs:
        """Answer; a cancel ends the run between two of the graph's steps."""
        values = self._graph.run(
            dict(zip(self._inputs, _several(inputs), strict=True)), self._outputs, cancel
        )
        return {
            name: np.asarray(value, dtype=np.float32)
            for name, value in zip(self._outputs, values, strict=True)
        }


class TorchNetwork:
    """The safetensors weights by torch, on any of its devices.

    Raises
    ------
    DeviceMemoryFull
        On making it or on running it.
    """

    precision = "float32"

    def __init__(self, package: Package, device: str = "cpu") -> None:
        import torch

        self._torch = torch
        self._named = _label_outputs if isinstance(package, LabelPackage) else _pathology_outputs
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise LesionscopeError(f"torch can't use the device '{device}' (driver too old?).")
        try:
            self._device = torch.device(device)
            self._network = _load(package, self._device)
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryFull(f"The memory of {device} is full.") from error
        self.device = f"{device} (torch {torch.__version__})"

    def run(self, inputs: Inputs, cancel: CancelToken | None = None) -> Outputs:
        """Answer; a cancel is heeded before and after the network."""
        torch = self._torch
        if cancel is not None:
            cancel.check()
        try:
            # TF32 would leave three digits: a GPU's answer should be the CPU's.
            with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                tensors = [torch.from_numpy(array).to(self._device) for array in _several(inputs)]
                answers = self._named(self._network(*tensors), *tensors)
                outputs = {name: answer.float().cpu().numpy() for name, answer in answers.items()}
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise DeviceMemoryFull(f"The memory of {self._device} is full.") from error
        if cancel is not None:
            cancel.check()
        return outputs


def _several(inputs: Inputs) -> tuple[NDArray[np.float32], ...]:
    return inputs if isinstance(inputs, tuple) else (inputs,)


def _load(package: Package, device: Any) -> Callable[..., Any]:
    """Return a package's network on a torch device."""
    if isinstance(package, LabelPackage):
        from lesionscope.models.lesanet.network import load_lesanet

        lesanet: Callable[..., Any] = load_lesanet(package, device)
        return lesanet
    from lesionscope.models.pathology_net import load

    network: Callable[..., Any] = load(package, device)
    return network


def _pathology_outputs(answer: Any, *_: Any) -> dict[str, Any]:
    logits, embedding = answer
    return {**logits, "embedding": embedding}


def _label_outputs(answer: Any, patches: Any, *_: Any) -> dict[str, Any]:
    from lesionscope.models.lesanet.texture import patch_texture

    return {**answer._asdict(), "texture": patch_texture(patches)}
