"""Looks for lesions in a room's study, in the background, and takes what the reader decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import LesionscopeError
from lesionscope.inference.axial_slices import AxialSlices
from lesionscope.inference.finder import Detector, Search, search
from lesionscope.lesions.lesion import Point
from lesionscope.progress import CancelToken, Progress
from lesionscope.session.commands import AddLesion
from lesionscope.viewer.docks.similar_rows import Picture, own_picture
from lesionscope.viewer.find import words
from lesionscope.viewer.find.state import FindState, neighbour_of
from lesionscope.viewer.room_state import Phase, RoomState, Status
from lesionscope.viewer.workers import Job, Worker

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

MakeDetector = Callable[[], Detector]


def default_detector() -> Detector:
    """Open the lesion detector in use; slow, so called on the worker's thread."""
    from lesionscope.config import load
    from lesionscope.inference.detector import open_detector

    return open_detector(threads=load().threads)


class Finding:
    """State and actions of looking for lesions in one room.

    It has a worker of its own: a lesion that is accepted meanwhile is read at once.

    Parameters
    ----------
    room
        Whose study is searched, and who gets the lesions.
    make_detector
        Makes the detector on the worker's thread, when first needed.
    """

    changed = Signal(FindState, reemission="latest-only")

    def __init__(self, room: Room, make_detector: MakeDetector = default_detector) -> None:
        self.room = room
        self.state = FindState()
        self.worker = Worker("lesionscope-find")
        self._make_detector = make_detector
        self._detector: Detector | None = None
        self._job: Job | None = None
        self._stop = CancelToken()
        self._closed = False
        room.changed.connect(self._follow)
        self._follow(room.state)

    # -- searching ------------------------------------------------------------------------

    def search_slice(self, lps: Point) -> None:
        """Search the stored slice on or nearest to which a point lies."""
        volume = self.state.volume
        number = 0 if volume is None else AxialSlices(volume).nearest(lps)
        self._search((number, number))

    def search_volume(self) -> None:
        """Search every slice."""
        self._search(None)

    def stop(self) -> None:
        """End the search; what was found so far is shown."""
        self._stop.cancel()

    def _search(self, slices: tuple[int, int] | None) -> None:
        volume = self.state.volume
        if volume is None or self.state.searching:
            self._set(notice=words.NO_STUDY if volume is None else words.BUSY)
            return
        stop = self._stop = CancelToken()

        def task(cancel: CancelToken, progress: Progress) -> tuple[Detector, Search, dict[str, Picture]]:
            # The worker's token ends everything; ours ends the search and keeps what it found.
            forget = cancel.on_cancel(stop.cancel)
            try:
                detector = self._ready()
                found = search(volume, detector, slices=slices, cancel=stop, progress=progress)
                cancel.check()
                return detector, found, pictures_of(volume, found)
            finally:
                forget()

        job: Job | None = None

        def current() -> bool:
            return self._job is job

        def ended(status: Status, **changes: Any) -> None:
            if current():
                self._job = None
                if self.state.notice == words.BUSY:  # which is over
                    changes["notice"] = ""
                self._set(status=status, **changes)

        def progressed(done: int, total: int, label: str) -> None:
            if current():
                self._set(status=Status(Phase.RUNNING, done, total, label))

        def done(answer: tuple[Detector, Search, Mapping[str, Picture]]) -> None:
            if current():
                detector, found, pictures = answer
                self.state = self.state.with_found(found, pictures)
                ended(Status(Phase.DONE), model=detector.model, demonstration=detector.demonstration)
                if self.state.in_searched:
                    self._go()

        job = self.worker.submit(
            task,
            done=done,
            failed=lambda sentence: ended(Status(Phase.FAILED, message=sentence)),
            cancelled=lambda: ended(Status(Phase.CANCELLED)),
            progress=progressed,
        )
        self._job = job
        self._set(status=Status(Phase.QUEUED), notice="")

    def _ready(self) -> Detector:
        """On the worker's thread: the detector, made when first needed."""
        if self._detector is None:
            try:
                self._detector = self._make_detector()
            except ImportError as error:
                raise LesionscopeError(
                    f"The detector can't run because {error.name} is missing: run `lesionscope doctor`."
                ) from error
        return self._detector

    # -- deciding -------------------------------------------------------------------------

    def select(self, candidate_id: str | None) -> None:
        """Bring a candidate into view."""
        self._set(selected=candidate_id, notice="")
        self._go()

    def step(self, by: int) -> None:
        """Bring the next (1) or the previous (-1) candidate into view."""
        self.select(neighbour_of(self.state.candidates, self.state.selected, by))

    def accept(self) -> None:
        """Make the candidate in view a lesion of the session: one step; then go to the next open one."""
        candidate, volume = self.state.candidate, self.state.volume
        if candidate is None or volume is None:
            self._set(notice=words.NONE_CHOSEN)
            return
        there = self.state.lesion_at(candidate)
        if there is not None:
            self._set(notice=words.ALREADY.format(number=there.number))
            return
        lesion = candidate.lesion(volume)
        self.room.apply(AddLesion(lesion))
        if any(one.id == lesion.id for one in self.room.state.lesions):
            self.room.select(lesion.id)
            self._set(refused=self.state.refused - {candidate.id})
            self._go_on()
        else:
            self._set(notice=self.room.state.notice)

    def refuse(self) -> None:
        """Leave the candidate in view out, or take that back."""
        candidate = self.state.candidate
        if candidate is None:
            self._set(notice=words.NONE_CHOSEN)
            return
        there = self.state.lesion_at(candidate)
        if there is not None:
            self._set(notice=words.ALREADY.format(number=there.number))
        elif candidate.id in self.state.refused:
            self._set(refused=self.state.refused - {candidate.id}, notice="")
        else:
            self._set(refused=self.state.refused | {candidate.id}, notice="")
            self._go_on()

    def _go_on(self) -> None:
        following = self.state.next_open()
        if following != self.state.selected:
            self.select(following)

    def _go(self) -> None:
        candidate = self.state.candidate
        if candidate is not None:
            self.room.pointed.emit(candidate.centroid_lps_mm)

    # -- state ----------------------------------------------------------------------------

    def _follow(self, room: RoomState) -> None:
        """Follow the room: another study begins anew, and lesions mark candidates."""
        if room.volume is self.state.volume:
            self._set(lesions=room.lesions)
            return
        if self._job is not None:
            # Its answer is for a study that has gone.
            self._job.cancel()
            self._job = None
        kept = {"model": self.state.model, "demonstration": self.state.demonstration}
        self.state = FindState()
        self._set(volume=room.volume, lesions=room.lesions, **kept)

    def _set(self, **changes: Any) -> None:
        before, self.state = self.state, replace(self.state, **changes)
        if not self._closed and (self.state != before or "status" in changes or "volume" in changes):
            self.changed.emit(self.state)

    def close(self) -> None:
        """End the search and the thread."""
        if not self._closed:
            self._closed = True
            self.room.changed.disconnect(self._follow, missing_ok=True)
            self._stop.cancel()
            self.worker.close()


def pictures_of(volume: CTVolume, found: Search) -> dict[str, Picture]:
    """Cut each candidate's picture, with the box that it would have as a lesion."""
    cut = {one.id: own_picture(volume, one.lesion(volume)) for one in found.candidates}
    return {key: picture for key, picture in cut.items() if picture is not None}
