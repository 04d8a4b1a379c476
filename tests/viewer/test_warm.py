"""A study is warmed up once it is shown, so that its first click loads nothing any more."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from room_fakes import FakeLabels, FakeReader, volume

from lesionscope.viewer.room import PREPARE_AFTER_MS, Room

pytestmark = pytest.mark.window

CLICK = """
import json, sys
import numpy as np
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.reading import LabelAnswer, PathologyAnswer
from lesionscope.progress import CancelToken
from lesionscope.viewer.desk import default_labels, default_reader
from lesionscope.viewer.propose import default_propose
from lesionscope.viewer.recall import recall
from lesionscope.viewer.warm import warm_up

k, j, i = np.ogrid[:50, :100, :100]
hu = np.where(((i - 50) ** 2 + (j - 50) ** 2 + (k - 25) ** 2) < 81, 30, -870).astype(np.int16)
ct = CTVolume(hu, Geometry((100, 100, 50), (1.0, 1.0, 1.0)), Source("1.2.3"))
cancel, readers = CancelToken(), [make()[0] for make in (default_reader, default_labels)]
for reader in readers:
    reader.prepare()
warm_up(ct, cancel)
before = set(sys.modules)
lesion = default_propose(ct, (50.0, 50.0, 25.0), cancel).lesion(ct.geometry)
tree, labels = (reader.read(ct, lesion, override_scope=True) for reader in readers)
known = recall(readers[1].bank, [one.id for one in labels.neighbours], cancel)
assert isinstance(tree.pathology, PathologyAnswer) and isinstance(labels.labels, LabelAnswer)
print(json.dumps([lesion.long is not None, len(known), sorted(set(sys.modules) - before)]))
"""


@pytest.fixture
def make_room(qtbot, tmp_path):
    rooms = []

    def make(**options) -> Room:
        room = Room(session_path=lambda uid: tmp_path / f"{uid}.sqlite", auto_read=False, **options)
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.close()


def test_a_study_that_is_shown_has_its_models_and_the_rest_made_ready(make_room, qtbot):
    tree, labels, warmed, ct = FakeReader(), FakeLabels(), [], volume()
    room = make_room(make_reader=tree, make_labels=labels, warm=lambda ct, cancel: warmed.append(ct))
    room.open(ct)
    assert tree.prepared == 0, "the study is drawn first"
    qtbot.waitUntil(lambda: warmed == [ct])
    assert (tree.prepared, labels.prepared) == (1, 1)


def test_a_study_that_is_left_at_once_is_not_warmed_up(make_room, qtbot):
    warmed = []
    room = make_room(make_reader=FakeReader(), warm=lambda ct, cancel: warmed.append(ct.source.uid))
    room.open(volume("1"))
    room.open(volume("2"))
    qtbot.waitUntil(lambda: warmed == ["2"])
    room.leave()
    room.open(volume("3"))
    room.leave()
    qtbot.wait(2 * PREPARE_AFTER_MS)
    assert warmed == ["2"]


def test_the_first_click_of_a_warm_study_imports_nothing(tmp_path):
    environment = {**os.environ, "LESIONSCOPE_DATA": str(tmp_path), "LESIONSCOPE_CLICK_BOX": "true"}
    done = subprocess.run(
        [sys.executable, "-c", CLICK], capture_output=True, text=True, check=True, env=environment
    )
    measured, known, loaded = json.loads(done.stdout)
    assert measured and known == 10
    assert loaded == []
