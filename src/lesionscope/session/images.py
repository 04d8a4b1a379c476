"""The images that a project's lesion lies in, read when it is shown."""

from __future__ import annotations

from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.deeplesion_volume import read_volume
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.session.mined import MinedLesion, Study


def open_images(
    study: Study, lesion: MinedLesion, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> CTVolume:
    """Read a lesion's images; its marks (``lesion.lesion``) are in their LPS mm.

    Raises
    ------
    InputError
        They are not where they were at import, or can't be read.
    """
    if lesion.slices is not None:
        return read_volume(study.path, lesion.slices)
    return open_ct(study.path, study.series_uid or None, progress=progress, cancel=cancel)
