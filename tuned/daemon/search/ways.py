"""How the next point of a study as it stands is chosen. Owns the counts that this is decided by."""

from __future__ import annotations

from tuned.core.search.phases import Due, due
from tuned.core.states import VALUED, TrialState
from tuned.core.study import Study

_TELLING = VALUED | {TrialState.FAILED}


def due_in(study: Study, more: int = 0) -> Due:
    """How the study's next point is chosen, once it has so many trials more."""
    # A design, or a phase, is of so many points, however often some of them were run.
    created = sum(study.point_counts.values()) + more
    finished = min(created, sum(study.search_counts.get(state, 0) for state in VALUED))
    if reproducible(study):
        # Whether the trial before it has ended already is a matter of time.
        finished = min(finished, max(0, created - 1))
    return due(study.spec.space, study.search, finished, created)


def reproducible(study: Study) -> bool:
    """Whether the same study gives the same trials again: one at a time, each suggestion from all but the last one."""
    return study.spec.search.parallel == 1


def results_of(study: Study) -> int:
    """Ended trials that teach the search something."""
    return sum(study.search_counts.get(state, 0) for state in _TELLING)
