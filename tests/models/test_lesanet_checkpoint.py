"""The authors' checkpoint: read in its own form, strictly, without running anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from legacy_writer import Call, EasyDict, Name, Tensor, checkpoint, ordered, save
from lesanet_reference import forward
from test_lesanet import EDGES

from lesionscope.errors import InputError
from lesionscope.models.lesanet.checkpoint import read_checkpoint
from lesionscope.models.lesanet.legacy_pickle import read_legacy_tensors

CHANNELS, LAYERS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)


def weights(width: float = 0.125, classes: int = 171, counters: bool = True) -> dict[str, np.ndarray]:
    """Random weights under the authors' names, shaped as paper 002 (§4.1) says; nothing of our network's."""
    rng = np.random.default_rng(0)
    found: dict[str, np.ndarray] = {}

    def linear(name: str, rows: int, *columns: int) -> None:
        scale = np.float32(np.sqrt((2 if len(columns) > 1 else 1 / 3) / np.prod(columns)))
        found[f"{name}.weight"] = scale * rng.standard_normal((rows, *columns), dtype=np.float32)
        found[f"{name}.bias"] = rng.standard_normal(rows, dtype=np.float32) / 10

    channels = 3
    for block, (full, layers) in enumerate(zip(CHANNELS, LAYERS, strict=True), 1):
        for layer in range(1, layers + 1):
            count = int(full * width)
            linear(f"conv{block}_{layer}", count, channels, 3, 3)
            name = f"bn{block}_{layer}"
            found[f"{name}.weight"] = rng.uniform(0.5, 1.5, count).astype(np.float32)
            found[f"{name}.bias"] = rng.standard_normal(count, dtype=np.float32) / 10
            found[f"{name}.running_mean"] = rng.standard_normal(count, dtype=np.float32) / 10
            found[f"{name}.running_var"] = rng.uniform(0.5, 1.5, count).astype(np.float32)
            if counters:
                found[f"{name}.num_batches_tracked"] = np.array(2250)
            channels = count
        linear(f"fc_pool{block}", 256, 25 * channels)
    linear("fc_emb", 256, 1280)
    linear("class_scores1", classes, 1280)
    linear("class_scores2", classes, classes)
    return found


def agrees(path: Path, state: dict[str, np.ndarray], boxes: torch.Tensor, exact: bool) -> None:
    """Compare probabilities and embeddings to 1e-5; if ``exact`` everything, in double precision."""
    network = read_checkpoint(path)
    assert not network.training
    patches = torch.randn(len(boxes), 3, 120, 120, generator=torch.Generator().manual_seed(0))
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    with torch.no_grad():
        found = network(patches, boxes)._asdict()
        wanted = forward(tensors, patches, boxes, clamped=False)
    blocks = wanted["features"].unflatten(1, (5, 256))
    assert blocks.std(dim=0).mean(dim=1).min() > 0.1  # lesions differ in every block
    for name, shown in (
        ("embedding", torch.Tensor.clone),
        ("scores", torch.sigmoid),
        ("refined", torch.sigmoid),
    ):
        assert torch.allclose(shown(found[name]), shown(wanted[name]), atol=1e-5, rtol=0), name
    if exact:
        doubles = {name: value.double() for name, value in tensors.items()}
        with torch.no_grad():
            found = network.double()(patches.double(), boxes.double())._asdict()
            wanted = forward(doubles, patches.double(), boxes.double(), clamped=False)
        for name, value in found.items():
            assert torch.allclose(value, wanted[name], atol=1e-9, rtol=0), name


def test_answers_are_those_of_a_plain_forward_pass(tmp_path: Path) -> None:
    """With the released rule for boxes, as the weights were trained."""
    state = weights()
    boxes = EDGES[[0, 2, 5]].clone()
    boxes[:, :2].clamp_(max=119)
    agrees(save(tmp_path / "LesaNet_epoch_15.pth.tar", checkpoint(state)), state, boxes, exact=True)


@pytest.mark.parametrize("version", [1, 2])
def test_tensors_of_older_versions_and_of_a_cpu(tmp_path: Path, version: int) -> None:
    """Before 0.4.1 normalisation had no counter, and tensors another name."""
    state = weights(counters=version == 2)
    network = read_checkpoint(save(tmp_path / "file", checkpoint(state, version, "cpu")))
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked") or version == 2:
            assert np.array_equal(value.numpy(), state[name.removeprefix("backbone.")]), name


def test_full_size_checkpoint(tmp_path: Path) -> None:
    """24.7 million weights, 171 labels."""
    state = weights(1.0)
    agrees(save(tmp_path / "LesaNet_epoch_15.pth.tar", checkpoint(state)), state, EDGES[:2], exact=False)


def test_weights_saved_from_several_gpus(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in weights().items()}
    network = read_checkpoint(save(tmp_path / "file", checkpoint(state)))
    assert np.array_equal(network.class_scores2.weight.detach().numpy(), state["module.class_scores2.weight"])


def test_the_files_form_is_that_of_todays_legacy_writer(tmp_path: Path) -> None:
    """torch itself reads what the tests write, and we read what torch still writes in that form."""
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = save(tmp_path / "ours", {"state_dict": ordered({"a": Tensor(values, where="cpu")})})
    theirs = torch.load(path, weights_only=False)
    assert np.array_equal(theirs["state_dict"]["a"].numpy(), values)
    whole = torch.arange(20.0)
    torch.save({"state_dict": {"part": whole[4:16].view(3, 4).T}}, tmp_path / "theirs",
               _use_new_zipfile_serialization=False)  # fmt: skip
    found = read_legacy_tensors(tmp_path / "theirs", "state_dict")
    assert np.array_equal(found["part"], np.arange(4.0, 16).reshape(3, 4).T)


class Deed:
    """Leaves a file behind when unpickled without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def deeds(mark: Path) -> dict[str, Any]:
    touch = f"touch {mark}"
    code = f"open({str(mark)!r}, 'w').close()"
    system, evaluate = Name("posix", "system"), Name("__builtin__", "eval")
    return {
        "os.system by REDUCE": Call(system, (touch,)),
        "subprocess": Call(Name("subprocess", "check_call"), (["touch", str(mark)],)),
        "eval": Call(evaluate, (f"__import__('os').system({touch!r})",)),
        "exec": Call(Name("builtins", "exec"), (code,)),
        "getattr": Call(Call(Name("__builtin__", "getattr"), (Name("os", "path"), "join")), ()),  # type: ignore[arg-type]
        "torch's own loader": Call(Name("torch.serialization", "load"), (str(mark),)),
        "numpy's loader": Call(Name("numpy", "load"), (str(mark), None, True)),
        "a deed in a setting": EasyDict({"TRAIN": EasyDict({"hook": Call(system, (touch,))})}),
        "a deed as a tensor's hook": Call(
            Name("torch._utils", "_rebuild_tensor_v2"), (None, 0, (), (), False, Call(system, (touch,)))
        ),
        "a deed as state": Call(Name("collections", "OrderedDict"), ([],), Call(system, (touch,))),
    }


