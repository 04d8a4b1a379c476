"""Stand-ins for what takes long or comes from elsewhere: a model, a volume, an answer."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    Provenance,
    Reading,
    Refusal,
    Why,
)
from lesionscope.lesions.lesion import Lesion
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.tree import load_tree
from lesionscope.progress import CancelToken
from lesionscope.retrieval.known import KnownLesion, Neighbour, Origin

SPACING = (1.5, 1.2, 2.0)
ORIGIN = (-60.0, -40.0, 100.0)


def volume(uid: str = "1.2.3") -> CTVolume:
    """A soft block in air, 40 × 64 × 80 voxels, axis-aligned."""
    hu = np.full((40, 64, 80), -800, np.int16)
    hu[15:25, 20:40, 30:50] = 40
    geometry = Geometry((80, 64, 40), SPACING, ORIGIN)
    return CTVolume(hu, geometry, Source(uid, description="Thorax"))


def centre(of: CTVolume) -> tuple[float, float, float]:
    """LPS of the middle voxel."""
    x, y, z = of.geometry.to_lps((np.array(of.hu.shape) - 1) // 2)
    return float(x), float(y), float(z)


def answer(*, familiarity: float = 0.6, unfamiliar: bool = False) -> PathologyAnswer:
    """Adenocarcinoma on top, every head of the shipped tree answered."""
    conditional = {
        "H1a": 0.7, "H1b": 0.2, "H1c": 0.1,
        "H2a": 0.8, "H2b": 0.1, "H2c": 0.05, "H2d": 0.03, "H2e": 0.02,
        "H3a": 0.4, "H3b": 0.3, "H3c": 0.2, "H3d": 0.1,
        "H4a": 0.75, "H4b": 0.25,
    }  # fmt: skip
    probability: dict[str | None, float] = {None: 1.0}
    nodes = []
    for node in load_tree().nodes:
        probability[node.tag] = probability[node.parent] * conditional[node.tag]
        nodes.append(
            NodeScore(node.tag, node.name, node.parent, conditional[node.tag], probability[node.tag])
        )
    return PathologyAnswer(tuple(nodes), {"H2": 0.2, "H3": 0.7, "H4": 0.4}, familiarity, unfamiliar)


def reading(
    lesion: Lesion, series_uid: str = "1.2.3", pathology: PathologyAnswer | Refusal | None = None
) -> Reading:
    """A finished reading of a lesion as it is marked now."""
    provenance = Provenance(
        "fake 1.0", "0" * 64, "lesionscope test", "cpu", "float32", lesion.fingerprint, series_uid
    )
    return Reading(
        str(uuid.uuid4()), lesion.id, "2026-01-01T00:00:00+00:00", provenance, pathology or answer()
    )


class FakeReader:
    """A model that takes ``seconds``, stops when asked, and counts what it is asked."""

    def __init__(
        self,
        seconds: float = 0.0,
        answer_with: Callable[[Lesion, bool], PathologyAnswer | Refusal] | None = None,
    ) -> None:
        self.seconds = seconds
        self.answer_with = answer_with or (lambda _lesion, _override: answer())
        self.asked: list[tuple[str, bool]] = []
        self.started = threading.Event()
        self.release: threading.Event | None = None
        self.closed = False
        self.prepared = 0

    def __call__(self) -> tuple[FakeReader, None]:
        """Be one's own maker."""
        return self, None

    def read(
        self,
        volume: CTVolume,
        lesion: Lesion,
        *,
        cancel: CancelToken | None = None,
        progress: Callable[[int, int, str], None] = lambda *_: None,
        override_scope: bool = False,
    ) -> Reading:
        self.asked.append((lesion.id, override_scope))
        self.started.set()
        end = time.monotonic() + self.seconds
        step = 0
        while time.monotonic() < end or (self.release is not None and not self.release.is_set()):
            if cancel is not None:
                cancel.check()
            progress(step, 100, "fake reading")
            step += 1
            time.sleep(0.005)
        return reading(lesion, volume.source.uid, self.answer_with(lesion, override_scope))

    def prepare(self) -> None:
        self.prepared += 1

    def close(self) -> None:
        self.closed = True


