"""Only the careful way of reading a CT, as the reference of the quick one: pydicom, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from lesionscope.ct import headers, loading


@contextmanager
def careful_only() -> Iterator[None]:
    """Leave out what reads ordinary files without care, in this process, as long as it lasts."""
    with (
        patch.object(headers, "quick_elements", lambda *_, **__: None),
        patch.object(loading, "read_ordinary", lambda hu, *_: range(len(hu))),
    ):
        yield
