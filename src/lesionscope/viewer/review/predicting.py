"""What the installed label model says of a project's lesions, asked for on the room's own worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lesionscope.ct.volume import CTVolume
from lesionscope.inference.reading import Reading
from lesionscope.progress import CancelToken, Progress
from lesionscope.session.images import open_images
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.viewer.workers import Job

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

Wish = tuple[Study, MinedLesion]


class Predicting:
    """Asks the label model about one lesion in sight, or about many, one after the other.

    Parameters
    ----------
    room
        Whose model and worker are used.
    on_reading
        Called with each answer.
    on_progress
        Called with how many of how many were answered; with (0, 0) when it is over.
    on_failure
        Called with a sentence for the person; the others go on.
    on_missing
        Called where no label model is installed.
    """

    def __init__(
        self,
        room: Room,
        *,
        on_reading: Callable[[Reading], None],
        on_progress: Callable[[int, int], None],
        on_failure: Callable[[str], None],
        on_missing: Callable[[], None],
    ) -> None:
        self._room = room
        self._on_reading, self._on_progress = on_reading, on_progress
        self._on_failure, self._on_missing = on_failure, on_missing
        self._waiting: list[Wish] = []
        self._total = 0
        self._jobs: list[Job] = []

    @property
    def busy(self) -> bool:
        """Whether many lesions are being read."""
        return self._total > 0

    def one(self, lesion: MinedLesion, volume: CTVolume) -> None:
        """Ask about the lesion in sight, in place of one asked about before."""
        self._cancel_jobs()
        self._submit(lesion, lambda cancel, progress: volume)
        if self.busy:
            self._next()

    def many(self, wishes: Iterable[Wish]) -> None:
        """Ask about lesions, one after the other; what is asked about meanwhile comes between."""
        self._waiting = list(wishes)
        self._total = len(self._waiting)
        self._on_progress(0, self._total)
        self._next()

    def stop(self) -> None:
        """Ask about nothing more."""
        self._waiting.clear()
        self._total = 0
        self._cancel_jobs()
        self._on_progress(0, 0)

    def _cancel_jobs(self) -> None:
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()

    def _next(self) -> None:
        if not self._waiting:
            self._total = 0
            self._on_progress(0, 0)
            return
        study, lesion = self._waiting[0]

        def images(cancel: CancelToken, progress: Progress) -> CTVolume:
            return open_images(study, lesion, progress=progress, cancel=cancel)

        def over() -> None:
            if self._waiting and self._waiting[0][1] is lesion:
                del self._waiting[0]
                self._on_progress(self._total - len(self._waiting), self._total)
                self._next()

        self._submit(lesion, images, over)

    def _submit(
        self,
        lesion: MinedLesion,
        images: Callable[[CancelToken, Progress], CTVolume],
        over: Callable[[], None] = lambda: None,
    ) -> None:
        desk = self._room.readings.labels

        def task(cancel: CancelToken, progress: Progress) -> Reading | None:
            reader = None if desk is None else desk.ready()
            if reader is None:
                return None
            return reader.read(images(cancel, progress), lesion.lesion, cancel=cancel, progress=progress)

        def done(reading: Reading | None) -> None:
            if reading is None:
                self.stop()
                self._on_missing()
                return
            self._on_reading(reading)
            over()

        def failed(sentence: str) -> None:
            self._on_failure(sentence)
            over()

        self._jobs = self._jobs[-1:]
        self._jobs.append(self._room.worker.submit(task, done=done, failed=failed))
