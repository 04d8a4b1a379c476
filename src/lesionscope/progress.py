"""Progress and cancellation, as plain callables that any layer may pass down."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lesionscope.errors import Cancelled

Progress = Callable[[int, int, str], None]
"""``progress(done, total, label)``; ``total`` 0 means unknown."""


def silent(done: int, total: int, label: str) -> None:
    """Report nothing."""


class CancelToken:
    """A flag that one thread raises and another one checks.

    Long work calls :meth:`check` between steps; work that blocks elsewhere
    (a network's session, a subprocess) registers a callback with
    :meth:`on_cancel` to be interrupted at once.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Ask the work to stop; safe from any thread, and more than once."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` on cancel (at once if it already happened).

        Returns
        -------
        callable
            Forgets the callback; call it when the guarded work is over.
        """
        with self._lock:
            already = self._event.is_set()
            if not already:
                self._callbacks.append(callback)
        if already:
            callback()

        def forget() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return forget

    def check(self) -> None:
        """Raise :class:`~lesionscope.errors.Cancelled` if asked to stop."""
        if self._event.is_set():
            raise Cancelled("Stopped at your request.")
