"""Where a run computes: devices and threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lesionscope.errors import InputError


def pick_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu`` or ``cuda:N`` into a device.

    Raises
    ------
    InputError
        A GPU was asked for that this machine has not.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"'{name}' is no device; choose auto, cpu or cuda:0.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"There is no GPU '{name}' here; choose auto or cpu.")
    return device


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Use so many CPU threads for a while; 0 leaves torch's choice."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
