"""Whatever is wrong with what people type: one clear line, the right exit code, and nothing half-made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tunectl_process import DEADLINE_S, Tunectl

pytestmark = pytest.mark.e2e

GOOD = """
[run]
script = "good.py"
args = ["{x}"]
[metrics]
patterns = ['loss=(?P<loss>\\S+)']
[objective]
metric = "loss"
direction = "minimize"
[space]
x = { type = "float", low = 0.0, high = 5.0 }
[search]
method = "sobol"
trials = 2
"""
SCRIPTS = {
    "good.py": "import sys; print(f'loss={float(sys.argv[1])}')",
    "silent.py": "import sys; sys.argv; print('no data here')",
    "crash.py": "import a_module_that_is_not_there",
    "multi.py": "import sys; sys.argv; raise RuntimeError('first\\nsecond\\n\\nsee the manual')",
    "escapes.py": "import sys; sys.argv; sys.exit('\\x1b[2J\\x1b[31mfatal [/red]\\x1b[0m')",
    "waits.py": "import pathlib, time\nargv = print('loss=1')\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)",
}
NOT_UTF8 = os.fsdecode(b"\xff")


class Shell(Tunectl):
    """`tunectl` with what these tests ask of every refusal."""

    def refused(self, *words: str, code: int = 1, **environment: str) -> str:
        """The one line on stderr; stdout stays clean."""
        process = self.start(*words, **environment)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, out) == (code, ""), f"{words}: {process.returncode}\n{out}\n{err}\n{self.log()}"
        assert "Traceback" not in err
        assert err.startswith("tunectl") and err.count("\n") == 1, err
        return err

    def study(self, file: str, *edits: tuple[str, str]) -> str:
        """The good study with something changed, as a file of its own."""
        text = GOOD
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        (self.work / file).write_text(text)
        return file


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One daemon for all tests that leave it as it was."""
    with tempfile.TemporaryDirectory(prefix="tuned-", ignore_cleanup_errors=True) as folder:
        command = Shell(Path(folder) / "home", tmp_path_factory.mktemp("work"))
        for name, text in SCRIPTS.items():
            (command.work / name).write_text(text)
        try:
            command("submit", command.study("good.toml"), "--wait")
            yield command
        finally:
            command.end()


X = 'x = { type = "float", low = 0.0, high = 5.0 }'


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("trials = 2", "trails = 2", "search.trails", "did you mean trials?"),
        ("[search]", "[serach]", "serach", "did you mean search?"),
        ("low = 0.0, high = 5.0", "low = 5.0, high = 1.0", "space.x.low", "not below high"),
        ("low = 0.0", "low = nan", "space.x.low", "not a finite number"),
        ("high = 5.0", "high = 5.0, log = true", "space.x.low", "a log scale needs low > 0"),
        ('"float"', '"flaot"', "space.x.type", "did you mean float?"),
        (X, "x = []", "space.x.values", "a choice of nothing"),
        (X, "x = [1, 1]", "space.x.values", "is there twice"),
        (X, f"{X}\nd = {{ type = 'int', low = 0, high = 1, when = {{ y = 3 }} }}", "space.d.when.y", "known: x"),
        (X, f'{X}\n"a b" = [1, 2]', "space.a b", "cannot name a parameter"),
        (X, f"{X}\nwidth = [1, 2]", "space.width", "reaches nothing"),
        ("good.py", "gone.py", "run.script", "there is no file"),
        ('["{x}"]', '["--lr", "{lrr}"]', "run.args.1", "{lrr} names no parameter"),
        ('args = ["{x}"]\n', "", "space.x", "reaches nothing"),
        ('script = "good.py"\nargs = ["{x}"]', 'command = ["/no/such", "{x}"]', "run.command", "there is no file"),
        ('script = "good.py"', 'script = "good.py"\npython = "/no/python"', "run.python", "does not exist"),
        ('script = "good.py"', 'script = "good.py"\ncwd = "/no/folder"', "run.cwd", "there is no folder"),
        ("[metrics]", "resources = { gpus = 1 }\n[metrics]", "run.resources.gpus", "this machine has none"),
        ("'loss=(?P<loss>\\S+)'", '"(unclosed"', "metrics.patterns.0", "is no regular expression"),
        ("'loss=(?P<loss>\\S+)'", "'acc=(?P<acc>\\S+)'", "objective.metric", 'nothing reports "loss"'),
        ("[run]", 'name = "Bad Name!"\n[run]', "name", "cannot name a study"),
        ("trials = 2", "", "search", "trials or budget is required"),
        ("trials = 2", 'trials = "many"', "search.trials", "not a whole number"),
        ("high = 5.0", "high = 6.0", "good", "space.x.high: 5.0 -> 6.0"),
    ],
)
def test_a_wrong_study_is_refused_at_its_key(shell: Shell, old: str, new: str, where: str, what: str) -> None:
    file = shell.study("wrong.toml", (old, new))
    name = ("--as", "good") if where == "good" else ()
    err = shell.refused("submit", file, *name, "--json")
    assert err.startswith(f"tunectl: {where}: "), err
    assert what in err
    assert [row["name"] for row in shell.json("studies")] == ["good"]
    assert [entry.name for entry in (shell.home / "runs").iterdir()] == ["good"]


