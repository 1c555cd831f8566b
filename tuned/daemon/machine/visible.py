"""The cards that `CUDA_VISIBLE_DEVICES` of the daemon leaves to it. Owns the reading of that variable."""

from __future__ import annotations

from collections.abc import Sequence

from tuned.core.cards.shares import PART
from tuned.nvidia import Card


def visible_cards(cards: Sequence[Card], names: str | None) -> list[Card]:
    """The cards that are named, in PCI order.

    As for CUDA, a name is a number or the beginning of a UUID, and a name of no card hides those behind it. Numbers are
    those of PCI order, as trials get them: the order of speed, CUDA's own default, cannot be known without a context.

    Args:
        cards: All cards.
        names: The variable's value; None: it is not set, and nothing is hidden.
    """
    if names is None:
        return list(cards)
    chosen: set[str] = set()
    for name in filter(None, (part.strip() for part in names.split(","))):
        fitting = [card for card in cards if name in (str(card.number), card.uuid) or _begins(card.uuid, name)]
        if len(fitting) != 1:
            break
        chosen.add(fitting[0].uuid)
    return [card for card in cards if card.uuid in chosen]


def _begins(uuid: str, name: str) -> bool:
    return name.startswith(("GPU-", PART)) and uuid.startswith(name)
