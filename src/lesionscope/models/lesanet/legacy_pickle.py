"""Tensors out of a file that PyTorch 0.4 saved under Python 2, without running anything in it.

Before torch had a zip form, ``torch.save`` wrote four pickles (a magic number, the form's version, facts
of the machine, the object) and a fifth with the keys of storages, whose bytes follow. A pickle may call
whatever it names. Here names stand for plain records, for stubs that swallow what they are given, or,
where neither is due, for a stub that refuses to be called: no code of torch, NumPy or anyone else is reached.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError

THEIRS = "give the checkpoint that LesaNet's authors published"
MAGIC = 0x1950A86A20F9469CFC6C
FORM = 1001
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
}
"""torch's storages, on the CPU (``torch``) and a GPU (``torch.cuda``), and their numbers."""
INERT = {
    "easydict": {"EasyDict"},
    "numpy": {"ndarray", "dtype"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "copy_reg": {"_reconstructor"},
    "collections": {"defaultdict"},
    "__builtin__": {"object", "set", "frozenset", "bytearray", "list", "dict", "tuple", "unicode", "long"},
    "_codecs": {"encode"},
}
"""What settings and NumPy arrays are made of in a pickle of Python 2; nobody looks at them."""


class _Refused(Exception):
    """The pickle calls something that it has no business to call."""


class _Pairs(dict[Any, Any]):
    """Stands for ``collections.OrderedDict``."""

    def __setstate__(self, state: object) -> None:
        """Take no notice of attributes."""


class _Inert:
    """Stands for what is not needed: is made of anything, takes anything, holds nothing."""

    __slots__ = ()

    def __new__(cls, *args: object, **named: object) -> _Inert:
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        """Take no notice."""

    def __setitem__(self, key: object, value: object) -> None:
        """Take no notice."""

    def append(self, item: object) -> None:
        """Take no notice."""

    extend = add = append


@dataclass(frozen=True, slots=True)
class _Kind:
    """Stands for a class of storages."""

    numbers: str


@dataclass(frozen=True, slots=True)
class _Storage:
    """Numbers that follow the pickles."""

    key: str
    numbers: str
    count: int


class _Tensor:
    """Stands for torch's functions that put a tensor together; remembers what of."""

    __slots__ = ("offset", "size", "storage", "stride")

    def __init__(self, storage: object, offset: object, size: object, stride: object, *more: object) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def __setstate__(self, state: object) -> None:
        """Refuse: tensors have no state."""
        raise _Refused("a tensor's state")


class _Reader(pickle.Unpickler):
    """Reads the object; ``storages`` are those that it names, by key."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for; never the thing itself."""
        if module in ("torch", "torch.cuda") and name in STORAGES:
            return _Kind(STORAGES[name])
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return _Tensor
        if (module, name) == ("collections", "OrderedDict"):
            return _Pairs
        if name in INERT.get(module, ()):
            return type(name, (_Inert,), {"__slots__": ()})
        return _forbidden(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        """Return the storage that the file names."""
        try:
            what, kind, key, _, count, view = pid
        except (TypeError, ValueError) as error:
            raise _Refused("an object outside the file") from error
        known = what == "storage" and view is None and isinstance(kind, _Kind) and isinstance(key, str)
        if not known or type(count) is not int or count < 0:
            raise _Refused("an object outside the file")
        return self.storages.setdefault(key, _Storage(key, kind.numbers, count))


class _Plain(pickle.Unpickler):
    """Reads numbers, texts, lists and dicts, in which any name is out of place."""

    def find_class(self, module: str, name: str) -> Any:
        """Refuse."""
        raise _Refused(f"{module}.{name}")


def _forbidden(name: str) -> type:
    """Return a class that may be named, but not called."""

    def refuse(cls: type, *args: object, **named: object) -> None:
        raise _Refused(name)

    return type("Forbidden", (), {"__new__": refuse, "__slots__": ()})


def read_legacy_tensors(path: Path, section: str) -> dict[str, NDArray[Any]]:
    """Read the tensors of one section of a saved dict, such as "state_dict".

    Raises
    ------
    InputError
        The file can't be read, is in another form, is damaged, or tries to run something.
    """
    try:
        with path.open("rb") as stream:
            return _read(stream, path, section)
    except _Refused as refused:
        raise InputError(
            f"{path} would run {refused} when it is read, which no checkpoint needs: it was not run. "
            "Don't use this file; fetch the checkpoint from its authors again."
        ) from refused
    except OSError as error:
        raise InputError(
            f"{path} could not be read ({error.strerror or error}): check that it is there and may be read."
        ) from error
    except InputError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise InputError(
            f"{path} is damaged, or no checkpoint of PyTorch 0.4 ({type(error).__name__}: {error}); "
            "fetch it from its authors again."
        ) from error


def _read(stream: BinaryIO, path: Path, section: str) -> dict[str, NDArray[Any]]:
    if stream.read(4) == b"PK\x03\x04":
        raise InputError(f"{path} is a zip, as newer versions of PyTorch write; {THEIRS}, which is none.")
    stream.seek(0)
    if _plain(stream) != MAGIC or _plain(stream) != FORM:
        raise InputError(f"{path} is no checkpoint of PyTorch 0.4; {THEIRS}.")
    if not _plain(stream).get("little_endian"):
        raise InputError(f"{path} was written on a big-endian machine, which is not supported.")
    reader = _Reader(stream)
    whole = reader.load()
    found = whole.get(section) if isinstance(whole, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"{path} has no section '{section}', so it is no checkpoint of LesaNet; {THEIRS}.")
    tensors = {name: value for name, value in found.items() if isinstance(value, _Tensor)}
    if strange := [name for name in found if not (isinstance(name, str) and name in tensors)]:
        raise InputError(f"{path}: {strange[0]!r} in '{section}' is no tensor; {THEIRS}.")
    needed = {value.storage.key for value in tensors.values() if isinstance(value.storage, _Storage)}
    numbers = _storages(stream, _plain(stream), reader.storages, needed)
    return {name: _array(value, numbers) for name, value in tensors.items()}


def _plain(stream: BinaryIO) -> Any:
    return _Plain(stream, encoding="latin1").load()


def _storages(
    stream: BinaryIO, keys: object, named: Mapping[str, _Storage], needed: set[str]
) -> dict[str, NDArray[Any]]:
    """Read the needed storages from where they lie, one after another, each behind its length."""
    if not isinstance(keys, list):
        raise ValueError("the list of storages is missing")
    found = {}
    for key in keys:
        storage = named[key]
        (count,) = struct.unpack("<q", stream.read(8))
        if count != storage.count:
            raise ValueError(f"a storage has {count} numbers where {storage.count} were announced")
        dtype = np.dtype(storage.numbers)
        if key in needed:
            data = stream.read(count * dtype.itemsize)
            found[key] = np.frombuffer(data, dtype, count)
        else:
            stream.seek(count * dtype.itemsize, os.SEEK_CUR)
    return found


def _array(tensor: _Tensor, numbers: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Cut a tensor out of its storage."""
    if not isinstance(tensor.storage, _Storage):
        raise ValueError("a tensor without a storage")
    flat = numbers[tensor.storage.key]
    shape, stride, offset = _counts(tensor.size), _counts(tensor.stride), _counts((tensor.offset,))[0]
    if len(shape) != len(stride):
        raise ValueError("a tensor whose size and stride don't fit")
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if 0 in shape or last >= len(flat):
        raise ValueError("a tensor that reaches beyond its storage")
    steps = tuple(step * flat.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps).copy()


def _counts(values: Any) -> tuple[int, ...]:
    """Return whole numbers, none negative."""
    if not isinstance(values, tuple) or not all(type(value) is int and value >= 0 for value in values):
        raise ValueError("a tensor whose size is no list of whole numbers")
    return values
