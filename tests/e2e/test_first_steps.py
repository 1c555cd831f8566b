"""The first steps with a script of one's own: init, check, check --run, tune, and what is known before a night."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tunectl_process import Tunectl
from tests.interpreters import interpreters
from tests.patience import DEADLINE_S

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunectl]:
    """One daemon for the whole file; each test has a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tuned-", ignore_cleanup_errors=True) as folder:
        command = Tunectl(Path(folder) / "home", tmp_path_factory.mktemp("work"))
        command.env["VIRTUAL_ENV"] = environment(Path(folder) / "env", sys.executable)
        try:
            yield command
        finally:
            command.end()


@pytest.fixture
def project(shell: Tunectl, tmp_path: Path) -> Iterator[Path]:
    """A copy of the script with flags, and the shell in its folder."""
    folder = tmp_path / "project"
    shutil.copytree(SCRIPTS / "flags", folder)
    here, shell.work = shell.work, folder
    yield folder
    shell.work = here


def environment(folder: Path, python: str, *, marker: str = "pyvenv.cfg", text: str = "") -> str:
    """A folder that looks like an environment of that interpreter."""
    (folder / "bin").mkdir(parents=True)
    base = subprocess.run(
        [python, "-c", "import sys; print(sys._base_executable or sys.executable)"], capture_output=True, text=True
    ).stdout.strip()
    (folder / "bin" / "python").symlink_to(base)
    if marker == "pyvenv.cfg":
        (folder / marker).write_text(text or f"home = {Path(base).parent}\n")
    else:
        (folder / marker).mkdir()
    return str(folder)


def found(document: Any, level: str) -> str:
    return " | ".join(f["what"] for f in document["findings"] if f["level"] == level)


def test_from_a_script_to_the_best(shell: Tunectl, project: Path) -> None:
    first = shell.json("init", "train.py")
    assert (first["file"], first["metric"], first["todo"]) == ("train.toml", "val_loss", [])
    assert "lr" in first["parameters"]
    text = (project / "train.toml").read_text()
    (project / "train.toml").write_text(
        text.replace("trials = 30", 'trials = 3\nmethod = "sobol"').replace("epochs = 5", "epochs = 2")
    )
    assert "train.toml: is there already (--force writes over it" in shell("init", "train.py", code=1)

    # A trial run takes what follows the search as given.
    steps = '\n[playbook]\nsteps = ["coarse", "confirm", "report"]\n'
    (project / "steps.toml").write_text((project / "train.toml").read_text() + steps)
    tried = shell.json("check", "steps.toml", "--run", "--name", "first")
    assert tried["ok"], tried
    assert tried["plan"]["estimate_s"] is None and "nothing that ran here" in tried["plan"]["estimate_why"]
    assert tried["trial"]["state"] == "completed"
    assert tried["trial"]["metrics"]["val_loss"]["count"] == 2
    assert tried["trial"]["files"] == {"new": [], "changed": [], "removed": []}
    assert shell.json("studies") == [], "nothing of it is kept"

    out = shell("submit", "train.toml", "--as", "first", "--wait")
    assert "  time     unknown: nothing that ran here used this code" in out
    assert "first completed" in out and "best  val_loss=" in out
    again = shell.json("check", "train.toml", "--name", "second")
    assert again["plan"]["estimate_s"] > 0
    assert (
        again["plan"]["estimate_why"].startswith("3 trials, ") and "as 3 of first took" in again["plan"]["estimate_why"]
    )
    (project / "train.toml").write_text((project / "train.toml").read_text().replace("epochs = 2", "epochs = 20"))
    longer = shell.json("check", "train.toml", "--name", "longer")["plan"]["estimate_s"]
    assert longer == pytest.approx(10 * again["plan"]["estimate_s"]), "ten times the epochs, ten times as long"
    (project / "train.toml").write_text((project / "train.toml").read_text().replace("epochs = 20", "epochs = 2"))
    assert "first was submitted already" in found(shell.json("check", "train.toml", "--name", "first"), "ok")
    (project / "train.toml").write_text(
        text.replace("trials = 30", 'trials = 4\nmethod = "sobol"').replace("epochs = 5", "epochs = 2")
    )
    edited = shell.json("check", "train.toml", "--name", "first")
    assert edited["ok"] and "search.trials: 3 -> 4" in found(edited, "warn")


