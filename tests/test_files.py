"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path

import pytest

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.files import new_folder, write_atomically
from lesionscope.mining.forms import writing


def test_it_writes_text_and_bytes_and_makes_folders(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "a" / "b.txt", "größe 肺\n")
    assert path.read_bytes() == "größe 肺\n".encode()
    assert write_atomically(str(path), b"\x00\xff").read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_failure_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = write_atomically(tmp_path / "report.json", "earlier")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LesionscopeError) as failure:
        write_atomically(path, "later")
    assert str(path) in str(failure.value) and os.strerror(number) in str(failure.value)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(LesionscopeError, match="could not be written"):
        write_atomically(tmp_path / "report.json", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_gets_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(LesionscopeError, match="choose another folder"):
            write_atomically(tmp_path / "report.json", "x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize("options", ["size=64k", "size=1m,ro"])
def test_a_real_full_or_read_only_disk(tmp_path: Path, options: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], capture_output=True).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    try:
        present = []
        if "ro" not in options:
            present = [write_atomically(disk / "report.html", "earlier")]
        with pytest.raises(LesionscopeError, match="free some space or choose another folder"):
            write_atomically(disk / "report.html", b"x" * 200_000)
        assert list(disk.iterdir()) == present
        assert all(path.read_text() == "earlier" for path in present)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_appears_with_everything_in_it(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "made"
    with new_folder(target) as place:
        (place / "a").mkdir()
        (place / "a" / "b.txt").write_text("b")
        assert not target.exists()
    assert (target / "a" / "b.txt").read_text() == "b"
    assert list(target.parent.iterdir()) == [target]
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as place:
        (place / "c").touch()
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["c"]


@pytest.mark.parametrize(
    "error", [ValueError("ours"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space")]
)
def test_a_folder_that_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    expected = LesionscopeError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), new_folder(tmp_path / "made") as place:
        (place / "half").touch()
        raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize(("mask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755)])
def test_what_is_new_is_as_private_as_the_umask_says(
    tmp_path: Path, mask: int, file: int, folder: int
) -> None:
    before = os.umask(mask)
    try:
        path = write_atomically(tmp_path / "in" / "report.json", "x")
        with new_folder(tmp_path / "made"), writing(tmp_path / "mined.jsonl") as write:
            write(b"{}")
    finally:
        os.umask(before)
    modes = [mode(one) for one in (path, tmp_path / "mined.jsonl", path.parent, tmp_path / "made")]
    assert modes == [file, file, folder, folder]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("private", [0o600, 0o664])
def test_what_is_replaced_stays_as_private_as_it_was(tmp_path: Path, private: int) -> None:
    path, mined, folder = tmp_path / "report.json", tmp_path / "mined.jsonl", tmp_path / "empty"
    for one in (path, mined):
        one.touch()
        one.chmod(private)
    folder.mkdir()
    folder.chmod(0o750)
    write_atomically(path, "later")
    with writing(mined) as write, new_folder(folder):
        write(b"{}")
    assert [mode(one) for one in (path, mined, folder)] == [private, private, 0o750]
    assert path.read_text() == "later" and sorted(tmp_path.iterdir()) == sorted([path, mined, folder])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    for target in (tmp_path, tmp_path / "mine"):
        with pytest.raises(InputError, match="choose a new one"), new_folder(target):
            pytest.fail("given a folder")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
