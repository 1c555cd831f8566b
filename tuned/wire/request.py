"""Shapes that are sent to the daemon. Owns what is different about them: a key that they do not have is refused."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def request(shape: type[T]) -> type[T]:
    """Mark a dataclass as sent to the daemon: there, an unknown key is a fault of the request and not overlooked."""
    shape.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return shape
