"""The images that a scan was read from, found again where they lay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError
from lesionscope.report.damage import damage


def source_images(uids: Sequence[str], path: Path, *, pixels: bool = False) -> list[Any]:
    """Read some images, in the order of ``uids``, from where the scan was read.

    Parameters
    ----------
    uids
        Their SOPInstanceUIDs.
    path
        A file, or a folder with everything below it.
    pixels
        Whether to read the pixels too, not the headers alone.

    Raises
    ------
    InputError
        Some are no longer there.
    """
    from pydicom import dcmread

    wanted = set(uids)
    found: dict[str, Any] = {}
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if len(found) == len(wanted) or not file.is_file():
            continue
        try:
            name = dcmread(file, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).get(
                "SOPInstanceUID"
            )
            if name in wanted:
                found[name] = dcmread(file, stop_before_pixels=not pixels)
        except damage():
            continue  # other and damaged files may lie beside the images
    if len(found) < len(wanted):
        raise InputError(
            f"{path} no longer holds {len(wanted) - len(found)} of the images that the lesions lie on "
            "(images in a zip archive can't be referred to): put them back."
        )
    return [found[uid] for uid in uids]
