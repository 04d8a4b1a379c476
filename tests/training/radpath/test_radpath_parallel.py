"""Two processes train as one, whatever the system."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training import recipes
from lesionscope.training.engine.checkpoints import LOG
from lesionscope.training.engine.parallel import AllReduceBatchNorm, Processes, joined
from lesionscope.training.radpath.dataset import Cubes
from lesionscope.training.radpath.trainer import Trainer
from torch import nn

from lesionscope.errors import InputError
from lesionscope.ontology.tree import load_tree

TREE = load_tree()
SETTINGS = (
    "network.growth=4",
    "network.blocks=[1, 1, 1]",
    "network.bottleneck=4",
    "network.hidden=4",
    "threads=1",
    "device=cpu",
    "batch=8",
    "epochs=2",
    "optimisation.ema=0.9",
    "optimisation.schedule=step",
    "preprocessing.shape=[32, 32, 32]",
)


KINDS = ("leaky-dense", "leaf-node")


def _train(out: str) -> None:
    torch.set_num_threads(1)
    with joined("cpu") as processes:
        rng = np.random.default_rng(0)
        leaf = np.arange(22) % len(TREE.leaves)
        hu = (rng.normal(-700, 60, (22, 42, 42, 42)) + 70 * leaf[:, None, None, None]).astype(np.int16)
        cubes = Cubes(TREE, hu, leaf, {}, np.arange(22))
        for kind in KINDS:
            recipe = recipes.load("radpath-demo", [*SETTINGS, f"network.kind={kind}"])
            Trainer(recipe, TREE, cubes, cubes, Path(out, kind), processes).fit()


def _process(rank: int, port: int, out: str) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    _train(out)


def test_two_processes_give_one_processes_losses(tmp_path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_process, args=(rank, port, str(tmp_path / "two"))) for rank in (0, 1)]
    for one in both:
        one.start()
    _train(str(tmp_path / "one"))
    for one in both:
        one.join(120)
        assert one.exitcode == 0
    for kind in KINDS:
        alone, together = (
            [json.loads(line) for line in (tmp_path / name / kind / LOG).read_text().splitlines()]
            for name in ("one", "two")
        )
        assert len(alone) == len(together) == 2
        for mine, theirs in zip(alone, together, strict=True):
            assert theirs["loss_by_head"] == pytest.approx(mine["loss_by_head"], rel=2e-3), kind
            assert theirs["validation"]["nll@L"] == pytest.approx(mine["validation"]["nll@L"], rel=2e-3), kind


def test_a_batch_must_divide(tmp_path):
    cubes = Cubes(TREE, np.zeros((22, 64, 64, 64), np.int16), np.arange(22) % 11, {}, np.arange(22))
    recipe = recipes.load("radpath-demo", [*SETTINGS, "preprocessing.shape=[48, 48, 48]"])
    with pytest.raises(InputError, match="can't be shared by 3"):
        Trainer(recipe, TREE, cubes, cubes, tmp_path, Processes(0, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_normalisation_of_volumes_alone_is_torchs_own(tmp_path, dtype):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        ours, theirs = nn.BatchNorm3d(3), nn.BatchNorm3d(3)
        ours.__class__ = AllReduceBatchNorm
        x = (torch.randn(4, 3, 5, 6, 2, generator=torch.Generator().manual_seed(1)) * 3 + 1).to(dtype)
        found, wanted = ours(x), theirs(x.float())
        assert found.dtype == dtype
        torch.testing.assert_close(
            found.float(), wanted, atol=1e-5 if dtype is torch.float32 else 2e-2, rtol=0
        )
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)
    finally:
        torch.distributed.destroy_process_group()
