"""The table of keys, and binding it so that napari's own keys can't get in between.

napari looks a key up on the active layer first, then on its class, then on the
viewer: ``1`` deletes a selected point, ``Ctrl+Y`` turns 3-D on, ``Ctrl+T``
mirrors an axial slice. So the table is bound on each viewer model and on each
of our layers, followed by a catch-all that keeps napari's defaults out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.key_bindings import coerce_keybinding


@dataclass(frozen=True)
class Key:
    """One key.

    Parameters
    ----------
    key
        As napari writes it: ``"C"``, ``"Ctrl+Shift+Z"``, ``"PageUp"``, ``"["``.
    title
        What it does, as the help panel says it.
    group
        Heading that it stands under there.
    action
        Called without arguments when it is pressed.
    """

    key: str
    title: str
    group: str
    action: Callable[[], object]


def binding_of(key: str) -> Any:
    """Return napari's form of a key; the canvas calls both Return keys ``Enter``."""
    *modifiers, name = key.split("+") if not key.endswith("+") else [key]
    return coerce_keybinding("+".join([*modifiers, "Enter" if name == "Return" else name]))


class KeyBinder:
    """Holds one viewer's table and binds it on every model and layer it is given.

    Parameters
    ----------
    before
        Called with the model or layer that a key reached, before its action:
        says which canvas has the keyboard.
    """

    def __init__(self, before: Callable[[object], None] | None = None) -> None:
        self._keys: tuple[Key, ...] = ()
        self._targets: list[ViewerModel | Layer] = []
        self._saved: dict[int, dict[Any, Any]] = {}
        self._before = before

    @property
    def keys(self) -> tuple[Key, ...]:
        """The table, in the order in which help lists it."""
        return self._keys

    def set_keys(self, keys: Iterable[Key]) -> None:
        """Replace the whole table.

        Raises
        ------
        ValueError
            Two entries want the same key.
        """
        table = tuple(keys)
        seen: dict[Any, Key] = {}
        for entry in table:
            binding = binding_of(entry.key)
            if binding in seen:
                raise ValueError(
                    f"the key {entry.key} is wanted by “{seen[binding].title}” and “{entry.title}”"
                )
            seen[binding] = entry
        self._keys = table
        for target in self._targets:
            self._apply(target)

    def bind(self, target: ViewerModel | Layer) -> None:
        """Bind the table on a viewer model or on one of our layers, now and after every change."""
        if not any(known is target for known in self._targets):
            self._targets.append(target)
            self._saved[id(target)] = dict(target.keymap)
        self._apply(target)

    def release(self, target: ViewerModel | Layer) -> None:
        """Give a target back the keys it had before."""
        self._targets = [known for known in self._targets if known is not target]
        saved = self._saved.pop(id(target), None)
        if saved is not None:
            target.keymap.clear()
            target.keymap.update(saved)

    def release_all(self) -> None:
        """Release every target."""
        for target in tuple(self._targets):
            self.release(target)

    def _apply(self, target: ViewerModel | Layer) -> None:
        target.keymap.clear()
        for entry in self._keys:
            target.bind_key(binding_of(entry.key), self._pressed(entry.action), overwrite=True)
        # The catch-all: no key falls through to napari's class-wide tables. A function, because
        # napari asks every binding for its name.
        target.bind_key(..., _swallow, overwrite=True)

    def _pressed(self, action: Callable[[], object]) -> Callable[[object], None]:
        def pressed(target: object) -> None:
            if self._before is not None:
                self._before(target)
            action()

        return pressed


def _swallow(target: object) -> None:
    """Do nothing with a key that has no meaning here."""


def grouped(keys: Iterable[Key]) -> tuple[tuple[str, tuple[Key, ...]], ...]:
    """Put a table under its headings, headings and keys in the order they first come."""
    groups: dict[str, list[Key]] = {}
    for entry in keys:
        groups.setdefault(entry.group, []).append(entry)
    return tuple((name, tuple(entries)) for name, entries in groups.items())


def merged(own: Sequence[Key], more: Iterable[Key]) -> tuple[Key, ...]:
    """Join two tables; where both have a key, the second one's action is taken, in the first one's place."""
    replacement = {binding_of(entry.key): entry for entry in more}
    first = [replacement.pop(binding_of(entry.key), entry) for entry in own]
    return (*first, *replacement.values())
