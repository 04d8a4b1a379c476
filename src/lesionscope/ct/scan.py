"""Open a path: find the series in it, load one of them as HU."""

from __future__ import annotations

import math
import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

from lesionscope.ct.alike import AlikeHeaders
from lesionscope.ct.facts import Header, Unreadable
from lesionscope.ct.headers import FIRST_READ_BYTES, alike_headers, looks_like_dicom, read_header
from lesionscope.ct.images import image_info, is_image, load_image
from lesionscope.ct.listing import list_series
from lesionscope.ct.loading import load_slices
from lesionscope.ct.peek import probably_ct as probably_ct
from lesionscope.ct.series import SeriesInfo, Skipped
from lesionscope.ct.sources import FileReader, FileRef
from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.errors import InputError
from lesionscope.progress import CancelToken, Progress, silent

__all__ = ["Scan", "SeriesInfo", "Skipped", "load", "open_ct", "probably_ct", "scan", "slice_series_uid"]

GIVE_A_CT = "give the folder or file of a CT"
MAX_FILES = 200_000
FEW_SLICES = 8
_IGNORED_NAMES = frozenset(("thumbs.db", "desktop.ini", "manifest.md", "license", "license.txt"))
_IGNORED_SUFFIXES = frozenset((".md", ".txt", ".csv", ".json", ".py", ".html", ".raw", ".zraw"))


@dataclass(frozen=True)
class Scan:
    """What a path holds: the series, and the files set aside with the reason."""

    series: tuple[SeriesInfo, ...]
    skipped: tuple[Skipped, ...] = ()

    def preferred(self) -> tuple[SeriesInfo, ...]:
        """Usable series, the one to open first coming first.

        CT before derived and reformatted pictures, whole volumes before a few slices,
        soft-tissue and lung reconstructions before bone ones, and among those the thinnest.
        """
        return tuple(sorted((s for s in self.series if s.usable), key=_rank))


def _rank(series: SeriesInfo) -> tuple[bool, bool, bool, bool, bool, float, int]:
    words = f"{series.description} {series.kernel}".lower()
    kinds = series.slices[0].header.image_type if series.slices else ()
    thickness = series.thickness_mm
    return (
        series.has("not-hu"),
        series.image is not None and any(word in words for word in ("mask", "label", "seg")),
        series.size[2] < FEW_SLICES,
        "DERIVED" in kinds or any(word in words for word in ("mip", "reformat", "mpr")),
        "bone" in words,
        round(thickness, 2) if thickness else math.inf,
        -series.size[2],
    )


def scan(path: str | Path, *, progress: Progress = silent, cancel: CancelToken | None = None) -> Scan:
    """Find the series in a folder (nested), a zip archive or a single file.

    Only headers are read. A single DICOM file is listed alone, not with its neighbours.

    Parameters
    ----------
    path
        Folder, ``.zip``, DICOM file (any name), NIfTI, NRRD or MetaImage file.
    progress, cancel
        Called and checked between files.

    Raises
    ------
    InputError
        The path doesn't exist or can't be read.
    Cancelled
        The person asked to stop.
    """
    root = Path(path)
    listed: list[SeriesInfo] = []
    headers: list[Header] = []
    skipped: list[Skipped] = []
    with FileReader() as reader, warnings.catch_warnings():
        # The parser's warnings quote values, names of patients among them.
        warnings.simplefilter("ignore")
        files, alike = _files(reader, root, skipped), alike_headers()
        for done, file in enumerate(files):
            if cancel is not None:
                cancel.check()
            progress(done, len(files), "Reading headers")
            try:
                found = _read(reader, file, alike)
            except (Unreadable, InputError) as error:
                skipped.append(Skipped(file.relative_to(root), str(error)))
                continue
            if isinstance(found, Header):
                headers.append(found)
            else:
                listed.append(found)
        series = list_series(reader, headers, str(root))
    progress(len(files), len(files), "Reading headers")
    return Scan((*series, *listed), tuple(skipped))


def _read(reader: FileReader, file: FileRef, alike: AlikeHeaders) -> Header | SeriesInfo:
    if is_image(file.name):
        return image_info(reader, file)
    return read_header(reader, file, alike)


def _files(reader: FileReader, root: Path, skipped: list[Skipped]) -> list[FileRef]:
    """List the files to look at; those that can't be are put into ``skipped``."""
    try:
        mode = root.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(f"{root} does not exist: check the path.") from error
    except OSError as error:
        raise InputError(f"{root} cannot be opened ({error.strerror}): check its permissions.") from error
    if stat.S_ISDIR(mode):
        files = _walk(reader, root, skipped)
        if not files and not skipped:
            raise InputError(f"{root} holds no files: choose a folder with the slices of a CT series.")
        return files
    if not stat.S_ISREG(mode):
        raise InputError(f"{root} is neither a file nor a folder: give the file, folder or zip of a CT.")
    if root.stat().st_size == 0:
        raise InputError(f"{root} is empty (0 bytes): fetch or export it again.")
    if _is_zip(reader, FileRef(root)):
        return _zip_members(reader, root, skipped)
    return [FileRef(root)]


