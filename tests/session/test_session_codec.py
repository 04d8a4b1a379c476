"""Anything a session stores comes back equal, to the last bit of every float."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    PredictionSet,
    Provenance,
    Reading,
    Refusal,
)
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.retrieval.known import Neighbour, Origin
from lesionscope.session import codec

# Surrogates too: a name decoded with errors="surrogateescape" must not break the session.
texts = st.text(st.characters(codec=None))
floats = st.floats(allow_nan=False)
points = st.tuples(floats, floats, floats)
nodes = st.builds(NodeScore, texts, texts, st.none() | texts, floats, floats)
names = st.lists(texts, max_size=3).map(tuple)
answers = st.builds(
    PathologyAnswer,
    st.lists(nodes, max_size=4).map(tuple),
    st.dictionaries(texts, floats, max_size=3),
    floats,
    st.booleans(),
    st.none() | st.builds(PredictionSet, floats, names, names),
)
scores = st.builds(
    LabelScore,
    texts,
    texts,
    floats,
    floats,
    st.booleans(),
    floats,
    st.sampled_from(["own score", "propagated", "implied"]),
    names,
)
label_answers = st.builds(
    LabelAnswer,
    st.lists(scores, max_size=3).map(tuple),
    st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    st.none() | floats,
    st.booleans(),
)
neighbours = st.builds(
    Neighbour, texts, floats, names, texts, st.builds(Origin, texts, texts, st.none() | points)
)
provenances = st.builds(
    Provenance, *[texts] * 7, demonstration=st.booleans(), notes=st.lists(texts, max_size=2).map(tuple)
)
readings = st.builds(
    Reading,
    id=texts,
    lesion_id=texts,
    created=texts,
    provenance=provenances,
    pathology=st.none() | answers | st.builds(Refusal, texts),
    embedding=st.lists(floats, max_size=5).map(tuple),
    timings_ms=st.dictionaries(texts, floats, max_size=3),
    labels=st.none() | label_answers | st.builds(Refusal, texts),
    neighbours=st.none() | st.lists(neighbours, max_size=2).map(tuple),
    banks=st.lists(texts, max_size=2).map(tuple),
)
diameters = st.none() | st.builds(Diameter, points, points)
lesions = st.builds(
    Lesion, texts, texts, points, st.tuples(*[floats] * 6), diameters, diameters, st.booleans(), st.integers()
)


@given(readings)
def test_a_reading_comes_back_as_it_was(reading: Reading) -> None:
    text = codec.to_text(codec.reading_to_dict(reading))
    back = codec.reading_from_dict(codec.from_text(text))
    assert back == reading
    assert repr(back) == repr(reading)  # tells -0.0 from 0.0
    assert back.embedding == reading.embedding
    text.encode("ascii")


@given(lesions)
def test_a_lesion_comes_back_as_it_was(lesion: Lesion) -> None:
    back = codec.lesion_from_dict(codec.from_text(codec.to_text(codec.lesion_to_dict(lesion))))
    assert back == lesion
    assert repr(back) == repr(lesion)