def test_a_check_finds_what_would_spoil_the_night(shell: Tunectl, project: Path) -> None:
    (project / "train.py").write_text(
        "import argparse, os\n"
        "p = argparse.ArgumentParser(); p.add_argument('--lr', type=float, default=0.1)\n"
        "open('checkpoint.pt', 'w').write('x'); open('seen.txt', 'a').write('y')\n"
        "print('val loss', p.parse_args().lr)\n"
    )
    (project / "seen.txt").write_text("")
    shell("init", "train.py")
    out = shell("check", "train.toml", "--run", "--name", "spoils")
    assert "  | val loss 0." in out
    assert f"{project}/checkpoint.pt (new), {project}/seen.txt (changed)" in out
    assert 'write to "{run_dir}/work"' in out
    assert "val_loss comes once a trial" in out
    text = (project / "train.toml").read_text()
    (project / "train.toml").write_text(text.replace("val\\s+loss", "eval\\s+loss"))
    err = shell("check", "train.toml", "--run", "--name", "spoils", code=1)
    assert "2 findings to mend: the trial failed" in err and "the study would stop there" in err
    (project / "train.py").write_text("import argparse, nowhere_to_be_found\n" + (project / "train.py").read_text())
    err = shell("check", "train.toml", "--name", "spoils", code=1)
    assert "has no nowhere_to_be_found, which train.py imports" in err
    assert not [row for row in shell.json("studies") if row["name"].startswith("spoils")]


def test_tune_chooses_what_is_customary_and_names_scripts_with_accents(shell: Tunectl, project: Path) -> None:
    (project / "train.py").rename(project / "Übung eins.py")
    err = shell("tune", "Übung eins.txt", code=1)
    assert "did you mean Übung eins.py?" in err
    assert "did you mean" not in shell("tune", "rains.py", code=1), "alike in nothing but .py"
    planned = shell.json("tune", "Übung eins.py", "--dry-run")
    assert planned["study"] == "ubung-eins" and "--lr" in planned["arguments"][0]
    shell("init", "Übung eins.py")
    assert (project / "ubung-eins.toml").exists()


def test_tune_in_one_line(shell: Tunectl, project: Path) -> None:
    words = (
        "tune",
        "train.py",
        "lr=log:1e-3..1",
        "optimizer=sgd,momentum",
        "epochs=2",
        "--trials",
        "2",
        "--method",
        "sobol",
    )
    document = shell.json(*words, "--minimize", "val_loss", "--name", "line", "--wait")
    assert (document["study"], document["state"], Path(document["file"]).name) == ("line", "completed", "line.toml")
    assert set(document["best"]["params"]) == {"lr", "optimizer", "epochs"}
    assert "was submitted already, with this content: completed" in shell(
        *words, "--name", "line", "--minimize", "val_loss"
    )
    assert "lrr: the script has no such option (did you mean lr?)" in shell("tune", "train.py", "lrr=1..2", code=1)
    assert "space.lr.low" in shell("tune", "train.py", "lr=2..1", "--name", "bad", code=1)
    (project / "constants.py").write_text("LR = 0.1\nprint(f'val_loss {LR}')\n")
    err = shell("tune", "constants.py", "lr=0.1..1", "--minimize", "val_loss", "--name", "deaf", code=1)
    assert "space.lr: reaches nothing: constants.py reads no arguments (" in err
    (project / "train.py").write_text("import nowhere_to_be_found\n" + (project / "train.py").read_text())
    err = shell("tune", "train.py", "lr=0.1..1", "--name", "lacks", code=1)
    assert "train.py: it imports nowhere_to_be_found, which " in err and "activate the environment" in err
    assert sorted(path.name for path in project.iterdir() if path.suffix == ".toml") == ["line.toml"]
    assert "lacks" not in [row["name"] for row in shell.json("studies")]


