"""Overrides in Hydra's grammar: `lr=0.1`, `name='a,b'`.

Owns the quoting. The grammar is that of https://hydra.cc/docs/advanced/override_grammar/basic: text outside of quotes
is read as null, a number, true or false where it can be, and commas, equals signs, brackets and quotes have a meaning.
"""

from __future__ import annotations

import re

from tuned.core.space import Value

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./-][A-Za-z0-9_]+)*")
_TYPED = frozenset({"null", "true", "false", "nan", "inf"})


def override(name: str, value: Value) -> str:
    """`name=value`, so that Hydra's configuration gets this very value in its own type."""
    return f"{name}={_value(value)}"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and value.lower() not in _TYPED:
        return value
    # A backslash counts only before a quote, and before `${`, which would be an interpolation.
    escaped = re.sub(r"(\\*)('|\Z)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
    escaped = re.sub(r"(\\*)\$\{", lambda m: m[1] * 2 + "\\${", escaped)
    return f"'{escaped}'"