@pytest.mark.parametrize("deed", deeds(Path("mark")))
@pytest.mark.parametrize("place", ["config", "state_dict", "optimizer", "epoch"])
def test_a_file_that_would_run_something_is_refused_and_nothing_runs(
    tmp_path: Path, deed: str, place: str
) -> None:
    mark = tmp_path / "mark"
    path = save(tmp_path / "file", {**checkpoint({}), place: deeds(mark)[deed]})
    with pytest.raises(InputError, match=r"would run .* it was not run"):
        read_checkpoint(path)
    assert not mark.exists()


def test_the_deeds_are_real(tmp_path: Path) -> None:
    """The plain unpickler does run them: the test above could fail."""
    mark = tmp_path / "mark"
    with save(tmp_path / "file", deeds(mark)["os.system by REDUCE"]).open("rb") as stream:
        for _ in range(4):
            pickle.load(stream)
    assert mark.exists()


@pytest.mark.parametrize("before", range(4))
def test_deeds_before_and_after_the_object_are_refused_too(tmp_path: Path, before: int) -> None:
    """The magic number, the version, the machine's facts and the storages' keys are plain values."""
    mark = tmp_path / "mark"
    parts: list[Any] = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"state_dict": {}}, []]
    parts[before + (before == 3)] = Deed(mark)
    path = tmp_path / "file"
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    with pytest.raises(InputError, match="was not run"):
        read_checkpoint(path)
    assert not mark.exists()


