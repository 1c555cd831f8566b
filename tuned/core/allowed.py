"""The least and the largest numbers that a study may ask for: in its file, by `set`, and as options of a step.

Owns these pairs. Defaults are the specification's (`tuned.core.study`, `tuned.core.playbook.spec`).
"""

from __future__ import annotations

TRIALS = (1, 1_000_000)
AT_ONCE = (1, 1024)
"""Trials at once: of a study, of this machine's slots, of a place."""
LEVELS = (2, 1000)
FOLDS = (2, 100)
RETRIES = (0, 100)
MOST_CORES = 4096
LONGEST_LINE = 500
"""Characters of a text that fits a line, such as `question`."""

REDUCTION = (2, 100)
KEPT = (1, 1000)
"""Trials that go on from the one rung of `i-epoch`."""

CONFIRMED = (1, 100)
"""Of the best ones, how many a confirmation repeats."""
SEEDS = (2, 100)
MOST_SEEDS = (0, 400)
"""The same over all rounds; 0: by the seeds of the first."""
MEMBERS = (2, 100)
"""Trials that an ensemble may be made of."""
