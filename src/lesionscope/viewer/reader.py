"""The npe2 reader: folders, zips, single slices and volume files become one ``CT`` layer.

The layer's metadata hold the volume; a room that sees it takes it over as its
study. Whatever napari's reader interface asks for, a series is opened once: of
300 slices dropped together the first opens the series, the others add nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesionscope.errors import Cancelled, InputError

if TYPE_CHECKING:
    from lesionscope.ct.scan import Scan, SeriesInfo
    from lesionscope.ct.volume import CTVolume
    from lesionscope.progress import CancelToken, Progress

LayerData = tuple[Any, ...]
Reader = Callable[[Any], list[LayerData]]
NOTHING: list[LayerData] = [(None,)]
"""What npe2 takes for "read, and there is no layer to add"."""
BURST_S = 10.0
"""Files of an opened series that come within so many seconds of each other were dropped together."""


@dataclass
class _Burst:
    """The series that was opened last, to know its further files by."""

    folder: Path | None = None
    series_uid: str = ""
    at: float = field(default=-BURST_S)

    def holds(self, path: Path, series_uid: str) -> bool:
        recent = time.monotonic() - self.at < BURST_S
        return recent and series_uid == self.series_uid and path.parent == self.folder

    def renew(self) -> None:
        self.at = time.monotonic()


_burst = _Burst()


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Answer with a reader where there is DICOM or may be CT at ``path``, with ``None`` elsewhere.

    Parameters
    ----------
    path
        A file or folder, or the files that were opened together.

    Returns
    -------
    callable or None
        ``None`` comes within 100 ms also for a big folder without either.
    """
    from lesionscope.ct.peek import probably_ct

    first = _first(path)
    return read if first is not None and probably_ct(first) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Open the series at ``path`` as a layer, asking which where there are several.

    Raises
    ------
    InputError
        There is no usable CT there; says what was found instead.
    """
    first = _first(path)
    if first is None:
        raise InputError("No file was given: choose a folder or a file with CT images.")
    from lesionscope.viewer.image import image_options

    try:
        opened = open_study(first)
    except Cancelled:
        return list(NOTHING)
    if opened is None:
        return list(NOTHING)
    volume, shown = opened
    return [(shown.hu, image_options(volume, shown), "image")]


def open_study(path: str | Path) -> tuple[CTVolume, CTVolume] | None:
    """Find, choose and load a series behind a progress window.

    Parameters
    ----------
    path
        A folder, zip or file; for one slice the whole series in its folder opens.

    Returns
    -------
    tuple or None
        The volume as read and the volume as shown; ``None`` where nobody chose a
        series, or where the series was opened a moment ago.

    Raises
    ------
    Cancelled
        The person pressed Cancel while it was read.
    InputError
        There is no usable CT there.
    """
    from lesionscope.ct.display import display_volume
    from lesionscope.ct.scan import load, scan, slice_series_uid
    from lesionscope.viewer.beside_desk import remember
    from lesionscope.viewer.busy import with_progress
    from lesionscope.viewer.series_choice import choose

    path = Path(path)
    series_uid = slice_series_uid(path) if path.is_file() else ""
    if series_uid and _burst.holds(path, series_uid):
        _burst.renew()
        return None
    place = path.parent if series_uid else path
    remember(place.absolute())

    def look(progress: Progress, cancel: CancelToken) -> Scan:
        return scan(place, progress=progress, cancel=cancel)

    found = with_progress("Looking for CT series…", look)
    usable = _usable(found, path, series_uid)
    chosen = choose(usable, usable[0])
    if chosen is None:
        return None

    def fetch(progress: Progress, cancel: CancelToken) -> tuple[CTVolume, CTVolume]:
        volume = load(chosen, progress=progress, cancel=cancel)
        return volume, display_volume(volume)

    opened = with_progress("Loading the series…", fetch)
    if series_uid:
        _burst.folder, _burst.series_uid = path.parent, series_uid
        _burst.renew()
    return opened


def _first(path: str | Sequence[str]) -> Path | None:
    if isinstance(path, str | Path):
        return Path(path)
    return Path(path[0]) if len(path) else None


def _usable(found: Scan, path: Path, series_uid: str) -> tuple[SeriesInfo, ...]:
    """Series that can be opened, the preferred one first; for one slice, its own series if possible."""
    from lesionscope.ct.scan import why_nothing

    usable = found.preferred()
    # Further volumes of one series have its UID with "#2", "#3"… behind it.
    mine = tuple(info for info in usable if series_uid and info.uid.split("#")[0] == series_uid)
    if mine or usable:
        return mine or usable
    raise InputError(
        f"{path} holds no CT series that can be shown{why_nothing(found)}: "
        "choose a folder with the slices of a CT series, or a NIfTI, NRRD or MetaImage file."
    )
