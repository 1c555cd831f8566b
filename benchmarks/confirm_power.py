"""How often a confirmation decides, and how often it is wrong: made-up studies with known means, round by round.

`python -m benchmarks.confirm_power [--studies 1000]` prints the table of docs/playbook.md. Differences are in units of
the standard deviation between seeds. Each study is confirmed as the daemon does it: rounds of seeds for open
configurations, doubled up to the limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from tuned.analyses.comparing.repeated import Compared, Configuration, chosen, compare, still_open
from tuned.core.final.confirming import further_seeds

SEEDS = 5
LIMITS = (5, 10, 20)
DIFFERENCES = (0.5, 1.0, 2.0, 3.0)


def confirm(
    draw: np.random.Generator, means: Sequence[float], deviations: Sequence[float], most: int
) -> list[Compared]:
    """One confirmation to its end; the first configuration is the baseline, smaller results are better."""
    shared = draw.normal(size=most)
    results = [m + s * draw.normal(size=most) + shared for m, s in zip(means, deviations, strict=True)]
    have, looks = [SEEDS] * len(means), list[int]()
    while True:
        found = [
            Configuration(i, 0.0, dict(enumerate(values[:n])))
            for i, (values, n) in enumerate(zip(results, have, strict=True))
        ]
        compared = compare(found[0], found[1:], 1.0, looks)
        looks.append(have[0])
        more = further_seeds({"seeds": SEEDS, "max_seeds": most}, have[0])
        open_ = still_open(compared, 1.0)
        if not open_ or not more:
            return compared
        have = [have[0] + more if i == 0 or i in open_ else n for i, n in enumerate(have)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    given = parser.parse_args()
    print(
        "| seeds | " + " | ".join(f"adopted at {d:g}" for d in DIFFERENCES) + " | any decision at 0 | noisy baseline |"
    )
    print("|---|" + "---|" * (len(DIFFERENCES) + 2))
    for most in LIMITS:
        draw = np.random.default_rng(most)
        cells = []
        for difference in DIFFERENCES:
            adopted = 0
            for _ in range(given.studies):
                best = chosen(confirm(draw, (0.0, -difference, 0.0, 0.0), (1.0,) * 4, most), 1.0)
                adopted += best.decision == "adopt" and best.configuration.number == 1
            cells.append(adopted / given.studies)
        for deviations in ((1.0,) * 4, (3.0, 1.0, 1.0, 1.0)):
            wrong = sum(
                any(c.decision in ("adopt", "reject") for c in confirm(draw, (0.0,) * 4, deviations, most))
                for _ in range(given.studies)
            )
            cells.append(wrong / given.studies)
        label = f"{SEEDS}" if most == SEEDS else f"{SEEDS}, up to {most}"
        print(f"| {label} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
