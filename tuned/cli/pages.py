"""The pages of the manual: where an installed `tunectl` has them, and those that `tunectl help TOPIC` prints."""

from __future__ import annotations

import sys
from pathlib import Path

INSTALLED = Path("share", "tuned-hpo", "docs")
"""Below the environment: where the wheel puts `docs/`."""


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
