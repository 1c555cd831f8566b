"""Analyses of trials that really ran, through database, analysis process, HTTP and command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.e2e.conftest import DaemonProcess, Refusal
from tests.patience import DEADLINE_S

pytestmark = pytest.mark.e2e

SCRIPT = """
    import tuned
    trial = tuned.current_trial()
    for step in range(1, 13):
        loss = 1 / step + (trial.params["x"] - 5.5) ** 2 + 0.1 * (trial.params["kind"] == "b")
        trial.report(step=step, val_loss=loss, train_loss=0.9 * loss)
"""
DOCS = Path(__file__).parents[2] / "docs"
STUDY = {
    "name": "edge",
    "run": {"script": "train.py"},
    "objective": {"metric": "val_loss", "direction": "minimize"},
    "space": {
        "x": {"type": "float", "low": 0.0, "high": 5.0},
        "kind": {"type": "choice", "values": ["a", "b"], "role": "scientific"},
    },
    "search": {"method": "sobol", "trials": 16},
}


@pytest.fixture(scope="module")
def edge(shared_daemon: DaemonProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with an ended study whose best trials lie at the upper end of x."""
    base = tmp_path_factory.mktemp("edge")
    (base / "train.py").write_text(textwrap.dedent(SCRIPT))
    shared_daemon.submit(STUDY, base)
    shared_daemon.wait_ended("edge")
    yield shared_daemon


