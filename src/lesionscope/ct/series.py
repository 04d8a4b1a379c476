"""A series as the scan lists it: what it is, where its slices are, whether it can be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lesionscope.ct.facts import Frame, Header
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.sources import FileRef
from lesionscope.ct.volume import Finding, Patient, Source


@dataclass(frozen=True)
class Slice:
    """One slice: a file's header and the frame in it."""

    header: Header
    frame: Frame

    @property
    def name(self) -> str:
        """How messages call it: the file, and the frame where there are several."""
        if self.header.pixels.frames > 1:
            return f"{self.header.file.name} (frame {self.frame.index + 1})"
        return self.header.file.name


@dataclass(frozen=True)
class Skipped:
    """A file set aside, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class SeriesInfo:
    """One volume (or set-aside series) that a scan found; nothing of its pixels is read yet.

    Parameters
    ----------
    source
        Identifiers; ``source.uid`` is the series' own UID, with ``#2``, ``#3``… for
        further volumes of one series.
    size
        Columns, rows, slices.
    geometry
        ``None`` where the files give no usable one.
    usable
        Whether :func:`lesionscope.ct.scan.load` makes a volume of it.
    findings
        What was noticed, in the order it matters.
    """

    source: Source
    size: tuple[int, int, int]
    geometry: Geometry | None
    usable: bool
    findings: tuple[Finding, ...] = ()
    slices: tuple[Slice, ...] = field(default=(), repr=False)
    image: FileRef | None = field(default=None, repr=False)

    @property
    def uid(self) -> str:
        """SeriesInstanceUID (see :class:`~lesionscope.ct.volume.Source`)."""
        return self.source.uid

    @property
    def modality(self) -> str:
        """Modality, e.g. ``CT``."""
        return self.source.modality

    @property
    def description(self) -> str:
        """SeriesDescription, or the file's name where the format has none."""
        return self.source.description

    @property
    def series_number(self) -> int | None:
        """SeriesNumber."""
        return self.source.series_number

    @property
    def study_date(self) -> str:
        """StudyDate as YYYYMMDD, or ``""``."""
        return self.source.study_date

    @property
    def kernel(self) -> str:
        """ConvolutionKernel, or ``""``."""
        return self.source.kernel

    @property
    def patient(self) -> Patient:
        """Who was scanned: for the banner and reports only."""
        return self.source.patient

    @property
    def thickness_mm(self) -> float | None:
        """Slice thickness, else the step between slices, else ``None``."""
        if self.geometry is None:
            return None
        return self.geometry.slice_thickness_mm or self.geometry.spacing_mm[2]

    def has(self, code: str) -> bool:
        """Whether a finding with this code was made."""
        return any(finding.code == code for finding in self.findings)


def named(names: Iterable[str], limit: int = 3) -> str:
    """List a few names, and how many more there are."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"
