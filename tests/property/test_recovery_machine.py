"""Crash at any step and recover: state table, repository on a real file, and processes that are plain data.

The machine plays the daemon (what it remembers of live attempts), the launcher's pipe, the supervisors and their run
directories. A crash forgets the daemon's memory and nothing else; recovery has the database and the directories.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage import queries, repository
from storage.engine import Database, open_database
from storage.repository import NewTrial
from tests.patience import DEADLINE_S
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import LIVE, TERMINAL, Actor, StopReason, TrialState
from tuned.core.study import Objective, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.endings import Fate, judge
from tuned.core.trials.metric_lines import Chunk, parse_chunk
from tuned.core.trials.trial import Trial
from tuned.daemon.attempts.commits import Progress, commit_ending, commit_progress

SPEC = StudySpec(
    "crashes",
    run=RunSpec("script", script="/x/train.py", retries={"lost": 2, "error": 1, "killed": 1}),
    search=SearchSpec(trials=50, seed=7),
    space=SearchSpace((Parameter("lr", "float", 0.0, 1.0),)),
    objectives=(Objective("loss", "minimize"),),
)


@dataclass
class Directory:
    """A run directory and who lives in it."""

    attempt_id: str
    trial_id: int
    attempt: int
    revoked: bool = False
    start: dict[str, Any] | None = None
    exit: dict[str, Any] | None = None
    metrics: bytes = b""
    alive: bool = False

    def lock(self) -> str:
        """What recovery's probe shows; it revokes what never started."""
        if self.alive:
            return "held"
        if self.start is not None:
            return "started"
        self.revoked = True
        return "revoked"


@dataclass
class Followed:
    """What the daemon remembers of a live attempt."""

    trial_id: int
    attempt: int
    attempt_id: str
    started: bool
    offset: int
    asked: bool
    next_steps: dict[str, int] = field(default_factory=dict)


