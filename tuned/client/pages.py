"""Replies of `/v1` that join several of the wire's shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuned.wire import StudyRow


@dataclass(frozen=True)
class StudyPage:
    """A study and its whole specification as plain data."""

    study: StudyRow
    spec: dict[str, Any]
