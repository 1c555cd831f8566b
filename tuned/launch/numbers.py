"""A number as programs print it.

Owns which spellings are one number without doubt: `0.25`, `12.5%`, `tensor(0.25, device='cuda:0')`,
`np.float64(0.25)`, `[0.25]`, `12,345.6`, `0,25`, and the minus sign of a typesetter. `12,345` is two numbers, one in
each half of the world, and is none here.
"""

from __future__ import annotations

import re
from typing import Optional

_TRAILING = ".,;:)]}%"
_MINUS = "\N{MINUS SIGN}"
_PLAIN = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity)"
_KIND = r"(?:\w+\.)*\w*(?:tensor|float|double|int|array|decimal|parameter)\d*"
_WRAPPED = re.compile(
    r"%s\((?:\[\s*(?P<one>%s)\s*\].*|\s*['\"]?(?P<bare>%s)['\"]?\s*(?:\).*|,\s*\w+=.*|,)?)" % (_KIND, _PLAIN, _PLAIN),
    re.IGNORECASE,
)
_LISTED = re.compile(r"\[\s*(%s)\s*\][.,;:)%%]*" % _PLAIN, re.IGNORECASE)
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:(?:,\d{3})+\.\d+|(?:,\d{3}){2,})")
_DECIMAL_COMMA = re.compile(r"[-+]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))(?:[eE][-+]?\d+)?")


def read_number(text: str) -> Optional[float]:
    """The number that a text is, or None; punctuation of the sentence around it is no part of it."""
    text = text.strip().replace(_MINUS, "-")
    bare = text.rstrip(_TRAILING)
    for candidate in (text, bare):
        try:
            return float(candidate)
        except ValueError:
            continue
    match = _WRAPPED.fullmatch(text) or _LISTED.fullmatch(text)
    if match is not None:
        return float(next(filter(None, match.groups())))
    if _THOUSANDS.fullmatch(bare):
        return float(bare.replace(",", ""))
    if _DECIMAL_COMMA.fullmatch(bare):
        return float(bare.replace(",", "."))
    return None
