"""Errors that carry a sentence for the person who gets them.

Each class knows the command line's exit status (0 done, 1 our fault, 2 wrong
usage, 3 bad input), so that no caller has to guess it.
"""

from __future__ import annotations


class LesionscopeError(Exception):
    """Something failed; ``str(error)`` is one sentence that says what to do."""

    exit_status = 1


class UsageError(LesionscopeError):
    """The request itself makes no sense (an unknown option value, say)."""

    exit_status = 2


class InputError(LesionscopeError):
    """A file or folder can't be used: which one, what is wrong, what to do."""

    exit_status = 3


class OutOfScope(InputError):
    """A model won't answer for this lesion (air, outside the body, not a lung…)."""


class Cancelled(LesionscopeError):
    """The person asked to stop; nothing is wrong and nothing was half-written."""
