"""Plain data as TOML.

Owns the spelling of keys and values. Their meaning is the caller's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """A key, quoted when TOML would split or refuse it."""
    return name if _BARE.fullmatch(name) else value(name)


def value(content: Any) -> str:
    """A value as TOML writes it: tables inline, text quoted."""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, Mapping):
        inner = ", ".join(f"{key(name)} = {value(entry)}" for name, entry in content.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(content, list | tuple):
        return "[" + ", ".join(value(entry) for entry in content) + "]"
    if isinstance(content, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, too.
        return json.dumps(content, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(content, datetime | date | time):
        return content.isoformat()
    return repr(content)


def document(content: Mapping[str, Any], prefix: str = "") -> str:
    """A whole document: plain values first, then a section for each table."""
    lines = [f"{key(name)} = {value(entry)}" for name, entry in content.items() if not isinstance(entry, Mapping)]
    text = "".join(f"{line}\n" for line in lines)
    for name, entry in content.items():
        if isinstance(entry, Mapping):
            path = f"{prefix}.{key(name)}" if prefix else key(name)
            text += f"\n[{path}]\n" + document(entry, path)
    return text
