"""Studies as clients see and submit them."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.core.states import LIVE, TERMINAL, UNCOUNTED, StudyState, TrialState, counted, number_in
from tuned.wire.request import request
from tuned.wire.values import Json, Number


@dataclass(frozen=True, slots=True)
class ObjectiveRow:
    """The metric that the study improves."""

    metric: str
    direction: str
    train: str | None


@dataclass(frozen=True, slots=True)
class ConstraintRow:
    """A bound on a metric's last value; a trial that breaks it is never the best."""

    metric: str
    at_most: float | None
    at_least: float | None


@dataclass(frozen=True, slots=True)
class BestRow:
    """The best trial.

    Attributes:
        cut: Whether it was stopped early; then no trial has run to its own end.
        confirmed: `{mean, sem, runs, failed, equal}` of its repetitions with other seeds, by `confirm` or queued by
            hand; None before there are any. `runs` gave a result, `failed` did not; `mean` is None without a result.
            `equal`: they gave its own result to the last digit, so that nothing is known of the spread; `sem` is None
            then, and of a single run. The best of many is lucky, so this is the figure to quote.
        of: Points that it was chosen from; one that ran with several seeds counts once.
        shrunk: The part of its value that its configuration probably keeps, where others were repeated and it was not
            (`tuned.core.final.luck`); else None.
    """

    number: int
    params: Json
    values: dict[str, Number]
    cut: bool = False
    confirmed: Json | None = None
    of: int = 0
    shrunk: float | None = None


