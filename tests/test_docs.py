"""The documentation builds without a warning, and leaves out no command, key, setting, page or variable."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lesionscope import cli, config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
TOOLS = ("sphinx", "myst_parser", "furo")


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """Load what makes the reference; it lies beside the pages, in no package."""
    spec = importlib.util.spec_from_file_location("docs_reference", DOCS / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> list[Path]:
    return sorted(DOCS.rglob("*.md"))


def in_navigation() -> set[str]:
    """Pages that the index' trees of contents name, as paths without their ending."""
    named: set[str] = set()
    for tree in re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL):
        entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
        for entry in entries:
            found = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.glob(f"{entry}.md")}
            assert found, f"the index names {entry}, which is no page"
            assert not found & named, f"{entry} stands in the navigation twice"
            named |= found
    return named


def test_every_page_is_in_the_navigation() -> None:
    there = {str(page.relative_to(DOCS).with_suffix("")) for page in pages()} - {"index"}
    assert in_navigation() == there


def test_links_lead_somewhere() -> None:
    broken = []
    for page in [*pages(), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"]:
        for target in LINK.findall(page.read_text("utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} → {target}")
    assert not broken


def test_pictures_are_named_and_described() -> None:
    named = {
        (page.parent / target).resolve()
        for page in [*pages(), ROOT / "README.md"]
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8"))
        if text
    }
    unused = [path.name for path in DOCS.rglob("*.png") if path.resolve() not in named]
    assert not unused


def test_every_command_is_described_with_all_it_takes(reference: ModuleType) -> None:
    text = reference.commands()
    leaves = list(reference.leaves(cli.build_parser()))
    assert len(leaves) > 20
    for parser, summary in leaves:
        assert summary, f"{parser.prog} does not say what it does"
        section = text.partition(f"## {parser.prog}\n")[2].partition("\n## ")[0]
        assert section, parser.prog
        for option in reference.options_of(parser):
            name = option.option_strings[-1] if option.option_strings else option.metavar or option.dest
            assert f"`{name}".replace("|", r"\|") in section, f"{parser.prog} {name}"
            assert option.help, f"{parser.prog} {name} has no help"


def test_every_command_takes_what_the_page_says_of_all(reference: ModuleType) -> None:
    said = (DOCS / "commands.md").read_text("utf-8").partition("Exit status")[0]
    shared = set(re.findall(r"`(--[\w-]+)`", said))
    assert shared == {"--help", "--debug"}
    for parser, _ in reference.leaves(cli.build_parser()):
        assert shared <= set(parser._option_string_actions), parser.prog
        assert not parser.allow_abbrev, f"{parser.prog} would take the start of an option for it"


def test_every_setting_is_described_with_its_variable(reference: ModuleType) -> None:
    text = reference.settings()
    for key in config.KEYS:
        assert f"| `{key}` `LESIONSCOPE_{key.upper()}` |" in text


def test_the_settings_shown_are_ones_that_load(tmp_path: Path) -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "config.toml"
    file.write_text(example, encoding="utf-8")
    config.load({"LESIONSCOPE_CONFIG": str(file)})
    assert set(re.findall(r"^(\w+) =", example, re.MULTILINE)) == set(config.KEYS)


def test_every_variable_that_the_code_reads_is_described() -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    read = re.compile(r"environ(?:\.get\(|\.setdefault\(|\[)\"(\w+)\"")
    names = {
        name
        for folder in (ROOT / "src", ROOT / "training")
        for path in folder.rglob("*.py")
        for name in read.findall(path.read_text("utf-8"))
    }
    assert names >= {"DISPLAY", "WORLD_SIZE", "OMP_WAIT_POLICY"}
    # xvfb-run's mark: nothing that a person would set.
    assert {name for name in names - {"XAUTHORITY"} if f"`{name}`" not in page} == set()
    assert f"`{config.FILE_VARIABLE}`" in page


def test_commands_in_the_pages_parse(reference: ModuleType) -> None:
    """What stands after ``lesionscope`` in a page's commands is a command, with options that it has."""
    known = {parser.prog: parser for parser, _ in reference.leaves(cli.build_parser())}
    wrong = []
    for page in pages():
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"^(?: {4}|\$ ?)?(?:\w+=\S+ )*(lesionscope .*)$", text, re.MULTILINE):
            words = line.partition(" #")[0].split()
            command = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in known), None)
            if command is None:
                wrong.append(f"{page.name}: {line}")
                continue
            options = {name for option in known[command]._actions for name in option.option_strings}
            used = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")}
            wrong += [f"{page.name}: {command} has no {name}" for name in sorted(used - options)]
    assert not wrong


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    missing = [name for name in TOOLS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install 'napari-lesionscope[docs]'")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-E",
        "-W",
        "--keep-going",
        "-d",
        str(tmp_path / "trees"),
    ]
    built = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "docs")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    start = (tmp_path / "docs" / "index.html").read_text("utf-8")
    fetched = re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]+)", start)
    assert not fetched, "a reader without a network would miss something"
    keys = (tmp_path / "docs" / "keys.html").read_text("utf-8")
    assert "Next lesion that isn" in keys and "reference:" not in keys
