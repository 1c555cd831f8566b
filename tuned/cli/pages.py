"""The pages of the manual: where an installed `tunectl` has them, and those that `tunectl help TOPIC` prints."""

from __future__ import annotations

import sys
from pathlib import Path

INSTALLED = Path("share", "tuned-hpo", "docs")
"""Below the environment: where the wheel puts `docs/`."""


def topics() -> dict[str, Path]:
    """Name of each page -> its file; those of a checkout where tunectl runs from one."""
    here = Path(__file__).resolve().parents[2] / "docs"
    folder = here if here.is_dir() else Path(sys.prefix) / INSTALLED
    return {path.stem: path for path in sorted(folder.glob("*.md"))}