@dataclass(frozen=True, slots=True)
class StoppingRow:
    """The results of early stopping in a study.

    Attributes:
        stopped: Trials that ended before their end; `waiting`: those paused at a rung, which may be promoted yet.
        rescued: Trials that would have been stopped and are let run to their end; `rescued_ended`: those that have,
            or have diverged on the way.
        wrong: Of those, how many ended better than the median of the trials that the rule let through.
        wrong_share: `wrong / rescued_ended`; None before there is any measurement.
    """

    method: str
    stopped: int
    waiting: int
    rescued: int
    rescued_ended: int
    wrong: int
    wrong_share: float | None


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step from the search to a final model.

    Attributes:
        id: Its name for steering; `name` is its kind.
        state: `waiting`, `running`, `paused`, `done`, `skipped` or `failed`.
        why: The state in one line: what came of it, or what it waits for.
        result: Its results: trials, the winner of a confirmation, the bundle of the final model.
    """

    id: str
    name: str
    state: str
    by_hand: bool
    options: Json
    result: Json
    why: str
    began_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class StudyRow:
    """A study as lists show it.

    Attributes:
        counts: Trial state -> number of trials.
        trials: How many trials it shall have; None when a time budget alone ends it.
        started: Trials that count towards `trials`.
        eta_s: Seconds until it is done at the present pace, its wait for slots included; None where that is not known.
        note: Something a person should know now, e.g. that the advisor is late.
        parameters: Names in the order of the space.
        early_stopping: Its results; None without it, and in lists.
        objectives: All of them; `objective` is the first.
        phase: How its points are chosen now, and why; empty before the first.
        steps: Those of its playbook, and those that were asked for by hand.
        aside: Trial state -> how many of `counts` belong to such steps and not to the search.
        again: Trial state -> how many of `counts` repeat another trial's point (retries, further seeds of a point) and
            so do not count towards `trials`.
        budget_s: Seconds of wall time, pauses not counted, after which its search ends; `budget_left_s` of them are
            left. Points of a person's own that are queued later run all the same.
        cores: Those that each of its trials is confined to.
        place: The place that its trials run in; empty: this machine.
        paused_by: The one who has paused it (`user`, `cap`, `import`, `daemon`); empty while it is not paused.
        packing: How many of its trials share a card, and why; empty where nothing is known of that.
    """

    name: str
    state: str
    priority: int
    question: str
    counts: dict[str, int]
    best: BestRow | None
    created_at: float
    reason: str
    ended_at: float | None
    trials: int | None
    started: int
    method: str
    parallel: int | None
    objective: ObjectiveRow | None
    parameters: list[str]
    eta_s: float | None
    note: str
    early_stopping: StoppingRow | None = None
    phase: str = ""
    objectives: list[ObjectiveRow] = field(default_factory=list)
    constraints: list[ConstraintRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    aside: dict[str, int] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    budget_s: float | None = None
    budget_left_s: float | None = None
    cores: int = 0
    packing: str = ""
    place: str = ""
    paused_by: str = ""

    @property
    def searched(self) -> dict[str, int]:
        """Trials of the search by state, one for each point."""
        left = {state: n - self.aside.get(state, 0) - self.again.get(state, 0) for state, n in self.counts.items()}
        return {state: n for state, n in left.items() if n}

    @property
    def finished(self) -> int:
        """Points of the search whose trial has ended with a result, or failed."""
        return number_in(TERMINAL - UNCOUNTED, self.searched)

    @property
    def total(self) -> int | None:
        """Points that the search has in all, a person's own included; None where a time budget alone ends it."""
        return None if self.trials is None else max(self.trials, counted(self.searched))

    @property
    def progress(self) -> str:
        """`7/50`, or `7` without a number of trials."""
        return f"{self.finished}/{self.total}" if self.trials else str(self.finished)

    @property
    def waits(self) -> bool:
        """Whether trials of a running study are queued and none of them runs."""
        waiting = bool(self.counts.get(TrialState.QUEUED)) and not number_in(LIVE, self.counts)
        return self.state == StudyState.RUNNING and waiting


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A study and its whole specification as plain data."""

    study: StudyRow
    spec: Json


@request
@dataclass(frozen=True, slots=True)
class Submission:
    """A study to submit.

    Attributes:
        study: The study file's content as plain data (what a TOML parser gives).
        base: Absolute folder that relative paths start from: the study file's own.
        file: Absolute path of the study file; None when it came from a script.
        environment: The submitter's whole environment, captured for the trials.
        name: Overrides the study's name.
        stem: File name without suffix: the name when the study gives none.
        update: Whether a study of this name takes over what can change while it runs, instead of a refusal.
        replace: Whether an ended study of this name with other content makes room, and is kept under a free name.
    """

    study: Json
    base: str
    environment: dict[str, str]
    file: str | None = None
    name: str | None = None
    stem: str | None = None
    update: bool = False
    replace: bool = False


@request
@dataclass(frozen=True, slots=True)
class CommandSubmission:
    """One plain command to queue: a study with an empty space and one trial."""

    command: list[str]
    cwd: str
    environment: dict[str, str]
    name: str | None = None
    priority: int = 0
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The reply to a submission.

    Attributes:
        created: False when the same content was there already.
        arguments: The argument lists that the first trials will get, up to three.
        points: Of each of these, the parameters that its arguments do not show: they reach it by a file or by its code.
        code: Hash of the code: of the whole copy, or of the script and its own imports; empty when there is none.
        estimate_s: Seconds that all of it will take; None when nothing like it has run here.
        estimate_why: The basis of the estimate, or why there is none.
        changed: The changes of an update, as `KEY: OLD -> NEW`.
        cores: Those that each trial is confined to.
        replaced: The name under which the study that made room is kept; empty when none did.
    """

    study: str
    created: bool
    state: str
    trials: int | None
    slots: int
    devices: list[str]
    python: str
    python_why: str
    arguments: list[list[str]]
    notes: list[str]
    trial: int | None = None
    code: str = ""
    estimate_s: float | None = None
    estimate_why: str = ""
    changed: list[str] = field(default_factory=list)
    cores: int = 0
    replaced: str = ""
    points: list[Json] = field(default_factory=list)


@request
@dataclass(frozen=True, slots=True)
class ImportedTrial:
    """A trial that ended elsewhere.

    Attributes:
        state: `completed`, `pruned` or `failed`.
        curve: Pairs of step and value of the first objective.
        started_at, ended_at: Unix seconds; None where nobody knows.
    """

    params: Json
    state: str
    values: dict[str, Number]
    reason: str = ""
    curve: list[list[Number]] = field(default_factory=list)
    started_at: float | None = None
    ended_at: float | None = None


@request
@dataclass(frozen=True, slots=True)
class Import:
    """A piece of a study that ran elsewhere.

    Attributes:
        study: Name, objective and space, as a study file has them; the same in each piece.
        source: Where it comes from, in words.
        trials: Some of its trials, in their order.
        first, last: Whether this piece makes the study, and whether it ends it.
    """

    study: Json
    source: str
    trials: list[ImportedTrial]
    first: bool = False
    last: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """How many trials of a study are there so far."""

    study: str
    trials: int
