"""Places of `config.toml`: whether their engines answer, and whether a node sees what is written here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuned.client.finding import Finding
from tuned.core import words
from tuned.wire import PlaceRow


def judge(rows: Sequence[PlaceRow]) -> Iterator[Finding]:
    """Findings on places that were asked."""
    for row in rows:
        if row.says:
            nodes = words.does(row.nodes or 0, "node", "that takes", "that take")
            cards = f" ({', '.join(row.kinds)})" if row.kinds else ""
            what = f"place {row.name}: {row.says}, {nodes} work{cards}, {words.count(row.slots, 'slot')} for trials"
            yield Finding("ok" if row.nodes else "warn", what)
        if row.trouble:
            said = row.trouble if row.name in row.trouble else f"place {row.name}: {row.trouble}"
            yield Finding("fail", said, "see docs/places.md")
        elif row.answer:
            yield Finding("ok", f"place {row.name}: {row.answer}")
