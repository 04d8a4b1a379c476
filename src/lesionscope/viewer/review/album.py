"""The images of a project's lesions, read in the background, the next one ahead of time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window, default_window, preset
from lesionscope.progress import CancelToken, Progress
from lesionscope.session.images import open_images
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.viewer.workers import Job, Worker

KEPT = 3
"""Volumes held at once: the one in sight, the one before, the one ahead."""
Key = tuple[object, ...]


class Album:
    """Reads the images that are asked for; those wanted last are the ones that are told of.

    Parameters
    ----------
    worker
        The thread that reads.
    on_images
        Called with a lesion's id and its volume.
    on_failure
        Called with a lesion's id and a sentence for the person.
    """

    def __init__(
        self,
        worker: Worker,
        on_images: Callable[[str, CTVolume], None],
        on_failure: Callable[[str, str], None],
    ) -> None:
        self._worker, self._on_images, self._on_failure = worker, on_images, on_failure
        self._volumes: OrderedDict[Key, CTVolume] = OrderedDict()
        self._jobs: dict[Key, Job] = {}
        self._wanted: tuple[str, Key] = ("", ())

    def want(self, study: Study, lesion: MinedLesion) -> bool:
        """Tell of a lesion's images, at once where they are here; answers whether they were."""
        key = _key(study, lesion)
        self._wanted = lesion.id, key
        for other in [other for other in self._jobs if other != key]:
            self._jobs.pop(other).cancel()
        if key in self._volumes:
            self._volumes.move_to_end(key)
            self._on_images(lesion.id, self._volumes[key])
            return True
        self._read(study, lesion, key)
        return False

    def ahead(self, study: Study, lesion: MinedLesion) -> None:
        """Read images that will be wanted next."""
        key = _key(study, lesion)
        if key not in self._volumes:
            self._read(study, lesion, key)

    def clear(self) -> None:
        """Forget everything: another project comes."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs.clear()
        self._volumes.clear()
        self._wanted = ("", ())

    def _read(self, study: Study, lesion: MinedLesion, key: Key) -> None:
        if key in self._jobs:
            return

        def task(cancel: CancelToken, progress: Progress) -> CTVolume:
            return open_images(study, lesion, progress=progress, cancel=cancel)

        self._jobs[key] = self._worker.submit(
            task,
            done=partial(self._keep, key),
            failed=partial(self._failed, key),
        )

    def _keep(self, key: Key, volume: CTVolume) -> None:
        self._jobs.pop(key, None)
        self._volumes[key] = volume
        while len(self._volumes) > KEPT:
            self._volumes.popitem(last=False)
        lesion_id, wanted = self._wanted
        if wanted == key:
            self._on_images(lesion_id, volume)

    def _failed(self, key: Key, sentence: str) -> None:
        self._jobs.pop(key, None)
        lesion_id, wanted = self._wanted
        if wanted == key:
            self._on_failure(lesion_id, sentence)


def _key(study: Study, lesion: MinedLesion) -> Key:
    return study.path, study.series_uid, lesion.slices


def window_for(lesion: MinedLesion, volume: CTVolume) -> Window:
    """Return the window that a reader would look at a lesion in, by what the report said of its place."""
    if not lesion.labels:
        return default_window(volume)
    return preset(next((name for name in ("bone", "lung") if name in lesion.relevant), "soft-tissue"))
