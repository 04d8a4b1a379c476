"""A package's folder is whole or as it was before, and as private as whoever makes it wants it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training.package_folder import new_package, save_bank, save_weights

from lesionscope.errors import LesionscopeError
from lesionscope.models.familiarity import Bank, DistanceRule, prepare
from lesionscope.models.package import read_bank

RULE = DistanceRule(components=5, groups=(12,))


def fill(work: Path, said: str) -> Bank:
    bank = prepare(np.random.default_rng(0).normal(size=(40, 12)), RULE)
    save_weights(work, {"b": torch.arange(12.0).view(4, 3).T, "a": torch.ones(7).half()})
    save_bank(work, bank)
    (work / "card.json").write_text(said)
    return bank


@pytest.mark.parametrize(("umask", "folder", "file"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
def test_who_may_read_a_package_follows_from_the_umask(
    umask: int, folder: int, file: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        with new_package(tmp_path / "made") as work:
            fill(work, "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == folder
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "made").iterdir()}
    assert modes == dict.fromkeys(("bank.safetensors", "card.json", "weights.safetensors"), file)


def test_a_package_reads_back_and_an_older_one_goes_once_the_new_one_stands(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    made = tmp_path / "deep" / "made"
    for said in ("first", "second"):
        with new_package(made) as work:
            bank = fill(work, said)
    assert (made / "card.json").read_text() == "second"
    assert torch.equal(load_file(made / "weights.safetensors")["b"], torch.arange(12.0).view(4, 3).T)
    probe = np.ones(12)
    assert read_bank(made / "bank.safetensors", RULE).distance(probe) == pytest.approx(
        bank.distance(probe), 1e-2
    )
    assert [one.name for one in made.parent.iterdir()] == ["made"]


@pytest.mark.parametrize("where", ["while it is filled", "while it is moved"])
def test_an_older_package_stays_where_anything_fails(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    with new_package(made) as work:
        fill(work, "first")
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target == made and self.name == "new":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(LesionscopeError, match="No space left on device"), new_package(made) as work:
        fill(work, "second")
        if where == "while it is filled":
            raise OSError(28, "No space left on device")
    assert (made / "card.json").read_text() == "first"
    assert [one.name for one in tmp_path.iterdir()] == ["made"]