@contextmanager
def viewers(size: tuple[int, int] = (1366, 768)) -> Iterator[Callable[[], Any]]:
    """Give the maker of shown viewers, and close those that are still open at the end.

    Not napari's own fixture: it swaps napari's application for another one, in which
    plugins can be registered only once for all tests of a process.
    """
    import gc

    import napari

    made: list[Any] = []

    def make() -> Any:
        viewer = napari.Viewer(show=True, show_welcome_screen=False)
        viewer.window.resize(*size)
        made.append(viewer)
        return viewer

    try:
        yield make
    finally:
        for viewer in made:
            if hasattr(viewer.window, "_qt_window"):
                viewer.close()
        made.clear()
        gc.collect()


def staged_window(
    ct: CTVolume, folder: Path, reader: FakeReader | None = None, labels: Callable[[], Any] | None = None
) -> Iterator[Any]:
    """Open a window of 1366 × 768 with a room on it that shows ``ct``; gone after the ``yield``."""
    from lesionscope.viewer.rooms import room_for, stage_of

    with viewers() as make:
        viewer = make()
        room = room_for(
            viewer,
            make_reader=reader or FakeReader(),
            make_labels=labels,
            session_path=lambda uid: folder / f"{uid}.db",
            auto_read=False,
        )
        room.open(ct)
        stage = stage_of(viewer)
        stage.show_docks()
        yield stage
        del viewer, room, stage


def label_answer(*, familiarity: float = 0.6, unfamiliar: bool = False) -> LabelAnswer:
    """A lung nodule that the model also takes for a liver's; every label of the ontology answered."""
    said: dict[str, tuple[float, Why, tuple[str, ...]]] = {
        "chest": (0.9, "implied", ("right lung", "lung nodule")),
        "lung": (0.9, "implied", ("right lung", "lung nodule")),
        "right lung": (0.8, "own score", ()),
        "lung nodule": (0.9, "own score", ()),
        "nodule": (0.9, "implied", ("lung nodule",)),
        "liver": (0.6, "own score", ()),
        "calcified": (0.55, "propagated", ("nodule",)),
    }
    graph = load_labels()
    scores = []
    for name in graph.core:
        probability, why, sources = said.get(name, (0.04, "own score", ()))
        own = 0.2 if why == "propagated" else probability
        kind = graph.by_name[name].kind
        scores.append(LabelScore(name, kind, probability, 0.5, name in said, own, why, sources))
    return LabelAnswer(tuple(scores), (("liver", "lung nodule"),), familiarity, unfamiliar)


def known_lesion(number: int) -> KnownLesion:
    """One of a bank: a bright square, a sentence that speaks of its labels."""
    picture = np.full((60, 60), -800, np.int16)
    picture[20:40, 20:40] = 40
    return KnownLesion(
        f"known-{number}",
        np.eye(8, dtype=np.float32)[number % 8],
        ("lung", "chest", "nodule", "left lung"),
        "A 9 mm <b>nodule</b> in the left lung.",
        picture,
        (18.0, 18.0, 42.0, 42.0),
        "patient",
        "study",
        Origin(f"phantom:train/{number}/0"),
    )


class FakeBank:
    """Remembers what :func:`known_lesion` makes, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def lesion(self, identifier: str) -> KnownLesion:
        self.asked.append(identifier)
        number = int(identifier.rpartition("-")[2])
        if number > 8:
            raise InputError("no such lesion")
        return known_lesion(number)


class FakeLabels(FakeReader):
    """A label model with a bank, beside :class:`FakeReader`."""

    def __init__(self, seconds: float = 0.0, answer_with: Any = None, neighbours: int = 3) -> None:
        super().__init__(seconds)
        self.label_answer = answer_with or label_answer()
        self.neighbours = neighbours
        self.bank = FakeBank()

    def read(self, volume: CTVolume, lesion: Lesion, **how: Any) -> Reading:
        made = super().read(volume, lesion, **how)
        known = [known_lesion(number) for number in range(self.neighbours)]
        return replace(
            made,
            pathology=None,
            labels=self.label_answer,
            neighbours=tuple(
                Neighbour(one.id, 0.1 * place, one.labels, one.sentence, one.origin)
                for place, one in enumerate(known, start=1)
            ),
        )
