"""The user's settings: one small TOML file, each key overridable by the environment.

``config.toml`` lies in the platform's configuration folder for ``lesionscope``
(on Linux ``~/.config/lesionscope/config.toml``; ``lesionscope doctor`` prints
where). ``LESIONSCOPE_CONFIG`` names another file. Every key can be overridden by
``LESIONSCOPE_<KEY>`` in the environment::

    device = "auto"              # auto, cpu, cuda or cuda:N
    threads = 2                  # CPU threads of one inference
    pathology_model = "radpath-demo"   # a name or the path of a model package
    label_model = "lesanet-demo"       # likewise
    data = "/some/folder"        # sessions and other data kept between runs
    unfamiliar_below = 0.05      # familiarity below this is shown as unfamiliar
    click_box = true             # whether a click proposes diameters
    studies = ["/some/folder"]   # where scans of known lesions are looked for; in the environment
                                 # with the separator that PATH has
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError

PREFIX = "LESIONSCOPE_"
FILE_VARIABLE = "LESIONSCOPE_CONFIG"
DEVICE_PATTERN = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


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


KEYS: Mapping[str, Callable[[Any], Any]] = {
    "device": _device,
    "threads": _threads,
    "pathology_model": _text,
    "label_model": _text,
    "data": _folder,
    "unfamiliar_below": _share,
    "click_box": _switch,
    "studies": _folders,
}
"""Every key, with the function that checks its value."""


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
        sentence names the file or the variable and the key.
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
        name = PREFIX + key.upper()
        if environ.get(name):
            values[key] = _checked(key, environ[name], f"The environment variable {name}")
    return Config(**values)


def _checked(key: str, value: Any, where: str) -> Any:
    try:
        return KEYS[key](value)
    except ValueError as error:
        raise InputError(f"{where} {error}, not {value!r}.") from error


def _read(path: Path, *, required: bool) -> Mapping[str, Any]:
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        if required:
            raise InputError(f"{path}, which {FILE_VARIABLE} names, does not exist.") from None
        return {}
    except OSError as error:
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
