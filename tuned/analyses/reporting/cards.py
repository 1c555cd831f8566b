"""The cards in the report: where their time went while the study ran, and what its trials did with them.

Owns the picture and the two tables. The account itself is the daemon's.
"""

from __future__ import annotations

from statistics import median

from matplotlib.figure import Figure

from tuned.analyses.reporting.pictures import (
    BLUE,
    BROWN,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    TEAL,
    Picture,
    picture,
    style,
)  # fmt: skip
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Cell, Column, Table
from tuned.core.cards.time import OURS, Use, per_mille
from tuned.core.words import duration

_COLOURS = {
    Use.TRAINING: GREEN, Use.SAVING: TEAL, Use.STARTING: BLUE, Use.LOST: RED, Use.POLITE: PURPLE, Use.YIELDED: PURPLE,
    Use.FOREIGN: BROWN, Use.POINT: ORANGE, Use.QUEUED: ORANGE,
}  # fmt: skip

_FIGURES = {
    "peak_memory": ("peak memory, GiB", 2.0**30),
    "utilisation": ("busy, %", 1.0),
    "watts": ("power, W", 1.0),
    "watt_hours": ("energy, Wh", 1.0),
    "degrees": ("greatest temperature, °C", 1.0),
    "throttled": ("throttled, % of the time", 0.01),
    "stalled": ("waited for data, % of the time", 0.01),
}
"""Figure -> how the table calls it, and its unit."""


def card_bars(study: StudyData) -> Picture | None:
    """A bar for each card, cut by what its time went into."""
    if not study.cards:
        return None
    with style():
        figure = Figure(figsize=(7.2, 0.9 + 0.35 * len(study.cards)), layout="constrained")
        axes = figure.subplots()
        told: set[str] = set()
        for place, card in enumerate(study.cards):
            left, total = 0.0, sum(card["uses"].values()) or 1.0
            for use, seconds in card["uses"].items():
                label = None if use in told else use
                told.add(use)
                colour = _COLOURS.get(Use(use), FAINT)
                axes.barh(-place, seconds / total, left=left, color=colour, height=0.7, label=label)
                left += seconds / total
            axes.text(-0.01, -place, f"gpu:{card['index']}", ha="right", va="center", color=INK, fontsize=8)
        axes.set_xlim(0, 1)
        axes.axis("off")
        axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 0.05))
        total = sum(sum(card["uses"].values()) for card in study.cards) or 1.0
        trained = sum(card["uses"].get(Use.TRAINING.value, 0.0) for card in study.cards) / total
        avoidable = sum(card["uses"].get(use.value, 0.0) for card in study.cards for use in OURS) / total
        alt = f"Of {duration(total)} of cards {trained:.0%} went into training, {avoidable:.1%} was ours to avoid."
        return picture(figure, "cards", alt, alt)


def card_ledger(study: StudyData) -> Table | None:
    """The same as a table; each card's shares add up to the whole."""
    if not study.cards:
        return None
    uses = [use.value for use in Use if any(use.value in card["uses"] for card in study.cards)]
    shares = [per_mille(card["uses"]) for card in study.cards]
    columns = (
        Column("use"),
        *(Column(f"gpu:{card['index']}", "share") for card in study.cards),
        Column("time", "seconds"),
    )
    rows: list[tuple[Cell, ...]] = [
        (use, *(of.get(use, 0) / 1000 for of in shares), sum(card["uses"].get(use, 0.0) for card in study.cards))
        for use in uses
    ]
    notes = (f"Ours to avoid: {', '.join(use.value for use in OURS)}.",)
    return Table("cards", "Where the time of the cards went", columns, tuple(rows), notes)


def figure_table(study: StudyData) -> Table | None:
    """The trials' use of their cards: the median, the least and the greatest."""
    rows: list[tuple[Cell, ...]] = []
    for name, (title, unit) in _FIGURES.items():
        found = sorted(t.card[name] / unit for t in study.trials if name in t.card)
        if found:
            rows.append((title, len(found), median(found), found[0], found[-1]))
    if not rows:
        return None
    columns = (
        Column("figure"), Column("trials", "count"), Column("median", "number"), Column("least", "number"),
        Column("greatest", "number"),
    )  # fmt: skip
    return Table("card-figures", "What trials did with their cards", columns, tuple(rows))
