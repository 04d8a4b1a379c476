"""Where lesions wait to be read by a model: one after the other, in the background."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.inference.reading import Reading
from lesionscope.lesions.lesion import Lesion
from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer.room_state import Phase, Status
from lesionscope.viewer.workers import Job, Worker

if TYPE_CHECKING:
    from lesionscope.models.label_package import LabelPackage
    from lesionscope.models.package import ModelPackage


class Reader(Protocol):
    """What reads a lesion: :class:`lesionscope.inference.predictor.Predictor`, or a test's."""

    def read(
        self,
        volume: CTVolume,
        lesion: Lesion,
        *,
        cancel: CancelToken | None = None,
        progress: Progress = ...,
        override_scope: bool = False,
    ) -> Reading:
        """Read one lesion."""

    def prepare(self) -> None:
        """Load all that a reading needs."""

    def close(self) -> None:
        """Let go of the network."""


MakeReader = Callable[[], "tuple[Reader | None, ModelPackage | LabelPackage | None]"]
"""Makes a reader and its package; ``(None, None)`` where no such model is installed."""


def default_reader() -> tuple[Reader, ModelPackage | None]:
    """Make the predictor of the default pathology package; slow, so called on the worker's thread."""
    from lesionscope.config import load
    from lesionscope.inference.predictor import Predictor
    from lesionscope.models.registry import find

    settings = load()
    package = find(settings.pathology_model)
    predictor = Predictor(
        package,
        device=settings.device,
        threads=settings.threads,
        unfamiliar_below=settings.unfamiliar_below,
    )
    return predictor, package


def default_labels() -> tuple[Reader | None, LabelPackage | None]:
    """Make the reader of the label package in use; slow, so called on the worker's thread."""
    from lesionscope.config import load
    from lesionscope.inference.label_reader import open_label_reader

    reader = open_label_reader(load())
    return (None, None) if reader is None else (reader, reader.package)


class Desk:
    """Readings of one task asked for, running and over.

    Parameters
    ----------
    worker
        The thread that reads.
    make_reader
        Called on it, when the first lesion comes.
    on_status
        Called with all statuses after each change.
    on_reading
        Called with each finished reading; asks nobody whether it still matters.
    on_package
        Called once, with the package that answers.
    on_missing
        Called where no model is installed.
    """

    def __init__(
        self,
        worker: Worker,
        make_reader: MakeReader,
        *,
        on_status: Callable[[Mapping[str, Status]], None],
        on_reading: Callable[[Reading], None],
        on_package: Callable[[Any], None],
        on_missing: Callable[[], None] = lambda: None,
    ) -> None:
        self._worker, self._make_reader = worker, make_reader
        self._on_status, self._on_reading, self._on_package = on_status, on_reading, on_package
        self._reader: Reader | None = None
        self._on_missing = on_missing
        self._news: Callable[[], None] | None = None
        self._jobs: dict[str, Job] = {}
        self._statuses: dict[str, Status] = {}

    def read(self, volume: CTVolume, lesion: Lesion, *, override_scope: bool = False) -> None:
        """Queue a lesion; a reading of it that is still under way is stopped first."""
        self._stop(lesion.id)
        key = lesion.id
        self._set(key, Status(Phase.QUEUED))

        def task(cancel: CancelToken, progress: Progress) -> Reading | None:
            reader = self.ready()
            return reader and reader.read(
                volume, lesion, cancel=cancel, progress=progress, override_scope=override_scope
            )

        job: Job | None = None

        def current() -> bool:
            return self._jobs.get(key) is job

        def started() -> None:
            if current():
                self._set(key, Status(Phase.RUNNING))

        def progressed(done: int, total: int, label: str) -> None:
            if current():
                self._set(key, Status(Phase.RUNNING, done, total, label))

        def ended(phase: Phase, message: str = "") -> None:
            self._tell_package()
            if current():
                del self._jobs[key]
                self._set(key, Status(phase, message=message))

        def done(reading: Reading | None) -> None:
            if reading is None:
                self._tell_package()
                self.forget(key)
                return
            if current():
                self._on_reading(reading)
            ended(Phase.DONE)

        job = self._worker.submit(
            task,
            done=done,
            failed=lambda sentence: ended(Phase.FAILED, sentence),
            cancelled=lambda: ended(Phase.CANCELLED),
            progress=progressed,
            started=started,
        )
        self._jobs[key] = job

    def prepare(self) -> None:
        """Load the model ahead of the first lesion, so that its card is known and it answers at once."""

        def task(_cancel: CancelToken, _progress: Progress) -> None:
            reader = self.ready()
            if reader is not None:
                reader.prepare()

        # What is wrong with a model is said where a lesion is read.
        self._worker.submit(task, done=lambda _: self._tell_package())

    def cancel(self, lesion_id: str) -> None:
        """Stop reading a lesion; its status says so at once."""
        if self._stop(lesion_id):
            self._set(lesion_id, Status(Phase.CANCELLED))

    def forget(self, lesion_id: str) -> None:
        """Stop reading a lesion that has gone."""
        self._stop(lesion_id)
        if self._statuses.pop(lesion_id, None) is not None:
            self._on_status(dict(self._statuses))

    def clear(self) -> None:
        """Stop everything: another study comes."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs.clear()
        if self._statuses:
            self._statuses.clear()
            self._on_status({})

    def close(self) -> None:
        """Let go of the network; the worker must have ended."""
        self._jobs.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def ready(self) -> Reader | None:
        """On the worker's thread: the reader, made when first needed; ``None`` where there is no model."""
        if self._reader is None:
            try:
                self._reader, package = self._make_reader()
                if self._reader is None:
                    self._news = self._on_missing
                elif package is not None:
                    self._news = partial(self._on_package, package)
            except ImportError as error:
                raise LesionscopeError(
                    f"The model can't run because {error.name} is missing: run `lesionscope doctor`."
                ) from error
        return self._reader

    def _tell_package(self) -> None:
        if self._news is not None:
            news, self._news = self._news, None
            news()

    def _stop(self, lesion_id: str) -> bool:
        job = self._jobs.pop(lesion_id, None)
        if job is not None:
            job.cancel()
        return job is not None

    def _set(self, lesion_id: str, status: Status) -> None:
        self._statuses[lesion_id] = status
        self._on_status(dict(self._statuses))
