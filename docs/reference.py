"""Makes the reference from the code: commands, keys, settings, as Markdown.

A page says where with a line ``<!-- reference: commands -->``; ``conf.py`` has it filled while the
documentation is built, so that it can't fall behind.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import MagicMock

MARK = re.compile(r"^<!-- reference: (\w+) -->$", re.MULTILINE)
NONE = "—"


def filled(page: str) -> str:
    """Return a page with its marks replaced.

    Raises
    ------
    KeyError
        A mark asks for something that isn't made here.
    """
    return MARK.sub(lambda mark: PARTS[mark[1]](), page)


# -- commands -------------------------------------------------------------------------


def commands() -> str:
    """Describe every command: what it does, its arguments and options."""
    from lesionscope.cli import build_parser

    return "\n\n".join(_described(build_parser(), level=2))


def leaves(
    parser: argparse.ArgumentParser, summary: str = ""
) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield the parsers that run something, each with its one line of help."""
    below = _subparsers(parser)
    if below is None:
        yield parser, summary or parser.description or ""
        return
    helps = {choice.dest: choice.help or "" for choice in below._choices_actions}
    for name, command in below.choices.items():
        yield from leaves(command, helps.get(name, ""))


def options_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return a command's own arguments and options; ``--help`` and ``--debug`` are everybody's."""
    shared = {"help", "debug"}
    return [action for action in parser._actions if action.dest not in shared and not _is_branch(action)]


def _described(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    for command, summary in leaves(parser):
        yield f"{'#' * level} {command.prog}"
        yield _sentence(summary)
        yield f"```\n{_usage(command)}\n```"
        options = options_of(command)
        if options:
            yield _table(
                ("argument", "what it is"), ((_spelling(one), _plain(_help(one))) for one in options)
            )
        if command.epilog:
            yield _plain(command.epilog)


def _subparsers(parser: argparse.ArgumentParser) -> Any:
    return next((action for action in parser._actions if _is_branch(action)), None)


def _is_branch(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(parser.prog, width=82)
    shown = [action for action in parser._actions if action.dest not in ("help", "debug")]
    formatter.add_usage(parser.usage, shown, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def _spelling(action: argparse.Action) -> str:
    names = list(action.option_strings) or [str(action.metavar or action.dest)]
    if action.option_strings and action.nargs != 0:
        value = action.metavar or (
            "|".join(map(str, action.choices)) if action.choices else action.dest.upper()
        )
        names[-1] += f" {' '.join(value) if isinstance(value, tuple) else value}"
    return ", ".join(f"`{name}`".replace("|", r"\|") for name in names)


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%%", "%")
    parts = [text] if text else []
    if action.required and action.option_strings:
        parts.append("required")
    default = action.default
    if action.dest == "workers" and default == os.cpu_count():
        parts.append("one a core by default")
    elif isinstance(default, str | int | float) and not isinstance(default, bool):
        said = f"{default:g}" if isinstance(default, float) else str(default)
        if said != argparse.SUPPRESS and f"({said})" not in text:
            parts.append(f"{said} by default")
    return "; ".join(parts)


# -- keys -----------------------------------------------------------------------------


def keys() -> str:
    """List mouse and keys of the window, of its lists, and of the follow-up window, as help does."""
    logging.getLogger("OpenGL").setLevel(logging.WARNING)  # says at import what it found
    from lesionscope.viewer.find.keys import list_keys
    from lesionscope.viewer.followup.window import FollowupWindow
    from lesionscope.viewer.help import MOUSE
    from lesionscope.viewer.keys import merged
    from lesionscope.viewer.review.keys import review_keys
    from lesionscope.viewer.stage import Stage
    from lesionscope.viewer.view_keys import view_keys

    # Tables are made from whom they act on; nobody presses a key here.
    nobody = MagicMock()
    window = merged(view_keys(nobody), Stage._own_keys(nobody))
    comparison = merged(view_keys(nobody), FollowupWindow._keys(nobody))
    parts = [
        "## Mouse",
        _table(("with the mouse", "what it does"), ((f"**{what}**", does) for what, does in MOUSE)),
    ]
    for title, table in (
        ("In the window", window),
        ("In the list of candidates", list_keys(nobody, nobody)),
        ("In a review", review_keys(nobody, nobody)),
        ("Comparing two studies", comparison),
    ):
        parts += [f"## {title}", *_key_tables(table)]
    return "\n\n".join(parts)


def _key_tables(table: Iterable[Any]) -> Iterator[str]:
    from lesionscope.viewer.keys import grouped

    groups = grouped(table)
    for name, entries in groups:
        if len(groups) > 1:
            yield f"### {name}"
        rows: dict[str, list[str]] = {}
        for entry in entries:
            rows.setdefault(entry.title, []).append(f"`{entry.key}`")
        yield _table(("key", "what it does"), ((", ".join(names), title) for title, names in rows.items()))


# -- settings -------------------------------------------------------------------------


def settings() -> str:
    """List the keys of ``config.toml`` with the variables that override them."""
    from lesionscope.config import KEYS, variable_of

    return _table(
        ("key and variable", "what it decides", "values", "without it"),
        (
            (f"`{name}` `{variable_of(name)}`", key.meaning, key.values, key.default)
            for name, key in KEYS.items()
        ),
    )


# -- Markdown -------------------------------------------------------------------------


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell or NONE for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Keep help texts from being read as Markdown."""
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", text)


def _sentence(text: str) -> str:
    text = _plain(text.strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


PARTS = {"commands": commands, "keys": keys, "settings": settings}
"""What a page can ask for."""
