"""Named recipes: one YAML file a published table row or bundled package.

A recipe file is read strictly into frozen dataclasses: a key that no dataclass
knows, or a value of another type, is refused with a sentence that names both. A file may
name another recipe as its ``base`` and say only what differs from it.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lesionscope.errors import InputError, UsageError

from ..tasks import TASKS, loaded

if TYPE_CHECKING:
    from ..engine.recipe import Recipe

FOLDER = Path(__file__).parent
Overrides = Mapping[str, object] | Iterable[str]
"""``{"optimisation.lr": 0.003}`` or ``["optimisation.lr=0.003"]``."""


def names() -> tuple[str, ...]:
    """Names of the recipes that ship."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def load(name_or_path: str | Path, overrides: Overrides = ()) -> Recipe:
    """Read a recipe by name or by path, with changes such as ``epochs=3``.

    Raises
    ------
    InputError
        There is no such recipe (the sentence lists those there are), or it can't be read.
    UsageError
        A change names a key that recipes don't have, or gives it a wrong value.
    """
    path = _locate(name_or_path)
    data = _read(path)
    kind = _kind(data.pop("task", None), path)
    recipe: Recipe = _build(kind, data, str(path), "", InputError)
    changes = [_spelt_out(kind, key, value) for key, value in _pairs(overrides)]
    for key, value in changes:
        data = _replaced(data, key.split("."), value)
    if changes:  # all at once: one change may need another
        said = "--set " + " ".join(f"{key}={value}" for key, value in changes)
        recipe = _build(kind, data, said, "", UsageError)
    return recipe.checked()


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file's keys and values, added to those of the recipe that it names as its ``base``."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} can't be read as a recipe ({' '.join(str(error).split())}).") from error
    if not isinstance(data, dict):
        raise InputError(f"{path} is not a recipe: it must hold keys and values; see {names()[0]}.yaml.")
    base = data.pop("base", None)
    if base is None:
        return data
    if path in above:
        raise InputError(f"{path} is its own base.")
    return _merged(_read(_locate(str(base)), (*above, path)), data)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings with those of ``changes`` laid over them."""
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merged(inner, value)
        result[key] = value
    return result


def _kind(task: object, path: Path) -> type[Recipe]:
    """Return the recipe class of a task."""
    if task not in TASKS:
        known = " or ".join(f"'task: {name}'" for name in TASKS)
        raise InputError(f"{path} is not a recipe for a task this version knows: it needs {known}.")
    kind: type[Recipe] = loaded(TASKS[str(task)].recipe)
    return kind


def _locate(name_or_path: str | Path) -> Path:
    """Find the file that a name or a path means."""
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if not path.is_file():
            raise InputError(f"There is no recipe file {path}; recipes that ship: {', '.join(names())}.")
        return path
    bundled = FOLDER / f"{name_or_path}.yaml"
    if not bundled.is_file():
        raise InputError(
            f"There is no recipe named '{name_or_path}'; choose one of {', '.join(names())}, "
            "or give the path of a .yaml file."
        )
    return bundled


def _pairs(overrides: Overrides) -> list[tuple[str, object]]:
    """Split ``key=value`` texts; values are read as YAML (numbers, lists, true…)."""
    if isinstance(overrides, Mapping):
        return [(str(key), value) for key, value in overrides.items()]
    pairs: list[tuple[str, object]] = []
    for text in overrides:
        key, separator, value = str(text).partition("=")
        if not separator or not key.strip():
            raise UsageError(f"--set needs key=value (such as epochs=3), not '{text}'.")
        try:
            pairs.append((key.strip(), yaml.safe_load(value)))
        except yaml.YAMLError as error:
            raise UsageError(f"--set {text}: the value can't be read.") from error
    return pairs


def _spelt_out(kind: type, key: str, value: object) -> tuple[str, object]:
    """Spell out a change that names a section alone: ``labels=reviewed`` is ``labels.source=reviewed``."""
    short = getattr(typing.get_type_hints(kind).get(key), "SHORTHAND", None)
    return (f"{key}.{short}", value) if short is not None and isinstance(value, str) else (key, value)


def _replaced(data: Mapping[str, Any], path: list[str], value: object) -> dict[str, Any]:
    """Return a copy of nested mappings with one value changed."""
    inner = data.get(path[0])
    if len(path) > 1:
        value = _replaced(inner if isinstance(inner, Mapping) else {}, path[1:], value)
    return {**data, path[0]: value}


def _build(
    cls: type, data: object, origin: str, where: str, error: type[InputError] | type[UsageError]
) -> Any:
    """Make a dataclass from a mapping, its fields checked by their annotations."""
    if not isinstance(data, Mapping):
        raise error(f"{origin}: '{where}' must hold keys and values.")
    hints = typing.get_type_hints(cls)
    known = {field.name: field for field in dataclasses.fields(cls)}
    for key in data:
        if key not in known:
            place = f" in '{where}'" if where else ""
            raise error(f"{origin}: there is no key '{key}'{place}; known: {', '.join(known)}.")
    missing = [
        name
        for name, field in known.items()
        if name not in data
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise error(f"{origin}: '{where or 'the recipe'}' lacks {', '.join(missing)}.")
    values = {
        key: _value(hints[key], value, origin, f"{where}.{key}".lstrip("."), error)
        for key, value in data.items()
    }
    try:
        return cls(**values)
    except (ValueError, InputError) as problem:
        raise error(f"{origin}: {where or 'the recipe'}: {problem}.".replace("..", ".")) from problem


def _value(hint: Any, value: object, origin: str, where: str, error: Any) -> Any:
    """Check one value against its annotation; lists become tuples, whole numbers floats."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _build(hint, value, origin, where, error)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if not isinstance(value, list | tuple):
            raise error(f"{origin}: '{where}' must be a list, not {value!r}.")
        if inner[-1] is not Ellipsis and len(inner) != len(value):
            raise error(f"{origin}: '{where}' must hold {len(inner)} values, not {len(value)}.")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_value(kind, v, origin, where, error) for kind, v in zip(kinds, value, strict=True))
    if isinstance(hint, types.UnionType):
        raise TypeError(f"recipes hold plain types only, not {hint}")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        raise error(f"{origin}: '{where}' must be {words.get(hint, hint)}, not {value!r}.")
    return value
