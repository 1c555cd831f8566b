"""Events, devices, the daemon itself and its disk."""

from __future__ import annotations

from dataclasses import field

from tuned.core.records import dataclass
from tuned.wire.request import request
from tuned.wire.values import Json


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event, as the stream sends it; `seq` is the stream's id.

    `caller` is the program that asked for it; empty: a person, or the daemon by itself.
    """

    seq: int
    at: float
    type: str
    study: str
    number: int | None
    data: Json
    caller: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A slot of the machine: a GPU, or a share of the CPU where there is none.

    Attributes:
        id: UUID of the GPU, or `cpu:N`.
        memory_total, memory_used: Bytes; None for CPU slots.
        utilisation: Per cent; None when unknown.
        held_by: `STUDY/NUMBER` of the trial that leases it, empty when free.
        blocked: Why it is not leased out (a foreign process, a card that does not answer), empty otherwise.
        label: Its name for people: `gpu:0`, `cpu:1`.
        history: Of a GPU, `utilisation` in per cent, `memory` in bytes and `watts` over the last minutes, oldest first;
            None where the driver gave none.
        day: Of a GPU, use -> seconds of the last 24 hours, as `CardTime` has them.
    """

    id: str
    kind: str
    name: str
    index: int
    memory_total: int | None
    memory_used: int | None
    utilisation: float | None
    held_by: str
    blocked: str
    label: str = ""
    history: dict[str, list[float | None]] = field(default_factory=dict)
    day: dict[str, float] = field(default_factory=dict)

    @property
    def holder(self) -> str:
        """The trial that leases it; without one, whether a trial could."""
        return self.held_by or ("not leased" if self.blocked else "free")


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place of `config.toml`, where an engine starts trials.

    Attributes:
        slots: How many trials are handed to the engine at once; `held`: how many of these slots are taken.
        waiting, running: Jobs of ours in the engine's queue, and at work, as of the last look.
        trouble: Why nothing starts there; empty when there is no reason.
        calls: Requests to the engine since the daemon began: `looks submits stops failures`.
        says, nodes, kinds: Of a probe: the engine's version, nodes that take work, and the cards that they have.
        answer: Of a probe: what a node read and answered, in words.
    """

    name: str
    engine: str
    folder: str
    address: str
    slots: int
    held: int
    waiting: int
    running: int
    trouble: str = ""
    calls: dict[str, int] = field(default_factory=dict)
    says: str = ""
    nodes: int | None = None
    kinds: list[str] = field(default_factory=list)
    answer: str = ""


@dataclass(frozen=True, slots=True)
class CallerRow:
    """A program that names itself: what it has used, and its caps.

    Attributes:
        trials: Trials made for it, those included that its open studies will still make.
        hours: Hours of cards, or of CPU slots where there is no card, that its trials held.
        most_trials, most_hours: Its caps; None: none.
        delete: Whether it may delete studies of its own.
        others: Whether it may change studies of others, and the machine.
        capped: Whether a person has set caps for it at all; without any, nothing is refused.
    """

    name: str
    trials: int
    hours: float
    most_trials: int | None
    most_hours: float | None
    delete: bool
    others: bool
    capped: bool


@request
@dataclass(frozen=True, slots=True)
class CallerCaps:
    """Caps that a server is started with for its caller; those of config.toml stay, and the narrower ones hold."""

    name: str
    gpu_hours: float | None = None
    trials: int | None = None
    delete: bool = False
    others: bool = False


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """The daemon's state, as `tunectl daemon status` shows it.

    Attributes:
        notes: Lines that a person should know, those of `alarms` among them.
        alarms: Those of them that somebody must act on, such as damage to the database, or a cause that
            nothing is launched.
        callers: Programs that name themselves, with what they have used of their caps.
        places: Those of `config.toml`, where engines start trials.
        failures: Background loop of the daemon -> how often it failed and was started again.
        studies: How many there are; None, as `queued` is, while the database cannot be read.
    """

    pid: int
    socket: str
    home: str
    version: str
    uptime_s: float
    rss_bytes: int
    slots: int
    devices: list[DeviceRow]
    studies: int | None
    running: int
    queued: int | None
    advisor: str
    notes: list[str]
    alarms: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    callers: list[CallerRow] = field(default_factory=list)
    places: list[PlaceRow] = field(default_factory=list)

    @property
    def running_here(self) -> int:
        """How many trials run on this machine's own slots, and not in places."""
        return max(0, self.running - sum(place.held for place in self.places))


@request
@dataclass(frozen=True, slots=True)
class StopRequest:
    """Ends the daemon; running trials go on unless `stop_trials` is set."""

    stop_trials: bool = False


@request
@dataclass(frozen=True, slots=True)
class Collect:
    """Bring the run directories within the quota (bytes; None: the machine's), or only say what would go."""

    dry_run: bool = True
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """The files that were, or would be, removed.

    Attributes:
        used_bytes: The bytes of the run directories before.
        removed: `STUDY/NUMBER PART BYTES`, least useful first.
    """

    used_bytes: int
    quota_bytes: int
    freed_bytes: int
    removed: list[str]
    dry_run: bool
