"""Which values must not be shown. Owns the guess by name and the mask."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "********"

_SECRET = re.compile(r"(^|_)(api_?)?(key|token|secret|password|passwd|pwd|credentials?|auth)s?($|_)", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a variable of this name probably holds a secret: `WANDB_API_KEY` does, `KEYBOARD` does not."""
    return bool(_SECRET.search(name))


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with secrets masked."""
    return {name: MASK if is_secret(name) and value else value for name, value in environment.items()}
