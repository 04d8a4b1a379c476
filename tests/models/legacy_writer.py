"""Writes what ``torch.save`` of PyTorch 0.4.1 wrote under Python 2.7, opcode by opcode.

Nothing of torch's own writer is used: today's writes another form, and Python 3 other opcodes
(texts as unicode, modules by their new names).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

STORAGE = {np.dtype(np.float32): "FloatStorage", np.dtype(np.int64): "LongStorage"}


@dataclass(frozen=True)
class Name:
    """A global: module and name."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A global called with arguments, as any ``__reduce__`` asks for."""

    name: Name
    args: tuple[Any, ...]
    state: Any = None


@dataclass
class EasyDict:
    """easydict.EasyDict: a dict whose items are attributes too."""

    items: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tensor:
    """A tensor, on a GPU as the authors' were; all of its storage, or the part (offset, size, stride)."""

    values: np.ndarray
    version: int = 2
    where: str = "cuda:0"
    part: tuple[Any, ...] | None = None


class Writer:
    """One file's opcodes and storages."""

    def __init__(self) -> None:
        self.storages: dict[str, np.ndarray] = {}

    def pickle(self, value: Any) -> bytes:
        return b"\x80\x02" + self.value(value) + b"."

    def value(self, value: Any) -> bytes:
        if value is None:
            return b"N"
        if isinstance(value, bool):
            return b"\x88" if value else b"\x89"
        if isinstance(value, int):
            return self.whole(value)
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        if isinstance(value, bytes):
            return self.text(value)
        if isinstance(value, str):  # Python 2's str
            return self.text(value.encode("ascii"))
        if isinstance(value, Name):
            return f"c{value.module}\n{value.name}\n".encode()
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.value, value)) + b"t"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.value, value)) + b"e"
        if isinstance(value, dict):
            return b"}" + self.items(value)
        if isinstance(value, Call):
            state = b"" if value.state is None else self.value(value.state) + b"b"
            return self.value(value.name) + self.value(value.args) + b"R" + state
        if isinstance(value, EasyDict):
            new = self.value(Name("easydict", "EasyDict")) + b")\x81"
            return new + self.items(value.items) + self.value(value.items) + b"b"
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, Tensor):
            return self.tensor(value)
        raise TypeError(type(value))

    @staticmethod
    def whole(value: int) -> bytes:
        if 0 <= value < 256:
            return b"K" + bytes([value])
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(raw)]) + raw

    @staticmethod
    def text(raw: bytes) -> bytes:
        return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw

    def items(self, items: Mapping[Any, Any]) -> bytes:
        return b"(" + b"".join(self.value(part) for pair in items.items() for part in pair) + b"u"

    def array(self, values: np.ndarray) -> bytes:
        """Write a NumPy array: an empty one is called for and filled by its state."""
        kind = Call(
            Name("numpy", "dtype"), (values.dtype.str[1:], 0, 1), (3, "<", None, None, None, -1, -1, 0)
        )
        made = Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), "b")
        return self.value(Call(*made, (1, values.shape, kind, False, values.tobytes())))

    def tensor(self, tensor: Tensor) -> bytes:
        key = str(94_000_000_000_000 + 64 * len(self.storages))
        self.storages[key] = tensor.values
        module = "torch.cuda" if tensor.where.startswith("cuda") else "torch"
        kind = Name(module, STORAGE[tensor.values.dtype])
        pid = self.value(("storage", kind, key, tensor.where, tensor.values.size, None)) + b"Q"
        shape = tensor.values.shape
        strides = tuple(step // tensor.values.itemsize for step in tensor.values.strides)
        args = b"(" + pid + b"".join(map(self.value, tensor.part or (0, shape, strides)))
        if tensor.version == 2:
            args += self.value(False) + self.value(ordered({}))
        name = "_rebuild_tensor_v2" if tensor.version == 2 else "_rebuild_tensor"
        return self.value(Name("torch._utils", name)) + args + b"tR"


def ordered(items: Mapping[str, Any], state: Any = None) -> Call:
    """Return what Python 2 makes of an OrderedDict: a call with a list of lists."""
    return Call(Name("collections", "OrderedDict"), ([[key, value] for key, value in items.items()],), state)


def save(path: Path, value: Any, *, little_endian: bool = True) -> Path:
    """Write a file as ``torch.save(value, path)`` did."""
    writer = Writer()
    sizes = {"short": 2, "int": 4, "long": 4}
    sys_info = {"protocol_version": 1001, "little_endian": little_endian, "type_sizes": sizes}
    parts = [writer.pickle(part) for part in (0x1950A86A20F9469CFC6C, 1001, sys_info, value)]
    keys = sorted(writer.storages)
    parts.append(writer.pickle(keys))
    for key in keys:
        values = writer.storages[key]
        parts += [struct.pack("<q", values.size), values.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def checkpoint(state: Mapping[str, np.ndarray], version: int = 2, where: str = "cuda:0") -> dict[str, Any]:
    """Return the dict that LesaNet's authors saved: settings, weights and the optimizer's state."""
    tensors = {name: Tensor(np.asarray(v, order="C"), version, where) for name, v in state.items()}
    train = EasyDict({"USE_PRETRAINED_MODEL": False, "CE_POS_WT_CLAMP": 300, "TRIPLET_LOSS_MARGIN": 0.1})
    default = EasyDict(
        {
            "exp_name": "LesaNet",
            "lr_epoch": [10],
            "best_cls_ths": np.full(171, 0.5),
            "ontology": [{"term": "chest", "parents": [], "num_detected": 9000}],
            "cls_pos_wts": np.arange(171, dtype=np.float32),
            "gpu": None,
        }
    )
    config = EasyDict(
        {"PIXEL_MEANS": np.array([50]), "NORM_SPACING": 1, "TRAIN": train, "WINDOWING": [-1024, 3071]}
    )
    ids = [139_900_000_000_000 + 8 * i for i in range(2)]
    momentum = {key: {"momentum_buffer": Tensor(np.ones((3, 2), np.float32), version, where)} for key in ids}
    groups = [{"lr": 0.001, "momentum": 0.9, "nesterov": False, "params": ids}]
    return {
        "epoch": 15,
        "default_arg": default,
        "config": config,
        "state_dict": ordered(tensors, {"_metadata": ordered({"": {"version": 1}})}),
        "optimizer": {"state": momentum, "param_groups": groups},
    }
