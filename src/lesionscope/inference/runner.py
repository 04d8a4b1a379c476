"""One package's network for a predictor: loaded when needed, on the GPU or else the CPU."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import lesionscope
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.inference import devices
from lesionscope.inference.networks import (
    DeviceMemoryFull,
    Inputs,
    Network,
    OnnxNetwork,
    Outputs,
    Package,
    TorchNetwork,
)
from lesionscope.inference.reading import Provenance
from lesionscope.lesions.lesion import Lesion
from lesionscope.progress import CancelToken

Runtime = Literal["auto", "onnx", "torch"]


class Runner:
    """Runs a package's network; may be shared between threads.

    Parameters
    ----------
    package
        The model.
    device
        ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.
    threads
        CPU threads of one inference.
    runtime
        ``auto``: torch on a GPU, ONNX Runtime on the CPU. ``onnx`` and ``torch``
        ask for one on the CPU too.
    """

    def __init__(
        self, package: Package, *, device: str = "auto", threads: int = 2, runtime: Runtime = "auto"
    ) -> None:
        self._package = package
        self._device, self._notes = ("cpu", ()) if runtime == "onnx" else devices.choose(device)
        self._fall_back_allowed = device == "auto"
        self._threads = threads
        self._runtime = runtime
        self._lock = threading.Lock()
        self._network: Network | None = None
        self._closed = False

    @property
    def model(self) -> str:
        """Name and version of the package, as readings and reports give them."""
        return self._package.card.called

    def ready(self) -> Network:
        """Return the network; the first time, check the package's files and load it."""
        with self._lock:
            if self._closed:
                raise LesionscopeError("This model was closed; open it again to read more lesions.")
            if self._network is None:
                self._package.verify()
                self._network = self._load()
            return self._network

    def run(self, network: Network, inputs: Inputs, token: CancelToken) -> tuple[Outputs, Network]:
        """Answer, and say which network did: where the GPU's memory is full, the CPU does."""
        try:
            return network.run(inputs, token), network
        except DeviceMemoryFull:
            with self._lock:
                if self._network is network or self._network is None:
                    note = f"The memory of {self._device} was full, so the CPU answered."
                    self._network = self._on_cpu(note)
                network = self._network
            return network.run(inputs, token), network

    def close(self) -> None:
        """Let go of the network; a reading that is under way ends as it would have."""
        with self._lock:
            self._closed = True
            self._network = None

    def provenance(
        self, volume: CTVolume, lesion: Lesion, network: Network | None, notes: tuple[str, ...] = ()
    ) -> Provenance:
        """Say what made a reading; ``network`` is ``None`` where none was asked."""
        return Provenance(
            model=self.model,
            package_sha256=self._package.sha256,
            software=f"lesionscope {lesionscope.__version__}",
            device="none" if network is None else network.device,
            precision="none" if network is None else network.precision,
            lesion_fingerprint=lesion.fingerprint,
            series_uid=volume.source.uid,
            demonstration=self._package.card.demonstration,
            notes=(*self._notes, *notes),
        )

    def _load(self) -> Network:
        if self._device == "cpu":
            if self._runtime == "torch":
                return TorchNetwork(self._package, "cpu")
            return OnnxNetwork(self._package, self._threads)
        try:
            return TorchNetwork(self._package, self._device)
        except DeviceMemoryFull:
            return self._on_cpu(f"The memory of {self._device} was full, so the CPU answered.")
        except LesionscopeError as error:
            if not self._fall_back_allowed:
                raise
            return self._on_cpu(f"{error} The CPU answered.")

    def _on_cpu(self, note: str) -> Network:
        """From now on the CPU answers (what filled the GPU may come and go; answers should not)."""
        self._device, self._notes = "cpu", (*self._notes, note)
        return OnnxNetwork(self._package, self._threads)


@contextmanager
def timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Record how long a block took, in ms, however it ends."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[name] = round((time.perf_counter() - start) * 1000.0, 3)
