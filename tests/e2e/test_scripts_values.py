"""Every value that goes into an unmodified script is the value that its trial records."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import DEADLINE_S

if TYPE_CHECKING:
    from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def namespaces(shell: Tunectl, study: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Of each completed trial: its recorded parameters, and what its script printed that it got."""
    found = []
    for trial in shell.json("trials", study):
        assert trial["state"] == "completed", trial
        text = (shell.home / "runs" / study / str(trial["number"]) / "1" / "output.log").read_text()
        found.append((trial["params"], namespaces_of(text)))
    return found


def namespaces_of(text: str) -> dict[str, Any]:
    line = next(line for line in text.splitlines() if "namespace {" in line)
    return dict(json.loads(line[line.index("{") :]))


def ran(command: str) -> str:
    """Output of a line that was copied into a shell somewhere else."""
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, cwd="/", timeout=DEADLINE_S
    )
    return done.stdout


def test_a_trial_of_any_kind_can_be_copied_and_run(tunectl: Tunectl, tmp_path: Path) -> None:
    tunectl.write(trials=1)
    (tmp_path / "f.py").write_text("def area(trial):\n    return trial.params['side'] ** 2\n")
    (tmp_path / "say.sh").write_text('echo "$1 $GREETING ${API_KEY:-none}"\necho loss $2\n')
    head = '[objective]\nmetric = "loss"\ndirection = "minimize"\n[search]\ntrials = 1\nmethod = "sobol"\n'
    side = '[space]\nside = { type = "float", low = 2.0, high = 3.0 }\n'
    (tmp_path / "area.toml").write_text(f'{head}{side}[run]\nfunction = "f.py:area"\n')
    (tmp_path / "say.toml").write_text(
        f"{head}{side}[metrics]\npatterns = 'loss (?P<loss>.+)'\n"
        '[run]\ncommand = ["sh", "say.sh", "it\'s {{$HOME}}", "{side}"]\n'
        'env = { GREETING = "a  b", API_KEY = "s3cret" }\n'
    )
    for name in ("quad", "area", "say"):
        tunectl("submit", f"{name}.toml", "--wait")
    [quad], [area] = tunectl.json("trials", "quad"), tunectl.json("trials", "area")
    text = ran(tunectl("show", "quad/best", "--command"))
    assert f"loss {quad['values']['loss']:.6g}" in text
    assert float(ran(tunectl("show", "area/1", "--command"))) == area["params"]["side"] ** 2
    line = tunectl("show", "say/1", "--command")
    assert ran(line).startswith("it's {$HOME} a  b none\n") and "s3cret" not in line
    start = (tunectl.home / "runs" / "say" / "1" / "1" / "start.json").read_text()
    assert json.loads(start)["argv"][2] == "it's {$HOME}" and "s3cret" not in start
    assert json.loads(start)["env"] == {"GREETING": "a  b", "API_KEY": "********"}
    assert "say: names no single trial" in tunectl("show", "say", "--command", code=1)


def test_options_of_every_kind_get_what_is_recorded(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "switches", tmp_path, dirs_exist_ok=True)
    words = [
        "bn=bool", "augment=bool", "bias=bool", "use_ema=bool", "mixed=bool", "warm_restart=bool", "nesterov=bool",
        "momentum=0..1", "weight_decay=log:1e-6..1e-2", "offset=-1e-4..1e-4", "mixup=0..1", "tag=01,1.10,v2",
        "layers=1..4",
    ]  # fmt: skip
    shell = tunectl
    shell("tune", "train.py", *words, "--trials", "8", "--method", "sobol", "--minimize", "val_loss", "--wait")
    found = namespaces(shell, "train")
    assert len(found) == 8
    for params, got in found:
        assert {name: got[name] for name in params} == params
        assert isinstance(params["mixup"], float) and 0 < params["mixup"] < 1
    for name in ("bn", "augment", "bias", "use_ema", "mixed", "warm_restart", "nesterov"):
        assert {params[name] for params, _ in found} == {True, False}, name
    assert {params["tag"] for params, _ in found} == {"01", "1.10", "v2"}
    assert any(params["offset"] < 0 for params, _ in found)
    assert namespaces_of(ran(shell("show", "train/3", "--command"))) == found[2][1]
    start = json.loads((shell.home / "runs" / "train" / "3" / "1" / "start.json").read_text())
    assert start["argv"][0] == "train.py" and start["env"] == {}
    err = shell("tune", "train.py", "offset=abc", "--name", "bad", code=1)
    assert "offset=abc: the script takes --offset as a number, not 'abc'" in err