class Recovery(RuleBasedStateMachine):
    """Trials, their processes, and a daemon that dies."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="tuned-machine-", dir=memory if memory.is_dir() else None))
        self.directories: dict[str, Directory] = {}
        self.pipe: list[str] = []
        self.memory: dict[int, Followed] = {}
        self.ended: dict[int, Trial] = {}
        self.begun: Counter[str] = Counter()
        self.decided: dict[int, StopReason] = {}
        self.seq = 0
        self.replayed: dict[int | None, str] = {}
        self.study_paused = False

    @initialize()
    def submit(self) -> None:
        self.database: Database = open_database(self.folder / "tuned.db")
        self.study = self.do(lambda conn: repository.create_study(conn, SPEC, {}, 1.0))
        self.queue(0.5, 3)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.folder)

    def do(self, fn: Any) -> Any:
        return self.database.writer.submit(fn).result(DEADLINE_S)

    def trials(self, *states: TrialState) -> list[Trial]:
        with self.database.read() as conn:
            return queries.trials(conn, self.study, states=states or None)

    # The daemon ---------------------------------------------------------------------------------------------------
    @rule(lr=st.floats(0, 1), count=st.integers(1, 3))
    def queue(self, lr: float, count: int) -> None:
        new = [NewTrial({"lr": lr}, "random")] * count
        self.do(lambda conn: repository.add_trials(conn, self.study, new, 1.0))

    @precondition(lambda self: len(self.memory) < 3 and "queued" in self.replayed.values())
    @rule(data=st.data(), far=st.sampled_from(["claimed", "asked", "late", "forked", "forked", "reported"]))
    def start(self, data: st.DataObject, far: str) -> None:
        """Start a queued trial; how far it gets before anything else happens is chance."""
        trial = data.draw(st.sampled_from(self.trials(TrialState.QUEUED)))
        attempt_id = f"{trial.id}-{trial.attempt + 1}"
        attempt = self.do(lambda conn: repository.claim(conn, trial.id, "cpu:0", attempt_id, "/runs/x", 1.0))
        one = self.memory[trial.id] = Followed(trial.id, attempt, attempt_id, False, 0, False)
        if far != "claimed":
            self.ask(one)
        if far == "late":
            self.crash_and_recover()
        if far in ("late", "forked", "reported"):
            self.arrive(attempt_id)
        if far == "reported":
            # Some of it is taken in, and the rest is left for whoever comes next.
            for value in (b"0.5", b"0.25"):
                self.write(self.directories[attempt_id], b'{"loss": %s}\n' % value)
                self.take_in(one, 1)
            self.write(self.directories[attempt_id], b'{"loss": 0.125}\n')

    @precondition(lambda self: any(not one.asked for one in self.memory.values()))
    @rule(data=st.data())
    def launch(self, data: st.DataObject) -> None:
        """Make the directory and ask for the launch."""
        self.ask(data.draw(st.sampled_from([one for one in self.memory.values() if not one.asked])))

    def ask(self, one: Followed) -> None:
        self.directories[one.attempt_id] = Directory(one.attempt_id, one.trial_id, one.attempt)
        self.pipe.append(one.attempt_id)
        one.asked = True

    @precondition(lambda self: self.memory)
    @rule(data=st.data(), lines=st.integers(1, 5))
    def ingest(self, data: st.DataObject, lines: int) -> None:
        """Take in some of what is there; a start record comes with it."""
        self.take_in(data.draw(st.sampled_from(list(self.memory.values()))), lines)

    def take_in(self, one: Followed, lines: int) -> None:
        folder = self.directories.get(one.attempt_id)
        if folder is None:
            return
        seen = folder.metrics[one.offset :]
        cut = len(b"".join(seen.splitlines(keepends=True)[:lines]))
        progress = self.progress(one, seen[:cut], folder)
        if not progress.empty:
            self.do(lambda conn: commit_progress(conn, progress, 2.0))
        self.committed(one, progress)

    @precondition(lambda self: self.memory)
    @rule(data=st.data())
    def notice(self, data: st.DataObject) -> None:
        """Look at an attempt: if it is over, commit its end."""
        self.settle(data.draw(st.sampled_from(list(self.memory.values()))))

    @precondition(lambda self: any(state in LIVE for state in self.replayed.values()))
    @rule(data=st.data(), reason=st.sampled_from(StopReason))
    def decide(self, data: st.DataObject, reason: StopReason) -> None:
        trial = data.draw(st.sampled_from(self.trials(*LIVE)))
        if self.do(lambda conn: repository.set_intent(conn, trial.id, reason, Actor.USER, 3.0)):
            self.decided[trial.id] = reason

    @precondition(lambda self: "paused" in self.replayed.values())
    @rule(data=st.data(), event=st.sampled_from(["resume", "cancel", "prune"]))
    def act_on_paused(self, data: st.DataObject, event: str) -> None:
        trial = data.draw(st.sampled_from(self.trials(TrialState.PAUSED)))
        self.do(lambda conn: repository.move_trial(conn, trial.id, event, Actor.USER, 3.0))

    @precondition(lambda self: self.study_paused)
    @rule()
    def go_on(self) -> None:
        """A study that paused because of its failures goes on."""
        self.do(lambda conn: repository.move_study(conn, self.study, "resume", Actor.USER, 3.0))

    @rule()
    def crash_and_recover(self) -> None:
        self.memory.clear()
        self.database.close()
        self.database = open_database(self.folder / "tuned.db")
        with self.database.read() as conn:
            rows = queries.live(conn)
            steps = {row.trial.id: queries.next_auto_steps(conn, row.trial.id, row.attempt) for row in rows}
        for row in rows:
            one = Followed(row.trial.id, row.attempt, row.attempt_id, row.started, row.ingest_offset, True)
            one.next_steps = steps[row.trial.id]
            self.memory[row.trial.id] = one
        for one in list(self.memory.values()):
            self.settle(one)

    # The launcher, the supervisors and the trials ------------------------------------------------------------------
    @precondition(lambda self: self.pipe)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        self.arrive(data.draw(st.sampled_from(self.pipe)))

    def arrive(self, attempt_id: str) -> None:
        """A request arrives, early or late; the supervisor goes through the fence."""
        self.pipe.remove(attempt_id)
        folder = self.directories[attempt_id]
        if folder.alive or folder.revoked or folder.start is not None:
            return
        folder.alive = True
        folder.start = {"attempt_id": attempt_id, "supervisor_pid": 4, "supervisor_start": 5, "mode": "warm"}
        self.begun[attempt_id] += 1

    @precondition(lambda self: self.pipe)
    @rule()
    def kill_launcher(self) -> None:
        """What was in its pipe is gone; a daemon that lives hears of it."""
        lost, self.pipe = self.pipe, []
        for one in list(self.memory.values()):
            if one.attempt_id in lost:
                self.settle(one)

    @precondition(lambda self: self.living())
    @rule(data=st.data(), value=st.floats(), stepped=st.booleans(), torn=st.booleans())
    def report(self, data: st.DataObject, value: float, stepped: bool, torn: bool) -> None:
        folder = data.draw(st.sampled_from(self.living()))
        step = b'"step": %d, ' % folder.metrics.count(b"\n") if stepped else b""
        number = b'"%s"' % str(value).encode() if value - value != 0 else repr(value).encode()
        self.write(folder, b'{%s"loss": %s}\n' % (step, number), torn)

    def write(self, folder: Directory, line: bytes, torn: bool = False) -> None:
        """Append a line as the SDK does: what was torn before is closed by a newline."""
        if folder.metrics and not folder.metrics.endswith(b"\n"):
            folder.metrics += b"\n"
        folder.metrics += line[:-3] if torn else line

    @precondition(lambda self: self.living())
    @rule(data=st.data(), code=st.sampled_from([0, 0, 0, 1]), obeyed=st.booleans())
    def exit(self, data: st.DataObject, code: int, obeyed: bool) -> None:
        folder = data.draw(st.sampled_from(self.living()))
        if obeyed:
            self.write(folder, b'{"stop_seen":true}\n')
        folder.exit = {"attempt_id": folder.attempt_id, "code": code, "signal": None, "seconds": 1.0}
        folder.alive = False

    @precondition(lambda self: self.living())
    @rule(data=st.data())
    def kill_supervisor(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.living())).alive = False

    def living(self) -> list[Directory]:
        return [folder for folder in self.directories.values() if folder.alive]

    # What the daemon does with what it sees -------------------------------------------------------------------------
    def progress(self, one: Followed, data: bytes, folder: Directory | None) -> Progress:
        steps = dict(one.next_steps)
        chunk = parse_chunk(data, one.offset, steps) if data else Chunk()
        start = None if one.started or folder is None else folder.start
        return Progress(
            one.trial_id, one.attempt, one.offset, one.offset + chunk.consumed, start, chunk, [], next_steps=steps
        )

    def committed(self, one: Followed, progress: Progress) -> None:
        one.offset, one.next_steps = progress.next_offset, dict(progress.next_steps or {})
        one.started = one.started or progress.start is not None

    def settle(self, one: Followed) -> None:
        folder = self.directories.get(one.attempt_id)
        if folder is None and not one.asked:
            return
        lock = "absent" if folder is None else folder.lock()
        began = one.started or (folder is not None and folder.start is not None)
        state = TrialState.RUNNING if began else TrialState.STARTING
        verdict = judge(state, folder is not None and folder.exit is not None, lock)
        if verdict is Fate.WAIT:
            return
        progress = self.progress(one, folder.metrics[one.offset :] if folder else b"", folder)
        record = folder.exit if folder else None
        ending = self.do(lambda conn: commit_ending(conn, progress, verdict, record, "", 4.0))
        del self.memory[one.trial_id]
        decided = self.decided.pop(one.trial_id, None)
        if decided is not None and verdict is not Fate.ENDED:
            assert ending.state in _ALLOWED[decided], (decided, verdict, ending)
        if decided in (StopReason.CANCEL, StopReason.KILL, StopReason.PRUNE):
            assert ending.state in TERMINAL, (decided, verdict, ending)

    # What must hold -------------------------------------------------------------------------------------------------
    @invariant()
    def at_most_one_process_and_one_start(self) -> None:
        assert all(times == 1 for times in self.begun.values())
        living = Counter(folder.trial_id for folder in self.living())
        assert all(times == 1 for times in living.values()), living

    @invariant()
    def rows_and_processes_agree(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as conn:
            live = {row.attempt_id for row in queries.live(conn)}
        assert {folder.attempt_id for folder in self.living()} <= live
        assert {one.attempt_id for one in self.memory.values()} == live

    @invariant()
    def ended_rows_never_change(self) -> None:
        if not hasattr(self, "database"):
            return
        ended = {trial.id: trial for trial in self.trials(*TERMINAL)}
        assert {trial_id: self.ended.get(trial_id, trial) for trial_id, trial in ended.items()} == ended
        assert self.ended.keys() <= ended.keys()
        self.ended = ended

    @invariant()
    def stored_is_what_was_read(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as conn:
            for folder in self.directories.values():
                rows = queries.attempts(conn, folder.trial_id)
                row = next(row for row in rows if row["attempt"] == folder.attempt)
                chunk = parse_chunk(folder.metrics[: row["ingest_offset"]], 0, {})
                written = {(name, step): str(value) for name, step, value, _ in chunk.observations}
                stored = {
                    (o.name, o.step): str(o.value)
                    for o in queries.observations(conn, folder.trial_id)
                    if o.attempt == folder.attempt
                }
                assert stored == written
                whole = folder.metrics.rfind(b"\n") + 1
                assert row["ingest_offset"] in (whole, len(folder.metrics)) or row["ended_at"] is None

    @invariant()
    def events_replay_to_the_rows(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as conn:
            events = queries.events_since(conn, self.seq, limit=10_000)
            rows = {trial.number: trial.state.value for trial in queries.trials(conn, self.study)}
        for event in events:
            assert event.seq > self.seq
            self.seq = event.seq
            if event.type == "study.moved":
                self.study_paused = event.data["to"] == "paused"
            if event.type == "trial.queued":
                self.replayed[event.number] = "queued"
            elif event.type == "trial.moved":
                assert self.replayed[event.number] == event.data["from"]
                self.replayed[event.number] = event.data["to"]
        assert self.replayed == rows


_ALLOWED = {
    StopReason.PAUSE: {TrialState.PAUSED},
    StopReason.PRUNE: {TrialState.PRUNED},
    StopReason.CANCEL: {TrialState.CANCELLED},
    StopReason.KILL: {TrialState.FAILED},
}
"""What becomes of a trial that was decided about and whose attempt vanished or never began."""

TestRecovery = Recovery.TestCase
TestRecovery.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)
