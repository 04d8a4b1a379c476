"""A lesion read for every task: a desk each, on one worker, and the known lesions that readings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lesionscope.ct.volume import CTVolume
from lesionscope.inference.reading import Reading, Task
from lesionscope.lesions.lesion import Lesion
from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer.desk import Desk, MakeReader
from lesionscope.viewer.recall import Recalled, recall
from lesionscope.viewer.room_state import RoomState
from lesionscope.viewer.workers import Worker

Show = Callable[..., None]


class Readings:
    """What models say of lesions, asked for together; each answer comes when it is there.

    Parameters
    ----------
    worker
        The thread that reads.
    make_reader, make_labels
        Make the readers on it, when first needed; without the second, nothing is asked about labels.
    show
        Called with fields of the room's state that have changed.
    on_reading
        Called with each finished reading.
    """

    def __init__(
        self,
        worker: Worker,
        make_reader: MakeReader,
        make_labels: MakeReader | None,
        *,
        show: Show,
        on_reading: Callable[[Reading], None],
    ) -> None:
        self._worker, self._show = worker, show
        self._asked: set[str] = set()
        self.pathology = Desk(
            worker,
            make_reader,
            on_status=lambda statuses: show(statuses=statuses),
            on_reading=on_reading,
            on_package=lambda package: show(package=package),
        )
        self.labels: Desk | None = None
        if make_labels is not None:
            self.labels = Desk(
                worker,
                make_labels,
                on_status=lambda statuses: show(label_statuses=statuses),
                on_reading=on_reading,
                on_package=lambda package: show(label_package=package),
                on_missing=lambda: show(labels_missing=True),
            )

    def _desks(self) -> Iterator[Desk]:
        yield self.pathology
        if self.labels is not None:
            yield self.labels

    def tasks(self, state: RoomState) -> tuple[Task, ...]:
        """Return the tasks that are read."""
        return ("pathology", "labels") if self._names_labels(state) else ("pathology",)

    def prepare(self) -> None:
        """Load the models ahead of the first lesion."""
        for desk in self._desks():
            desk.prepare()

    def read(self, state: RoomState, volume: CTVolume, lesion: Lesion) -> None:
        """Queue a lesion for every model."""
        override = lesion.id in state.overrides
        self.pathology.read(volume, lesion, override_scope=override)
        if self.labels is not None and self._names_labels(state):
            self.labels.read(volume, lesion, override_scope=override)

    def cancel(self, lesion_id: str) -> None:
        """Stop reading a lesion."""
        for desk in self._desks():
            desk.cancel(lesion_id)

    def forget(self, lesion_id: str) -> None:
        """Stop reading a lesion that has gone."""
        for desk in self._desks():
            desk.forget(lesion_id)

    def clear(self) -> None:
        """Stop everything: another study comes."""
        for desk in self._desks():
            desk.clear()

    def close(self) -> None:
        """Let go of the networks; the worker must have ended."""
        for desk in self._desks():
            desk.close()

    def look_up(self, state: RoomState) -> None:
        """Fetch what the bank knows of the selected lesion's neighbours, pictures included, once each."""
        reading = state.reading(state.selected, "labels")
        labels = self.labels
        if reading is None or not reading.neighbours or labels is None:
            return
        missing = [known.id for known in reading.neighbours if known.id not in self._asked]
        if not missing:
            return
        self._asked.update(missing)

        def task(cancel: CancelToken, _: Progress) -> Mapping[str, Recalled | None]:
            return recall(getattr(labels.ready(), "bank", None), missing, cancel)

        def gave_up(*_: str) -> None:
            self._asked.difference_update(missing)

        self._worker.submit(
            task, done=lambda found: self._show(found=found), failed=gave_up, cancelled=gave_up
        )

    def _names_labels(self, state: RoomState) -> bool:
        return self.labels is not None and not state.labels_missing