def test_the_interpreter_is_chosen_and_said(shell: Tunectl, project: Path) -> None:
    """As conda and uv leave their environments: only what they put into the folder counts."""
    shell("init", "train.py")
    conda = environment(project / "conda" / "envs" / "vision", sys.executable, marker="conda-meta")
    given = {"VIRTUAL_ENV": "", "CONDA_PREFIX": conda, "CONDA_DEFAULT_ENV": "vision"}
    assert f"{conda}/bin/python (Python 3.11" in shell("check", "train.toml", "--name", "conda", **given)
    base = {"VIRTUAL_ENV": "", "CONDA_PREFIX": str(project / "conda"), "CONDA_DEFAULT_ENV": "base"}
    environment(project / "conda", sys.executable, marker="conda-meta")
    assert "python3 on PATH" in shell("check", "train.toml", "--name", "conda", **base)
    uv = environment(
        project / ".venv",
        sys.executable,
        text=f"home = {Path(os.path.realpath(sys.executable)).parent}\nimplementation = CPython\nuv = 0.9.1\n",
    )
    (project / ".venv" / "bin" / "probe").write_text("#!/bin/sh\necho probed\n")
    out = shell("check", "train.toml", "--run", "--name", "uv", VIRTUAL_ENV="")
    assert f"{uv}/bin/python (Python 3.11" in out and f"the nearest .venv, in {project}" in out
    assert "  ok       the trial completed" in out


