"""Long work behind a progress window, where the caller has to wait for the answer.

napari calls a reader on the window's thread and expects its layers back. So that
the window stays alive meanwhile, the work runs on a thread of its own while Qt's
events go on being handled here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from qtpy.QtCore import QEventLoop, QObject, Qt, QThread, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QApplication, QProgressDialog

from lesionscope.progress import CancelToken, Progress, silent

T = TypeVar("T")
PATIENCE_MS = 400
"""Work that is done sooner shows no progress window."""


class _Bridge(QObject):
    progressed = Signal(int, int, str)
    finished = Signal()


def with_progress(title: str, work: Callable[[Progress, CancelToken], T]) -> T:
    """Run ``work(progress, cancel)`` while the window stays alive, and return its result.

    Parameters
    ----------
    title
        What the progress window says until the work reports.
    work
        Touches no widget; it runs on another thread wherever there is a window to
        keep alive, and right here otherwise.

    Raises
    ------
    Cancelled
        The person pressed Cancel.
    Exception
        Whatever ``work`` raised.
    """
    application = QApplication.instance()
    token = CancelToken()
    if application is None or QThread.currentThread() is not application.thread():
        return work(silent, token)
    results: list[T] = []
    errors: list[BaseException] = []
    bridge, loop = _Bridge(), QEventLoop()
    dialog = QProgressDialog(title, "Cancel", 0, 0, QApplication.activeWindow())
    dialog.setWindowTitle("Lesionscope")
    dialog.setWindowModality(Qt.WindowModality.ApplicationModal)
    dialog.setMinimumDuration(PATIENCE_MS)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    dialog.canceled.connect(token.cancel)

    def run() -> None:
        try:
            results.append(work(bridge.progressed.emit, token))
        except BaseException as error:
            errors.append(error)
        finally:
            bridge.finished.emit()

    def show(done: int, total: int, label: str) -> None:
        dialog.setMaximum(total)
        dialog.setLabelText(label or title)
        dialog.setValue(done)

    # Qt queues calls from the other thread by itself: the bridge lives on this one.
    bridge.progressed.connect(show)
    bridge.finished.connect(loop.quit)
    thread = threading.Thread(target=run, name="lesionscope-open", daemon=True)
    thread.start()
    try:
        loop.exec()
    finally:
        token_was_raised = token.cancelled
        thread.join()
        bridge.progressed.disconnect(show)
        dialog.canceled.disconnect(token.cancel)
        dialog.close()
        dialog.deleteLater()
    if errors:
        raise errors[0]
    if token_was_raised:
        token.check()
    return results[0]
