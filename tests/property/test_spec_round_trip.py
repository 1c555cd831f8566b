from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.space import Parameter, SearchSpace
from tuned.core.study import Objective, Pattern, RunSpec, SearchSpec, StudySpec

TEXT = st.text(max_size=6)
WORD = st.text("abc.é-", min_size=1, max_size=4)
VALUE = st.one_of(st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), TEXT)
SECONDS = st.none() | st.floats(0, 1e9)
ARGUMENTS = st.lists(TEXT | st.lists(TEXT, max_size=3).map(tuple), max_size=4).map(tuple)

RUNS = st.builds(
    RunSpec,
    kind=st.sampled_from(["script", "function", "command"]),
    script=st.none() | TEXT,
    script_typed=st.none() | TEXT,
    function=st.none() | TEXT,
    command=ARGUMENTS,
    args=ARGUMENTS,
    start=st.sampled_from(["warm", "cold"]),
    python=TEXT,
    python_why=TEXT,
    cwd=TEXT,
    env=st.dictionaries(WORD, TEXT, max_size=3),
    preload=st.none() | st.lists(WORD, max_size=2).map(tuple),
    timeout=SECONDS,
    grace=st.floats(0, 100),
    retries=st.dictionaries(st.sampled_from(["lost", "error", "oom"]), st.integers(0, 3)),
    cpus=st.floats(0.5, 64),
    gpus=st.none() | st.floats(0, 8),
)
SEARCHES = st.builds(
    SearchSpec,
    method=st.sampled_from(["auto", "random", "sobol", "bayesian"]),
    trials=st.none() | st.integers(1, 1000),
    budget=SECONDS,
    parallel=st.none() | st.integers(1, 8),
    seed=st.integers(0, 2**31),
    points=st.lists(st.tuples(TEXT, st.dictionaries(WORD, VALUE, max_size=3)), max_size=3).map(tuple),
)
PARAMETERS = st.builds(
    Parameter,
    name=WORD,
    kind=st.sampled_from(["float", "int", "choice", "bool", "fixed"]),
    low=st.none() | st.floats(-1e9, 1e9) | st.integers(),
    high=st.none() | st.floats(-1e9, 1e9) | st.integers(),
    log=st.booleans(),
    values=st.lists(VALUE, max_size=3).map(tuple),
    ordered=st.booleans(),
    when=st.lists(st.tuples(WORD, st.lists(VALUE, min_size=1, max_size=2).map(tuple)), max_size=2).map(tuple),
    role=st.sampled_from(["scientific", "nuisance", "fixed"]),
)
OBJECTIVES = st.builds(
    Objective,
    metric=WORD,
    direction=st.sampled_from(["minimize", "maximize"]),
    summary=st.sampled_from(["best", "last", "mean_last"]),
    last_n=st.integers(1, 9),
    train=st.none() | WORD,
)
SPECS = st.builds(
    StudySpec,
    name=WORD,
    run=RUNS,
    search=SEARCHES,
    space=st.lists(PARAMETERS, max_size=3, unique_by=lambda p: p.name).map(lambda ps: SearchSpace(tuple(ps))),
    objectives=st.lists(OBJECTIVES, max_size=2).map(tuple),
    patterns=st.lists(st.builds(Pattern, TEXT, st.sampled_from(["stdout", "stderr", "both"])), max_size=2).map(tuple),
    question=TEXT,
    priority=st.integers(-9, 9),
    file=st.none() | TEXT,
)


@given(SPECS)
@settings(max_examples=150)
def test_a_specification_survives_json(spec: StudySpec):
    again = StudySpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.content_hash() == spec.content_hash()
    assert spec.differences(again) == again.differences(spec) == []
    assert json.dumps(again.to_dict()) == json.dumps(spec.to_dict())


@given(SPECS, st.integers(), st.none() | TEXT, TEXT)
@settings(max_examples=60)
def test_priority_file_and_the_reason_for_an_interpreter_are_no_content(
    spec: StudySpec, priority: int, file: str | None, why: str
):
    other = replace(spec, priority=priority, file=file, run=replace(spec.run, python_why=why))
    assert other.content_hash() == spec.content_hash()
    assert spec.differences(other) == []


FIELDS = ["name", "run", "search", "space", "objectives", "patterns", "question"]


@given(SPECS, SPECS, st.lists(st.sampled_from(FIELDS), unique=True))
@settings(max_examples=250)
def test_differences_are_empty_exactly_when_the_hashes_are_equal(one: StudySpec, other: StudySpec, fields: list[str]):
    mixed = replace(one, **{name: getattr(other, name) for name in fields})
    same = mixed.content_hash() == one.content_hash()
    assert (one.differences(mixed) == []) == same
    assert (mixed.differences(one) == []) == same
    assert all("\n" not in line for line in one.differences(mixed))


@given(SPECS, st.permutations(range(3)))
@settings(max_examples=60)
def test_a_new_order_of_parameters_is_said(spec: StudySpec, order: list[int]):
    parameters = spec.space.parameters
    moved = tuple(parameters[i] for i in order if i < len(parameters))
    mixed = replace(spec, space=SearchSpace(moved))
    assert (spec.differences(mixed) == []) == (moved == parameters)