@pytest.mark.parametrize("python", interpreters())
def test_the_sdk_in_an_environment(shell: Tunectl, project: Path, python: str) -> None:
    """Scripts outside of trials import it and talk to the daemon, under every Python that trials run under."""
    folder = environment(project / "env", python)
    shell("sdk", VIRTUAL_ENV=folder)
    shell("init", "train.py")
    (project / "go.py").write_text(
        "import sys, tuned\n"
        "tuned.current_trial(defaults={'lr': 1}).report(step=1, loss=2)\n"
        "with tuned.connect() as daemon:\n"
        "    study = daemon.submit('train.toml', name=sys.argv[1])\n"
        "    print(len(study.enqueue({'lr': 0.02}, priority=3)), study.trials[0].params['epochs'])\n"
        "    study.set({'search.trials': 3})\n"
        "    assert study.wait(600).state == 'completed' == study.state, study.row\n"
        "    assert len(study.rows()) == len(study.trials) and study.best.values['val_loss'] > 0\n"
        "    assert study.name in [s.name for s in daemon.studies] and daemon.status.pid > 0\n"
        "try:\n"
        "    daemon.submit(tuned.Study(name='x', run={'script': 'gone.py'}, search={'trials': 1}))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error.where)\n"
    )
    name = "sdk-" + Path(os.path.realpath(python)).name
    env = {k: v for k, v in shell.env.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [f"{folder}/bin/python", "go.py", name],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.stderr == ""
    assert (done.stdout, done.stderr) == ("step 1  loss 2\n1 5\nInvalidInput run.script\n", "")
    removed = json.loads(shell("sdk", "--remove", "--json", VIRTUAL_ENV=folder))
    assert removed["changed"]
    assert not list(Path(removed["folder"]).glob("tuned*"))


def test_the_sdk_leaves_others_alone(shell: Tunectl, project: Path) -> None:
    folder = environment(project / "env", sys.executable)
    line = shell("sdk", "--json", VIRTUAL_ENV=folder)
    copy = Path(json.loads(line)["folder"]) / "tuned"
    (copy / "installation.json").unlink()
    assert "has another package called tuned" in shell("sdk", VIRTUAL_ENV=folder, code=1)
    assert copy.is_dir()
    assert "no environment is active" in shell("sdk", VIRTUAL_ENV="", code=1)
    assert "is tunectl's own environment" in shell("sdk", "--python", sys.executable, code=1)


def test_doctor_says_what_it_looked_at(shell: Tunectl, project: Path) -> None:
    shell("daemon", "start")
    process = shell.start("doctor", "--json")
    out, err = process.communicate(timeout=DEADLINE_S)
    document = json.loads(out)
    assert document["ok"] == (process.returncode == 0), err
    everything = " | ".join(f["what"] for f in document["findings"])
    assert f"state folder {shell.home} (TUNED_HOME)" in everything
    assert "its daemon runs: pid" in everything
    assert "GiB free" in everything and "open files" in everything


def test_a_budget_a_baseline_and_rounded_values(shell: Tunectl, project: Path) -> None:
    (project / "timed.py").write_text(
        "import sys, time\ntime.sleep(0.1)\nprint('loss', abs(float(sys.argv[1]) - 0.3), 'seen', sys.argv[1])\n"
    )
    (project / "timed.toml").write_text(
        '[run]\nscript = "timed.py"\nargs = ["{x:.2g}"]\n[metrics]\npatterns = [\'loss (?P<loss>\\S+)\']\n'
        '[objective]\nmetric = "loss"\ndirection = "minimize"\n[space]\n'
        'x = { type = "float", low = 0.001, high = 1.0, log = true }\n'
        '[search]\nmethod = "random"\nbudget = "1h"\n[[search.point]]\nlabel = "baseline"\nx = 0.123456\n'
    )
    document = shell.json("submit", "timed.toml")
    assert (document["estimate_s"], document["estimate_why"]) == (3600.0, "its budget")
    # How long a first trial takes is the machine's business: the budget becomes short once it has ended.
    shell.wait_until(lambda: shell.json("trials", "timed")[0]["state"] == "completed", "the baseline has run")
    shell("set", "timed", "search.budget=1s")
    shell("wait", "timed")
    document = shell.json("show", "timed")
    assert (document["state"], document["reason"]) == ("completed", "its time budget is spent")
    trials = shell.json("trials", "timed")
    assert (trials[0]["params"], trials[0]["why"], trials[0]["origin"]) == ({"x": 0.12}, "baseline", "user")
    assert shell("logs", "timed/1").endswith("seen 0.12\n")
    assert all(trial["params"]["x"] == float(f"{trial['params']['x']:.2g}") for trial in trials)
    # The budget ends the search: points that a person queues later run, and nothing is suggested beside them.
    shell("enqueue", "timed", "x=0.5")
    shell("wait", "timed")
    shell("retry", "timed/1")
    shell("wait", "timed")
    later = shell.json("trials", "timed")[len(trials) :]
    assert [(t["origin"], t["state"], t["params"]) for t in later] == [
        ("user", "completed", {"x": 0.5}), ("retry", "completed", {"x": 0.12})
    ]  # fmt: skip
    assert "1.0s of running time, spent" in shell("show", "timed")
    document = shell.json("show", "timed")
    assert (document["state"], document["reason"]) == ("completed", "its time budget is spent")
    assert (document["budget_s"], document["budget_left_s"]) == (1.0, 0.0)


def test_an_edited_file_updates_its_study(shell: Tunectl, project: Path) -> None:
    shell(
        "tune",
        "train.py",
        "lr=log:0.01..1",
        "epochs=2",
        "--trials",
        "2",
        "--method",
        "sobol",
        "--name",
        "edited",
        "--wait",
    )
    text = (project / "edited.toml").read_text()
    more = text.replace("trials = 2", 'trials = 3\nbudget = "1h"').replace('question = ""', 'question = "What now?"')
    (project / "edited.toml").write_text(more)
    assert "--update this one, or --replace it)" in shell("submit", "edited.toml", code=1)
    document = shell.json("submit", "edited.toml", "--update", "--wait")
    assert document["changed"] == ["question:  -> What now?", "search.trials: 2 -> 3", "search.budget: none -> 3600s"]
    assert document["counts"] == {"completed": 3}
    assert "was submitted already" in shell("submit", "edited.toml", "--update")
    wider = more.replace("low = 0.01", "low = 0.001")
    (project / "edited.toml").write_text(wider)
    assert shell.json("submit", "edited.toml", "--update")["changed"] == ["space.lr.low: 0.01 -> 0.001"]
    final = f'{wider}\n[finalize]\nargs = ["--all"]\n'
    (project / "edited.toml").write_text(final)
    assert 'finalize.args: null -> ["--all"]' in shell.json("submit", "edited.toml", "--update")["changed"]
    assert "tunectl submit FILE --update" in shell("set", "edited", "finalize.args=--full", code=1)
    assert 'args = ["--all"]' in shell("show", "edited", "--toml"), "what comes after the search may come to mind then"
    (project / "edited.toml").write_text(
        final.replace('"--lr"', '"--no-bias", "--lr"').replace("trials = 3", "trials = 9")
    )
    err = shell("submit", "edited.toml", "--update", code=1)
    assert 'edited: these cannot change any more: run.args: ["--lr", ' in err and "(submit it --as another name" in err
    refused = shell("submit", "edited.toml", code=1)
    assert "other content" in refused and "--replace this one" in refused and "--update" not in refused, "nor would it"
    assert shell.json("show", "edited")["trials"] == 3, "all or nothing"


def test_a_study_beside_its_function(shell: Tunectl, project: Path) -> None:
    """The same file is the study, read under the project's interpreter, and the code that its trials run."""
    (project / "whole.py").write_text(
        "import tuned\n"
        "def train(trial):\n"
        "    for step in range(3):\n"
        "        trial.report(step=step, loss=trial.params['x'] ** 2 + step)\n"
        "study = tuned.Study(run=train, question='which?', space={'x': {'type': 'float', 'low': -1, 'high': 1}},\n"
        "    objective={'metric': 'loss', 'direction': 'minimize'}, search={'trials': 3, 'method': 'sobol'})\n"
    )
    checked = shell.json("check", "whole.py", "--run")
    assert checked["ok"] and checked["trial"]["metrics"]["loss"]["count"] == 3
    assert all(len(arguments) == 1 and arguments[0].startswith("x=") for arguments in checked["plan"]["arguments"])
    assert shell.json("submit", "whole.py", "--wait")["counts"] == {"completed": 3}


def test_a_name_that_is_taken_is_not_taken_again(shell: Tunectl, project: Path) -> None:
    (project / "mine.py").write_text((project / "train.py").read_text())
    words = ("tune", "mine.py", "epochs=1", "--trials", "1", "--method", "sobol", "--wait")
    assert shell.json(*words, "lr=0.1..1")["study"] == "mine"
    assert shell.json(*words, "lr=0.1..1")["created"] is False
    assert shell.json(*words, "lr=0.2..1")["study"] == "mine-2"
    (project / "mine.toml").unlink()
    assert shell.json(*words, "lr=0.3..1")["study"] == "mine-3"


def test_one_trial_on_a_page_and_a_queued_command_by_its_name(shell: Tunectl, project: Path) -> None:
    (project / "two.py").write_text(
        "import sys\nsys.argv\nfor i in range(3): print(f'step {i} loss {1 / (i + 1):.3f} acc {i / 4}')\n"
    )
    (project / "two.toml").write_text(
        "[run]\nscript = 'two.py'\nargs = ['--x={x}']\n[objective]\nmetric = 'loss'\ndirection = 'minimize'\n"
        "[metrics]\npatterns = ['step (?P<step>.+) loss (?P<loss>.+) acc (?P<acc>.+)']\n"
        "[space]\nx = [1, 2]\n[search]\ntrials = 1\n"
    )
    shell("submit", "two.toml", "--wait")
    page = " ".join(shell("show", "two/1").split())
    assert "chosen by sobol" in page and "parameters x=" in page and "two.py --x=" in page
    assert "acc 3 0 0.5 0 0.5" in page and "loss 3 1 0.333 0.333 1" in page
    document = shell.json("show", "two/best")
    assert document["trial"]["number"] == 1 and len(document["metrics"]) == 6

    shell("queue", "--name", "long", "--", "sleep", "600")
    shell.wait_until(lambda: shell.json("show", "long/1")["trial"]["state"] == "running", "it runs")
    status = shell("status")
    assert "1 running" in status and "long" in status
    assert "sleep 600" in shell("studies") and "sleep 600" in shell("queue")
    shell("kill", "long")
    shell.wait_until(lambda: shell.json("show", "long/1")["trial"]["state"] == "failed", "it is killed by its name")
    assert shell("ls") == shell("studies")
