"""Which processor answers. Asked of the driver, so that torch isn't loaded to hear "none"."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from importlib import metadata

from lesionscope.errors import UsageError


@cache
def cuda_device_count() -> int:
    """Count CUDA devices by the driver's own library (CUDA_VISIBLE_DEVICES is heeded); 0 without one."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
        count = ctypes.c_int(0)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def torch_has_cuda() -> bool:
    """Whether the torch that is installed may use CUDA, judged by its version (torch isn't loaded)."""
    try:
        return not metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def choose(device: str) -> tuple[str, tuple[str, ...]]:
    """Turn a device setting into ``cpu`` or ``cuda:N``, with notes on what was not possible.

    Parameters
    ----------
    device
        ``auto`` (a GPU when there is a usable one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    UsageError
        A GPU is asked for by name that isn't there or can't be used.
    """
    if device == "cpu":
        return "cpu", ()
    count = cuda_device_count()
    if device == "auto":
        if count == 0:
            return "cpu", ()
        if not torch_has_cuda():
            return "cpu", ("There is a GPU, but the torch installed here was built without CUDA.",)
        return "cuda:0", ()
    index = _cuda_index(device)
    if index >= count:
        found = "no CUDA GPU" if count == 0 else f"only {count} CUDA GPU(s), counted from 0,"
        raise UsageError(
            f"The device '{device}' was asked for, but {found} can be found: set device to auto."
        )
    if not torch_has_cuda():
        raise UsageError(
            f"The device '{device}' was asked for, but the torch installed here was built without CUDA: "
            "install a CUDA build of torch, or set device to auto."
        )
    return f"cuda:{index}", ()


def _cuda_index(device: str) -> int:
    name, _, number = device.partition(":")
    if name != "cuda" or not (number.isdecimal() or device == "cuda"):
        raise UsageError(f"There is no device '{device}': choose auto, cpu, cuda or cuda:N.")
    return int(number) if number else 0