def test_a_value_that_the_program_never_takes_pauses_the_study(tunectl: Tunectl, tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(
        "#!/bin/sh\n[ $1 = fast ] && { echo unknown mode $1 >&2; exit 2; }\necho loss $2\n"
    )
    (tmp_path / "train.sh").chmod(0o755)
    (tmp_path / "sides.toml").write_text("""
        [run]
        command = ["./train.sh", "{mode}", "{x}"]
        [metrics]
        patterns = 'loss (?P<loss>.+)'
        [objective]
        metric = "loss"
        direction = "minimize"
        [space]
        mode = ["safe", "fast"]
        x = { type = "float", low = 0.0, high = 1.0 }
        [search]
        method = "sobol"
        trials = 60
        [[search.point]]
        mode = "safe"
    """)
    tunectl("submit", "sides.toml")
    shown = tunectl.wait_until(
        lambda: (row := tunectl.json("show", "sides"))["state"] in ("paused", "completed") and row, "the study stops"
    )
    assert shown["state"] == "paused"
    assert (
        "trials with mode = fast failed at start, and no other did: exit code 2: unknown mode fast" in shown["reason"]
    )
    assert shown["counts"]["completed"] < 30


def test_check_proves_what_the_text_leaves_open(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "switches", tmp_path, dirs_exist_ok=True)
    (tmp_path / "s.toml").write_text("""
        question = "q"
        [run]
        script = "train.py"
        args = ["{params}"]
        [metrics]
        patterns = 'val_loss: (?P<val_loss>.+)'
        [objective]
        metric = "val_loss"
        direction = "minimize"
        [space]
        mixed = { type = "bool" }
        offset = { type = "float", low = -1e-4, high = 1.0 }
        [search]
        method = "sobol"
        trials = 1
    """)
    document = tunectl.json("check", "s.toml", "--run")
    texts = [finding["what"] for finding in document["findings"]]
    assert document["ok"] and "the script's parser gets mixed, offset as recorded" in texts
    script = (tmp_path / "train.py").read_text()
    (tmp_path / "train.py").write_text(script.replace("type=str2bool", "type=lambda text: bool(text)"))
    (tmp_path / "s.toml").write_text((tmp_path / "s.toml").read_text().replace("{params}", "{params:python}"))
    document = json.loads(tunectl.start("check", "s.toml", "--run", "--json").communicate(timeout=DEADLINE_S)[0])
    texts = [finding["what"] for finding in document["findings"] if finding["level"] == "fail"]
    assert not document["ok"] and texts == ["mixed: the code gets True where false is recorded"]


def test_check_names_what_a_person_would_stumble_over(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "misread", tmp_path, dirs_exist_ok=True)
    text = """
        question = "q"
        [run]
        script = "train.py"
        args = ["--lr", "{lr}", "--shift", "{shift}"]
        env = { AMP = "{amp}", OTHER = "{amp:d}" }
        [metrics]
        patterns = [
            'epoch (?P<step>\\d+) val_acc (?P<val_acc>\\S+)',
            'step (?P<step>\\d+) loss (?P<loss>.+)',
            'seen: (?P<seen>\\S+)',
        ]
        [objective]
        metric = "val_acc"
        direction = "minimize"
        [space]
        lr = { type = "float", low = 0.01, high = 0.1 }
        shift = { type = "float", low = -0.1, high = 0.1 }
        amp = { type = "bool" }
        [search]
        method = "sobol"
        trials = 2
    """
    (tmp_path / "s.toml").write_text(text)
    process = tunectl.start("check", "s.toml", "--run", "--json", RANK="1")
    document = json.loads(process.communicate(timeout=DEADLINE_S)[0])
    shown = {level: [f["what"] for f in document["findings"] if f["level"] == level] for level in ("warn", "fail")}
    warned = " | ".join(shown["warn"])
    assert "val_acc is minimized, and of such a metric more is usually better" in warned
    assert "val_acc comes 5 times for steps 0 to 3, and of each step the last value counts: are these folds?" in warned
    assert 'run.env.AMP gets "true" or "false"' in warned
    assert "this shell has RANK=1" in warned
    assert "run.args.3: a value of shift may begin with a dash" in warned
    assert shown["fail"] == ["this is no number that can be read: seen = '12,345'"]
    assert document["trial"]["metrics"]["loss"]["count"] == 4

    constrained = text.replace('metric = "val_acc"', 'metric = "loss"') + (
        '[early_stopping]\nmethod = "none"\npatience = 5\n[[constraint]]\nmetric = "latncy"\nat_most = 1\n'
    )
    (tmp_path / "s.toml").write_text(constrained)
    script = tmp_path / "train.py"
    script.write_text("import subprocess  # what that prints, nobody knows\n" + script.read_text())
    document = json.loads(tunectl.start("check", "s.toml", "--run", "--json").communicate(timeout=DEADLINE_S)[0])
    texts = " | ".join(finding["what"] for finding in document["findings"])
    assert "constraint.metric: the trial never gave latncy" in texts
    assert "early_stopping.patience = 5 is in steps, and loss comes every 500 of them" in texts
    tunectl("submit", "s.toml")
    paused = tunectl.wait_until(
        lambda: (row := tunectl.json("show", "s"))["state"] != "running" and row, "the canary pauses the study"
    )
    assert paused["state"] == "paused" and "ended without reporting latncy; it reported" in paused["reason"]


def test_a_module_with_relative_imports_runs_warm_as_python_m_runs_it(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "packaged", tmp_path, dirs_exist_ok=True)
    text = """
        [run]
        module = "lab.train"
        args = ["{params}"]
        [metrics]
        patterns = 'val_loss: (?P<val_loss>.+)'
        [objective]
        metric = "val_loss"
        direction = "minimize"
        [space]
        x = { type = "float", low = 0.0, high = 2.0 }
        square = { type = "bool" }
        [search]
        method = "sobol"
        trials = 2
        [[search.point]]
        x = 0.5
        square = false
    """
    (tmp_path / "warm.toml").write_text(text)
    (tmp_path / "cold.toml").write_text(text.replace("[metrics]", 'start = "cold"\n[metrics]'))
    for name in ("warm", "cold"):
        tunectl("submit", f"{name}.toml", "--wait")
    logs = {name: tunectl("logs", f"{name}/1") for name in ("warm", "cold")}
    assert logs["warm"] == logs["cold"] and "argv lab/train.py ['--x=0.5', '--no-square']" in logs["warm"]
    assert "names __main__ lab lab.train lab/train.py ." in logs["warm"]
    modes = [
        json.loads((tunectl.home / "runs" / name / "1" / "1" / "start.json").read_text())["mode"]
        for name in ("warm", "cold")
    ]
    assert modes == ["warm", "cold"]
    assert ran(tunectl("show", "warm/1", "--command")) == logs["cold"]
    [first, _] = tunectl.json("trials", "warm")
    assert first["values"]["val_loss"] == 0.5
    before = tunectl.json("submit", "warm.toml", "--name", "again", "--json")["code"]
    (tmp_path / "lab" / "model.py").write_text("def loss(x): return 0.0\n")
    assert tunectl.json("submit", "warm.toml", "--name", "later", "--json")["code"] != before
    (tmp_path / "gone.toml").write_text(text.replace("lab.train", "lab.gone"))
    assert "run.module: there is no module lab.gone below" in tunectl("submit", "gone.toml", code=1)


def test_globals_and_composed_settings_get_what_is_recorded(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "globals", tmp_path, dirs_exist_ok=True)
    shell = tunectl
    words = ["learning_rate=log:1e-5..1e-1", "bias=bool", "n_layer=1..4", "beta1=0.8,1.0", "--method", "sobol"]
    shell("tune", "train.py", *words, "--trials", "5", "--minimize", "val_loss", "--wait")
    found = namespaces(shell, "train")
    assert len(found) == 5 and {params["bias"] for params, _ in found} == {True, False}
    for params, got in found:
        assert {name: got[name] for name in params} == params
        assert got["out_dir"].endswith("/work")
    assert not (tmp_path / "out").exists()

    shutil.copytree(SCRIPTS / "composed", tmp_path, dirs_exist_ok=True)
    drafted = shell.json("init", "train.py", "-o", "composed.toml")
    assert {"optimizer.lr", "optimizer.momentum"} <= set(drafted["parameters"]) and not drafted["todo"]
    text = (tmp_path / "composed.toml").read_text()
    text = text.replace("[run]", f'[run]\npython = "{sys.executable}"').replace("trials = 30", "trials = 5")
    (tmp_path / "composed.toml").write_text(text.replace("\n[space]", '\n[space]\ntag = ["a=b", "x y", "it\'s"]'))
    shell("submit", "composed.toml", "--set", 'search.method="sobol"', "--wait")
    found = namespaces(shell, "composed")
    assert len(found) == 5 and {params["tag"] for params, _ in found} == {"a=b", "x y", "it's"}
    for params, got in found:
        flat = {"tag": got["tag"], "epochs": got["epochs"]}
        flat |= {f"optimizer.{name}": value for name, value in got["optimizer"].items()}
        assert {name: flat[name] for name in params} == params


def test_check_compares_two_trials_and_best_names_the_closest(tunectl: Tunectl, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import argparse, subprocess\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\n"
        "a = p.parse_args()\nopen('model.txt', 'w').write(str(a.lr))\nprint('loss', 0.5)\nprint('ms', 20 + a.lr)\n"
    )
    text = """
        question = "q"
        [run]
        script = "train.py"
        args = ["{params}"]
        [metrics]
        patterns = ['loss (?P<loss>.+)', 'ms (?P<ms>.+)']
        [objective]
        metric = "loss"
        direction = "minimize"
        [[constraint]]
        metric = "ms"
        at_most = 10
        [space]
        lr = { type = "float", low = 0.1, high = 1.0 }
        [search]
        method = "sobol"
        trials = 3
    """
    (tmp_path / "s.toml").write_text(text)
    document = tunectl.json("check", "s.toml", "--run")
    warned = " | ".join(finding["what"] for finding in document["findings"] if finding["level"] == "warn")
    assert "a second trial at another point (lr=" in warned and "gave the very same loss" in warned
    assert f"both trials wrote {tmp_path}/model.txt: trials side by side would write over each other" in warned
    assert document["trial"]["second"]["state"] == "completed"
    script = tmp_path / "train.py"
    script.write_text(script.read_text().replace("'loss', 0.5", "'loss', a.lr"))
    texts = [finding["what"] for finding in tunectl.json("check", "s.toml", "--run")["findings"]]
    assert any("gave another loss" in what for what in texts)

    tunectl("submit", "s.toml", "--wait")
    told = "all 3 trials with a result break a constraint (ms <= 10); the closest is trial "
    assert tunectl("best", "s").startswith(told)
    assert told in tunectl("effects", "s", code=1) and told in tunectl("advise", "s").replace("\n", " ")
