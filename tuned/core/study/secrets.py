"""Which values must not be shown. Owns the guess by name and the mask."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "********"

_SECRET = re.compile(
    r"(^|_)(api_?)?(key|pwd|pass|auth|pat|dsn|cookie)s?($|_)|tokens?($|_)|secret|passw|passphrase|credential",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+(?=@)")


def is_secret(name: str) -> bool:
    """Whether a variable of this name probably holds a secret: `WANDB_API_KEY` does, `KEYBOARD` does not."""
    return bool(_SECRET.search(name))


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with secrets masked: values by their name, and passwords within addresses."""
    return {
        name: MASK if is_secret(name) and value else _IN_ADDRESS.sub(rf"\1:{MASK}", value)
        for name, value in environment.items()
    }
