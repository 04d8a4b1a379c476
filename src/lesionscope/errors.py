"""Errors that carry a sentence for the person who gets them.

Each class knows the command line's exit status (0 done, 1 not possible here or
an error of ours, 2 wrong usage, 3 bad input), so that no caller has to guess it.
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


def unreadable(path: object, what: str, error: Exception) -> InputError:
    """Return the error for a file that a person named: why it can't be read, and what to do.

    Parameters
    ----------
    path
        As the person gave it.
    what
        What it was to be read as, with its article: "a table of lesions".
    error
        What reading it raised.
    """
    why, remedy = str(error).rstrip("."), "give another, or fetch it again"
    if isinstance(error, FileNotFoundError):
        why, remedy = "there is no such file", "check the path"
    elif isinstance(error, IsADirectoryError):
        why, remedy = "it is a folder", "name the file in it"
    elif isinstance(error, UnicodeDecodeError):
        why, remedy = "it is not text in UTF-8", "save it as that, or give another"
    elif isinstance(error, OSError) and error.strerror:
        why, remedy = error.strerror, "check its permissions"
    return InputError(f"{path} could not be read as {what} ({why}): {remedy}.")


class OutOfScope(InputError):
    """A model won't answer for this lesion (air, outside the body, not a lung…)."""


class Cancelled(LesionscopeError):
    """The person asked to stop; nothing is wrong and nothing was half-written."""
