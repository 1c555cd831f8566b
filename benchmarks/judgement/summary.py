"""The truth table of a run: power and false alarms with intervals, for people and for docs/playbook-verdicts.md.

Owns the table and the markers of its place in the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import beta

from benchmarks.judgement.judging import Outcome, alarms

PAGE = Path(__file__).resolve().parents[2] / "docs" / "playbook-verdicts.md"
BEGIN = "<!-- measured judgement: written by python -m benchmarks.judgement --write -->"
END = "<!-- end of measured judgement -->"


def interval(hits: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    low = float(beta.ppf(0.025, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, count - hits)) if hits < count else 1.0
    return low, high


def share(hits: int, count: int) -> str:
    """A share with its interval and its counts, in words."""
    low, high = interval(hits, count)
    return f"{hits / count:.1%} ({low:.1%} to {high:.1%}; {hits} of {count})"


def summary(found: Sequence[Outcome]) -> str:
    """The three figures, and which kinds fall short."""
    planted = [one for one in found if one.family == "planted"]
    healthy = [one for one in found if one.family == "healthy"]
    rows = [
        ("planted faults named", planted, sum(one.right for one in planted), ">= 95 %"),
        ("planted studies with a verdict against the fault", planted, sum(one.contradicts for one in planted), "0"),
        ("healthy studies with a warning or a failure", healthy, sum(not one.right for one in healthy), "<= 5 %"),
    ]
    lines = ["| measured | studies of | share (95 % interval; counts) | goal |", "|---|---|---|---|"]
    for text, of, hits, goal in rows:
        if of:
            lines.append(f"| {text} | {len({one.kind for one in of})} kinds | {share(hits, len(of))} | {goal} |")
    return "\n".join(lines) + "\n"


def details(found: Sequence[Outcome]) -> str:
    """Kind by kind: what was named how often, and the alarms of healthy kinds."""
    lines = ["| kind | right | otherwise |", "|---|---|---|"]
    for family, kind in dict.fromkeys(sorted((one.family, one.kind) for one in found)):
        own = [one for one in found if (one.family, one.kind) == (family, kind)]
        wrong = Counter(
            f"{code}{f' ({about})' if about else ''}"
            for one in own
            if not one.right or one.contradicts
            for _, code, about in alarms(one.said)
        )
        named = ", ".join(f"{code} x{count}" for code, count in wrong.most_common(4))
        missed = sum(not one.right for one in own)
        silent = "silent" if missed and not named else named
        lines.append(f"| {family}: {kind} | {len(own) - missed} of {len(own)} | {silent or '-'} |")
    return "\n".join(lines) + "\n"


def with_table(text: str, found: Sequence[Outcome]) -> str:
    """The page with the table between its markers.

    Raises:
        ValueError: A marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} lacks the markers of the measured judgement")
    return f"{before}{BEGIN}\n{summary(found)}\n{details(found)}{END}{after}"


def page(found: Sequence[Outcome]) -> None:
    """Write the table into the page."""
    PAGE.write_text(with_table(PAGE.read_text(), found))
