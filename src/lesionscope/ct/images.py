"""NIfTI, NRRD and MetaImage volumes, by SimpleITK, which turns every convention to LPS."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.facts import Unreadable
from lesionscope.ct.geometry import AXIS_TOLERANCE, Geometry
from lesionscope.ct.nifti import (
    NOT_PERPENDICULAR,
    is_nifti_2,
    is_whole,
    orientation_findings,
    plain_voxels,
)
from lesionscope.ct.quiet import quiet_decoders
from lesionscope.ct.series import SeriesInfo
from lesionscope.ct.sources import FileReader, FileRef
from lesionscope.ct.text_headers import data_file, foreign_unit, says_orientation
from lesionscope.ct.volume import CTVolume, Finding, Source
from lesionscope.errors import InputError

if TYPE_CHECKING:
    import SimpleITK

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
MAX_VOXELS = 1 << 31
PLAUSIBLE_MINIMUM_HU = -200.0
PLAUSIBLE_MAXIMUM_HU = 20.0

_MEMBER_CHUNK = 1 << 24
_CHUNK = 1 << 20


def is_image(name: str) -> bool:
    """Whether a file name is that of a NIfTI, NRRD or MetaImage file."""
    return name.lower().endswith(SUFFIXES)


@contextmanager
def _on_disk(reader: FileReader, file: FileRef) -> Iterator[Path]:
    """Give a path that SimpleITK can open; a zip member is copied under a name of our own.

    So is a ``.nii.gz`` beside its ``.nii``: whichever of the two it is sent to, ITK reads the latter.
    """
    twin = file.path.name.lower().endswith(".nii.gz") and file.path.with_suffix("").exists()
    if not file.member and not twin:
        yield file.path
        return
    name = (file.member or file.path.name).lower()
    suffix = next(s for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s))
    with tempfile.TemporaryDirectory(prefix="lesionscope-") as folder:
        path = Path(folder) / f"image{suffix}"
        with path.open("wb") as stream:
            at = 0
            while chunk := reader.read(file, at, _MEMBER_CHUNK):
                stream.write(chunk)
                at += len(chunk)
        yield path


def _digest_uid(reader: FileReader, files: list[FileRef]) -> str:
    """Make a UID of the content, detached voxels included (PS3.5 B.2 form): a renamed copy is the same."""
    digest = hashlib.sha256()
    for file in files:
        # An archive's member is inflated from its start for each.
        at, most = 0, _MEMBER_CHUNK if file.member else _CHUNK
        while chunk := reader.read(file, at, most):
            digest.update(chunk)
            at += len(chunk)
    return f"2.25.{int.from_bytes(digest.digest()[:16], 'big')}"


def image_info(reader: FileReader, file: FileRef) -> SeriesInfo:
    """Describe an image file from its header.

    Raises
    ------
    Unreadable
        It is damaged, too big, or no volume.
    """
    import SimpleITK

    data = None if _is_nifti(file) else data_file(reader, file)
    if not _is_nifti(file) and (unit := foreign_unit(reader, file)):
        raise Unreadable(
            f"its header gives lengths in {unit}, which this program reads as mm only: convert it"
        )
    with _on_disk(reader, file) as path:
        if _is_nifti(file) and is_nifti_2(path):
            raise Unreadable("it is in the format NIfTI-2, which is not supported: save it as NIfTI-1")
        header = SimpleITK.ImageFileReader()
        header.SetFileName(str(path))
        try:
            with quiet_decoders():
                header.ReadImageInformation()
        except RuntimeError as error:
            raise Unreadable(_reason(error)) from error
        size = tuple(int(n) for n in header.GetSize())
        if not 3 <= len(size) <= 4:
            raise Unreadable(f"it has {len(size)} dimensions; a CT volume has three")
        whole = not _is_nifti(file) or is_whole(path)
        about_orientation = _about_orientation(reader, file, path, header)
    if math.prod(size) > MAX_VOXELS or min(size) < 1:
        raise Unreadable(
            f"its header announces {'×'.join(map(str, size))} voxels, more than this program reads"
        )
    findings: list[Finding] = []
    usable = whole
    if not whole:
        findings.append(
            Finding("truncated", f"{file.name} ends before its voxels do; fetch or convert it again.")
        )
    findings += about_orientation
    if math.prod(size[3:]) > 1:
        usable = False
        findings.append(
            Finding("time-points", f"It holds {math.prod(size[3:])} volumes; extract one of them to read it.")
        )
    kind = header.GetPixelIDTypeAsString() if hasattr(header, "GetPixelIDTypeAsString") else ""
    pixel = header.GetPixelID()
    if header.GetNumberOfComponents() != 1:
        raise Unreadable("it is a colour or vector image")
    if pixel in (SimpleITK.sitkUInt8, SimpleITK.sitkLabelUInt8, SimpleITK.sitkInt8):
        usable = False
        findings.append(
            Finding(
                "not-hu", f"Its voxels are 8-bit{f' ({kind})' if kind else ''}: a mask or picture, not HU."
            )
        )
    matrix = _direction(header)
    matrix[np.abs(matrix) < 1e-7] = 0.0
    spacing, origin = header.GetSpacing(), header.GetOrigin()
    try:
        geometry = Geometry(
            size=(size[0], size[1], size[2]),
            spacing_mm=(spacing[0], spacing[1], None if size[2] == 1 else spacing[2]),
            origin_lps_mm=(origin[0], origin[1], origin[2]),
            direction=tuple(float(v) for v in matrix.ravel()),
            offsets_mm=(0.0,) if size[2] == 1 else None,
            slice_thickness_mm=spacing[2] if size[2] == 1 else None,
        )
    except ValueError as error:
        raise Unreadable(f"its geometry makes no sense: {error}") from error
    if size[2] == 1:
        findings.append(Finding("single-slice", "Only one slice: the spacing between slices is unknown."))
    if not geometry.is_axis_aligned and float(np.abs(geometry.axes).max(axis=0).min()) < 1 - AXIS_TOLERANCE:
        findings.append(Finding("oblique", "Slices are oblique to the patient's axes."))
    source = Source(
        uid=_digest_uid(reader, [file, data] if data else [file]),
        modality="CT",
        description=Path(file.member or file.path.name).name,
        path=str(file.path),
    )
    return SeriesInfo(source, geometry.size, geometry, usable, tuple(findings), image=file)


def _is_nifti(file: FileRef) -> bool:
    return file.name.lower().endswith((".nii", ".nii.gz"))


def _direction(header: SimpleITK.ImageFileReader) -> NDArray[np.float64]:
    """Return the axes of the first three dimensions, as columns (LPS)."""
    dimension = header.GetDimension()
    return np.array(header.GetDirection(), dtype=np.float64).reshape(dimension, dimension)[:3, :3]


def _about_orientation(
    reader: FileReader, file: FileRef, path: Path, header: SimpleITK.ImageFileReader
) -> list[Finding]:
    """Say where the orientation that ITK gives is made up, or contradicted by the file itself."""
    if _is_nifti(file):
        taken = np.eye(4)
        taken[:3, :3] = _direction(header) * header.GetSpacing()[:3]
        taken[:3, 3] = header.GetOrigin()[:3]
        columns, rows, slices = header.GetSize()[:3]
        return orientation_findings(path, (columns, rows, slices), taken)
    if says_orientation(reader, file):
        return []
    return [
        Finding(
            "no-geometry",
            "The file does not say how its voxels lie in the patient: left and right, front and back, head "
            "and feet are a guess.",
        )
    ]


def load_image(reader: FileReader, series: SeriesInfo) -> CTVolume:
    """Read an image file's voxels as HU.

    Integer voxels become int16 where all fit, float32 otherwise; floats stay float32.

    Raises
    ------
    InputError
        The file is damaged or has gone.
    """
    import SimpleITK

    assert series.image is not None and series.geometry is not None
    with _on_disk(reader, series.image) as path:
        try:
            values: NDArray[Any] | None = plain_voxels(path, series.size) if _is_nifti(series.image) else None
            if values is None:
                with quiet_decoders():
                    image = SimpleITK.ReadImage(str(path))
        except (RuntimeError, Unreadable) as error:
            raise InputError(
                f"{series.image.name} could not be read: {_reason(error)}. Fetch or convert it again."
            ) from error
    shown = values is None  # memory of an image that goes
    if values is None:
        if image.GetDimension() == 4:
            image = image[:, :, :, 0]
        values = SimpleITK.GetArrayViewFromImage(image)
    findings = list(series.findings)
    hu: NDArray[np.int16] | NDArray[np.float32]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if values.dtype.kind in "iu" and low >= -32768 and high <= 32767:
        hu = values.astype(np.int16, copy=shown)
    else:
        hu = values.astype(np.float32, copy=shown)
        broken = ~np.isfinite(hu)
        if broken.any():
            hu[broken] = -1024.0
            findings.append(
                Finding("not-finite", f"{int(broken.sum())} voxels held no number; they are shown as air.")
            )
    if (
        not math.isfinite(low) or low > PLAUSIBLE_MINIMUM_HU or high < PLAUSIBLE_MAXIMUM_HU
    ) and not series.has("not-hu"):
        findings.append(
            Finding(
                "not-hu",
                f"Values from {low:g} to {high:g} do not look like the HU of a CT: no air is among them, or "
                "nothing else.",
            )
        )
    return CTVolume(hu, series.geometry, series.source, tuple(findings))


def _reason(error: Exception) -> str:
    """Make a sentence part of what ITK says, without its paths."""
    text = str(error)
    if "orthonormal" in text:
        return NOT_PERPENDICULAR
    return "it is damaged or not in the format its name says"
