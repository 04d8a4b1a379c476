"""A comparison's report as it is written in the background: what became of it, and waiting for that."""

from __future__ import annotations

import threading

from lesionscope.errors import LesionscopeError
from lesionscope.followup.response import ResponseTable
from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer.docks.report_draft import Draft, write_draft
from lesionscope.viewer.followup import wording
from lesionscope.viewer.room_state import RoomState

LONGEST_S = 30.0
"""How long a window that closes waits for a report; one takes about a second."""


class Writing:
    """One report.

    Parameters
    ----------
    state
        Of the room whose study is reported.
    draft
        What the report is to be like.
    table
        The response, where there is one.
    """

    def __init__(self, state: RoomState, draft: Draft, table: ResponseTable | None) -> None:
        self._state, self._draft, self._table = state, draft, table
        self._ended = threading.Event()
        self._said: str = wording.NOT_WRITTEN

    def work(self, cancel: CancelToken, progress: Progress) -> str:
        """Write it, and return a sentence that says where to; raises as :func:`write_draft`."""
        try:
            files = write_draft(self._state, self._draft, cancel, progress, self._table)
            names = ", ".join(file.name for file in files)
            self._said = wording.WRITTEN.format(folder=self._draft.folder, names=names)
        except LesionscopeError as error:
            self._said = str(error)
            raise
        finally:
            self._ended.set()
        return self._said

    def finish(self) -> str:
        """Wait for its end, and return a sentence on what became of it."""
        self._ended.wait(LONGEST_S)
        return self._said
