"""How the next point of a study as it stands is chosen. Owns the counts that this is decided by."""

from __future__ import annotations

from tuned.core.search.phases import Due, due
from tuned.core.states import LIVE, VALUED, TrialState, number_in
from tuned.core.study import Study
from tuned.daemon import clock


def due_in(study: Study, more: int = 0) -> Due:
    """How the study's next point is chosen, once it has so many trials more."""
    # A design, or a phase, is of so many points, however often some of them were run.
    created = sum(study.point_counts.values()) + more
    finished = min(created, number_in(VALUED, study.search_counts))
    if reproducible(study):
        # Whether a trial before it has ended already is a matter of time: when the point is chosen, all but `lag` have.
        finished = min(finished + _under_way(study) + more, max(0, created - lag(study)))
    return due(study.spec.space, study.search, finished, created, _spent(study))


def _spent(study: Study) -> float:
    """Share of the time that is over, where time alone limits the search: of so many trials each point is as it was."""
    budget, left = study.search.budget, study.budget_left(clock.now())
    return 0.0 if budget is None or left is None or study.search.trials is not None else 1 - left / budget


def reproducible(study: Study) -> bool:
    """Whether the same study gives the same trials again: one at a time, each from all results but the latest `lag`."""
    return study.spec.search.parallel == 1


def lag(study: Study) -> int:
    """How many of the latest trials a suggestion of a reproducible study is made without."""
    return 1 if study.spec.search.lag is None else study.spec.search.lag


def awaits_result(study: Study) -> bool:
    """Whether the next suggestion is made from a result that is still to come: of a trial that runs, or will."""
    return reproducible(study) and _under_way(study) > lag(study)


def refines_next(study: Study) -> bool:
    """Whether the next suggestion is the first of a phase before which the space is refined by the results so far."""
    way = due_in(study)
    return way.refine and sum(study.point_counts.values()) == way.begun


def too_early(study: Study) -> bool:
    """Whether the next suggestion waits for results by which the space is refined before it.

    Those of trials that run are not waited for, unless the study is reproducible: slots would stand idle.
    """
    if not refines_next(study):
        return False
    return awaits_result(study) if reproducible(study) else study.counts.get(TrialState.QUEUED, 0) > 0


def _under_way(study: Study) -> int:
    return number_in(LIVE | {TrialState.QUEUED}, study.search_counts)


def results_of(study: Study) -> int:
    """Ended trials that teach the search something."""
    return number_in(VALUED | {TrialState.FAILED}, study.search_counts)
