"""The keys of looking for lesions: the window's, and those that the list of candidates has in their place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lesionscope.viewer.find import words
from lesionscope.viewer.keys import Key

if TYPE_CHECKING:
    from lesionscope.viewer.find.finding import Finding
    from lesionscope.viewer.stage import Stage


def find_keys(stage: Stage) -> tuple[Key, ...]:
    """Return the keys of one window's search; nothing is made before one is pressed."""
    return (
        _key("F", words.KEY_HERE, lambda: stage.find.here()),
        _key("Shift+F", words.KEY_THROUGH, lambda: stage.find.through()),
        _key("F6", words.KEY_DOCK, lambda: stage.find.show()),
        _key("A", words.KEY_ACCEPT, lambda: stage.find.accept()),
        _key("D", words.KEY_REFUSE, lambda: stage.find.refuse()),
    )


def list_keys(finding: Finding, leave: Callable[[], None]) -> tuple[Key, ...]:
    """Return what keys do in the list; ``leave`` stops a search or goes back to the image."""
    return (
        _key("N", words.KEY_NEXT, partial(finding.step, 1)),
        _key("P", words.KEY_PREVIOUS, partial(finding.step, -1)),
        _key("Return", words.KEY_ACCEPT, finding.accept),
        _key("Delete", words.KEY_REFUSE, finding.refuse),
        _key("Backspace", words.KEY_REFUSE, finding.refuse),
        _key("Escape", words.KEY_LEAVE, leave),
    )


def _key(name: str, title: str, action: Callable[[], object]) -> Key:
    return Key(name, title, words.KEY_GROUP, action)
