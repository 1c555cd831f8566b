"""The documents name only verbs and files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tuned.cli.root import root
from tuned.cli.verbs.daemon import daemon
from tuned.core.verbs import BY_NAME, OTHER_NAMES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
_VERB = re.compile(r"\btunectl ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
_COMMAND = re.compile(r"\btunectl ((?:[^`|)#&;\n\\]|\\\n)+)")
_OPTION = re.compile(r"(?<!\S)\[?(--[a-z][a-z-]*)")
_PATH = re.compile(r"`((?:tuned|storage|tui|tests|docs|examples|benchmarks|packaging)/[\w./-]+)`")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
_IN_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_verbs_exist(page: Path) -> None:
    for code in _IN_CODE.findall(page.read_text()):
        for verb, second in _VERB.findall(code):
            assert verb in BY_NAME or verb in OTHER_NAMES, f"tunectl {verb}"
            if verb == "daemon" and second:
                assert second in daemon.commands, f"tunectl daemon {second}"


def _command(words: list[str]) -> click.Command | None:
    """The verb that a command line begins with, down to the verb of a group."""
    found = root.get_command(click.Context(root), words[0]) if words[0] in BY_NAME else None
    if isinstance(found, click.Group) and len(words) > 1:
        return found.get_command(click.Context(found), words[1])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_exist(page: Path) -> None:
    for code in _IN_CODE.findall(page.read_text()):
        for line in _COMMAND.findall(code):
            ours = line.partition(" -- ")[0]  # behind it stands somebody else's command
            command = _command(ours.split())
            if command is None:
                continue
            known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            assert not set(_OPTION.findall(ours)) - known - {"--help"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(page: Path) -> None:
    for path in _PATH.findall(page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_IN_CODE.sub("", page.read_text())):
        assert (page.parent / link).exists(), link


def test_there_are_pages() -> None:
    assert {"README.md", "docs/architecture.md", "examples/digits/README.md"} <= {
        page.relative_to(ROOT).as_posix() for page in PAGES
    }
