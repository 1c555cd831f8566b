"""Scores of single examples out of stored predictions, where they add up to the result that was reported.

Owns that look: a metric is not known by its name, but by giving the same number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tuned.analyses.examples.predictions import DEFAULT_SPLIT, Predictions, read_predictions

Floats = NDArray[np.float64]
CLOSE = 1e-3
"""Relative difference up to which a computed metric is the reported one: scripts round what they print."""
_LEAST = 1e-12


def scores_of(run_dir: str, reported: float) -> Floats | None:
    """(examples,) scores whose mean is the reported value; None where no known score comes to it."""
    if not run_dir or not np.isfinite(reported):
        return None
    found, _ = read_predictions(run_dir)
    said = found.get(DEFAULT_SPLIT) or next(iter(found.values()), None)
    if said is None or said.targets is None or len(said.probabilities) < 2:
        return None
    for scores, scale in candidates(said):
        if abs(scale * scores.mean() - reported) <= CLOSE * max(abs(reported), _LEAST):
            return scale * scores
    return None


def candidates(said: Predictions) -> list[tuple[Floats, float]]:
    """Scores that results are usually means of, each as a share and in per cent."""
    assert said.targets is not None
    if said.classes:
        right = (said.probabilities.argmax(axis=1) == said.targets).astype(float)
        rows = np.arange(len(said.targets))
        chosen = said.probabilities[rows, said.targets] / said.probabilities.sum(axis=1)
        loss = -np.log(np.clip(chosen, _LEAST, None))
        return [(right, 1.0), (1 - right, 1.0), (loss, 1.0), (right, 100.0), (1 - right, 100.0)]
    error = said.probabilities.reshape(len(said.targets), -1).mean(axis=1) - said.targets
    return [(error**2, 1.0), (np.abs(error), 1.0)]
