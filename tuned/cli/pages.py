"""The pages of the manual: where an installed `tunectl` has them, and those that `tunectl help TOPIC` prints."""

from __future__ import annotations

import re
import sys
from collections.abc import Container
from pathlib import Path

INSTALLED = Path("share", "tuned-hpo", "docs")
"""Below the environment: where the wheel puts `docs/`."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def folder_of(prefix: Path, beside: Path) -> Path:
    """The folder of the pages.

    Args:
        prefix: The environment that tunectl runs in.
        beside: The folder that holds the package. Among installed packages its `docs` are another package's.
    """
    installed = prefix / INSTALLED
    return installed if installed.is_dir() else beside / "docs"


def topics() -> dict[str, Path]:
    """Name of each page -> its file; those of a checkout where tunectl runs from one."""
    folder = folder_of(Path(sys.prefix), Path(__file__).resolve().parents[2])
    return {path.stem: path for path in sorted(folder.glob("*.md"))}


def for_terminal(page: str, topic: str, known: Container[str]) -> str:
    """A page with the way to another page as it is typed; a link to what only the source holds is its words alone.

    Args:
        page: Markdown.
        topic: Its name.
        known: Names of the pages.
    """

    def shown(link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        if picture:
            return ""
        if target.startswith(("http:", "https:")):
            return f"{words} ({target})"
        name = target.partition("#")[0]
        other = name.removesuffix(".md")
        return f"{words} (tunectl help {other})" if name != other != topic and other in known else words

    return _LINK.sub(shown, page)