@pytest.mark.parametrize(
    ("file", "content", "what"),
    [
        ("malformed.toml", b"name = \n[run", "malformed.toml:1:8: is not TOML"),
        ("binary.toml", b"\xff\xfe\x00", "binary.toml:1: is not UTF-8 text"),
        ("empty.toml", b"", "run: is required (add [run]"),
        ("study.txt", b"x", "study.txt: is neither .toml nor .py"),
        ("none.py", b"import tuned", "defines no tuned.Study"),
        ("broken.py", b"def study(", "SyntaxError"),
        ("folder.toml", None, "folder.toml: is a folder"),
        ("goood.toml", None, "goood.toml: no such file (did you mean good.toml?)"),
    ],
)
def test_what_is_no_study_file_is_refused(shell: Shell, file: str, content: bytes | None, what: str) -> None:
    if content is not None:
        (shell.work / file).write_bytes(content)
    elif file.startswith("folder"):
        (shell.work / file).mkdir()
    assert what in shell.refused("submit", file, "--json")


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (["frobnicate"], 2, "no verb 'frobnicate'"),
        (["submit"], 2, "Missing argument"),
        (["trials", "good", "--bogus"], 2, "No such option"),
        (["wait", "good", "--timeout", "soon"], 2, "write 90, 30s, 5m, 2h or 1h30m"),
        (["priority", "good", "high"], 2, "is no priority"),
        (["trials", "good", "--state", "flying"], 2, "is not one of"),
        (["show", NOT_UTF8], 2, r"argument 2 is not UTF-8 text: b'\xff'"),
        (["daemon", "start", "--slots", "0"], 2, "--slots"),
        (["enqueue", "good", "x=99"], 1, "space.x: 99 lies outside 0 .. 5"),
        (["enqueue", "good", "y=1"], 1, "space.y: there is no such parameter (known: x)"),
        (["trials", "good", "--sort", "nonsense"], 1, "cannot be sorted by 'nonsense'"),
        (["logs", "good/99"], 1, "good/99: there is no such trial"),
        (["prune", "good/1"], 1, "good/1 is completed"),
        (["kill", "good"], 1, "kill acts on trials"),
        (["delete", "good"], 1, "add --yes"),
        (["trials", "good/best"], 1, "good/best: a study is meant here, not its trials (write: good)"),
        (["trials", "[/red]"], 1, "[/red]: a study is meant here"),
        (["show", ""], 1, "no study was named"),
        (["show", "öäü [bold]"], 1, "öäü [bold]: there is no such study"),
        (["metrics", "[bold]/1"], 1, "'[bold]' cannot name a study"),
        (["pause", "good/3-1"], 1, "write 1-3"),
        (["pause", "good/"], 1, "no trial after the slash"),
        (["cancel", "../good/1"], 1, "cannot name a study"),
        (["show", "godo"], 1, "godo: there is no such study (did you mean good?)"),
    ],
)
def test_wrong_words_are_refused(shell: Shell, words: list[str], code: int, what: str) -> None:
    assert what in shell.refused(*words, code=code)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("silent.py", "ended without reporting loss; its last line: no data here"),
        ("crash.py", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("multi.py", "RuntimeError: first ... see the manual"),
        ("escapes.py", "exit code 1: fatal [/red]"),
    ],
)
def test_a_script_that_gives_nothing_pauses_its_study(shell: Shell, script: str, reason: str) -> None:
    name = script.partition(".")[0]
    file = shell.study(f"{name}.toml", ("good.py", script), ("[search]", "[search]\nparallel = 1"))
    process = shell.start("submit", file, "--wait", "--json")
    out, err = process.communicate(timeout=DEADLINE_S)
    document = json.loads(out)
    assert (process.returncode, document["state"]) == (1, "paused")
    assert document["reason"].endswith(reason)
    assert err.count("\n") == 1
    assert f"(mend the script, then: tunectl resume {name}; or the study file, then: tunectl submit FILE --up" in err
    assert [t["state"] for t in shell.json("trials", name)] == ["failed", "queued"]
    assert shell.json("show", name)["eta_s"] is None
    shell("delete", name, "--yes")
    assert not (shell.home / "runs" / name).exists()


@pytest.mark.parametrize("verb", ["submit", "check"])
def test_a_training_script_in_place_of_a_study_file_does_not_begin_to_train(shell: Shell, verb: str) -> None:
    (shell.work / "trains.py").write_text("open('began', 'w')\nprint('epoch 1 loss 0.5')\n")
    err = shell.refused(verb, "trains.py")
    assert "tunectl tune trains.py KEY=RANGE" in err
    assert not (shell.work / "began").exists()


