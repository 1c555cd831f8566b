"""`tunectl` and scripts with the real daemon: started when needed, stopped, waited for across restarts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

pytestmark = pytest.mark.e2e


def test_a_verb_starts_the_daemon_detached_and_stop_ends_it(tunectl: Tunectl) -> None:
    assert "tunectl daemon start" in tunectl("studies", "--no-start", code=3)
    assert not tunectl.home.exists()
    assert tunectl.json("studies") == []
    status = tunectl.json("daemon", "status")
    pid = status["pid"]
    assert os.getsid(pid) != os.getsid(0)
    assert Path(f"/proc/{pid}/cwd").readlink() == tunectl.home
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert not [entry for entry in environment if entry.startswith((b"VIRTUAL_ENV", b"TERM", b"SSH_", b"PYTEST"))]
    assert tunectl.json("daemon", "start")["pid"] == pid
    assert tunectl.json("daemon", "stop")["pid"] == pid
    assert not alive(pid)
    tunectl("daemon", "status", code=3)


def test_a_stop_tells_what_becomes_of_the_trials(tunectl: Tunectl) -> None:
    tunectl("queue", "--name", "long", "--", "sleep", "600")
    tunectl.wait_until(lambda: tunectl.json("show", "long/1")["trial"]["state"] == "running", "it runs")
    assert tunectl("daemon", "stop") == "the daemon has stopped; 1 trial runs on\n"
    tunectl("daemon", "start")
    told = tunectl("daemon", "stop", "--stop-trials")
    assert told == "the daemon has stopped; 1 trial was ended, and is queued again\n"
    assert tunectl.json("show", "long/1")["trial"]["state"] in ("queued", "starting", "running")  # of a new daemon


def test_what_a_person_paused_is_not_said_to_be_queued_again(tunectl: Tunectl) -> None:
    tunectl("queue", "--name", "still", "--", "sleep", "600")
    tunectl.wait_until(lambda: tunectl.json("show", "still/1")["trial"]["state"] == "running", "it runs")
    tunectl("pause", "still/1")
    tunectl.wait_until(lambda: tunectl.json("show", "still/1")["trial"]["frozen"], "it stands still")
    assert "goes on" not in tunectl("pause", "still"), "it stands still already"
    told = tunectl("daemon", "stop", "--stop-trials")
    assert told == "the daemon has stopped; 1 trial was ended, and is paused\n"
    assert tunectl.json("show", "still/1")["trial"]["state"] == "paused"


def test_a_trial_is_not_told_to_start_the_daemon(tunectl: Tunectl) -> None:
    tunectl.env["TUNED_ATTEMPT"] = "1"
    err = tunectl("daemon", "status", code=3)
    assert "outside of the trial" in err


def test_within_a_trial_tunectl_means_the_daemon_that_runs_it(tunectl: Tunectl) -> None:
    """The trial has no TUNED_HOME; another daemon at the default home would be steered in its place."""
    ask = "import os, subprocess, sys; assert 'TUNED_HOME' not in os.environ; subprocess.run(sys.argv[1:], check=True)"
    inside = [sys.executable, "-c", ask, sys.executable, "-I", "-m", "tuned.cli"]
    tunectl("queue", "--name", "asks", "--", *inside, "daemon", "status", "--json")
    tunectl("queue", "--name", "steers", "--", *inside, "queue", "--name", "inner", "--", "true")
    tunectl("wait", "asks", "steers")
    assert json.loads(tunectl("logs", "asks"))["pid"] == tunectl.json("daemon", "status")["pid"]
    assert tunectl.json("show", "inner/1")["trial"]["number"] == 1


def test_two_verbs_at_the_same_moment_find_one_daemon(tunectl: Tunectl) -> None:
    both = [tunectl.start("daemon", "start", "--json") for _ in range(3)]
    pids = set()
    for process in both:
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, err + tunectl.log()
        pids.add(json.loads(out)["pid"])
    assert len(pids) == 1


def test_a_daemon_that_cannot_start_says_why_in_one_line(tunectl: Tunectl) -> None:
    tunectl.home.mkdir()
    (tunectl.home / "tuned.db").write_bytes(b"this is no database" * 100)
    err = tunectl("studies", code=1)
    assert len(err.splitlines()) == 1
    assert "the daemon did not start" in err
    assert "tuned.db" in err


def test_a_trial_must_not_start_the_daemon(tunectl: Tunectl) -> None:
    err = tunectl("studies", code=1, TUNED_ATTEMPT="some-attempt")
    assert "a trial cannot start the daemon" in err
    assert not tunectl.home.exists()


def test_a_home_too_long_for_a_socket_works(tunectl: Tunectl) -> None:
    tunectl.home = tunectl.home.parent / ("long" * 40)
    tunectl.env["TUNED_HOME"] = str(tunectl.home)
    socket = Path(tunectl.json("daemon", "start")["socket"])
    assert not socket.is_relative_to(tunectl.home)
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert tunectl.json("studies") == []
    tunectl("daemon", "stop")
    socket.unlink(missing_ok=True)
    socket.parent.rmdir()


def test_from_a_file_to_a_best_point(tunectl: Tunectl) -> None:
    tunectl.write(trials=3)
    document = tunectl.json("submit", "quad.toml", "--follow")
    assert (document["study"], document["state"], document["counts"]) == ("quad", "completed", {"completed": 3})
    trials = tunectl.json("trials", "quad", "--sort", "value")
    assert trials[0]["number"] == document["best"]["number"]
    assert tunectl.json("best", "quad")[0]["params"] == document["best"]["params"]
    assert tunectl("logs", "quad/1", "-n", "1") == "step 3\n"
    assert [m["value"] for m in tunectl.json("metrics", "quad/1", "--name", "loss")][-1] == trials_value(trials, 1)
    assert tunectl.json("wait", "quad")["state"] == "completed"
    assert "submitted already" in tunectl("submit", "quad.toml")
    assert "search.trials: 3 -> 4" in tunectl("submit", "quad.toml", "--trials", "4", code=1)
    assert tunectl.json("submit", "quad.toml", "--trials", "4", "--as", "other", "--wait")["counts"] == {"completed": 4}
    again = tunectl.work / "again.toml"
    again.write_text(tunectl("show", "quad", "--toml"))
    assert tunectl.json("submit", "again.toml", "--as", "third")["trials"] == 3
    assert tunectl.json("enqueue", "quad", "x=2")["trials"] == [4]
    assert tunectl.json("wait", "quad/4")["best"]["params"] == {"x": 2.0}
    tunectl("wait", "third")
    assert tunectl.json("delete", "third", "--yes")["changed"] == ["third"]
    assert "did you mean other?" in tunectl("trials", "othr", code=1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def trials_value(trials: list[Any], number: int) -> float:
    value: float = next(t["values"]["loss"] for t in trials if t["number"] == number)
    return value


def test_wait_lives_through_a_stop_and_a_start(tunectl: Tunectl) -> None:
    tunectl.write(trials=4, hold=True)
    tunectl("submit", "quad.toml")
    waiting = tunectl.start("wait", "quad", "--json")
    tunectl.wait_until(lambda: tunectl.json("trials", "quad", "--state", "running"), "it runs")
    tunectl("daemon", "stop")
    tunectl("daemon", "start")
    tunectl.release()
    out, err = waiting.communicate(timeout=DEADLINE_S)
    assert waiting.returncode == 0, err + tunectl.log()
    assert "for it to come back" in err
    assert json.loads(out)["counts"] == {"completed": 4}
    assert {t["attempt"] for t in tunectl.json("trials", "quad")} == {1}


def test_a_canary_that_reports_nothing_ends_the_wait_with_its_reason(tunectl: Tunectl) -> None:
    tunectl.write(trials=5)
    (tunectl.work / "train.py").write_text("import tuned\ntuned.current_trial()\nraise SystemExit('no data here')\n")
    err = tunectl("submit", "quad.toml", "--wait", code=1)
    assert re.search(r"quad: paused: trial [12] ended without loss", err), err
    assert "no data here" in err


def test_steering_a_running_study(tunectl: Tunectl) -> None:
    tunectl.write(trials=30, hold=True)
    tunectl("submit", "quad.toml")
    running = tunectl.wait_until(lambda: tunectl.json("trials", "quad", "--state", "running"), "a trial runs")
    number = running[0]["number"]
    assert tunectl.json("prune", f"quad/{number}")["changed"] == [f"quad/{number}"]
    tunectl.json("wait", f"quad/{number}")
    assert tunectl.json("pause", "quad")["changed"] == ["quad"]
    assert "it goes on" in tunectl("wait", "quad", "--timeout", "0.3", code=4)
    assert tunectl.json("priority", "quad", "+5")["changed"] == ["quad"]
    assert tunectl.json("show", "quad")["priority"] == 5
    assert tunectl.json("resume", "quad")["changed"] == ["quad"]
    tunectl("cancel", "quad")
    assert "cancelled by you" in tunectl("wait", "quad", code=1)
    assert "is stopped" in tunectl("cancel", "quad", code=1)


def test_a_command_and_its_exit_code(tunectl: Tunectl) -> None:
    assert "bad/1 queued" in tunectl("queue", "--name", "bad", "--", "sh", "-c", "echo {x} $0; exit 3", "--json")
    assert "no trial completed" in tunectl("wait", "bad", code=1)
    assert "exit code 3" in tunectl("wait", "bad/1", code=1)
    assert [row["state"] for row in tunectl.json("studies")] == ["failed"]
    assert tunectl.json("retry", "bad/1")["changed"], "a study that has failed goes on, too"
    assert "no trial completed" in tunectl("wait", "bad", code=1)
    assert tunectl("logs", "bad") == "{x} --json\n"
    assert json.loads(tunectl("queue", "--json", "--", "true"))["study"] == "true"
    tunectl("wait", "true")


def test_events_are_followed_as_they_happen(tunectl: Tunectl) -> None:
    tunectl("daemon", "start")
    following = tunectl.start("events", "--follow", "--json", "--after", "0")
    try:
        tunectl("queue", "--name", "one", "--", "true")
        assert following.stdout is not None
        seen: list[str] = []
        for line in following.stdout:
            seen.append(json.loads(line)["type"])
            if seen[-1] == "study.moved" and json.loads(line)["data"]["to"] == "completed":
                break
        assert seen[0] == "study.submitted"
        assert "trial.moved" in seen
    finally:
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=DEADLINE_S)
    assert following.returncode == 130


def test_scripts_submit_enqueue_wait_and_read(tunectl: Tunectl) -> None:
    tunectl.write(trials=2)
    script = """
        import json, tuned
        with tuned.connect() as daemon:
            study = daemon.submit("quad.toml")
            numbers = study.enqueue({"x": 2.0}, {"x": 3.0}, priority=10)
            row = study.wait(timeout=600)
            made = daemon.submit(tuned.Study(name="made", run={"script": "train.py"},
                objective={"metric": "loss", "direction": "minimize"},
                space={"x": {"type": "float", "low": 0.0, "high": 5.0}}, search={"method": "random", "trials": 1}))
            made.wait(600)
            frame = study.frame()
            print(json.dumps([numbers, row.state, study.best.params, list(frame["x"]), len(frame),
                              [s.name for s in daemon.studies], daemon.study("made").state]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=tunectl.env, cwd=tunectl.work, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + tunectl.log()
    numbers, state, best, enqueued, count, names, made = json.loads(done.stdout)
    assert (state, best, count, made) == ("completed", {"x": 2.0}, len(enqueued), "completed")
    assert {2.0, 3.0} <= set(enqueued)
    assert len(numbers) == 2
    assert names == ["quad", "made"]


def test_a_python_study_file_runs(tunectl: Tunectl) -> None:
    tunectl.write()
    (tunectl.work / "made.py").write_text(
        textwrap.dedent("""
            import tuned
            study = tuned.Study(
                run={"script": "train.py"}, objective={"metric": "loss", "direction": "minimize"},
                space={"x": {"type": "float", "low": 0.0, "high": 5.0}}, search={"method": "sobol", "trials": 2})
        """)
    )
    assert tunectl.json("submit", "made.py", "--wait")["counts"] == {"completed": 2}


def test_the_best_comes_first_where_more_is_better_too(tunectl: Tunectl) -> None:
    tunectl.write(trials=3)
    file = tunectl.work / "quad.toml"
    file.write_text(file.read_text().replace("minimize", "maximize"))
    best = tunectl.json("submit", "quad.toml", "--follow")["best"]["number"]
    for order in ("value", "watch", "loss"):
        rows = tunectl.json("trials", "quad", "--sort", order)
        values = [row["values"]["loss"] for row in rows]
        assert rows[0]["number"] == best and values == sorted(values, reverse=True), order
        turned = tunectl.json("trials", "quad", "--sort", order, "--descending")
        assert [row["number"] for row in turned] == [row["number"] for row in rows][::-1], order
