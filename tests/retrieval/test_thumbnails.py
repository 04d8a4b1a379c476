"""Pictures come back within half a step, and bytes that are none are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lesionscope.retrieval.thumbnails import SIDE, STEP_HU, pack, thumbnail, unpack

PICTURES = arrays(
    np.int16, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(-2048, 31000)
)


@given(PICTURES)
def test_a_picture_comes_back_within_half_a_step(picture):
    again = unpack(pack(picture))
    assert again.dtype == np.int16
    assert again.shape == picture.shape
    assert np.abs(again.astype(int) - picture).max() <= STEP_HU / 2


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError):
        unpack(data)


def test_half_a_picture_is_refused():
    packed = pack(np.arange(400, dtype=np.int16).reshape(20, 20))
    with pytest.raises(ValueError, match="another size"):
        unpack(packed[:-6])
    with pytest.raises(ValueError):
        unpack(packed[:4] + b"\0" + packed[5:])


def test_the_middle_of_the_key_slice_is_cut_with_the_box():
    patch = np.zeros((3, 120, 120), dtype=np.float32)
    patch[1] = np.arange(120 * 120, dtype=np.float32).reshape(120, 120) % 3000 + 0.4
    picture, box = thumbnail(patch, np.array([50.5, 40, 70, 80]))
    assert picture.shape == (SIDE, SIDE)
    assert np.array_equal(picture, patch[1, 36:84, 36:84].astype(np.int16))
    assert box == (14.5, 4.0, 34.0, 44.0)
