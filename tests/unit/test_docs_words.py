"""The documents name only verbs and files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tuned.cli.root import VERBS
from tuned.cli.verbs.daemon import daemon

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
_VERB = re.compile(r"\btunectl ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
_IN_CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_verbs_exist(page: Path) -> None:
    for code in _IN_CODE.findall(page.read_text()):
        for verb, second in _VERB.findall(code):
            assert verb in VERBS, f"tunectl {verb}"
            if verb == "daemon" and second:
                assert second in daemon.commands, f"tunectl daemon {second}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_IN_CODE.sub("", page.read_text())):
        assert (page.parent / link).exists(), link


def test_there_are_pages() -> None:
    assert {"README.md", "docs/architecture.md", "examples/digits/README.md"} <= {
        page.relative_to(ROOT).as_posix() for page in PAGES
    }