def test_a_study_without_a_result_takes_a_mended_file_and_goes_on(shell: Shell) -> None:
    file = shell.study("mended.toml", ("good.py", "prints.py"), ("'loss=(", "'value of the loss: ("))
    (shell.work / "prints.py").write_text("import sys\nsys.argv\nprint('loss=0.25')\n")
    shell("submit", file, "--wait", code=1)
    points = [trial["params"] for trial in shell.json("trials", "mended")]
    text = Path(shell.work, file).read_text()
    Path(shell.work, file).write_text(text.replace("value of the loss: ", "loss=").replace("minimize", "maximize"))
    shell("submit", file, code=1)
    shell("submit", file, "--update")
    shell("wait", "mended")
    trials = shell.json("trials", "mended")
    assert trials[0]["state"] == "failed", "nothing of what happened is taken away"
    done = [trial for trial in trials if trial["state"] == "completed"]
    assert all(trial["values"] == {"loss": 0.25} for trial in done)
    assert points[0] in [trial["params"] for trial in done], "the point that failed for the file's sake runs"
    assert "maximize loss" in shell("show", "mended")
    shell("delete", "mended", "--yes")


def test_a_baseline_that_the_mended_file_has_no_longer_does_not_run(shell: Shell) -> None:
    file = shell.study("dropped.toml", ("good.py", "prints.py"), ("'loss=(", "'value of the loss: ("))
    (shell.work / "prints.py").write_text("import sys\nsys.argv\nprint('loss=0.25')\n")
    text = Path(shell.work, file).read_text()
    baseline = '\n[[search.point]]\nlabel = "baseline"\nx = 1.25\n'
    Path(shell.work, file).write_text(f"{text}{baseline}")
    shell("submit", file, "--wait", code=1)
    assert shell.json("trials", "dropped")[0]["params"]["x"] == 1.25
    Path(shell.work, file).write_text(text.replace("value of the loss: ", "loss="))
    shell("submit", file, "--update")
    shell("wait", "dropped")
    after = shell.json("trials", "dropped")[1:]
    assert 1.25 not in [trial["params"]["x"] for trial in after if trial["state"] != "cancelled"]
    shell("delete", "dropped", "--yes")


def test_the_point_of_a_mended_script_runs_at_resume(shell: Shell) -> None:
    file = shell.study("repaired.toml", ("good.py", "repaired.py"))
    (shell.work / "repaired.py").write_text("import sys\nsys.argv\nraise SystemExit('no data')\n")
    shell("submit", file, "--wait", code=1)
    first = shell.json("trials", "repaired")[0]
    (shell.work / "repaired.py").write_text((shell.work / "good.py").read_text())
    shell("resume", "repaired")
    shell("wait", "repaired")
    done = [trial for trial in shell.json("trials", "repaired") if trial["state"] == "completed"]
    assert first["params"] in [trial["params"] for trial in done]
    shell("delete", "repaired", "--yes")


def test_time_is_over(shell: Shell) -> None:
    shell("submit", shell.study("waits.toml", ("good.py", "waits.py")))
    process = shell.start("wait", "waits", "--timeout", "0.2", "--json")
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 4
    assert json.loads(out)["state"] == "running"
    assert "the time to wait is over" in err
    (shell.work / "go").touch()
    shell("wait", "waits")
    shell("delete", "waits", "--yes")


def test_output_that_cannot_be_written(shell: Shell) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-I", "-m", "tuned.cli", "trials", "good"]
    options = {"env": shell.env, "cwd": shell.work, "stderr": subprocess.PIPE, "check": False, "text": True}
    done = subprocess.run(command, stdout=writer, **options)  # type: ignore[call-overload]
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, **options)  # type: ignore[call-overload]
    assert (done.returncode, done.stderr) == (1, "tunectl: the output: No space left on device\n")
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *command], **options)  # type: ignore[call-overload]
    assert (closed.returncode, closed.stderr) == (0, "")
    options["env"] = {**shell.env, "PYTHONIOENCODING": "latin-1"}
    poor = subprocess.run([word for word in command if word != "-I"], stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    assert (poor.returncode, poor.stderr) == (0, "")
    assert "? completed" in poor.stdout


def test_a_folder_whose_name_is_no_text(shell: Shell) -> None:
    folder = shell.work / NOT_UTF8
    folder.mkdir()
    (folder / "good.toml").write_text(GOOD)
    (folder / "good.py").write_text(SCRIPTS["good.py"])
    here, shell.work = shell.work, folder
    try:
        assert "is not UTF-8 text (rename it)" in shell.refused("submit", "good.toml", "--as", "odd")
        assert "is not UTF-8 text (rename it)" in shell.refused("queue", "--", "true")
    finally:
        shell.work = here
    assert [row["name"] for row in shell.json("studies")] == ["good"]


def test_a_second_daemon_gives_way(shell: Shell) -> None:
    pid = shell.json("daemon", "status")["pid"]
    command = [sys.executable, "-I", "-m", "tuned.daemon", "run", "--home", str(shell.home)]
    done = subprocess.run(command, env=shell.env, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    hint = "(see: tunectl daemon status)"
    assert done.stderr == f"tuned: {shell.home}: a daemon runs here already (process {pid}) {hint}\n"
    assert shell.json("daemon", "status")["pid"] == pid
