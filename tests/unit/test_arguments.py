from __future__ import annotations

from typing import Any

import pytest

from tuned.core.errors import InvalidInput
from tuned.core.program.arguments import (
    ArgumentContext,
    check_arguments,
    env_needs_trial,
    names_used,
    recorded,
    render,
    render_env,
)
from tuned.core.program.placeholders import parse_template
from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.core.study_file.space_file import parse_space

SPACE = parse_space(
    {
        "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "width": {"type": "int", "low": 16, "high": 512},
        "amp": {"type": "bool"},
        "reg": ["none", "dropout"],
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "when": {"reg": "dropout"}},
        "optim.name": ["sgd", "adam"],
        "epochs": 20,
    }
)
POINT: dict[str, Any] = {
    "lr": 0.00123456789,
    "width": 64,
    "amp": True,
    "reg": "none",
    "optim.name": "adam",
    "epochs": 20,
}


def study(*args: Any, command: tuple[Any, ...] = (), **env: str) -> StudySpec:
    run = RunSpec("command" if command else "script", "/p/train.py", "train.py", command=command, args=args, env=env)
    return StudySpec("digits", run, SearchSpec(trials=3), SPACE)


def context(**params: Any) -> ArgumentContext:
    return ArgumentContext({**POINT, **params}, 7, 99, "digits", 2, "main", "/r/digits/7/2", "/r/digits/7/checkpoint")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--lr", "{lr}"), ["--lr", "0.00123456789"]),
        (("--lr={lr:.3g}",), ["--lr=0.00123"]),
        (("{optim.name}",), ["adam"]),
        (("{width:05d}",), ["00064"]),
        (("{{{lr:.1e}}}",), ["{1.2e-03}"]),
        (('{{"a": 1}}',), ['{"a": 1}']),
        (
            ("{number}-{seed}-{study}-{attempt}-{stage}", "{run_dir}", "{checkpoint_dir}"),
            ["7-99-digits-2-main", "/r/digits/7/2", "/r/digits/7/checkpoint"],
        ),
        (("a b; rm -rf $HOME",), ["a b; rm -rf $HOME"]),
        (("",), [""]),
        ((("--dropout", "{dropout}"), "end"), ["end"]),
        ((("--reg", "{reg}"), "end"), ["--reg", "none", "end"]),
        (
            ("{lr}", "{params}"),
            ["0.00123456789", "--width=64", "--amp=true", "--reg=none", "--optim.name=adam", "--epochs=20"],
        ),
        (
            ("{params:hydra}",),
            ["lr=0.00123456789", "width=64", "amp=true", "reg=none", "optim.name=adam", "epochs=20"],
        ),
        (
            ("{params:flags}", "{lr}{width}"),
            ["--amp", "--reg=none", "--optim.name=adam", "--epochs=20", "0.0012345678964"],
        ),
    ],
)
def test_rendering(args: tuple[Any, ...], expected: list[str]):
    assert render(study(*args), context()) == expected


def test_a_false_flag_gives_nothing_and_a_group_appears_when_active():
    spec = study("{params:flags}", ("--dropout", "{dropout}"))
    assert render(spec, context(amp=False, reg="dropout", dropout=0.25)) == [
        "--lr=0.00123456789", "--width=64", "--reg=dropout", "--optim.name=adam", "--epochs=20", "--dropout", "0.25",
    ]  # fmt: skip


def test_commands_render_whole():
    assert render(study(command=("./run.sh", "{width}")), context()) == ["./run.sh", "64"]


def test_environment():
    spec = study(OMP_NUM_THREADS="1", WIDTH="w{width}")
    assert render_env(spec, context()) == {"OMP_NUM_THREADS": "1", "WIDTH": "w64"}
    assert env_needs_trial(spec.run)
    assert not env_needs_trial(study(A="{{x}}").run)


def test_what_is_recorded_is_what_the_trial_reads():
    spec = study("--lr", "{lr:.3g}", "{width}")
    point = recorded(spec, POINT)
    assert point == {**POINT, "lr": 0.00123}
    assert recorded(spec, point) == point
    assert render(spec, context(**point))[1] == str(point["lr"])
    assert recorded(study("{lr}"), POINT) == POINT


def test_names_used():
    assert names_used("--x={lr:.3g}{run_dir}{{no}}") == {"lr", "run_dir"}
    assert names_used(("--a", "{dropout}", "{params:flags}")) == {"dropout", "params"}


@pytest.mark.parametrize("text", ["{", "}", "{}", "a{b", "{a{b}}", "}{"])
def test_lone_braces(text: str):
    with pytest.raises(InvalidInput, match="lone"):
        parse_template(text)


def test_a_group_with_the_checkpoint_is_left_out_without_one():
    from dataclasses import replace

    spec = study(("--resume", "{resume}"), "{lr}")
    assert render(spec, context()) == ["0.00123456789"]
    assert render(spec, replace(context(), resume="/c/last.pt")) == ["--resume", "/c/last.pt", "0.00123456789"]
    with pytest.raises(InvalidInput, match=r"^run\.args\.0: \{resume\} is empty until there is a checkpoint"):
        check_arguments(study("--resume={resume}").run, SPACE, taken_by_code=True)


def test_python_literals():
    spec = study("--name={optim.name:py}", "{params:python}")
    assert render(spec, context()) == [
        "--name='adam'", "--lr=0.00123456789", "--width=64", "--amp=True", "--reg='none'", "--epochs=20",
    ]  # fmt: skip
    assert render(study("{amp:py}"), context(amp=False)) == ["False"]


def test_a_bool_is_typed_as_the_code_reads_it_and_recorded_as_it_is():
    env = {"plain": "{amp}", "digit": "{amp:d}", "literal": "{amp:py}"}
    spec = StudySpec("s", RunSpec("command", command=("true",), env=env), SearchSpec(), space=SPACE)
    typed = [
        render_env(spec, ArgumentContext({**POINT, "amp": amp}, 1, 0, "s", 1, "search", "/r", "/c", 0))
        for amp in (True, False)
    ]
    assert typed == [
        {"plain": "true", "digit": "1", "literal": "True"},
        {"plain": "false", "digit": "0", "literal": "False"},
    ]
    assert recorded(spec, POINT)["amp"] is True
    with pytest.raises(InvalidInput, match="use :d for 1 and 0"):
        check_arguments(RunSpec("command", command=("true", "{amp:.3g}")), SPACE, taken_by_code=True)