def _walk(reader: FileReader, root: Path, skipped: list[Skipped]) -> list[FileRef]:
    files: list[FileRef] = []

    def refused(error: OSError) -> None:
        if Path(error.filename or root) == root:
            raise InputError(f"{root} cannot be opened ({error.strerror}): check its permissions.") from error
        skipped.append(Skipped(Path(error.filename).name, f"the folder cannot be opened ({error.strerror})"))

    for folder, folders, names in os.walk(root, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        place = Path(folder)
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _IGNORED_NAMES:
                continue
            file = FileRef(place / name)
            suffix = file.path.suffix.lower()
            if suffix in _IGNORED_SUFFIXES:
                skipped.append(Skipped(file.relative_to(root), "it is not a DICOM file"))
            elif not file.path.is_file():
                skipped.append(Skipped(file.relative_to(root), "it is no regular file"))
            elif suffix == ".zip":
                try:
                    files += _zip_members(reader, file.path, skipped)
                except InputError as error:
                    skipped.append(Skipped(file.relative_to(root), str(error)))
            else:
                files.append(file)
            if len(files) > MAX_FILES:
                raise InputError(
                    f"{root} holds more than {MAX_FILES:,} files: choose the study's own folder."
                )
    return files


def _is_zip(reader: FileReader, file: FileRef) -> bool:
    return reader.read(file, 0, 4) in (b"PK\x03\x04", b"PK\x05\x06")


def _zip_members(reader: FileReader, path: Path, skipped: list[Skipped]) -> list[FileRef]:
    files = []
    for member, objection in reader.members(path):
        name = Path(member.member).name
        if name.startswith(".") or member.member.startswith("__MACOSX") or name.lower() in _IGNORED_NAMES:
            continue
        if objection:
            skipped.append(Skipped(member.name, objection))
        elif name.lower().endswith(".zip"):
            skipped.append(Skipped(member.name, "an archive inside an archive; unpack it first"))
        else:
            files.append(member)
        if len(files) > MAX_FILES:
            raise InputError(
                f"{path.name} holds more than {MAX_FILES:,} files: choose the study's own folder."
            )
    return files


def load(series: SeriesInfo, *, progress: Progress = silent, cancel: CancelToken | None = None) -> CTVolume:
    """Read a series' pixels as HU.

    Parameters
    ----------
    series
        A usable one of :func:`scan`'s.
    progress, cancel
        Called and checked between slices.

    Returns
    -------
    CTVolume
        ``hu`` is int16 where slope, intercept and values allow, float32 otherwise.
        Slices that turn out damaged are left out, with findings that name them.

    Raises
    ------
    InputError
        The series isn't usable, or none of its slices can be read.
    Cancelled
        The person asked to stop.
    """
    if not series.usable or series.geometry is None:
        reasons = " ".join(finding.message for finding in series.findings)
        name = series.description or series.modality or "unnamed"
        raise InputError(f"The series “{name}” cannot be opened as a volume. {reasons}".rstrip())
    with FileReader() as reader:
        if series.image is not None:
            progress(0, 1, "Reading the image")
            volume = load_image(reader, series)
            progress(1, 1, "Reading the image")
            return volume
        return load_slices(reader, series, progress, cancel)


def open_ct(
    path: str | Path,
    series_uid: str | None = None,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> CTVolume:
    """Scan a path and load one series: the named one, else the preferred one.

    Raises
    ------
    InputError
        There is no such series, or none that can be used; the sentence says why.
    """
    found = scan(path, progress=progress, cancel=cancel)
    if series_uid is not None:
        for series in found.series:
            if series.uid == series_uid:
                return load(series, progress=progress, cancel=cancel)
        raise InputError(
            f"{path} holds no series with the UID {series_uid}: `lesionscope info` lists those there are."
        )
    usable = found.preferred()
    if not usable:
        raise InputError(f"{path} holds no CT series that can be read{why_nothing(found)}: {GIVE_A_CT}.")
    return load(usable[0], progress=progress, cancel=cancel)


def why_nothing(found: Scan) -> str:
    """Say in brackets why a scan has nothing to offer; ``""`` where nobody knows."""
    reasons = [_first_sentence(s.findings) for s in found.series if not s.usable and s.findings]
    reasons += [f"{skipped.file}: {skipped.reason}" for skipped in found.skipped]
    few = list(dict.fromkeys(reason.rstrip(".") for reason in reasons))
    if not few:
        return ""
    more = f"; and {len(few) - 3} more" if len(few) > 3 else ""
    return f" ({'; '.join(few[:3])}{more})"


def _first_sentence(findings: tuple[Finding, ...]) -> str:
    return findings[0].message


def slice_series_uid(path: str | Path) -> str:
    """Return the SeriesInstanceUID of a file that is one slice; ``""`` for anything else.

    Safe on any file: bounded as :func:`scan` is, and it never raises.
    """
    file = FileRef(Path(path))
    try:
        with FileReader() as reader, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_image(file.name) or not looks_like_dicom(reader.read(file, 0, FIRST_READ_BYTES)):
                return ""
            header = read_header(reader, file)
    except (Unreadable, InputError):
        return ""
    return header.series_uid if header.pixels.frames == 1 else ""
