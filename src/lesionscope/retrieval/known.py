"""A known lesion, and one that was found to be like another; frozen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Origin:
    """Where a known lesion can be seen; never a path, for paths may hold names.

    Parameters
    ----------
    reference
        What the maker of the bank calls it: ``phantom:train/17/2``, ``deeplesion:000001_01_01_109.png``,
        a case's id.
    series_uid
        SeriesInstanceUID, or "" where there is none.
    centroid_lps_mm
        The middle of its box in that series, where it is known.
    """

    reference: str
    series_uid: str = ""
    centroid_lps_mm: Point | None = None


@dataclass(frozen=True, eq=False)
class KnownLesion:
    """One lesion of a bank.

    Parameters
    ----------
    id
        Unique in its bank.
    embedding
        float32 ``(d,)`` of the bank's package; a bank keeps it at length 1.
    labels
        What is known of it.
    sentence
        What a report said of it, or "".
    thumbnail
        int16 HU ``(rows, columns)``: its key slice at 1 mm, rows to the back, columns to the left.
    box
        Its box: x0, y0, x1, y1 in the thumbnail's pixels.
    patient_key, study_key
        See :mod:`lesionscope.retrieval.keys`; never a name or a number of the patient's.
    origin
        Where it can be seen.
    long_mm, short_mm
        Its diameters, where they were measured.
    """

    id: str
    embedding: NDArray[np.float32] = field(repr=False)
    labels: tuple[str, ...]
    sentence: str = field(repr=False)
    thumbnail: NDArray[np.int16] = field(repr=False)
    box: Box
    patient_key: str
    study_key: str
    origin: Origin
    long_mm: float | None = None
    short_mm: float | None = None


@dataclass(frozen=True, eq=False)
class UnreadLesion:
    """A lesion on its way into a bank: what a network will see of it, and what is known.

    Parameters
    ----------
    hu
        ``(3, 120, 120)`` as :mod:`lesionscope.ct.patches` cuts it.
    patch_box
        Its box: x0, y0, x1, y1 in the patch's pixels.
    id, labels, sentence, patient_key, study_key, origin, long_mm, short_mm
        As in :class:`KnownLesion`.
    given
        A digest of what it was made of, by which a filling that goes on knows that it has it; or "".
    """

    id: str
    hu: NDArray[np.int16] | NDArray[np.float32] = field(repr=False)
    patch_box: NDArray[np.float32]
    labels: tuple[str, ...]
    sentence: str = field(repr=False)
    patient_key: str
    study_key: str
    origin: Origin
    long_mm: float | None = None
    short_mm: float | None = None
    given: str = ""


@dataclass(frozen=True)
class Neighbour:
    """A known lesion like the one that was asked about.

    ``distance`` is Euclidean between embeddings of length 1: 0 the same, √2 unlike, 2 opposite.
    """

    id: str
    distance: float
    labels: tuple[str, ...]
    sentence: str = field(repr=False)
    origin: Origin
