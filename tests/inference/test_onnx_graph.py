"""A graph is all in its own file, the one whose digest a package's card holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lesionscope.errors import InputError
from lesionscope.inference.onnx_graph import OnnxGraph
from lesionscope.inference.relations import Relater
from lesionscope.models.relation_package import find_relation_package

TENSORS = "tensors.bin"


def product(folder: Path, outside: bool) -> Path:
    """Write a graph y = x W, W of ones, perhaps kept in a second file."""
    path = folder / "model.onnx"
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "W")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 64]) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "W"], ["y"])], "product", [x], [y], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save_model(made, str(path), save_as_external_data=outside, location=TENSORS, size_threshold=0)
    return path


def test_a_graph_in_one_file_answers(tmp_path: Path) -> None:
    graph = OnnxGraph(product(tmp_path, outside=False), 1)
    assert graph.run({"x": np.ones((1, 64), np.float32)}, ["y"])[0].tolist() == [[64.0] * 64]


@pytest.mark.parametrize("beside", [False, True])
def test_tensors_that_no_digest_covers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    path = product(tmp_path, outside=True)
    assert (tmp_path / TENSORS).stat().st_size == 4 * 64 * 64
    if beside:
        monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"(?s)model\.onnx can't be used.*install the model package again"):
        OnnxGraph(path, 1)
    relater = Relater(replace(find_relation_package(None), folder=tmp_path))
    with pytest.raises(InputError, match=r"(?s)model\.onnx can't be loaded.*install the model package again"):
        relater.logits(np.ones((1, 64), np.int64))


@pytest.mark.parametrize("content", [b"", b"no graph", None])
def test_a_file_that_is_no_graph_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.onnx"):
        OnnxGraph(path, 1)
