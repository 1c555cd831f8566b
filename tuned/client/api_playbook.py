"""The calls of the steps from a search to a final model: see `tuned.client.api`, whose routes these complete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tuned.client.api import Call, study_path

if TYPE_CHECKING:
    from tuned.wire import Steps


def steps(study: str) -> Call[Steps]:
    """A study's steps."""
    return Call("GET", study_path(study) + "/steps", "Steps")


def take_step(study: str, step: str, options: Mapping[str, Any] | None = None) -> Call[Steps]:
    """Take a step now: `confirm`, `ensemble`, `finalize` or `report`."""
    given = {name: value for name, value in (options or {}).items() if value is not None}
    return Call("POST", study_path(study) + "/steps", "Steps", body={"step": step, "options": given}, timeout=60.0)


def steer_step(study: str, step: str, action: str) -> Call[Steps]:
    """`pause`, `resume` or `skip` a step."""
    return Call("POST", study_path(study) + "/steps/steer", "Steps", body={"step": step, "action": action})
