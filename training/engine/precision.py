"""In what precision a training computes, and where half precision is quicker."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from lesionscope.errors import InputError

FLOAT32, BFLOAT16 = "float32", "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 itself: elsewhere torch imitates it, many times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse bfloat16 where a device has not got it.

    Raises
    ------
    InputError
        With a sentence.
    """
    if precision == BFLOAT16 and not has_bfloat16(device):
        raise InputError(
            f"The device '{device}' has no bfloat16 of its own, so that training would be far slower "
            "with it: set precision=float32."
        )


def half_where_asked(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return torch's autocast to bfloat16, or for float32 a context that does nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == BFLOAT16 else nullcontext()
