"""What a reading project holds of lesions whose labels were mined: studies, sentences, labels, split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lesionscope.lesions.deeplesion import Slices
from lesionscope.lesions.lesion import Lesion

Relation = Literal["relevant", "uncertain", "irrelevant"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)
"""The strongest first."""
Split = Literal["train", "validation", "test", ""]


@dataclass(frozen=True)
class Study:
    """Images that lesions of a project lie in.

    Parameters
    ----------
    id
        Unique in the project.
    patient
        A key that tells patients apart and no more: never a name or a hospital's number.
    path
        A CT's file or folder; DeepLesion's folder where its lesions have ``slices``.
    series_uid
        Which series of a CT; "" for the one that reading would choose.
    """

    id: str
    patient: str
    path: str
    series_uid: str = ""


@dataclass(frozen=True)
class Mention:
    """A label said at ``sentence[start:end]``, and what that is to the lesion."""

    start: int
    end: int
    label: str
    relation: Relation


@dataclass(frozen=True)
class MinedLesion:
    """A lesion, what a report said of it, and the labels that were mined from that.

    Parameters
    ----------
    lesion
        Its identity and marks in the LPS mm of its images, as imported.
    study
        The id of its :class:`Study`.
    patient
        The key of its patient.
    split
        Which split of training its patient belongs to; "" where nobody said.
    row
        Its row in ``DL_info.csv``, from 0, by which training knows it; for other tables its row there,
        and a project numbers those of a second table on.
    sentence_id, sentence
        Of the report; "" where labels came without one.
    mentions
        In the order of the text; none without a sentence.
    relevant
        Labels mined as the lesion's, with all that they imply.
    uncertain, irrelevant
        Labels that the sentence doubts, and those that it says of something else.
    slices
        Its slices in DeepLesion's folder; ``None`` where the study's path is a CT.
    """

    lesion: Lesion
    study: str
    patient: str
    split: Split
    row: int
    sentence_id: str = ""
    sentence: str = ""
    mentions: tuple[Mention, ...] = ()
    relevant: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    irrelevant: tuple[str, ...] = ()
    slices: Slices | None = None

    @property
    def id(self) -> str:
        """The lesion's id: decisions and readings name it."""
        return self.lesion.id

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels mined as the lesion's, for certain or in doubt."""
        return self.relevant + self.uncertain
