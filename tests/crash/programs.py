"""Random programs of verbs, kills and failing operations, drawn by Hypothesis and run one after another on one lab.

Owns their steps, their trials' script, and what each trial itself noted of its reports. The fixed set of the suite, the
soak and `make programs` run the same.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.crash.lab import Lab
from tests.e2e.conftest import Refusal, wait_until

TRAIN = """
import os, pathlib, time
import tuned

trial = tuned.current_trial()
number, attempt = trial.number, os.environ["TUNED_ATTEMPT"]
held, how = pathlib.Path(trial.params["hold"]), trial.params["how"]
journal = os.open("journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
witness = os.open(f"witness-{attempt}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(journal, f"begin {attempt} {number}\\n".encode())
for step in range(6):
    loss = round(trial.params["x"] + 1 / (1 + step), 6)
    os.write(witness, f"{step} {loss}\\n".encode())
    if how == "patterns":
        print(f"step {step} loss={loss}", flush=True)
    else:
        trial.report(step=step, loss=loss)
    stopped = False
    while held.exists() and step >= 2 and not stopped:
        time.sleep(0.01)
        stopped = trial.should_stop()
    if stopped:
        break
if how == "fails":
    raise SystemExit(3)
if how == "leaves":
    os._exit(0)
"""

RULES = [
    f"{operation} {name} {error}"
    for operation, names, errors in (
        ("open", ("metrics.jsonl", "exit.json", "start.json", "spec.json", "lock", "stop.json"), ("EIO", "EMFILE")),
        ("write", ("metrics.jsonl", "output.log", "exit.json", "spec.json", "*"), ("ENOSPC", "EIO", "EDQUOT")),
        ("fsync", ("exit.json", "spec.json", "stop.json"), ("EIO",)),
        ("rename", ("exit.json", "start.json", "spec.json", "*"), ("EIO", "ENOSPC", "EROFS")),
        ("unlink", ("*",), ("EIO", "EBUSY")),
        ("fork", ("launcher", "supervisor", "trial", "probe"), ("EAGAIN", "ENOMEM")),
        ("pread", ("tuned.db", "tuned.db-wal"), ("EIO",)),
        ("pwrite", ("tuned.db", "tuned.db-wal"), ("ENOSPC", "EIO")),
        ("fdatasync", ("tuned.db", "tuned.db-wal"), ("EIO",)),
        ("clock", ("daemon", "*"), ("+5000", "-5000", "+4000000")),
    )
    for name in names
    for error in errors
]  # fmt: skip

VERBS = ("pause", "resume", "cancel", "prune", "kill", "retry")
STEP = st.one_of(
    st.tuples(st.just("submit"), st.sampled_from(["reports", "patterns", "fails", "leaves"]), st.booleans()),
    st.tuples(st.just("fail"), st.lists(st.sampled_from(RULES), min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("heal")),
    st.tuples(st.just("kill"), st.sampled_from(["daemon", "launcher", "supervisor", "trial"])),
    st.tuples(st.just("verb"), st.sampled_from(VERBS), st.integers(1, 2)),
    st.tuples(st.just("enqueue"), st.integers(0, 5)),
    st.tuples(st.just("delete")),
    st.tuples(st.just("gc"), st.sampled_from([0, 10**9])),
    st.tuples(st.just("release")),
)  # fmt: skip


class Program:
    """One program on a lab that others have used before."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.names: list[str] = []
        self.acknowledged: set[tuple[str, int]] = set()
        self.deleted: set[str] = set()

    def do(self, step: tuple[Any, ...]) -> None:
        kind, *rest = step
        with contextlib.suppress(Refusal, OSError):  # a verb may be out of place, and the daemon be without a file
            getattr(self, kind)(*rest)

    def submit(self, how: str, hold: bool) -> None:
        name = self.lab.study(hold=hold)
        self.lab.content |= {
            "run": {"script": "program.py", "preload": [], "retries": {"lost": 5, "error": 0}, "grace": "2s"},
            "metrics": {"patterns": [r"step (?P<step>\d+) loss=(?P<loss>\S+)"]},
            "search": {"method": "sobol", "trials": 2, "parallel": 2, "seed": 1, "budget": "1h"},
            "space": {
                "x": {"type": "float", "low": 0.0, "high": 5.0},
                "how": {"type": "fixed", "value": how},
                "hold": {"type": "fixed", "value": f"hold-{name}"},
            },
        }
        self.names.append(name)  # acknowledged or not: what is there is looked at
        self.lab.send()
        self.acknowledged.add((name, 0))

    def fail(self, rules: list[str]) -> None:
        self.lab.fail(*rules)

    def heal(self) -> None:
        self.lab.fail()

    def kill(self, kind: str) -> None:
        self.lab.kill(kind)
        if kind == "daemon":
            self.lab.launch()  # on a disk that fails it may end again, in one line
            with contextlib.suppress(AssertionError):
                wait_until(self._settled, "it answers or ends", 20)

    def _settled(self) -> bool:
        process = self.lab.daemon.process
        with contextlib.suppress(AssertionError):  # it has ended in between
            return process is None or process.poll() is not None or self.lab.daemon._answers()
        return True

    def verb(self, verb: str, number: int) -> None:
        if self.names:
            self.lab.daemon.post(f"/v1/{verb}", {"targets": [f"{self.names[-1]}/{number}"]})

    def enqueue(self, x: int) -> None:
        if self.names:
            name = self.names[-1]
            reply = self.lab.daemon.post(f"/v1/studies/{name}/enqueue", {"points": [{"x": float(x)}]})
            self.acknowledged |= {(name, number) for number in reply["trials"]}

    def delete(self) -> None:
        if self.names:
            self.deleted.add(self.names[0])  # from now on it may be gone
            self.lab.daemon.delete(f"/v1/studies/{self.names[0]}")

    def gc(self, quota: int) -> None:
        self.lab.daemon.post("/v1/gc", {"dry_run": False, "quota": quota})

    def release(self) -> None:
        for name in self.names:
            self.lab.release(name)

    def end(self) -> None:
        """Nothing fails any more, and everything comes to rest."""
        lab = self.lab
        lab.fail()
        self.release()
        wait_until(self._settled, "a daemon that met a fault in its start has ended")
        if lab.daemon.process is None or lab.daemon.process.poll() is not None:
            lab.restart()
        lab.wait_answering()
        present = [study["name"] for study in lab.daemon.get("/v1/studies") if study["name"] in self.names]
        wait_until(lambda: all(self._at_rest(name) for name in present), f"{present} come to rest")

    def check(self) -> None:
        """What was acknowledged is there, and no clock has ended a study."""
        studies = {s["name"]: s for s in self.lab.daemon.get("/v1/studies") if s["name"] in self.names}
        there = {(name, 0) for name in studies}
        there |= {(name, trial["number"]) for name in studies for trial in self.lab.daemon.trials(name)}
        forgotten = {(name, number) for name, number in self.acknowledged - there if name not in self.deleted}
        assert not forgotten, f"acknowledged and not there: {sorted(forgotten)}"
        budgets = [(name, study["reason"]) for name, study in studies.items() if "budget" in study["reason"]]
        assert not budgets, f"a clock has ended {budgets}"

    def _at_rest(self, name: str) -> bool:
        """Whether it has ended; what was paused, by a verb or since its trials failed as they were told to, goes on."""
        study = self.lab.daemon.study(name)
        if study["ended_at"]:
            return True
        paused = [
            f"{name}/{t['number']}" for t in self.lab.daemon.trials(name) if t["frozen"] or t["state"] == "paused"
        ]
        for target in [*paused, *([name] if study["state"] == "paused" else [])]:
            with contextlib.suppress(Refusal):
                self.lab.daemon.post("/v1/resume", {"targets": [target]})
        return False


def check_witnesses(lab: Lab) -> int:
    """What each trial says it reported is stored of every attempt that has ended by itself, or marked; how many."""
    checked = 0
    with contextlib.closing(sqlite3.connect(f"file:{lab.home / 'tuned.db'}?mode=ro", uri=True)) as conn:
        ended = conn.execute(
            "SELECT a.attempt_id, a.trial_id, a.attempt, a.exit, t.stopped_by, a.run_dir FROM attempts a"
            " JOIN trials t ON t.id = a.trial_id WHERE a.ended_at IS NOT NULL AND a.exit IS NOT NULL"
        ).fetchall()
        for attempt_id, trial_id, attempt, record, stopped_by, run_dir in ended:
            witness = lab.base / f"witness-{attempt_id}"
            exit_record = json.loads(record)
            if not witness.exists() or exit_record.get("code") is None:
                continue  # killed: what its memory held is gone with it
            told = {float(step): float(loss) for step, loss in map(str.split, witness.read_text().splitlines())}
            stored = dict(
                conn.execute(
                    "SELECT step, value FROM observations WHERE trial_id = ? AND attempt = ? AND name = 'loss'",
                    (trial_id, attempt),
                )
            )
            checked += 1
            assert all(told[step] == value for step, value in stored.items()), (run_dir, told, stored)
            if stored != told:
                assert "loss" in exit_record.get("gaps", []), (run_dir, told, stored, exit_record)
                assert stopped_by == "disk" or not stored or exit_record["code"] != 0, (run_dir, stopped_by)
            assert all(math.isfinite(value) for value in stored.values())
    return checked


def run_programs(lab: Lab, count: int, *, fixed: bool = False, chance: int = 0, shrink: bool = False) -> None:
    """Run so many programs, each to its rest, and check everything after each.

    Args:
        lab: Its daemon runs; the state folder is used up by the first failure.
        count: How many.
        fixed: Whether they are the same in every run.
        chance: Otherwise: the seed that they are drawn by.
        shrink: Whether a failure is made small, which takes as long as many programs.
    """
    (lab.base / "program.py").write_text(TRAIN)

    @settings(
        max_examples=count,
        derandomize=fixed,
        database=None,
        print_blob=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @given(steps=st.lists(STEP, min_size=4, max_size=12))
    def one(steps: list[tuple[Any, ...]]) -> None:
        note(repr(steps))
        run_one(lab, steps)

    (one if fixed else seed(chance)(one))()


def run_one(lab: Lab, steps: list[tuple[Any, ...]]) -> None:
    """Run one program and check everything."""
    program = Program(lab)
    program.do(("submit", "reports", True))
    for step in steps:
        program.do(step)
    try:
        program.end()
    except AssertionError as error:
        shown = [(name, lab.daemon.trials(name)) for name in program.names]
        raise AssertionError(f"{error}\n{shown}\n{lab.daemon.log()[-4000:]}") from None
    program.check()
    lab.invariants.check(at_rest=True)
    check_witnesses(lab)