def test_opcodes_that_make_objects_are_refused_as_calls_are(tmp_path: Path) -> None:
    """OBJ, INST and NEWOBJ call a class as REDUCE does; names of Python 2 hide nothing."""
    head = b"".join(
        pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    for body in (
        b"(cposix\nsystem\nU\x04trueo.",
        b"(U\x04trueiposix\nsystem\n.",
        b"\x80\x02cposix\nsystem\n)\x81.",
    ):
        path = tmp_path / "file"
        path.write_bytes(head + body)
        with pytest.raises(InputError, match=r"posix\.system"):
            read_checkpoint(path)


def test_names_alone_do_no_harm(tmp_path: Path) -> None:
    """A setting may mention a class of somebody's; nobody calls it."""
    state = weights()
    content = {**checkpoint(state), "default_arg": EasyDict({"optimizer": Name("torch.optim", "SGD")})}
    assert read_checkpoint(save(tmp_path / "file", content)).spec.classes == 171


def test_other_networks_are_refused_with_the_tensor_at_fault(tmp_path: Path) -> None:
    good = weights(classes=5)

    def refused(state: dict[str, np.ndarray], reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            read_checkpoint(save(tmp_path / "file", checkpoint(state)))

    refused({**good, "extra.weight": np.ones(1, np.float32)}, r"extra\.weight")
    refused(
        {name: value for name, value in good.items() if name != "bn3_2.running_var"}, r"bn3_2\.running_var"
    )
    refused({**good, "fc_pool4.weight": good["fc_pool4.weight"][:, :-1]}, r"fc_pool4\.weight has the shape")
    refused({**good, "conv1_1.weight": np.ones((60, 3, 3, 3), np.float32)}, "60 channels")
    refused({**good, "class_scores1.bias": np.full(5, np.nan, np.float32)}, r"class_scores1\.bias")
    refused({}, "no network of LesaNet")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, reason in (
        (b"", "damaged"),
        (b"nonsense", "damaged"),
        (pickle.dumps({"state_dict": {}}), "no checkpoint of PyTorch"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=reason):
            read_checkpoint(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(InputError, match="zip"):
        read_checkpoint(path)
    with pytest.raises(InputError, match="big-endian"):
        read_checkpoint(save(path, checkpoint({}), little_endian=False))
    with pytest.raises(InputError, match="no section"):
        read_checkpoint(save(path, {"weights": {}}))
    with pytest.raises(InputError, match="could not be read"):
        read_checkpoint(tmp_path / "none")


def test_a_shortened_file_is_damaged(tmp_path: Path) -> None:
    path = save(tmp_path / "file", checkpoint(weights()))
    whole = path.read_bytes()
    for share in (0.001, 0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match="damaged"):
            read_checkpoint(path)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (7,), (1,)), (3, (2, 2), (2, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (2,), ())],
)
def test_a_tensor_stays_within_its_storage(
    tmp_path: Path, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    tensor = Tensor(np.ones(6, np.float32), part=(offset, size, stride))
    path = save(tmp_path / "file", {"state_dict": ordered({"a": tensor})})
    with pytest.raises(InputError, match="damaged"):
        read_legacy_tensors(path, "state_dict")
