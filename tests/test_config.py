import dataclasses
import os
from pathlib import Path

import pytest

from lesionscope.config import KEYS, Config, config_path, data_folder, load, unknown_variables, variable_of
from lesionscope.errors import InputError


def write(folder: Path, text: str) -> dict[str, str]:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return {"LESIONSCOPE_CONFIG": str(path)}


def test_defaults_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load({}) == Config(device="auto", threads=2)


def test_file_then_environment(tmp_path: Path) -> None:
    environ = write(tmp_path, 'device = "cpu"\nthreads = 3\nunfamiliar_below = 0.01\n')
    assert load(environ) == Config("cpu", 3, unfamiliar_below=0.01)
    environ |= {
        "LESIONSCOPE_DEVICE": "cuda:1",
        "LESIONSCOPE_THREADS": "5",
        "LESIONSCOPE_UNFAMILIAR_BELOW": "0.2",
    }
    assert load(environ) == Config("cuda:1", 5, unfamiliar_below=0.2)


TWICE: dict[str, tuple[str, object, str, object]] = {
    "device": ('"cpu"', "cpu", "cuda:1", "cuda:1"),
    "threads": ("3", 3, "5", 5),
    "pathology_model": ('"one"', "one", "other", "other"),
    "label_model": ('"one"', "one", "other", "other"),
    "data": (f"'{Path.cwd()}'", Path.cwd(), str(Path.cwd().parent), Path.cwd().parent),
    "unfamiliar_below": ("0.01", 0.01, "0.2", 0.2),
    "click_box": ("false", False, "true", True),
    "studies": (f"['{Path.cwd()}']", (Path.cwd(),), str(Path.cwd().parent), (Path.cwd().parent,)),
}
"""Each key as the file has it and what is meant, and likewise as the environment has it."""


def test_every_key_is_known_to_be_overridden() -> None:
    assert list(TWICE) == list(KEYS) == [field.name for field in dataclasses.fields(Config)]


@pytest.mark.parametrize("key", TWICE)
def test_the_environment_overrides_the_file(key: str, tmp_path: Path) -> None:
    written, meant, said, instead = TWICE[key]
    environ = write(tmp_path, f"{key} = {written}\n")
    assert getattr(load(environ), key) == meant
    assert load({**environ, variable_of(key): ""}) == load(environ), "an empty variable is not set"
    assert getattr(load({**environ, variable_of(key): said}), key) == instead
    assert getattr(load({variable_of(key): said}), key) == instead


def test_misspelt_variables_are_found() -> None:
    environ = {
        "LESIONSCOPE_DEVISE": "cpu",
        "LESIONSCOPE_DEVICE": "cpu",
        "LESIONSCOPE_CONFIG": "x",
        "PATH": "y",
    }
    assert unknown_variables(environ) == ("LESIONSCOPE_DEVISE",)


def test_folders_of_studies_are_a_list_or_a_path_variable(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    listed = ", ".join(f"'{folder}'" for folder in folders)
    assert load(write(tmp_path, f"studies = [{listed}]\n")).studies == folders
    assert load({"LESIONSCOPE_STUDIES": os.pathsep.join(map(str, folders))}).studies == folders


def test_unknown_key_is_named(tmp_path: Path) -> None:
    environ = write(tmp_path, 'devise = "cpu"\n')
    with pytest.raises(InputError, match=r"config\.toml.*'devise'.*device"):
        load(environ)


@pytest.mark.parametrize(
    "line",
    [
        'device = "gpu"',
        "device = 3",
        "threads = 0",
        "threads = true",
        'threads = "two"',
        "unfamiliar_below = 5",
        "unfamiliar_below = nan",
        'unfamiliar_below = "low"',
        'pathology_model = ""',
        'data = "relative/folder"',
        'studies = ["relative/folder"]',
        "studies = 3",
    ],
)
def test_senseless_values_are_refused_by_key(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=line.split(" = ")[0]):
        load(write(tmp_path, line))


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(InputError, match="LESIONSCOPE_DEVICE"):
        load({"LESIONSCOPE_DEVICE": "tpu"})


@pytest.mark.parametrize("content", [b"device = ", b"\xff\xfe\x00"])
def test_not_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not valid TOML"):
        load({"LESIONSCOPE_CONFIG": str(path)})


def test_a_file_that_notepad_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbfdevice = "cpu"\r\nthreads = 3\r\n')
    assert load({"LESIONSCOPE_CONFIG": str(path)}) == Config("cpu", 3)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load({"LESIONSCOPE_CONFIG": str(tmp_path / "none.toml")})


def test_folders(tmp_path: Path) -> None:
    assert data_folder(Config(data=tmp_path)) == tmp_path
    assert config_path({}).name == "config.toml"
