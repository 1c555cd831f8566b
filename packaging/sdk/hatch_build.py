"""The files of the wheel: those that `tunectl sdk` copies. Owns no list of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parents[2]


class SdkFiles(BuildHookInterface[Any]):
    """Names each file of the SDK to the builder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Add the files, where the wheel holds them."""
        sys.path.insert(0, str(ROOT))
        try:
            from tuned.client.sdk_copy import names
        finally:
            sys.path.remove(str(ROOT))
        files = {str(ROOT / "tuned" / name): f"tuned/{name}" for name in names(ROOT / "tuned")}
        build_data["force_include"].update(files)
