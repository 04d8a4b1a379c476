"""From a reading's neighbours to what their panel shows of each, without Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import lesion_patch
from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window
from lesionscope.errors import InputError
from lesionscope.inference.reading import LabelAnswer
from lesionscope.lesions.lesion import Lesion
from lesionscope.ontology.label_graph import load_labels
from lesionscope.retrieval.known import Box, Neighbour
from lesionscope.retrieval.thumbnails import thumbnail
from lesionscope.viewer import wording
from lesionscope.viewer.recall import Recalled


@dataclass(frozen=True, eq=False)
class Picture:
    """HU ``(rows, columns)`` at 1 mm, and the lesion's box in its pixels, where it has one here."""

    hu: NDArray[np.int16]
    box: Box | None

    def grey(self, window: Window) -> NDArray[np.uint8]:
        """Return it as grey values 0…255 in a window."""
        scaled = (self.hu.astype(np.float32) - window.low) * (255.0 / max(window.high - window.low, 1.0))
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


@dataclass(frozen=True)
class Similar:
    """One line of the panel; the first is the lesion itself, without a neighbour."""

    title: str
    html: str
    picture: Picture | None
    neighbour: Neighbour | None = None
    waiting: bool = False
    """Its picture is still being fetched."""


def similar_rows(
    answer: LabelAnswer,
    neighbours: Iterable[Neighbour],
    known: Mapping[str, Recalled | None],
    own: Picture | None,
) -> tuple[Similar, ...]:
    """Lay out the lesion itself and the known lesions like it, the nearest first."""
    predicted = frozenset(score.label for score in answer.scores if score.predicted)
    rows = [Similar(wording.THIS_LESION, _names("", most_specific(predicted)), own)]
    rows += [_row(neighbour, known, predicted) for neighbour in neighbours]
    return tuple(rows)


def most_specific(names: Iterable[str]) -> tuple[str, ...]:
    """Leave out what others of the names imply; in the ontology's order."""
    graph = load_labels()
    mine = {name for name in names if name in graph.by_name}
    implied = {above for name in mine for above in graph.ancestors(name)}
    return tuple(label.name for label in graph.labels if label.name in mine - implied)


def marked(sentence: str, spans: Iterable[tuple[int, int]]) -> str:
    """Return a sentence as HTML, escaped, the spans in bold."""
    parts, end = [], 0
    for start, stop in spans:
        parts += [escape(sentence[end:start]), f"<b>{escape(sentence[start:stop])}</b>"]
        end = stop
    return "".join([*parts, escape(sentence[end:])])


def own_picture(volume: CTVolume, lesion: Lesion) -> Picture | None:
    """Cut the picture of a lesion as a bank would keep it; ``None`` where it can't be cut."""
    try:
        patch = lesion_patch(volume, lesion)
    except InputError:
        return None
    return Picture(*thumbnail(patch.hu, patch.box))


def _row(neighbour: Neighbour, known: Mapping[str, Recalled | None], predicted: frozenset[str]) -> Similar:
    recalled = known.get(neighbour.id)
    theirs = load_labels().expand(name for name in neighbour.labels if name in load_labels().by_name)
    sentence = wording.NO_SENTENCE
    if neighbour.sentence:
        sentence = f"“{marked(neighbour.sentence, recalled.spans if recalled is not None else ())}”"
    lines = [
        _names(wording.SHARED, most_specific(theirs & predicted)),
        _names(wording.ITS_OWN, most_specific(theirs - predicted)),
        sentence,
    ]
    return Similar(
        wording.DISTANCE.format(distance=neighbour.distance),
        "<br>".join(line for line in lines if line),
        None if recalled is None else Picture(recalled.lesion.thumbnail, recalled.lesion.box),
        neighbour,
        waiting=neighbour.id not in known,
    )


def _names(title: str, names: tuple[str, ...]) -> str:
    if not names:
        return ""
    listed = escape(", ".join(names))
    return f"{title}: {listed}" if title else listed
