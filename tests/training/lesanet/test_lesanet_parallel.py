"""Two processes train as one."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from lesion_fakes import discs, tiny_recipe
from lesionscope.training.engine import parallel
from lesionscope.training.engine.checkpoints import LOG
from lesionscope.training.engine.parallel import AllReduceBatchNorm, Processes, joined
from lesionscope.training.lesanet.dataset import Lesions
from lesionscope.training.lesanet.trainer import Trainer
from torch import nn

from lesionscope.ontology.label_graph import load_labels

SETTINGS = ("optimisation.schedule=step", "optimisation.lr=0.01")


class Exact(Lesions):
    """Lesions in double precision, where rounding can't move a draw from one pair to the next."""

    def inputs(self, rows, device):
        patches, boxes = super().inputs(rows, device)
        return patches.double(), boxes.double()


def _train(out: str) -> None:
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    with joined("cpu") as processes:
        made = discs(16)
        lesions = Exact(made.hu, made.boxes, made.said, made.truth, made.patients, made.columns)
        Trainer(tiny_recipe(*SETTINGS), load_labels(), lesions, lesions, Path(out), processes).fit()


def _process(rank: int, port: int, out: str) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    _train(out)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def single_precision_after():
    yield
    torch.set_default_dtype(torch.float32)


def test_two_processes_give_one_processes_losses(tmp_path, single_precision_after):
    port = free_port()
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_process, args=(rank, port, str(tmp_path / "two"))) for rank in (0, 1)]
    for one in both:
        one.start()
    _train(str(tmp_path / "one"))
    for one in both:
        one.join(120)
        assert one.exitcode == 0
    alone, together = (
        [json.loads(line) for line in (tmp_path / name / LOG).read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(alone) == len(together) == 2
    for mine, theirs in zip(alone, together, strict=True):
        assert set(mine["terms"]) == {"wce", "spl", "rhem", "triplet"}
        for term, value in mine["terms"].items():
            assert theirs["terms"][term] == pytest.approx(value, abs=1e-5), term
        assert theirs["validation"] == pytest.approx(mine["validation"], abs=1e-3)


def test_batch_normalisation_alone_is_torchs_own(tmp_path):
    """With one process there is nothing to reduce, so forward, backward and statistics are BatchNorm2d's."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        ours, theirs = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        ours.__class__ = AllReduceBatchNorm
        x = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(1)) * 3 + 1
        weight = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(2))
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        for module, one in zip((ours, theirs), inputs, strict=True):
            (module(one) * weight).sum().backward()
        torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-5, rtol=1e-4)
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
    finally:
        torch.distributed.destroy_process_group()


def test_shares_make_up_the_batch():
    rows = np.arange(8)
    assert np.concatenate([Processes(rank, 2).share(rows) for rank in (0, 1)]).tolist() == rows.tolist()


def test_on_gpus_processes_talk_by_nccl_each_on_its_own_and_normalise_together(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: asked.append(number))
    monkeypatch.setattr(parallel.distributed, "init_process_group", lambda how, timeout: asked.append(how))
    monkeypatch.setattr(parallel.distributed, "destroy_process_group", lambda: asked.append("left"))
    monkeypatch.setattr(parallel.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(parallel, "DistributedDataParallel", lambda network, devices: (network, devices))
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    with joined("auto") as processes:
        assert processes == Processes(1, 2)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        # "cuda" without a number is the process's own GPU; DDP takes None as that.
        assert processes.wrapped(network, torch.device("cuda")) == (network, [None])
        assert type(network[1]) is nn.SyncBatchNorm
    assert asked == [1, "nccl", "left"]
