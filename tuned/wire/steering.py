"""The verbs that steer: `set`, `summary`, `gpu`, a pause for a time, a notice that is tried."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.core.states import StudyState
from tuned.wire.request import request
from tuned.wire.studies import BestRow
from tuned.wire.values import Json, Number


@request
@dataclass(frozen=True, slots=True)
class Settings:
    """New values of a study's keys: dotted path -> value, as typed (`+40`, `none`) or as plain data."""

    values: Json


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The result of `set`.

    Attributes:
        changed: `KEY: OLD -> NEW`, one a key that has another value now.
        state: The study's state now; `reopened` says that it had ended.
        notes: Remarks for people, such as from when on a change holds.
        cancelled: Numbers of queued trials that the study has no place for any more.
    """

    study: str
    changed: list[str]
    state: str
    reopened: bool
    notes: list[str] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)


@request
@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """A client looks at what happened.

    Attributes:
        client: Reader whose last look counts.
        since: Unix seconds to look back to instead of the last look; None: the last look.
        keep: Leave the memory as it is: the next look begins where this one did.
    """

    client: str = "tunectl"
    since: float | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class StudySummary:
    """The changes of one study.

    Attributes:
        ended: Trial state -> number of trials that came to it since.
        submitted: It is new since.
        best: The best trial now; `best_before` the value of the objective at the last look.
        failures: `REASON (trials N, M)` for each cause, the most frequent first; REASON is that of its newest trial.
        notes: Remarks for people: why it is paused, that the advisor is late, and other notices since.
    """

    name: str
    state: str
    reason: str
    submitted: bool
    ended: dict[str, int]
    running: int
    queued: int
    trials: int | None
    started: int
    eta_s: float | None
    metric: str
    best: BestRow | None
    best_before: Number | None
    best_is_new: bool
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def waits(self) -> bool:
        """Whether trials of a running study are queued and none of them runs."""
        return self.state == StudyState.RUNNING and not self.running and self.queued > 0


@dataclass(frozen=True, slots=True)
class Summary:
    """The changes since a client's last summary.

    Attributes:
        since: Unix seconds; None at the first look.
        deleted: Studies that are gone since.
        quiet: Studies in which nothing happened.
    """

    client: str
    since: float | None
    until: float
    studies: list[StudySummary]
    deleted: list[str]
    quiet: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that uses a card; `holder` is the trial that it belongs to, empty for somebody else's; `memory` in
    bytes, None where the driver does not say it.
    """

    pid: int
    memory: int | None
    user: str
    command: str
    holder: str


@dataclass(frozen=True, slots=True)
class GpuRow:
    """A card of this machine.

    Attributes:
        index: Its number in PCI order: what `gpu yield` takes.
        memory_total, memory_used: Bytes; `utilisation`: per cent, None when unknown.
        held_by: Trials that lease it, as `STUDY/NUMBER`, and `free` the share that is left, from 0 to 1.
        blocked: Why it is not leased out; empty otherwise.
        note: The doubt about its processes' owners; empty when there is none.
        left_to: The person who has it by polite mode, and since when, or its quiet hours; empty otherwise.
        yielded_until: Unix seconds until which a person has left it to others; None otherwise, also with `left_to`.
    """

    index: int
    id: str
    name: str
    memory_total: int
    memory_used: int | None
    utilisation: float | None
    held_by: list[str]
    free: float
    blocked: str
    yielded_until: float | None
    processes: list[GpuProcess] = field(default_factory=list)
    note: str = ""
    left_to: str = ""


@dataclass(frozen=True, slots=True)
class CardTime:
    """Where the time of a card went.

    Attributes:
        index: Its number in PCI order.
        since, until: Unix seconds; the records may begin later than was asked for.
        uses: Use -> seconds, such as `training`, `starting`, `nothing queued`; they add up to the time between.
        ours: Those of the uses that are ours to avoid.
    """

    index: int
    name: str
    since: float
    until: float
    uses: dict[str, float]
    ours: list[str]


@request
@dataclass(frozen=True, slots=True)
class GpuPolite:
    """Whether our trials leave cards on which somebody else begins to work."""

    on: bool


@request
@dataclass(frozen=True, slots=True)
class GpuYield:
    """Leave a card to somebody else for some seconds; none: take it back now.

    Attributes:
        gpu: Its index or UUID.
        level: How the trials on it are paused: `auto`, `checkpoint`, `cuda` or `restart`.
    """

    gpu: str
    seconds: float | None = None
    level: str = "auto"


@dataclass(frozen=True, slots=True)
class GpuYielded:
    """The result for a card.

    Attributes:
        until: Unix seconds; None when it is left to nobody any more.
        changed: Trials that leave it now.
        effects: The state that each trial keeps and loses, one line a trial; of a card that was taken back, why it is
            not leased all the same.
    """

    gpu: int
    until: float | None
    changed: list[str]
    effects: list[str] = field(default_factory=list)


@request
@dataclass(frozen=True, slots=True)
class Pause:
    """Pause studies and trials.

    Attributes:
        level: How the trials are paused: `auto`, `checkpoint`, `cuda`, `freeze` or `restart`. None: `auto`, and of a
            study only the queue.
    """

    targets: list[str]
    level: str | None = None


@dataclass(frozen=True, slots=True)
class NoticeTried:
    """A notify command that was run to see whether it works; `failure` is empty when it does."""

    study: str
    command: list[str]
    failure: str
