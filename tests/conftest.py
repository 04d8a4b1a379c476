"""Fixtures that every part's tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine draws examples slowly; that says nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real CT data beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real CT data: {SHARED_DATA} is absent")
    return SHARED_DATA


@cache
def _listeners() -> list[Callable[[str], None]]:
    """Who hears of files that this process opens; Python never forgets its hook, so there is one."""
    listeners: list[Callable[[str], None]] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if listeners and event == "open" and isinstance(arguments[0], str):
            for listener in listeners:
                listener(arguments[0])

    sys.addaudithook(hook)
    return listeners


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The paths of all files that are opened from now on, as often as they are."""
    paths: list[str] = []
    _listeners().append(paths.append)
    yield paths
    _listeners().remove(paths.append)
