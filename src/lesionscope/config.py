"""The user's settings: one small TOML file, each key overridable by the environment.

``config.toml`` lies in the platform's configuration folder for ``lesionscope``
(on Linux ``~/.config/lesionscope/config.toml``; ``lesionscope doctor`` prints
where). ``LESIONSCOPE_CONFIG`` names another file. ``LESIONSCOPE_<KEY>`` in the environment
overrides a key; a variable that is empty counts as not set. :data:`KEYS` says what there is.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError

PREFIX = "LESIONSCOPE_"
FILE_VARIABLE = "LESIONSCOPE_CONFIG"
DEVICE_PATTERN = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


class WrongVariable(InputError):
    """A variable of the environment, ``variable``, is at fault, not the file."""

    def __init__(self, variable: str, sentence: str) -> None:
        super().__init__(sentence)
        self.variable = variable


@dataclass(frozen=True)
class Config:
    """Settings as the file and the environment have them; ``None`` leaves the choice to us."""

    device: str = "auto"
    threads: int = 2
    pathology_model: str | None = None
    label_model: str | None = None
    data: Path | None = None
    unfamiliar_below: float | None = None
    click_box: bool = True
    studies: tuple[Path, ...] = ()


def _device(value: Any) -> str:
    if not isinstance(value, str) or not DEVICE_PATTERN.fullmatch(value):
        raise ValueError("must be auto, cpu, cuda or cuda:N")
    return value


def _threads(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 256:
        raise ValueError("must be a whole number in 1…256")
    return number


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value.strip()


def _folder(value: Any) -> Path:
    path = Path(_text(value)).expanduser()
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _folders(value: Any) -> tuple[Path, ...]:
    several = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(several, list):
        raise ValueError("must be a list of absolute paths")
    return tuple(_folder(one) for one in several)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be a number in 0…1")
    try:
        number = float(value)
    except ValueError:
        raise ValueError("must be a number in 0…1") from None
    if not 0.0 <= number <= 1.0:
        raise ValueError("must be a number in 0…1")
    return number


def _switch(value: Any) -> bool:
    words = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
    switched = words.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(switched, bool):
        raise ValueError("must be true or false")
    return switched


@dataclass(frozen=True)
class Key:
    """One key of the settings.

    Parameters
    ----------
    check
        Returns the value that is meant; raises ``ValueError`` with what it must be.
    values
        What it may be, in words.
    default
        What holds without it, in words.
    meaning
        What it decides.
    """

    check: Callable[[Any], Any]
    values: str
    default: str
    meaning: str


KEYS: Mapping[str, Key] = {
    "device": Key(
        _device,
        "auto, cpu, cuda or cuda:N",
        "auto",
        "Where networks run; auto takes a GPU when there is one.",
    ),
    "threads": Key(_threads, "a whole number in 1…256", "2", "CPU threads of one inference."),
    "pathology_model": Key(
        _text,
        "a name, or the path of a package's folder",
        "radpath-demo, yours of that name before the bundled",
        "The model package that gives the pathology tree.",
    ),
    "label_model": Key(
        _text,
        "likewise",
        "the bundled lesanet-demo",
        "The model package that gives labels and similar lesions.",
    ),
    "data": Key(
        _folder,
        "an absolute path",
        "the platform's folder for data, on Linux ~/.local/share/lesionscope",
        "The folder of sessions, installed models and banks, the site's secret and logs.",
    ),
    "unfamiliar_below": Key(
        _share,
        "a number in 0…1",
        "as each model's card says",
        "A lesion whose familiarity is below this is shown as unfamiliar.",
    ),
    "click_box": Key(
        _switch, "true or false", "true", "Whether a click proposes an outline and diameters of its lesion."
    ),
    "studies": Key(
        _folders,
        "a list of absolute paths; in the environment one text, with the separator that PATH has",
        "none",
        "Folders in which the scans of similar lesions are looked for.",
    ),
}
"""Every key there is, in the order in which it is documented."""


def variable_of(key: str) -> str:
    """Return the environment variable that overrides a key."""
    return PREFIX + key.upper()


def unknown_variables(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the variables that look like ours and override nothing, in order: misspelt ones, mostly."""
    known = {FILE_VARIABLE, *map(variable_of, KEYS)}
    names = os.environ if environ is None else environ
    return tuple(sorted(name for name in names if name.startswith(PREFIX) and name not in known))


def config_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the configuration file is looked for; it need not exist."""
    chosen = (os.environ if environ is None else environ).get(FILE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_config_dir("lesionscope", appauthor=False)) / "config.toml"


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration: defaults, then the file, then the environment.

    Parameters
    ----------
    environ
        Environment variables; the process's own by default.

    Raises
    ------
    InputError
        A file that isn't TOML, an unknown key, a value that makes no sense; the
        sentence names the file or the variable and the key. :class:`WrongVariable` where
        it is a variable's.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    path = config_path(environ)
    for key, value in _read(path, required=bool(environ.get(FILE_VARIABLE))).items():
        if key not in KEYS:
            raise InputError(
                f"{path} has a key that Lesionscope does not know, '{key}': "
                f"remove it or use one of {', '.join(KEYS)}."
            )
        values[key] = _checked(key, value, f"{path}: {key}")
    for key in KEYS:
        name = variable_of(key)
        if environ.get(name):
            where, fault = f"The environment variable {name}", partial(WrongVariable, name)
            values[key] = _checked(key, environ[name], where, fault)
    return Config(**values)


def _checked(key: str, value: Any, where: str, fault: Callable[[str], InputError] = InputError) -> Any:
    try:
        return KEYS[key].check(value)
    except ValueError as error:
        raise fault(f"{where} {error}, not {value!r}.") from error


def _read(path: Path, *, required: bool) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if required:
            what = f"{path}, which {FILE_VARIABLE} names, does not exist."
            raise WrongVariable(FILE_VARIABLE, what) from None
        return {}
    except OSError as error:
        if required and isinstance(error, IsADirectoryError):
            what = f"{path}, which {FILE_VARIABLE} names, is a folder: name the file in it."
            raise WrongVariable(FILE_VARIABLE, what) from error
        raise InputError(
            f"{path} can't be read ({error.strerror or error}): mend its permissions or remove it."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML ({error}): mend or remove it.") from error


def data_folder(config: Config | None = None) -> Path:
    """Where sessions, logs and other things kept between runs lie; not made here."""
    chosen = (load() if config is None else config).data
    if chosen is not None:
        return chosen
    import platformdirs

    return Path(platformdirs.user_data_dir("lesionscope", appauthor=False))


def cache_folder() -> Path:
    """Where phantoms and pieces of what was trained on lie until somebody deletes them; not made here."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("lesionscope", appauthor=False))
