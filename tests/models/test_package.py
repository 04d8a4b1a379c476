"""Packages: strict cards, guarded files, weights and graph that agree."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch

from lesionscope.errors import InputError
from lesionscope.models.card import Preprocessing, card_from_dict
from lesionscope.models.familiarity import prepare
from lesionscope.models.package import Survey, open_package
from lesionscope.models.pathology_net import NetworkSpec, load
from lesionscope.models.registry import find, survey
from lesionscope.models.texture import lung_texture


@pytest.fixture
def copy(tiny_package, tmp_path):
    return shutil.copytree(tiny_package, tmp_path / "copy")


def change(folder, edit):
    card = json.loads((folder / "card.json").read_text())
    edit(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_a_package_opens_and_verifies(tiny_package):
    package = open_package(tiny_package)
    package.verify()
    assert package.name == "tiny" and package.card.demonstration
    assert package.tree.leaves[0] == "H1c" or "H1c" in package.tree.leaves
    assert len(package.sha256) == 64


def test_the_card_reads_back_as_it_was_written(tiny_package):
    card = open_package(tiny_package).card
    assert card_from_dict(json.loads(card.as_json()), "x").as_dict() == card.as_dict()


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "bank.safetensors"])
def test_a_changed_byte_is_noticed(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[-1] ^= 1
    (copy / name).write_bytes(bytes(data))
    with pytest.raises(InputError, match=f"{name} was changed or damaged"):
        open_package(copy).verify()


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "bank.safetensors"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(InputError, match=name):
        open_package(copy)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda c: c.pop("limits"), "lacks limits"),
        (lambda c: c.update(colour="red"), "colour"),
        (lambda c: c.update(task="detection"), "task 'detection', not 'pathology'"),
        (lambda c: c.update(task=["pathology"]), "names no task"),
        (lambda c: c.update(demonstration="yes"), "true or false"),
        (lambda c: c.update(title=" "), "'title' must be a text"),
        (lambda c: c["preprocessing"].update(spacing_mm=0), "spacing_mm"),
        (lambda c: c["preprocessing"].update(shape=[48, 48]), "shape"),
        (lambda c: c["preprocessing"].update(clip_hu=[5, 5]), "clip_hu"),
        (lambda c: c["calibration"]["heads"].pop("H3"), "lacks H3"),
        (lambda c: c["calibration"]["heads"]["H2"]["scale"].pop(), "'H2'"),
        (lambda c: c["familiarity"].update(calibration_distances=[2, 1]), "sorted"),
        (lambda c: c["familiarity"].update(threshold=5), "threshold"),
        (lambda c: c["familiarity"].update(method="cosine"), "method"),
        (lambda c: c["onnx"].update(outputs=["H1"]), "outputs"),
        (lambda c: c["sha256"].pop("bank"), "lacks bank"),
        (lambda c: c["tree"]["nodes"].pop(0), "parent"),
        (lambda c: c.update(scope="Lung"), "scope must be lung or any, not 'Lung'"),
        (lambda c: c["tree"].update(siblings="independent"), "must be exclusive"),
        (lambda c: c.update(sha256=[]), "JSON object"),
    ],
)
def test_a_wrong_card_is_refused_with_the_place(copy, edit, words):
    change(copy, edit)
    with pytest.raises(InputError, match=words) as caught:
        open_package(copy)
    assert str(copy) in str(caught.value)


def test_a_folder_without_a_card_and_one_with_rubbish_in_it(copy, tmp_path):
    with pytest.raises(InputError, match="is not a model package"):
        open_package(tmp_path / "nowhere")
    (copy / "card.json").write_text("{nonsense")
    with pytest.raises(InputError, match="not valid JSON"):
        open_package(copy)
    (copy / "card.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        open_package(copy)


def test_torch_and_onnx_agree_for_any_batch(tiny_package):
    package = open_package(tiny_package)
    network = load(package)
    session = onnxruntime.InferenceSession(str(package.onnx_path), providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == ["H1", "H2", "H3", "H4", "embedding"]
    for n in (1, 3):
        cubes = np.random.default_rng(n).uniform(-1, 1, (n, 1, 48, 48, 48)).astype(np.float32)
        with torch.no_grad():
            logits, embedding = network(torch.from_numpy(cubes))
        *heads, embedded = session.run(None, {"cube": cubes})
        for name, value in zip(("H1", "H2", "H3", "H4"), heads, strict=True):
            np.testing.assert_allclose(value, logits[name].numpy(), atol=1e-4)
        np.testing.assert_allclose(embedded, embedding.numpy(), atol=1e-4)
        assert embedded.shape == (n, package.bank().shape[1])


def test_the_embedding_is_texture_then_moments_of_the_last_stage(tiny_package):
    network = load(open_package(tiny_package))
    x = 2 * torch.rand(2, 1, 48, 48, 48) - 1
    with torch.no_grad():
        _, embedding = network(x)
        last = network.backbone.stages(x)["block3"].flatten(2).double()
    moments = torch.cat([last.mean(-1), last.std(-1, unbiased=False)], 1)
    texture, rest = embedding.split(list(network.embedding_groups), dim=1)
    torch.testing.assert_close(texture, lung_texture(x))
    torch.testing.assert_close(rest.double(), moments, atol=1e-5, rtol=1e-4)


def test_weights_that_do_not_fit_are_refused(copy):
    change(copy, lambda c: c["network"].update(growth=5))
    with pytest.raises(InputError, match="does not fit the network"):
        load(open_package(copy))
    (copy / "weights.safetensors").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="safetensors"):
        load(open_package(copy))
    (copy / "bank.safetensors").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="bank"):
        open_package(copy).bank()


@pytest.mark.parametrize(
    "section",
    [{"kind": "flat"}, {"stem": "vgg"}, {"embedding": ["block9"]}, {"growth": "many"}, {"extra": 1}],
)
def test_a_network_section_is_read_strictly(section):
    with pytest.raises(InputError):
        NetworkSpec.from_dict(NetworkSpec().as_dict() | section)


def test_the_bank_comes_back_and_familiarity_uses_it(tiny_package):
    package = open_package(tiny_package)
    bank = package.bank()
    expected = np.random.default_rng(0).normal(size=bank.shape)
    assert bank.dtype == np.float32
    np.testing.assert_allclose(bank, expected, atol=4e-3)
    near, far = package.familiarity(np.stack([bank.mean(0), bank.mean(0) + 50]))
    held_out = np.random.default_rng(4).normal(size=(30, bank.shape[1]))
    fresh = prepare(expected, package.card.familiarity.rule)
    np.testing.assert_allclose(package.familiarity_bank.distance(held_out), fresh.distance(held_out))
    assert near == 1.0 and package.unfamiliar(far) and not package.unfamiliar(near)


def test_preprocessing_clips_and_maps_linearly():
    hu = np.array([-3000, -1024, -312, 400, 3000], dtype=np.int16)
    np.testing.assert_allclose(Preprocessing().normalise(hu), [-1, -1, 0, 1, 1], atol=1e-6)
    assert Preprocessing().normalise(hu).dtype == np.float32


def test_the_registry_finds_by_name_and_path(package_maker, tiny_package, tmp_path):
    user, bundled = tmp_path / "user", tmp_path / "bundled"
    package_maker(user / "one", "radpath-demo")
    shutil.copytree(user / "one", bundled / "radpath-demo")
    shutil.copytree(tiny_package, bundled / "tiny")
    folders = (user, bundled, tmp_path / "absent")
    assert find(folders=folders).folder == user / "one"  # the user's hides the bundled one
    assert find("tiny", folders=folders).folder == bundled / "tiny"
    assert find(str(tiny_package), folders=()).name == "tiny"
    assert find(tiny_package, folders=()).name == "tiny"
    assert [p.folder.name for p in survey(folders).packages] == ["one", "radpath-demo", "tiny"]
    with pytest.raises(InputError, match="installed: radpath-demo, tiny"):
        find("lesanet", folders=folders)


@pytest.mark.parametrize("task", ["labels", "relation", "detection", "chest-xray"])
def test_packages_of_other_tasks_are_passed_over(tmp_path, task):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "card.json").write_text(json.dumps({"task": task}))
    assert survey(folders=(tmp_path,)) == Survey((), ())
    (tmp_path / "other" / "card.json").write_text(json.dumps({"task": f"{task}s"}))
    assert survey(folders=(tmp_path,)).problems


def test_a_broken_package_is_reported_and_hides_nothing(tiny_package, tmp_path):
    shutil.copytree(tiny_package, tmp_path / "good")
    broken = shutil.copytree(tiny_package, tmp_path / "broken")
    (broken / "card.json").write_text("{}")
    (tmp_path / "stray.txt").write_text("x")
    seen = survey(folders=(tmp_path,))
    assert [p.folder.name for p in seen.packages] == ["good"]
    assert len(seen.problems) == 1 and str(broken) in seen.problems[0]
    with pytest.raises(InputError, match="Not usable"):
        find("other", folders=(tmp_path,))


def test_reading_a_package_loads_no_torch(tiny_package):
    code = (
        "import sys; from lesionscope.models.registry import find; import numpy as np;"
        f"p = find({str(tiny_package)!r}); p.verify(); p.familiarity(p.bank()[:1]);"
        "assert not {'torch', 'onnxruntime', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
