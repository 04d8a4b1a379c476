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
    """Answer with a reader where there may be CT at ``path``, with ``None`` elsewhere.

    Parameters
    ----------
    path
        A file or folder, or the files that were opened together.

    Returns
    -------
    callable or None
        ``None`` comes within 100 ms also for a big folder without CT.
    """
    from lesionscope.ct.scan import probably_ct

    first = _first(path)
    if first is None or not first.exists():
        return None
    try:
        return read if probably_ct(first) else None
    except OSError:
        return None


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
    from lesionscope.ct.scan import load, scan
    from lesionscope.viewer.busy import with_progress
    from lesionscope.viewer.series_choice import choose

    path = Path(path)
    series_uid = _slice_series(path)
    if series_uid and _burst.holds(path, series_uid):
        _burst.renew()
        return None
    place = path.parent if series_uid else path

    def look(progress: Progress, cancel: CancelToken) -> Scan:
        return scan(place, progress=progress, cancel=cancel)

    found = with_progress("Looking for CT series…", look)
    usable = _usable(found, path, series_uid)
    preferred = _preferred(found, usable)
    chosen = choose(usable, preferred)
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


def _slice_series(path: Path) -> str:
    """SeriesInstanceUID of a file that is one slice of a DICOM series; empty for anything else."""
    if not path.is_file():
        return ""
    import pydicom
    from pydicom.errors import InvalidDicomError

    tags = ["SeriesInstanceUID", "NumberOfFrames"]
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    except (InvalidDicomError, OSError, ValueError, EOFError):
        return ""
    if int(header.get("NumberOfFrames") or 1) > 1:
        return ""
    return str(header.get("SeriesInstanceUID") or "")


def _usable(found: Scan, path: Path, series_uid: str) -> tuple[SeriesInfo, ...]:
    """Series that can be opened; for one slice, those that the slice may belong to."""
    series = found.series
    if series_uid:
        mine = tuple(info for info in series if info.uid == series_uid or info.uid.startswith(series_uid))
        series = mine or series
    usable = tuple(info for info in series if info.usable)
    if usable:
        return usable
    reasons = [finding.message for info in series for finding in info.findings]
    reasons += [f"{Path(skipped.file).name}: {skipped.reason}" for skipped in found.skipped]
    why = f" ({'; '.join(dict.fromkeys(reasons[:3]))})" if reasons else ""
    raise InputError(
        f"{path} holds no CT series that can be shown{why}: choose a folder with the slices of a CT series."
    )


def _preferred(found: Scan, usable: tuple[SeriesInfo, ...]) -> SeriesInfo:
    """Take the scan's own favourite where it is among the usable ones, else the first of them."""
    favourite = found.preferred()
    for info in usable:
        if info is favourite or (isinstance(favourite, tuple) and favourite and info is favourite[0]):
            return info
    return usable[0]
