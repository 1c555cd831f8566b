from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuned import protocol
from tuned.core.space import Parameter, SearchSpace
from tuned.core.states import TrialState
from tuned.core.study import ConfigFile, Objective, Pattern, RunSpec, SearchSpec, StudySpec
from tuned.core.trials.trial import Trial
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.launch.trial_spec import build_spec, unshown_point

SPEC = StudySpec(
    "digits",
    RunSpec(
        "script",
        script="/x/train.py",
        script_typed="train.py",
        args=("--lr", "{lr}", ("--rate", "{rate}"), "--out={run_dir}", "{number}-{attempt}-{seed}-{stage}"),
        python="/usr/bin/python3",
        cwd="/x",
        env={"OMP_NUM_THREADS": "1"},
        timeout=60.0,
        grace=5.0,
    ),
    SearchSpec(),
    SearchSpace((Parameter("lr", "float", 0.0, 1.0), Parameter("rate", "float", 0.0, 1.0, when=(("lr", (1.0,)),)))),
    (Objective("loss", "minimize"),),
    (Pattern("loss (?P<loss>.*)", "stdout"),),
)
TRIAL = Trial(
    id=1, study_id=1, study="digits", number=7, state=TrialState.STARTING, params={"lr": 0.5}, values={}, priority=0,
    origin="sobol", why="", attempt=2, stop_reason=None, failure=None, reason="", device="GPU-x", seed=42, stage="main",
    last_step=None, created_at=0.0, started_at=None, ended_at=None,
)  # fmt: skip


def build(spec: StudySpec = SPEC, start: str = "warm", resumed: bool = True, **device: str) -> dict[str, Any]:
    live = LiveAttempt(1, "digits", 7, 2, "f00", Path("/runs/digits/7/2"), "GPU-x")
    return build_spec(
        spec,
        TRIAL,
        live,
        checkpoint=Path("/runs/digits/7/checkpoint"),
        device_environment=device,
        bundle=Path("/bundle"),
        learn=True,
        start=start,
        resumed=resumed,
    )


def with_run(**changes: Any) -> StudySpec:
    return replace(SPEC, run=replace(SPEC.run, **changes))


def test_a_script_is_called_as_it_was_typed_with_its_arguments_rendered():
    assert build()["argv"] == ["train.py", "--lr", "0.5", "--out=/runs/digits/7/2", "7-2-42-main"]
    assert build(with_run(script_typed=None))["argv"][0] == "/x/train.py"


def test_a_command_is_its_own_first_argument():
    spec = with_run(kind="command", script=None, command=("./a.sh", "{lr}"), args=())
    assert build(spec)["argv"] == ["./a.sh", "0.5"]


def test_the_device_has_the_last_word_in_the_environment():
    spec = with_run(env={"CUDA_VISIBLE_DEVICES": "0,1,2", "A": "1"})
    assert build(spec, CUDA_VISIBLE_DEVICES="1")["env"] == {"CUDA_VISIBLE_DEVICES": "1", "A": "1"}


def test_an_environment_that_differs_from_trial_to_trial_makes_it_cold():
    assert build()["start"] == "warm"
    assert build(start="cold")["start"] == "cold"
    changed = build(with_run(env={"SEED": "{seed}"}))
    assert changed["start"] == "cold"
    assert changed["env"] == {"SEED": "42"}


def test_what_the_supervisor_needs_is_there():
    spec = build()
    assert spec["patterns"] == [{"regex": "loss (?P<loss>.*)", "stream": "stdout"}]
    assert (spec["objective_metric"], spec["timeout"], spec["grace"], spec["cwd"]) == ("loss", 60.0, 5.0, "/x")
    assert build(replace(SPEC, objectives=()))["objective_metric"] is None


def test_it_is_a_record_and_makes_the_trials_variables(tmp_path):
    spec = build()
    assert json.loads(json.dumps(spec)) == spec
    variables = protocol.trial_environment(spec, "/runs/digits/7/2")
    assert variables[protocol.ENV_ATTEMPT] == "f00"
    assert variables[protocol.ENV_NUMBER] == "7"
    assert variables["TUNED_PARAM_LR"] == "0.5"
    assert variables[protocol.ENV_RESUMED] == "1"


def test_the_part_of_a_point_that_its_arguments_do_not_show():
    trial = replace(TRIAL, params={"lr": 0.5, "width": 8})
    by_file = replace(
        SPEC.run,
        args=("--config", "{run_dir}/c.yaml"),
        config=(ConfigFile("b.yaml", "{run_dir}/c.yaml", {"lr": "{lr}"}),),
    )
    assert unshown_point(SPEC, trial) == {"width": 8}
    assert unshown_point(replace(SPEC, run=by_file), trial) == {"lr": 0.5, "width": 8}
    assert unshown_point(with_run(args=("{params:flags}",)), trial) == {}
    assert unshown_point(with_run(kind="function", script=None, args=()), trial) == {}
