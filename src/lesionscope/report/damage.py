"""What reading a DICOM file raises where the file is cut, garbled or something else altogether."""

from __future__ import annotations

from functools import cache

from lesionscope.ct.facts import DAMAGE


@cache
def damage() -> tuple[type[Exception], ...]:
    """Return what pydicom raises of such a file, at once or when a part of it is first looked at.

    Its own two errors derive from no other; an unknown VR is a ``NotImplementedError``.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*DAMAGE, BytesLengthException, InvalidDicomError, RecursionError)
