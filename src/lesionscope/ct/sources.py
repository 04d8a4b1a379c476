"""Files as the reader sees them: on disk, or inside a zip archive that is never unpacked.

Archives are read in memory, member by member, so that no name in one (``../``, an
absolute path) can lead outside it, and a member that would inflate out of proportion
is refused before it is opened.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

from lesionscope.errors import InputError

LOOK = "check that it is there and may be read, or fetch it again"
MAX_MEMBER_BYTES = 1 << 32
MAX_INFLATION = 100
SMALL_BYTES = 1 << 16
"""As much may be asked for without a look at how much there is."""
INFLATION_FREE_BYTES = 1 << 26
"""Members below this size may shrink as far as they like (blank pictures do)."""

# What reading an archive that is garbled raises, beside the system's own errors.
_ARCHIVE_DAMAGE = (
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class FileRef:
    """A file on disk, or the member of a zip archive on disk."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """How messages call it: the file's own name, after its archive's where it has one."""
        return f"{self.path.name}:{self.member}" if self.member else self.path.name

    def relative_to(self, root: Path) -> str:
        """Return the path below ``root``, or the bare name where it isn't below it."""
        try:
            shown = self.path.relative_to(root).as_posix()
        except ValueError:
            shown = self.path.name
        shown = self.path.name if shown == "." else shown
        return f"{shown}:{self.member}" if self.member else shown


class FileReader:
    """Reads parts of files, keeping the archive in use open; a context manager."""

    def __init__(self) -> None:
        self._archive: zipfile.ZipFile | None = None
        self._archive_path: Path | None = None

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the archive in use, if any."""
        if self._archive is not None:
            self._archive.close()
        self._archive = self._archive_path = None

    def archive(self, path: Path) -> zipfile.ZipFile:
        """Open a zip archive, or return it where it is the one already open."""
        if self._archive is None or self._archive_path != path:
            self.close()
            try:
                self._archive = zipfile.ZipFile(path)
            except _ARCHIVE_DAMAGE as error:
                raise InputError(
                    f"{path.name} could not be opened as a zip archive ({_short(error)}): "
                    "fetch it again, or unpack it and open the folder."
                ) from error
            self._archive_path = path
        return self._archive

    def members(self, path: Path) -> list[tuple[FileRef, str]]:
        """List an archive's files: each with the reason it must be left alone, or ``""``."""
        found: list[tuple[FileRef, str]] = []
        for entry in self.archive(path).infolist():
            if entry.filename and not entry.is_dir():
                found.append((FileRef(path, entry.filename), _objection(entry)))
        return found

    def size(self, file: FileRef) -> int:
        """Return the file's size in bytes (inflated, for a member of an archive).

        Raises
        ------
        InputError
            The file is gone or out of reach; the sentence names it.
        """
        try:
            if file.member:
                return self.archive(file.path).getinfo(file.member).file_size
            return file.path.stat().st_size
        except _ARCHIVE_DAMAGE as error:
            raise InputError(f"{file.name} could not be read ({_short(error)}): {LOOK}.") from error

    def read(self, file: FileRef, start: int = 0, count: int = -1) -> bytes:
        """Read ``count`` bytes from ``start`` (all that follow, if negative; fewer at the end).

        Raises
        ------
        InputError
            The file can't be read; the sentence names it.
        """
        try:
            if file.member:
                entry = self.archive(file.path).getinfo(file.member)
                if reason := _objection(entry):
                    raise InputError(f"{file.name} is left alone: {reason}.")
                with self.archive(file.path).open(entry) as stream:
                    if start:
                        stream.seek(start)
                    return stream.read(count)
            if 0 <= count <= SMALL_BYTES:
                with file.path.open("rb", buffering=0) as plain:
                    if start:
                        plain.seek(start)
                    return plain.read(count)
            with file.path.open("rb") as plain:
                if start:
                    plain.seek(start)
                # A length that a damaged header claims must not become an allocation.
                left = max(plain.seek(0, 2) - start, 0)
                plain.seek(start)
                return plain.read(left if count < 0 else min(count, left))
        except _ARCHIVE_DAMAGE as error:
            raise InputError(f"{file.name} could not be read ({_short(error)}): {LOOK}.") from error


def _objection(entry: zipfile.ZipInfo) -> str:
    """Say why a member of an archive must not be opened; ``""`` where nothing speaks against it."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return "its name points outside the archive"
    if entry.flag_bits & 1:
        return "it is encrypted; unpack it with its password first"
    size, packed = entry.file_size, max(entry.compress_size, 1)
    if size > MAX_MEMBER_BYTES or (size > INFLATION_FREE_BYTES and size > MAX_INFLATION * packed):
        return f"it would inflate from {_megabytes(packed)} to {_megabytes(size)} MB, as no scan does"
    return ""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f}" if count < 1e7 else f"{count / 1e6:.0f}"


def _short(error: BaseException) -> str:
    """Return an operating system's or library's reason without paths."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
