"""A study as it stands: its state, its counts, its best."""

from __future__ import annotations

from dataclasses import dataclass, field

from tuned.core.playbook.steps import Playbook
from tuned.core.space import Point
from tuned.core.states import StudyState
from tuned.core.study.searching import SearchSpec, search_now
from tuned.core.study.specification import StudySpec

SEARCH = "search"
"""The stage of the trials that a search consists of. Those of any other stage are no points of it: they do not count
towards its trials, no model learns from them, and none of them is the best."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best trial of a study, by `tuned.core.ranking`; `cut` when nothing has run to its own end yet."""

    number: int
    params: Point
    values: dict[str, float]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it stands.

    Attributes:
        counts: Trial state -> number of trials; states without trials are left out.
        reason: Why it is in its state (a pause's cause, an end's cause), for people; empty when there is nothing to
            say.
        paused_by: The one who paused it, as `PausedBy` spells it; empty while it is not paused.
        phase: How its points are chosen now and why; empty before the first.
        other_code: Number of trials that ran other code than was submitted.
        aside: Trial state -> how many of `counts` are of another stage than the search.
        again: Trial state -> how many of `counts` repeat the point of another trial of the search: retries and further
            seeds. They teach the search, and use nothing up of its `trials`.
        playbook: The steps of its playbook; None where there is none.
        space: Version of `spec.space`, from 1.
        test_looks: Analyses that have measured on the test set.
        created_at: Unix seconds; `running_s` seconds of wall time it has spent unpaused up to `running_since`.
    """

    id: int
    name: str
    state: StudyState
    reason: str
    priority: int
    spec: StudySpec
    counts: dict[str, int]
    best: Best | None
    created_at: float
    ended_at: float | None
    running_s: float
    running_since: float | None
    paused_by: str = ""
    note: str = ""
    phase: str = ""
    other_code: int = 0
    space: int = 1
    aside: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    playbook: Playbook | None = None
    test_looks: int = 0

    @property
    def search_counts(self) -> dict[str, int]:
        """`counts` of the search alone, without the trials of other stages."""
        return {state: n - self.aside.get(state, 0) for state, n in self.counts.items()}

    @property
    def point_counts(self) -> dict[str, int]:
        """`search_counts` without repetitions: one trial for each point that the search has asked for."""
        return {state: n - self.again.get(state, 0) for state, n in self.search_counts.items()}

    def budget_left(self, now: float) -> float | None:
        """Seconds of the time budget that are left at `now`, at least zero; None without a budget."""
        budget = self.spec.search.budget
        if budget is None:
            return None
        return max(0.0, budget - self.running_s - (0.0 if self.running_since is None else now - self.running_since))

    @property
    def budget_was_spent(self) -> bool:
        """Whether the time budget was spent before the study last went on: a person's points run, no search."""
        budget = self.spec.search.budget
        return budget is not None and self.running_s >= budget

    @property
    def search(self) -> SearchSpec:
        """The search as it is now: what the step at work asks for, where the study has a playbook."""
        return search_now(self.spec.search, self.playbook)