def tunectl(daemon: DaemonProcess, *words: str, code: int = 0) -> str:
    env = {**os.environ, "TUNED_HOME": str(daemon.home)}
    done = subprocess.run(
        [sys.executable, "-I", "-m", "tuned.cli", *words], env=env, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def table(answer: Any, name: str) -> Any:
    return next(t for t in answer["tables"] if t["name"] == name)


def test_advise_names_the_bound_with_evidence_and_command(edge: DaemonProcess) -> None:
    answer = edge.get("/v1/studies/edge/analysis/advise")
    verdict = next(v for v in answer["verdicts"] if v["code"] == "space.near-bound")
    assert (verdict["level"], verdict["about"]) == ("warn", "x")
    assert verdict["evidence"]["p_value"] < 0.05
    assert verdict["command"].startswith("tunectl space edge --set x.high=")
    assert answer == json.loads(tunectl(edge, "advise", "edge", "--json"))
    text = tunectl(edge, "advise", "edge", "--trials")
    one = tunectl(edge, "advise", f"edge/{verdict['trials'][0]}")
    assert "space.near-bound" in one and "by trial" in one
    assert "there is no such trial" in tunectl(edge, "advise", "edge/99", code=1)
    assert "WARN" in text and verdict["command"] in text and "Curves of val_loss by trial" in text


def test_effects_tell_results_time_and_what_was_isolated(edge: DaemonProcess) -> None:
    answer = json.loads(tunectl(edge, "effects", "edge", "--json"))
    by_kind = table(answer, "effects.kind")["rows"]
    assert [row["value"] for row in by_kind] == ["a", "b"] and sum(row["trials"] for row in by_kind) == 16
    assert by_kind[0]["adjusted"] < by_kind[1]["adjusted"]  # whatever x the two happened to get
    assert all(row["seconds"] > 0 and row["converged_step"] > 1 and row["gap"] > 0 for row in by_kind)
    assert {row["value"] for row in table(answer, "isolation.kind")["rows"]} == {"a", "b"}
    assert "effects.x" in {t["name"] for t in answer["tables"]}


def test_tables_for_a_paper_and_a_spreadsheet(edge: DaemonProcess) -> None:
    assert tunectl(edge, "effects", "edge", "kind", "--format", "latex").count(r"\begin{tabular}") == 2
    csv = tunectl(edge, "effects", "edge", "--by", "kind,x", "--format", "csv").splitlines()
    assert csv[0].startswith("first,second,trials,best")
    assert "| value |" in tunectl(edge, "effects", "edge", "kind", "--format", "md")


def test_what_does_not_fit_is_refused_in_one_line(edge: DaemonProcess) -> None:
    assert "there is no such parameter (known: x, kind)" in tunectl(edge, "effects", "edge", "y", code=1)
    assert "no trial reported this metric" in tunectl(edge, "effects", "edge", "--metric", "speed", code=1)
    for path in ("edge/analysis/magic", "edge/analysis/advise?option=level", "edge/analysis/advise?option=level=loud"):
        with pytest.raises(Refusal) as refusal:
            edge.get(f"/v1/studies/{path}")
        assert refusal.value.status == 400
    with pytest.raises(Refusal) as missing:
        edge.get("/v1/studies/nobody/analysis/advise")
    assert missing.value.status == 404


def test_a_killed_analysis_process_is_started_again(edge: DaemonProcess) -> None:
    before = edge.get("/v1/studies/edge/analysis/effects", option="param=x")
    (pid,) = analysis_processes(edge)
    os.kill(pid, signal.SIGKILL)
    # What was answered already is kept; what was not takes a new process, at once or after the first failure's pause.
    assert edge.get("/v1/studies/edge/analysis/effects", option="param=x") == before

    def answered() -> Any:
        try:
            return edge.get("/v1/studies/edge/analysis/effects", option="by=x,kind")
        except Refusal as refusal:
            assert refusal.status == 503
            return None

    assert edge.until(answered, "no analysis after a kill")["tables"]
    assert analysis_processes(edge) != [pid]


def analysis_processes(daemon: DaemonProcess) -> list[int]:
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    return [int(p) for p in children if b"tuned.advisor.analyses" in Path(f"/proc/{p}/cmdline").read_bytes()]


LADDER = """
    import tuned
    trial = tuned.current_trial()
    batch = trial.params["batch"]
    if batch > 32:
        raise MemoryError("no room for the activations")
    for step in range(8):
        trial.report(step=step, val_loss=sum(i * i for i in range(20_000)) * 0 + 1 / (step + 1))
"""


def test_probe_batch_climbs_until_memory_ends(shared_daemon: DaemonProcess, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(textwrap.dedent(LADDER))
    (tmp_path / "net.toml").write_text(
        '[run]\nscript = "train.py"\n[objective]\nmetric = "val_loss"\ndirection = "minimize"\n'
        "[space]\nbatch = [32, 64]\nlr = { type = 'float', low = 1e-4, high = 1e-1, log = true }\n"
        "[search]\ntrials = 4\n"
    )
    answer = json.loads(tunectl(shared_daemon, "probe-batch", str(tmp_path / "net.toml"), "--high", "128", "--json"))
    rows = answer["tables"][0]["rows"]
    assert [row["outcome"] for row in rows[:4]] == ["completed", "completed", "completed", "oom"]
    assert all(row["peak_memory"] > 2**20 and row["throughput"] > 0 for row in rows[:3])
    assert not any(row["outcome"] == "completed" for row in rows[4:])
    memory = next(v for v in answer["verdicts"] if v["code"] == "batch.memory")
    assert memory["evidence"] == {"fits": 32, "does_not": 64}
    assert shared_daemon.study("net-probe-batch")["state"] in ("completed", "stopped")
    assert "Memory ends between" in tunectl(shared_daemon, "probe-batch", str(tmp_path / "net.toml"), "--high", "128")
    # The ladder's end is where memory ends: nothing is left to be taken away.
    last = ("--low", "16", "--high", "64", "--name", "short")
    assert "oom" in tunectl(shared_daemon, "probe-batch", str(tmp_path / "net.toml"), *last)


def test_one_run_of_each_trial_decides_nothing_and_the_way_on_is_told(edge: DaemonProcess) -> None:
    judged = json.loads(tunectl(edge, "verdict", "edge/1", "edge", "--json"))
    assert (judged["decision"], judged["interval"], judged["baseline"]["trial"]) == ("undecided", None, "edge/1")
    assert judged["next"].startswith("tunectl confirm edge ") and judged["next"].endswith(" --against 1 --wait")
    assert "more runs: tunectl" in tunectl(edge, "verdict", "edge/1", "edge/2")
    assert "names no single trial" in tunectl(edge, "verdict", "edge/1-3", "edge", code=2)
    assert "there is no such trial" in tunectl(edge, "verdict", "edge/1", "edge/99", code=1)


ANSWERS = {
    "status": ["status"], "daemon status": ["daemon", "status"], "studies": ["studies"], "queue": ["queue"],
    "show STUDY": ["show", "edge"], "show STUDY/NUMBER": ["show", "edge/1"], "why": ["why", "edge/1"],
    "trials": ["trials", "edge"], "best": ["best", "edge"], "metrics": ["metrics", "edge/1"],
    "logs": ["logs", "edge/1"], "events": ["events", "edge"], "summary": ["summary"], "space": ["space", "edge"],
    "wait --any": ["wait", "--any", "--since", "0"], "verdict": ["verdict", "edge/1", "edge/2"],
    "steps": ["steps", "edge"], "gpu": ["gpu"], "gc": ["gc", "--dry-run"], "advise": ["advise", "edge"],
    "effects": ["effects", "edge"], "enqueue": ["enqueue", "edge", "x=1", "--dry-run"],
    "set": ["set", "edge", "search.trials=+1", "--dry-run"], "retry": ["retry", "edge/1", "--dry-run"],
}  # fmt: skip


def test_what_verbs_print_has_the_published_shape(edge: DaemonProcess) -> None:
    wrong = []
    published = json.loads((DOCS / "schemas.json").read_text())
    for name, words in ANSWERS.items():
        schema = {**published["verbs"][name], "$defs": published["$defs"]}
        answer = json.loads(tunectl(edge, *words, "--json"))
        try:
            jsonschema_rs.validate(schema, answer)
        except jsonschema_rs.ValidationError as error:
            wrong.append(f"{name}: {str(error)[:300]}")

    assert not wrong


def test_a_program_gets_so_many_rows_and_is_told_what_was_left_out(edge: DaemonProcess) -> None:
    def asked(*words: str, caller: str = "agent") -> tuple[int, str]:
        env = {**os.environ, "TUNED_HOME": str(edge.home), "TUNED_CALLER": caller}
        command = [sys.executable, "-I", "-m", "tuned.cli", *words, "--json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
        return len(json.loads(done.stdout)), done.stderr

    everything, said = asked("metrics", "edge/1-16", caller="")
    assert everything == 16 * 12 * 2 and not said
    count, said = asked("metrics", "edge/1-16")
    assert count == 200 and f"{everything - 200} of {everything} rows are left out" in said
