"""Which values must not be shown. Owns the guess by name, the passwords within addresses, and the mask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"

_SECRET = re.compile(
    r"(^|_)(api_?)?(key|pwd|pass|auth|pat|dsn|cookie)s?($|_)|tokens?($|_)|secret|passw|passphrase|credential",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(?<=://)([^/@:\s]*):[^/?#{}\s]+(?=@)")  # braces are a placeholder, which holds no secret


def is_secret(name: str) -> bool:
    """Whether a variable of this name probably holds a secret: `WANDB_API_KEY` does, `KEYBOARD` does not."""
    return bool(_SECRET.search(name))


def without_passwords(text: str) -> str:
    """A text for a reader: the passwords of addresses in it are masked."""
    return _IN_ADDRESS.sub(rf"\1:{MASK}", text)


def masked_within(value: Any) -> Any:
    """Plain data for a reader: every text in it without the passwords of addresses."""
    if isinstance(value, str):
        return without_passwords(value)
    if isinstance(value, Mapping):
        return {key: masked_within(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_within(item) for item in value]
    return value


def holds_secret(name: str, value: str) -> bool:
    """Whether a variable is masked where it is shown, as a whole or in part."""
    return is_secret(name) or without_passwords(value) != value


def masked(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables with secrets masked: values by their name, and passwords within addresses."""
    return {
        name: MASK if is_secret(name) and value else without_passwords(value) for name, value in environment.items()
    }
